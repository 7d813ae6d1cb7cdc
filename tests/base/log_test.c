/* Lines as they leave through a pipe: one a call, whatever the values hold. */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "support/check_main.h"

static int pipe_out = -1;
static int saved_stderr = -1;

static void
capture(void)
{
	int ends[2];
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	close(ends[1]);
	pipe_out = ends[0];
}

/* What was logged since capture(), with a final NUL. */
static const char *
captured(char out[static 16384])
{
	ssize_t len = read(pipe_out, out, 16383);
	out[len < 0 ? 0 : len] = '\0';
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_out);
	return out;
}

static size_t
count_of(const char *text, char c)
{
	size_t count = 0;
	for (; *text != '\0'; text++)
		count += *text == c;
	return count;
}

static bool
printable(const char *line)
{
	for (; *line != '\0'; line++)
		if (*line != '\n' && (*line < 0x20 || *line > 0x7e))
			return false;
	return true;
}

static void
log_agent(struct str agent)
{
	struct log_line line;
	ck_assert(log_begin(&line, LOG_LEVEL_WARNING, "request.refused"));
	log_text(&line, "agent", agent);
	log_end(&line);
}

/* SEC-26.1-1: control characters from the network are escaped, one event stays one line */
START_TEST(network_text_cannot_forge_a_line)
{
	static const enum log_format formats[] = { LOG_FORMAT_TEXT, LOG_FORMAT_JOURNAL,
						   LOG_FORMAT_JSON };
	for (size_t i = 0; i < 3; i++) {
		char out[16384];
		log_setup(LOG_LEVEL_INFO, formats[i], "");
		capture();
		log_agent(STR("a\r\n<2>error forged\x1b[2J\0\x7f\x80\xff\"\\ x"));
		captured(out);
		ck_assert_uint_eq(count_of(out, '\n'), 1);
		ck_assert_int_eq(out[strlen(out) - 1], '\n');
		ck_assert(printable(out));
		const char *expected =
			formats[i] == LOG_FORMAT_JSON
				? "\"agent\":\"a\\u000d\\u000a<2>error "
				  "forged\\u001b[2J\\u0000\\u007f\\u0080\\u00ff\\\"\\\\ x\"}\n"
				: " agent=\"a\\x0d\\x0a<2>error "
				  "forged\\x1b[2J\\x00\\x7f\\x80\\xff\\\"\\\\ x\"\n";
		ck_assert_ptr_nonnull(strstr(out, expected));
	}
}
END_TEST

/* SEC-26.1-1: lengths are bounded, at 256 octets and at 257 */
START_TEST(network_text_is_bounded)
{
	char text[257], out[16384], expected[300];
	memset(text, 'x', sizeof(text));
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	capture();
	log_agent((struct str){ text, 256 });
	log_agent((struct str){ text, 257 });
	captured(out);
	snprintf(expected, sizeof(expected), "agent=\"%.256s\"\n", text);
	ck_assert_ptr_nonnull(strstr(out, expected));
	snprintf(expected, sizeof(expected), "agent=\"%.256s...\"\n", text);
	ck_assert_ptr_nonnull(strstr(out, expected));
}
END_TEST

