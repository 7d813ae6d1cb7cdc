/* Durations of the command line. */
#include "ctl.h"

#define DAYS_MAX 36500u

bool
ctl_seconds(const char *option, const char *text, uint64_t *seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct str all = str_of(text);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		struct str number = { all.p, all.len == 0 ? 0 : all.len - 1 };
		if (all.len < 2 || all.p[all.len - 1] != units[i].letter ||
		    !str_to_u64(number, DAYS_MAX * 86400u / units[i].seconds, seconds) ||
		    *seconds == 0)
			continue;
		*seconds *= units[i].seconds;
		return true;
	}
	ctl_error("--%s %s is no duration; write 30s, 10m, 1h or 2d", option, text);
	return false;
}
