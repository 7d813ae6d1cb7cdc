/* What doctor gathers: every finding counts, however many there are. */
#include "ctl/doctor.h"

#include <string.h>

#include "ctl/captured.h"
#include "support/check_main.h"

#define MANY 97u

static const struct ctl_options options = { .no_color = true };

/* What is printed, and the exit status. */
static const char *
printed(struct doctor *doctor, struct capture *capture, enum ctl_exit *code)
{
	capture_start(capture, stdout);
	*code = doctor_print(doctor);
	return capture_end(capture);
}

START_TEST(the_last_of_many_findings_counts)
{
	struct capture c;
	enum ctl_exit code;
	struct doctor doctor = { .options = &options };
	for (size_t i = 0; i < MANY; i++)
		doctor_note(&doctor, "certificates", CTL_GOOD, NULL, "certificate %zu", i);
	doctor_note(&doctor, "limits", CTL_WARN, NULL, "a warning");
	doctor_note(&doctor, "limits", CTL_BAD, "mend it", "a problem");
	const char *text = printed(&doctor, &c, &code);
	doctor_clear(&doctor);
	ck_assert_int_eq(code, CTL_UNHEALTHY);
	ck_assert_ptr_nonnull(strstr(text, "certificate 96\n"));
	ck_assert_ptr_nonnull(strstr(text, " a problem"));
	ck_assert_ptr_nonnull(strstr(text, " mend it\n1 problem, 1 warning\n"));
}
END_TEST

START_TEST(a_brief_word_is_of_the_finding_before_it)
{
	struct capture c;
	enum ctl_exit code;
	struct doctor doctor = { .options = &options };
	for (size_t i = 0; i < MANY; i++)
		doctor_note(&doctor, "certificates", CTL_GOOD, NULL, "certificate %zu", i);
	doctor_note(&doctor, "listeners", CTL_GOOD, NULL, "udp 127.0.0.1:5060 is open");
	doctor_brief(&doctor, "udp %d", 5060);
	const char *text = printed(&doctor, &c, &code);
	doctor_clear(&doctor);
	ck_assert_int_eq(code, CTL_DONE);
	ck_assert_ptr_nonnull(strstr(text, "certificate 95"));
	ck_assert_ptr_nonnull(strstr(text, "listeners open: udp 5060\n0 problems, 0 warnings\n"));
}
END_TEST

SUITE(doctor, the_last_of_many_findings_counts, a_brief_word_is_of_the_finding_before_it)
