/* Rows of an import: their columns, their values, and what can be said against them at once. */
#include "ctl/import_row.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/captured.h"
#include "support/check_main.h"

static FILE *
file_of(const char *text)
{
	FILE *file = tmpfile();
	fputs(text, file);
	rewind(file);
	return file;
}

static void
check_row(const char *head, const char *line, const char *wanted, const char *wanted_why)
{
	char text[1024];
	struct import_columns columns;
	struct csv_record record;
	const char *why = NULL;
	snprintf(text, sizeof(text), "%s\n%s\n", head, line);
	struct csv_reader reader = { .file = file_of(text) };
	ck_assert(import_columns(&columns, &reader, "staff.csv"));
	ck_assert_int_eq(csv_next(&reader, &record, &why), CSV_RECORD);
	json_t *row = import_row(&columns, &record, &why);
	char *shown = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_msg((why == NULL) == (wanted_why == NULL), "%s: %s", line, why);
	if (wanted_why != NULL)
		ck_assert_str_eq(why, wanted_why);
	else
		ck_assert_str_eq(shown, wanted);
	free(shown);
	json_decref(row);
	fclose(reader.file);
}

#define HEAD "username,domain,password"

START_TEST(rows_become_documents)
{
	check_row(HEAD, "a,x,p", "{\"domain\":\"x\",\"password\":\"p\",\"username\":\"a\"}", NULL);
	check_row("domain,ha1_md5,username,enabled,max_contacts", "x,00,a,NO,5",
		  "{\"domain\":\"x\",\"enabled\":false,\"ha1_md5\":\"00\",\"max_contacts\":5,"
		  "\"username\":\"a\"}",
		  NULL);
	check_row(HEAD ",enabled,display_name", "a,x,p,yes,",
		  "{\"domain\":\"x\",\"enabled\":true,\"password\":\"p\",\"username\":\"a\"}",
		  NULL);
	check_row(HEAD ",may_register", "a,x,p,domain",
		  "{\"domain\":\"x\",\"may_register\":\"domain\",\"password\":\"p\","
		  "\"username\":\"a\"}",
		  NULL);
	check_row(HEAD ",may_register", "a,x,p,\"b@x, c@x\"",
		  "{\"domain\":\"x\",\"may_register\":[\"b@x\",\"c@x\"],\"password\":\"p\","
		  "\"username\":\"a\"}",
		  NULL);
}
END_TEST

/* Export puts an apostrophe in front of formula signs, but it writes no passwords. */
START_TEST(only_what_export_writes_loses_its_apostrophe)
{
	check_row(HEAD ",display_name,login", "'+1,x,'=secret,'=N,'-l",
		  "{\"display_name\":\"=N\",\"domain\":\"x\",\"login\":\"-l\","
		  "\"password\":\"'=secret\",\"username\":\"+1\"}",
		  NULL);
	check_row("username,domain,ha1_md5,ha1_sha256,ha1_sha512_256", "a,x,'-1,'+2,'@3",
		  "{\"domain\":\"x\",\"ha1_md5\":\"'-1\",\"ha1_sha256\":\"'+2\","
		  "\"ha1_sha512_256\":\"'@3\",\"username\":\"a\"}",
		  NULL);
}
END_TEST

START_TEST(bad_rows_say_why)
{
	check_row(HEAD, "a,x", NULL, "wrong number of fields");
	check_row(HEAD, "a,x,p,q", NULL, "wrong number of fields");
	check_row(HEAD, ",x,p", NULL, "no username");
	check_row(HEAD, "a b,x,p", NULL, "user part has a space or an @");
	check_row(HEAD, "a@x,x,p", NULL, "user part has a space or an @");
	check_row(HEAD, "a,,p", NULL, "no domain");
	check_row(HEAD, "a,x,", NULL, "no password");
	check_row(HEAD, "a\xff,x,p", NULL, "not UTF-8");
	check_row(HEAD ",may_register", "a,x,p,\xff@x", NULL, "not UTF-8");
	check_row(HEAD ",enabled", "a,x,p,maybe", NULL, "enabled is neither yes nor no");
	check_row(HEAD ",max_contacts", "a,x,p,12abc", NULL, "max_contacts is no number");
	check_row(HEAD ",max_contacts", "a,x,p,-1", NULL, "max_contacts is no number");
}
END_TEST

START_TEST(the_first_line_names_the_columns)
{
	const struct {
		const char *text, *said;
	} cases[] = {
		{ "", "staff.csv: the file is empty" },
		{ "username,domain,pasword\n", "staff.csv:1: there is no column \"pasword\"; did "
					       "you mean \"password\"?" },
		{ "alice,example.com,secret\n", "staff.csv:1: there is no column \"alice\"" },
		{ "username,domain,username\n",
		  "staff.csv:1: the column \"username\" stands twice" },
		{ "username,password\n",
		  "staff.csv:1: the columns username and domain are needed" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct csv_reader reader = { .file = file_of(cases[i].text) };
		struct import_columns columns;
		struct capture c;
		capture_start(&c, stderr);
		bool good = import_columns(&columns, &reader, "staff.csv");
		const char *said = capture_end(&c);
		ck_assert(!good);
		ck_assert_msg(strstr(said, cases[i].said) != NULL, "%s", said);
		fclose(reader.file);
	}
}
END_TEST

SUITE(import_row, rows_become_documents, only_what_export_writes_loses_its_apostrophe,
      bad_rows_say_why, the_first_line_names_the_columns)
