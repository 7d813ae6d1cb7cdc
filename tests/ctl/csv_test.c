/* Records of CSV: quotes, line ends, limits, and lines by number. */
#include "ctl/csv.h"

#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"

static struct csv_reader
reader_of(const char *text, size_t len)
{
	FILE *file = tmpfile();
	fwrite(text, 1, len, file);
	rewind(file);
	return (struct csv_reader){ .file = file };
}

/* All records as text: fields with | between, records with ; behind, "!why" for a bad one. */
static const char *
read_all(const char *text, size_t len)
{
	static char out[4096];
	struct csv_reader reader = reader_of(text, len);
	struct csv_record record;
	const char *why = NULL;
	size_t used = 0;
	out[0] = '\0';
	for (enum csv_read read; (read = csv_next(&reader, &record, &why)) != CSV_END;) {
		if (read == CSV_BAD)
			used += (size_t)snprintf(out + used, sizeof(out) - used, "!%s", why);
		for (size_t i = 0; read == CSV_RECORD && i < record.count; i++)
			used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s",
						 i == 0 ? "" : "|", record.fields[i]);
		used += (size_t)snprintf(out + used, sizeof(out) - used, ";");
	}
	fclose(reader.file);
	return out;
}

START_TEST(records_are_read_as_rfc_4180_has_them)
{
	const struct {
		const char *text, *records;
	} cases[] = {
		{ "", "" },
		{ "a", "a;" },
		{ "a,b\n", "a|b;" },
		{ "a,b\r\nc,d\r\n", "a|b;c|d;" },
		{ "a,\n,b\n,", "a|;|b;|;" },
		{ "\n\n", ";;" },
		{ "\"a,b\",c\n", "a,b|c;" },
		{ "\"a\"\"b\"\n", "a\"b;" },
		{ "\"\"\n", ";" },
		{ "\"two\nlines\",b\r\nc\n", "two\nlines|b;c;" },
		{ "\"a\r\n\"\r\n", "a\r\n;" },
		{ "a\rb\r\n", "a\rb;" },
		{ "a\r", "a;" },
		{ "a\"b\n", "a\"b;" },
		{ " a , b \n", " a | b ;" },
		{ "\xef\xbb\xbfname,x\n", "name|x;" },
		{ "\xef\xbb\xbf\"q\",x\n", "q|x;" },
		{ "a,\xef\xbb\xbf\n", "a|\xef\xbb\xbf;" },
		{ "\xef\xff\n", "!not UTF-8;" },
		{ "\"open\nb\n", "!quote never ends;" },
		{ "\"a\"b,c\nd\n", "!text behind a closing quote;d;" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_str_eq(read_all(cases[i].text, strlen(cases[i].text)), cases[i].records);
	ck_assert_str_eq(read_all("a\0b\nc\n", 6), "!NUL in text;c;");
}
END_TEST

START_TEST(a_record_may_be_so_long_and_no_longer)
{
	char *text = malloc(CSV_RECORD_BYTES + 8);
	struct csv_record record;
	const char *why = NULL;
	for (size_t extra = 0; extra < 2; extra++) {
		size_t len = CSV_RECORD_BYTES - 1 + extra;
		memset(text, 'x', len);
		memcpy(text + len, "\ny\n", 3);
		struct csv_reader reader = reader_of(text, len + 3);
		ck_assert_int_eq(csv_next(&reader, &record, &why),
				 extra == 0 ? CSV_RECORD : CSV_BAD);
		ck_assert_int_eq(csv_next(&reader, &record, &why), CSV_RECORD);
		ck_assert_str_eq(record.fields[0], "y");
		fclose(reader.file);
	}
	ck_assert_str_eq(why, "line too long");
	free(text);
}
END_TEST

START_TEST(so_many_fields_and_no_more)
{
	struct csv_record record;
	const char *why = NULL;
	for (size_t extra = 0; extra < 2; extra++) {
		char text[64];
		memset(text, ',', sizeof(text));
		struct csv_reader reader = reader_of(text, CSV_FIELDS_MAX - 1 + extra);
		ck_assert_int_eq(csv_next(&reader, &record, &why),
				 extra == 0 ? CSV_RECORD : CSV_BAD);
		ck_assert_uint_eq(record.count, CSV_FIELDS_MAX);
		fclose(reader.file);
	}
	ck_assert_str_eq(why, "too many fields");
}
END_TEST

START_TEST(lines_are_counted_through_quotes_and_again)
{
	const char *text = "\xef\xbb\xbfhead\n\"two\nlines\"\nlast\n";
	struct csv_reader reader = reader_of(text, strlen(text));
	struct csv_record record;
	const char *why;
	for (int pass = 0; pass < 2; pass++) {
		const size_t lines[] = { 1, 2, 4 };
		const char *const fields[] = { "head", "two\nlines", "last" };
		for (size_t i = 0; i < 3; i++) {
			ck_assert_int_eq(csv_next(&reader, &record, &why), CSV_RECORD);
			ck_assert_uint_eq(record.line, lines[i]);
			ck_assert_str_eq(record.fields[0], fields[i]);
		}
		ck_assert_int_eq(csv_next(&reader, &record, &why), CSV_END);
		csv_rewind(&reader);
	}
	fclose(reader.file);
}
END_TEST

SUITE(csv, records_are_read_as_rfc_4180_has_them, a_record_may_be_so_long_and_no_longer,
      so_many_fields_and_no_more, lines_are_counted_through_quotes_and_again)
