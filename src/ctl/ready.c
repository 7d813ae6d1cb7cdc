/* ready: asks until the answer is yes or the time is over. */
#include <time.h>

#include "client.h"

#define PAUSE_MS 200

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

enum ctl_exit
ctl_ready(const struct ctl_options *options)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	struct ctl_options quietly = *options;
	uint64_t seconds = 0;
	if (options->wait != NULL && !ctl_seconds("wait", options->wait, &seconds))
		return CTL_USAGE;
	for (uint64_t end_ms = now_ms() + seconds * 1000;; nanosleep(&pause, NULL)) {
		bool last = now_ms() >= end_ms;
		json_t *answer = NULL;
		const char *state;
		quietly.silent = !last;
		enum ctl_exit code = ask(&quietly, &state, &answer);
		last = last || (code != CTL_UNHEALTHY && code != CTL_UNREACHABLE);
		if (last && state != NULL)
			ctl_say(options, "%s", state);
		json_decref(answer);
		if (last)
			return code;
	}
}
