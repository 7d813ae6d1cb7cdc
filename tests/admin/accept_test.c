/* Which representation an Accept field gets. */
#include "admin/accept.h"

#include "support/check_main.h"
#include "support/guard.h"

START_TEST(the_best_of_what_there_is)
{
	const struct {
		const char *field;
		enum media list, other;
	} cases[] = {
		{ "", MEDIA_JSON, MEDIA_JSON },
		{ "*/*", MEDIA_JSON, MEDIA_JSON },
		{ "application/json", MEDIA_JSON, MEDIA_JSON },
		{ "application/*", MEDIA_JSON, MEDIA_JSON },
		{ "text/csv", MEDIA_CSV, MEDIA_NONE },
		{ "Text/CSV; header=present", MEDIA_CSV, MEDIA_NONE },
		{ "text/*", MEDIA_CSV, MEDIA_NONE },
		{ "application/x-ndjson", MEDIA_NDJSON, MEDIA_NONE },
		{ "application/x-ndjson, */*;q=0.1", MEDIA_NDJSON, MEDIA_JSON },
		{ "text/csv;q=0.5, application/json;q=0.4", MEDIA_CSV, MEDIA_JSON },
		{ "text/csv,application/json", MEDIA_JSON, MEDIA_JSON },
		{ "text/csv ; q=1.000 , application/json;q=0.999", MEDIA_CSV, MEDIA_JSON },
		{ "application/json;q=0, */*", MEDIA_NDJSON, MEDIA_NONE },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", MEDIA_JSON, MEDIA_JSON },
		{ "text/html", MEDIA_NONE, MEDIA_NONE },
		{ "*/*;q=0", MEDIA_NONE, MEDIA_NONE },
		{ "application/json;q=2", MEDIA_NONE, MEDIA_NONE },
		{ "application/json;q=0.1234", MEDIA_NONE, MEDIA_NONE },
		{ ",,;,q=1,/", MEDIA_NONE, MEDIA_NONE },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct str field = guard_copy(str_of(cases[i].field));
		ck_assert_msg(accept_media(field, true) == cases[i].list, "list of \"%s\"",
			      cases[i].field);
		ck_assert_msg(accept_media(field, false) == cases[i].other, "\"%s\"",
			      cases[i].field);
		guard_free(field);
	}
}
END_TEST

SUITE(accept, the_best_of_what_there_is)
