/* Tables of 100 columns, CSV for spreadsheets, JSON for programs. */
#include "ctl/output.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/captured.h"
#include "support/check_main.h"

static char *
cell_name(json_t *item)
{
	return output_text(item, "name");
}

static const struct column columns[] = { { "NAME", false, cell_name, NULL },
					 { "AGENT", true, NULL, "agent" } };
static const char *const fields[] = { "name", "agent", NULL };
static const struct listing listing = { .columns = columns, .column_count = 2, .fields = fields };

static const char *
shown(struct capture *capture, enum ctl_format format, json_t *items)
{
	capture_start(capture, stdout);
	output_rows(format, items, &listing, true);
	json_decref(items);
	return capture_end(capture);
}

static json_t *
one(const char *name, const char *agent)
{
	return json_pack("[{s:s,s:s}]", "name", name, "agent", agent);
}

START_TEST(columns_are_as_wide_as_their_cells)
{
	struct capture c;
	ck_assert_str_eq(shown(&c, CTL_TABLE,
			       json_pack("[{s:s,s:s},{s:s,s:s}]", "name", "al", "agent", "x",
					 "name", "caf\xc3\xa9", "agent", "yz")),
			 "NAME  AGENT\nal    x\ncaf\xc3\xa9  yz\n");
}
END_TEST

START_TEST(only_columns_that_may_be_are_cut)
{
	struct capture c;
	char name[121] = "", agent[121] = "";
	memset(name, 'n', 60);
	memset(agent, 'a', 120);
	const char *text = strchr(shown(&c, CTL_TABLE, one(name, agent)), '\n') + 1;
	size_t wide = 0;
	for (const char *p = text; *p != '\n'; p++)
		wide += ((unsigned char)*p & 0xc0) != 0x80;
	ck_assert_uint_eq(wide, 100);
	ck_assert_ptr_nonnull(strstr(text, "a\xe2\x80\xa6\n"));
	ck_assert_int_eq(strncmp(text, name, 60), 0);
	memset(name, 'n', 120);
	ck_assert_ptr_nonnull(strstr(shown(&c, CTL_TABLE, one(name, "short")), name));
}
END_TEST

/* SEC-26.1-1: text of the network cannot command the terminal */
START_TEST(nothing_in_a_table_commands_the_terminal)
{
	struct capture c;
	ck_assert_str_eq(shown(&c, CTL_TABLE,
			       one("a\x1b[2J\r\nb\x7f", "\xc2\x9b"
							"31m\xc2\xa0\xc3\x9b")),
			 "NAME       AGENT\na?[2J??b?  ?31m\xc2\xa0\xc3\x9b\n");
}
END_TEST

START_TEST(csv_has_a_first_line_and_empty_cells)
{
	struct capture c;
	ck_assert_str_eq(shown(&c, CTL_CSV,
			       json_pack("[{s:s,s:n},{s:s,s:[s,s]}]", "name", "a\r\nb", "agent",
					 "name", "c", "agent", "x", "y")),
			 "name,agent\r\na??b,\r\nc,\"x, y\"\r\n");
	capture_start(&c, stdout);
	json_t *items = one("a", "b");
	output_rows(CTL_CSV, items, &listing, false);
	json_decref(items);
	ck_assert_str_eq(capture_end(&c), "a,b\r\n");
}
END_TEST

/* What user export writes, user import reads again. */
START_TEST(exact_csv_has_every_octet_in_a_file)
{
	struct capture c;
	struct listing exact = listing;
	json_t *items = one("a\x1b[2J\r\n\x7f", "\xc2\x85\xc2\x9b");
	exact.exact = true;
	capture_start(&c, stdout);
	output_rows(CTL_CSV, items, &exact, true);
	json_decref(items);
	ck_assert_str_eq(capture_end(&c),
			 "name,agent\r\n\"a\x1b[2J\r\n\x7f\",\xc2\x85\xc2\x9b\r\n");
}
END_TEST

START_TEST(ndjson_is_a_document_a_line)
{
	struct capture c;
	ck_assert_str_eq(
		shown(&c, CTL_NDJSON,
		      json_pack("[{s:s,s:f},{s:s}]", "name", "a\n", "q", 0.3, "name", "b")),
		"{\"name\":\"a\\n\",\"q\":0.3}\n{\"name\":\"b\"}\n");
}
END_TEST

START_TEST(numbers_are_as_they_came)
{
	struct capture c;
	ck_assert_str_eq(shown(&c, CTL_NDJSON, json_pack("[{s:f,s:f}]", "a", 12345.6, "b", 0.3)),
			 "{\"a\":12345.6,\"b\":0.3}\n");
	ck_assert_str_eq(
		shown(&c, CTL_CSV, json_pack("[{s:f,s:f}]", "name", 12345.6, "agent", 0.3)),
		"name,agent\r\n12345.6,0.3\r\n");
}
END_TEST

START_TEST(one_document_is_on_one_line_or_indented)
{
	struct capture c;
	json_t *item = json_pack("{s:s,s:s}", "name", "a", "agent", "x");
	capture_start(&c, stdout);
	output_document(CTL_NDJSON, item);
	output_item(CTL_NDJSON, item, &listing);
	output_item(CTL_CSV, item, &listing);
	output_document(CTL_JSON, item);
	output_item(CTL_JSON, item, &listing);
	json_decref(item);
	ck_assert_str_eq(capture_end(&c), "{\"name\":\"a\",\"agent\":\"x\"}\n"
					  "{\"name\":\"a\",\"agent\":\"x\"}\n"
					  "name,agent\r\na,x\r\n"
					  "{\n  \"name\": \"a\",\n  \"agent\": \"x\"\n}\n"
					  "{\n  \"name\": \"a\",\n  \"agent\": \"x\"\n}\n");
}
END_TEST

START_TEST(durations_are_short)
{
	const struct {
		int64_t seconds;
		const char *text;
	} cases[] = { { -5, "0s" },	    { 0, "0s" },	 { 59, "59s" },
		      { 60, "1m" },	    { 3599, "59m" },	 { 3600, "1h 00m" },
		      { 86399, "23h 59m" }, { 86400, "1d 00h" }, { 3 * 86400 + 7260, "3d 02h" } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[32];
		output_duration(text, sizeof(text), cases[i].seconds);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

SUITE(output, columns_are_as_wide_as_their_cells, only_columns_that_may_be_are_cut,
      nothing_in_a_table_commands_the_terminal, csv_has_a_first_line_and_empty_cells,
      exact_csv_has_every_octet_in_a_file, ndjson_is_a_document_a_line, numbers_are_as_they_came,
      one_document_is_on_one_line_or_indented, durations_are_short)
