/* Whom a file with a secret is open to. */
#include "base/exposed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check_main.h"

/* SEC-26.2-1 */
START_TEST(modes)
{
	static const struct {
		mode_t mode;
		const char *how; /* NULL: nothing to say */
	} cases[] = {
		{ 0600, NULL },	  { 0640, NULL },   { 0660, NULL },	 { 0601, NULL },
		{ 0644, "read" }, { 0604, "read" }, { 0602, "written" }, { 0666, "written" },
	};
	char path[] = "/tmp/exposed.XXXXXX", said[256], wanted[256];
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(said, sizeof(said), "as it was");
		snprintf(wanted, sizeof(wanted),
			 "the.key %s can be %s by everybody; run: chmod o= %s", path,
			 cases[i].how == NULL ? "" : cases[i].how, path);
		ck_assert_int_eq(fchmod(fd, cases[i].mode), 0);
		ck_assert_int_eq(exposed_say("the.key", path, said, sizeof(said)),
				 cases[i].how != NULL);
		ck_assert_str_eq(said, cases[i].how == NULL ? "as it was" : wanted);
	}
	close(fd);
	unlink(path);
	ck_assert(!exposed_say("the.key", path, said, sizeof(said)));
}
END_TEST

SUITE(exposed, modes)
