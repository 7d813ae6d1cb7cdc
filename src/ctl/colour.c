/* Colours: only on a terminal, and only when nobody asked to be spared (no-color.org). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

static bool
wanted(const struct ctl_options *options)
{
	const char *spared = getenv("NO_COLOR"), *terminal = getenv("TERM");
	return !options->no_color && (spared == NULL || *spared == '\0') &&
	       (terminal == NULL || strcmp(terminal, "dumb") != 0) && isatty(STDOUT_FILENO);
}

void
ctl_coloured(const struct ctl_options *options, enum ctl_colour colour, const char *text)
{
	static const char *const codes[] = {
		[CTL_GOOD] = "32", [CTL_WARN] = "33", [CTL_BAD] = "31"
	};
	if (wanted(options))
		printf("\033[%sm%s\033[0m", codes[colour], text);
	else
		fputs(text, stdout);
}