/* SEC-26.1-1: many long values end the line in order, the node's name on it */
START_TEST(full_lines_stay_well_formed)
{
	static const enum log_format formats[] = { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
	char text[256];
	memset(text, '\1', sizeof(text));
	for (size_t format = 0; format < 2; format++) {
		for (size_t shorter = 0; shorter < 16; shorter++) {
			struct log_line line;
			char out[16384];
			log_setup(LOG_LEVEL_INFO, formats[format], "reg-1");
			capture();
			ck_assert(log_begin(&line, LOG_LEVEL_INFO, "e"));
			for (int i = 0; i < 8; i++)
				log_text(&line, "v", (struct str){ text, 256 - shorter });
			log_number(&line, "n", 1);
			log_word(&line, "w", "word");
			log_end(&line);
			captured(out);
			size_t len = strlen(out);
			ck_assert_uint_le(len, 4096);
			ck_assert_uint_gt(len, 3500);
			ck_assert_uint_eq(count_of(out, '\n'), 1);
			ck_assert_uint_eq(count_of(out, '"') % 2, 0);
			const char *end = formats[format] == LOG_FORMAT_JSON
						  ? ",\"node\":\"reg-1\"}\n"
						  : " node=reg-1\n";
			ck_assert_str_eq(out + len - strlen(end), end);
		}
	}
}
END_TEST

START_TEST(forms)
{
	struct endpoint source;
	ck_assert(endpoint_parse(STR("[2001:db8::1]:5061"), &source));
	static const struct {
		enum log_format format;
		const char *end;
	} cases[] = {
		{ LOG_FORMAT_TEXT,
		  "Z warning auth.failed reason=bad_password src=[2001:db8::1]:5061 port=-7 "
		  "user=\"alice\" odd=\"a b\" empty=\"\" node=reg-1\n" },
		{ LOG_FORMAT_JOURNAL,
		  "<4>auth.failed reason=bad_password src=[2001:db8::1]:5061 port=-7 "
		  "user=\"alice\" odd=\"a b\" empty=\"\" node=reg-1\n" },
		{ LOG_FORMAT_JSON,
		  "Z\",\"level\":\"warning\",\"event\":\"auth.failed\",\"reason\":\"bad_password\","
		  "\"src\":\"[2001:db8::1]:5061\",\"port\":-7,\"user\":\"alice\",\"odd\":\"a b\","
		  "\"empty\":\"\",\"node\":\"reg-1\"}\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct log_line line;
		char out[16384];
		log_setup(LOG_LEVEL_INFO, cases[i].format, "reg-1");
		capture();
		ck_assert(log_begin(&line, LOG_LEVEL_WARNING, "auth.failed"));
		log_word(&line, "reason", "bad_password");
		log_endpoint(&line, "src", &source);
		log_number(&line, "port", -7);
		log_text(&line, "user", STR("alice"));
		log_word(&line, "odd", "a b");
		log_word(&line, "empty", "");
		log_end(&line);
		captured(out);
		size_t len = strlen(out), end = strlen(cases[i].end);
		ck_assert_uint_ge(len, end);
		ck_assert_str_eq(out + len - end, cases[i].end);
	}
}
END_TEST

/* SEC-26.1-1: a word of ours that turns out not to be one, as a node's name, is escaped as well */
START_TEST(words_with_controls_are_quoted)
{
	char out[16384];
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "reg\n1");
	capture();
	log_message(LOG_LEVEL_INFO, "start", "hello");
	captured(out);
	ck_assert_ptr_nonnull(strstr(out, " node=\"reg\\x0a1\"\n"));
	ck_assert_uint_eq(count_of(out, '\n'), 1);
}
END_TEST

START_TEST(levels)
{
	struct log_line line;
	char out[16384];
	enum log_level level;
	for (int set = LOG_LEVEL_ERROR; set <= LOG_LEVEL_DEBUG; set++) {
		log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
		log_set_level((enum log_level)set);
		ck_assert_int_eq(log_get_level(), set);
		for (int asked = LOG_LEVEL_ERROR; asked <= LOG_LEVEL_DEBUG; asked++)
			ck_assert(log_begin(&line, (enum log_level)asked, "e") == (asked <= set));
	}
	log_set_level(LOG_LEVEL_WARNING);
	capture();
	log_message(LOG_LEVEL_NOTICE, "quiet", "not seen");
	log_message(LOG_LEVEL_WARNING, "loud", "seen");
	captured(out);
	ck_assert_ptr_null(strstr(out, "quiet"));
	ck_assert_ptr_nonnull(strstr(out, "warning loud message=\"seen\"\n"));
	ck_assert(log_level_parse(STR("debug"), &level) && level == LOG_LEVEL_DEBUG);
	ck_assert(log_level_parse(STR("error"), &level) && level == LOG_LEVEL_ERROR);
	ck_assert(!log_level_parse(STR("Debug"), &level));
	ck_assert(!log_level_parse(STR(""), &level));
}
END_TEST

START_TEST(long_messages_are_cut_in_order)
{
	char text[1200], out[16384];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	capture();
	log_message(LOG_LEVEL_INFO, "e", "%s", text);
	captured(out);
	ck_assert_uint_eq(count_of(out, 'x'), 1023);
	memset(text, '\n', sizeof(text) - 1);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON, "");
	capture();
	log_message(LOG_LEVEL_INFO, "e", "%s", text);
	captured(out);
	ck_assert_uint_eq(count_of(out, '\n'), 1);
	ck_assert_str_eq(out + strlen(out) - 6, "...\"}\n");
}
END_TEST

/* A reader that stands still stops nobody; when it goes on it is told how much it missed. */
START_TEST(nobody_waits_for_the_reader)
{
	char out[16384];
	char octets[4096] = { 0 };
	unsigned filled = 0;
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	while (write(STDERR_FILENO, octets, sizeof(octets)) > 0)
		filled++;
	ck_assert_uint_gt(filled, 0);
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0); /* blocking, as stderr is */
	for (int i = 0; i < 3; i++)
		log_message(LOG_LEVEL_INFO, "unheard", "%d", i);
	for (; filled > 0; filled--)
		ck_assert_int_eq(read(pipe_out, octets, sizeof(octets)), sizeof(octets));
	log_message(LOG_LEVEL_INFO, "heard", "again");
	log_message(LOG_LEVEL_INFO, "heard", "again");
	captured(out);
	ck_assert_ptr_nonnull(strstr(out, " warning log.lost count=3\n"));
	ck_assert_ptr_null(strstr(out, "unheard"));
	ck_assert_uint_eq(count_of(out, '\n'), 3);
}
END_TEST

SUITE(log, network_text_cannot_forge_a_line, network_text_is_bounded, full_lines_stay_well_formed,
      forms, words_with_controls_are_quoted, levels, long_messages_are_cut_in_order,
      nobody_waits_for_the_reader)
