/* Answers that are made while they are sent: see the header. */
#include "stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "admin_internal.h"
#include "base/clock.h"
#include "base/wipe.h"
#include "pace.h"

#define STREAMS_MAX 16u
#define BLOCK_BYTES (16u * 1024)

struct stream {
	void (*next)(struct exchange *x);
	char *chunk;
	size_t len, used;
	uint64_t asked_us; /* for the page that is under way */
	uint64_t page_us;  /* what the last one took */
	bool last;
	bool cut;
};

static void
keep(struct stream *stream, char *chunk, size_t len, bool last)
{
	wipe_free(stream->chunk);
	stream->chunk = chunk;
	stream->len = len;
	stream->used = 0;
	stream->last = last;
}

/* A connection that waits for its client is not called again before that takes something: it is
 * shut down, which wakes it. */
void
stream_cut(struct exchange *x)
{
	x->stream->cut = true;
	if (x->suspended) {
		exchange_resume(x);
		return;
	}
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!x->forgotten && info != NULL)
		shutdown(info->connect_fd, SHUT_RDWR);
}

void
stream_put(struct exchange *x, char *chunk, size_t len, bool last)
{
	x->stream->page_us = clock_monotonic_us() - x->stream->asked_us;
	keep(x->stream, chunk, len, last);
	exchange_resume(x);
	fifo_start(&x->admin->deadlines, &x->deadline);
}

static void
ask(struct exchange *x)
{
	x->stream->asked_us = clock_monotonic_us();
	x->stream->next(x);
}

/* The next page, when its time has come. */
static void
go_on(struct exchange *x)
{
	uint64_t pause_us = pace_pause_us(recent_busiest(x->admin), x->stream->page_us);
	if (pause_us < 1000) {
		ask(x);
		return;
	}
	stats->stream_pauses++;
	exchange_pause(x, (uint32_t)(pause_us / 1000), ask);
}

/* The content reader of libmicrohttpd. */
static ssize_t
read_chunk(void *arg, uint64_t position, char *buf, size_t cap)
{
	struct exchange *x = arg;
	struct stream *stream = x->stream;
	size_t len = stream->len - stream->used;
	(void)position;
	if (stream->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (len > 0) {
		len = len < cap ? len : cap;
		memcpy(buf, stream->chunk + stream->used, len);
		stream->used += len;
		return (ssize_t)len;
	}
	if (stream->last)
		return MHD_CONTENT_READER_END_OF_STREAM;
	keep(stream, NULL, 0, false);
	go_on(x);
	if (stream->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	exchange_suspend(x);
	return 0;
}

static bool
may_start(struct exchange *x)
{
	if (x->http_1_0) /* knows no chunks, so it could not tell a whole list from a part */
		exchange_problem(x, 505, "version_unsupported", "HTTP/1.1 needed",
				 "A stream is sent in chunks, which HTTP/1.0 does not know.", NULL,
				 "Ask with HTTP/1.1, or for pages of application/json.");
	else if (x->admin->stream_count >= STREAMS_MAX)
		exchange_problem(x, 503, "overloaded", "Too many streams at once",
				 "Other lists are being sent.", NULL,
				 "Try again later, or ask for pages of application/json.");
	return !x->answered;
}

bool
stream_start(struct exchange *x, const char *type, char *chunk, size_t len, bool last,
	     void (*next)(struct exchange *x))
{
	struct stream *stream = may_start(x) ? calloc(1, sizeof(*stream)) : NULL;
	struct MHD_Response *response =
		stream == NULL ? NULL
			       : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
								   read_chunk, x, NULL);
	if (response == NULL) {
		free(stream);
		wipe_free(chunk);
		if (!x->answered)
			exchange_out_of_memory(x);
		return false;
	}
	stream->next = next;
	keep(stream, chunk, len, last);
	x->stream = stream;
	x->admin->stream_count++;
	if (str_eq(x->method, STR("HEAD"))) /* else libmicrohttpd ends it like a chunked body */
		MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
	exchange_answer_response(x, 200, response, type);
	fifo_start(&x->admin->deadlines, &x->deadline);
	return true;
}

void
stream_free(struct exchange *x)
{
	if (x->stream == NULL)
		return;
	fifo_stop(&x->deadline);
	x->admin->stream_count--;
	wipe_free(x->stream->chunk);
	free(x->stream);
}
