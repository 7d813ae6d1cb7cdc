/* Answers are copies: rows go back as they were received (after unfolding), in the order that
 * matters only for Via. */
#include "sip/response.h"

#include "sip/scan.h"
#include "sip/status.h"

void
sip_response_header(struct writer *w, struct str name, struct str value)
{
	writer_str(w, name);
	writer_str(w, STR(": "));
	writer_str(w, value);
	writer_str(w, STR("\r\n"));
}

static void
write_copied(struct writer *w, struct str name, struct str value,
	     void (*copy)(struct writer *, struct str))
{
	writer_str(w, name);
	writer_str(w, STR(": "));
	copy(w, value);
	writer_str(w, STR("\r\n"));
}

static void
write_copied_header(struct writer *w, struct str name, struct str value)
{
	write_copied(w, name, value, sip_write_clean);
}

/* Call-ID and CSeq hold no quoted strings, and so no octet that could be escaped. */
static void
write_copied_word(struct writer *w, struct str name, struct str value)
{
	write_copied(w, name, value, sip_write_plain);
}

static void
write_vias(struct writer *w, const struct sip_message *request, const struct endpoint *source)
{
	const struct sip_via *top = &request->via;
	struct str value;
	uint16_t row = request->first[SIP_HEADER_VIA];
	for (bool first = true; sip_message_row(request, &row, &value); first = false) {
		if (!first) {
			write_copied_header(w, STR("Via"), value);
			continue;
		}
		/* The other values of the same row follow the topmost one untouched. */
		size_t used = (size_t)(top->text.p + top->text.len - value.p);
		writer_str(w, STR("Via: "));
		sip_via_write(w, top, source);
		sip_write_clean(w, str_slice(value, used, value.len));
		writer_str(w, STR("\r\n"));
	}
}

static void
write_status_line(struct writer *w, int status, const char *phrase)
{
	writer_str(w, STR("SIP/2.0 "));
	writer_u64(w, (uint64_t)status);
	writer_char(w, ' ');
	writer_text_z(w, phrase != NULL ? phrase : sip_status_phrase(status));
	writer_str(w, STR("\r\n"));
}

/* A To that could not be parsed has no tag as far as we know, and gets one at its end. */
static void
write_to(struct writer *w, const struct sip_message *request, struct str to_tag)
{
	writer_str(w, STR("To: "));
	sip_write_clean(w, request->to_text);
	if (request->to_tag.len == 0 && to_tag.len > 0) {
		writer_str(w, STR(";tag="));
		writer_str(w, to_tag);
	}
	writer_str(w, STR("\r\n"));
}

void
sip_response_begin(struct writer *w, const struct sip_message *request,
		   const struct endpoint *source, int status, const char *phrase, struct str to_tag,
		   struct str server)
{
	write_status_line(w, status, phrase);
	write_vias(w, request, source);
	if (request->rows[SIP_HEADER_FROM] > 0)
		write_copied_header(w, STR("From"), request->from_text);
	if (request->rows[SIP_HEADER_TO] > 0)
		write_to(w, request, to_tag);
	if (request->rows[SIP_HEADER_CALL_ID] > 0)
		write_copied_word(w, STR("Call-ID"), request->call_id_text);
	if (request->rows[SIP_HEADER_CSEQ] > 0)
		write_copied_word(w, STR("CSeq"), request->cseq_line);
	if (server.len > 0)
		sip_response_header(w, STR("Server"), server);
}

void
sip_response_end(struct writer *w)
{
	writer_str(w, STR("Content-Length: 0\r\n\r\n"));
}
