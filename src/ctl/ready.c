/* ready: asks until the answer is yes or the time is over. */
#include <time.h>

#include "client.h"

#define PAUSE_MS 200
#define PATIENCE_LEAST_MS 1000u
#define PATIENCE_MOST_MS 60000u

static uint64_t
now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum ctl_exit
ask(const struct ctl_options *options, const char **state, json_t **answer)
{
	struct client_path path;
	client_path_start(&path, "stats");
	enum ctl_exit code = client_call(options, "GET", &path, NULL, answer);
	*state = json_string_value(json_object_get(*answer, "state"));
	if (code == CTL_DONE && !json_is_true(json_object_get(*answer, "ready")))
		code = CTL_UNHEALTHY;
	return code;
}

/* A daemon that accepts and says nothing keeps us for --wait and a call or two of a second, the
 * last of which is made when that is over. */
static long
patience(uint64_t now, uint64_t end)
{
	uint64_t left_ms = now < end ? end - now : 0;
	if (left_ms < PATIENCE_LEAST_MS)
		return PATIENCE_LEAST_MS;
	return left_ms < PATIENCE_MOST_MS ? (long)left_ms : PATIENCE_MOST_MS;
}

enum ctl_exit
ctl_ready(const struct ctl_options *options)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	struct ctl_options quietly = *options;
	uint64_t seconds = 0;
	if (options->wait != NULL && !ctl_seconds("wait", options->wait, &seconds))
		return CTL_USAGE;
	for (uint64_t end_ms = now_ms() + seconds * 1000;; nanosleep(&pause, NULL)) {
		uint64_t now = now_ms();
		bool last = now >= end_ms;
		json_t *answer = NULL;
		const char *state;
		quietly.silent = !last;
		if (options->wait != NULL)
			quietly.patience_ms = patience(now, end_ms);
		enum ctl_exit code = ask(&quietly, &state, &answer);
		last = last || (code != CTL_UNHEALTHY && code != CTL_UNREACHABLE);
		if (last && state != NULL)
			ctl_say(options, "%s", state);
		json_decref(answer);
		if (last)
			return code;
	}
}
