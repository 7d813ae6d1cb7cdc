/* Lines as they leave through a pipe: one a call, whatever the values hold. */
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
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
			for (int i = 0; i < 40; i++)
				log_number(&line, "number", INT64_MAX);
			for (int i = 0; i < 8; i++)
				log_text(&line, "v", (struct str){ text, 256 - shorter });
			log_end(&line);
			captured(out);
			size_t len = strlen(out);
			ck_assert_uint_le(len, 4096);
			ck_assert_uint_gt(len, 3400);
			ck_assert_uint_eq(count_of(out, '\n'), 1);
			ck_assert_uint_eq(count_of(out, '"') % 2, 0);
			bool json = formats[format] == LOG_FORMAT_JSON;
			ck_assert_ptr_nonnull(strstr(out, json ? ",\"node\":\"reg-1\",\"v\":\""
							       : " node=reg-1 v=\""));
			ck_assert_ptr_nonnull(strstr(out + len - 6, json ? "...\"}\n" : "...\"\n"));
		}
	}
}
END_TEST

/* Fixed fields come first and what came from outside last, whatever the order of the calls. */
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
		  "odd=\"a b\" empty=\"\" node=reg-1 count=9 user=\"alice\"\n" },
		{ LOG_FORMAT_JOURNAL,
		  "<4>auth.failed reason=bad_password src=[2001:db8::1]:5061 port=-7 "
		  "odd=\"a b\" empty=\"\" node=reg-1 count=9 user=\"alice\"\n" },
		{ LOG_FORMAT_JSON,
		  "Z\",\"level\":\"warning\",\"event\":\"auth.failed\",\"reason\":\"bad_password\","
		  "\"src\":\"[2001:db8::1]:5061\",\"port\":-7,\"odd\":\"a b\",\"empty\":\"\","
		  "\"node\":\"reg-1\",\"count\":9,\"user\":\"alice\"}\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct log_line line;
		char out[16384];
		log_setup(LOG_LEVEL_INFO, cases[i].format, "reg-1");
		capture();
		ck_assert(log_begin(&line, LOG_LEVEL_WARNING, "auth.failed"));
		log_user(&line, "user", STR("alice"));
		log_count(&line, 9);
		log_word(&line, "reason", "bad_password");
		log_endpoint(&line, "src", &source);
		log_number(&line, "port", -7);
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
	ck_assert_ptr_nonnull(strstr(out, " node=\"reg\\x0a1\" message=\"hello\"\n"));
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

static bool another_is_quicker;
int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

/* There was room when this was asked, and there is none any more. */
int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	return another_is_quicker ? 1 : __real_poll(fds, count, timeout_ms);
}

/* The same when another process takes the last place in the pipe between the question and the line;
 * how others write into it stays their business. */
START_TEST(nobody_waits_for_whoever_is_quicker)
{
	char out[16384];
	char octets[4096] = { 0 };
	unsigned filled = 0;
	capture();
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	while (write(STDERR_FILENO, octets, sizeof(octets)) > 0)
		filled++;
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0); /* blocking, as stderr is */
	log_own_pipe();
	ck_assert_int_eq(log_descriptor(), STDERR_FILENO);
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	another_is_quicker = true;
	for (int i = 0; i < 3; i++)
		log_message(LOG_LEVEL_INFO, "unheard", "%d", i);
	int copy = dup(STDERR_FILENO); /* as a reload hands it out */
	log_output(copy);
	log_message(LOG_LEVEL_INFO, "unheard", "either");
	log_output(STDERR_FILENO);
	another_is_quicker = false;
	for (; filled > 0; filled--)
		ck_assert_int_eq(read(pipe_out, octets, sizeof(octets)), sizeof(octets));
	log_message(LOG_LEVEL_INFO, "heard", "again");
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	log_own_pipe(); /* no pipe: as before for the next test */
	close(null);
	captured(out);
	ck_assert_ptr_nonnull(strstr(out, " warning log.lost count=4\n"));
	ck_assert_ptr_null(strstr(out, "unheard"));
	ck_assert_uint_eq(count_of(out, '\n'), 2);
}
END_TEST

/* log.personal_data = masked: one line with everything that can tell who it is about */
START_TEST(masked_lines_name_nobody)
{
	struct log_line line;
	struct endpoint source;
	struct ip_prefix one, wide;
	char out[16384];
	ck_assert(endpoint_parse(STR("198.51.100.40:51234"), &source));
	ck_assert(ip_prefix_parse(STR("198.51.100.40/32"), &one));
	ck_assert(ip_prefix_parse(STR("2001:db8::/32"), &wide));
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "reg-1");
	log_mask(true);
	capture();
	ck_assert(log_begin(&line, LOG_LEVEL_WARNING, "auth.failed"));
	log_endpoint(&line, "src", &source);
	log_user(&line, "user", STR("bob"));
	log_user(&line, "aor", STR("bob@example.com"));
	log_opaque(&line, "call_id", STR("a84b4c76e66710@198.51.100.40"));
	log_text(&line, "agent", STR("Phone of bob@example.com [2001:db8::7]:5061"));
	log_prefix(&line, "cidr", &one);
	log_prefix(&line, "wide", &wide);
	log_end(&line);
	captured(out);
	log_mask(false);
	ck_assert_ptr_nonnull(
		strstr(out, " warning auth.failed src=198.51.100.0/24 node=reg-1 user=\"b***\" "
			    "aor=\"b***@example.com\" call_id=\"a84b4c76e66710@198.51.100.0/24\" "
			    "agent=\"Phone of b***@example.com 2001:db8::/48\" "
			    "cidr=\"198.51.100.0/24\" wide=\"2001:db8::/32\"\n"));
}
END_TEST

/* What the limit cuts off is not what tells that a user part stood before it. */
START_TEST(masking_comes_before_cutting)
{
	struct log_line line;
	char text[2000], out[16384];
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 12, "@example.com", 12);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	log_mask(true);
	capture();
	ck_assert(log_begin(&line, LOG_LEVEL_INFO, "e"));
	log_text(&line, "agent", (struct str){ text, sizeof(text) });
	memset(text, ' ', sizeof(text));
	log_text(&line, "blanks", (struct str){ text, sizeof(text) });
	log_end(&line);
	captured(out);
	log_mask(false);
	ck_assert_ptr_nonnull(strstr(out, " agent=\"x***@example.com\" blanks=\"  "));
	ck_assert_ptr_nonnull(strstr(out, "  ...\"\n"));
}
END_TEST

/* A full disk loses lines and stops nobody; the next file, or room on this one, hears how many. */
START_TEST(lines_lost_on_a_full_disk_are_counted)
{
	char out[16384] = "";
	int file = memfd_create("log", MFD_CLOEXEC);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(full, 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	log_output(full);
	ck_assert_int_eq(log_descriptor(), full);
	for (int i = 0; i < 4; i++)
		log_message(LOG_LEVEL_INFO, "unheard", "%d", i);
	log_output(file);
	ck_assert_int_eq(fcntl(full, F_GETFD), -1); /* closed */
	log_message(LOG_LEVEL_INFO, "heard", "again");
	ck_assert_int_gt(pread(file, out, sizeof(out) - 1, 0), 0);
	log_output(STDERR_FILENO);
	ck_assert_ptr_nonnull(strstr(out, " warning log.lost count=4\n"));
	ck_assert_ptr_nonnull(strstr(out, " info heard message=\"again\"\n"));
	ck_assert_ptr_null(strstr(out, "unheard"));
}
END_TEST

/* A line of which the disk took only the beginning does not swallow the next one. */
START_TEST(torn_lines_are_ended)
{
	char out[16384] = "";
	struct rlimit before, tight;
	int file = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_eq(fcntl(file, F_SETFL, O_APPEND), 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	log_output(file);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	tight = (struct rlimit){ 40, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	log_message(LOG_LEVEL_INFO, "torn", "a line that does not fit into what is left");
	log_message(LOG_LEVEL_INFO, "unheard", "no room at all");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	log_message(LOG_LEVEL_INFO, "heard", "again");
	ck_assert_int_gt(pread(file, out, sizeof(out) - 1, 0), 0);
	log_output(STDERR_FILENO);
	ck_assert_int_eq(out[40], '\n');
	ck_assert_ptr_nonnull(strstr(out, " warning log.lost count=2\n"));
	ck_assert_ptr_nonnull(strstr(out, " info heard message=\"again\"\n"));
	ck_assert_uint_eq(count_of(out, '\n'), 3);
}
END_TEST

/* Processes that append to one file: what the disk took of a line of one is ended by the next to
 * write, whichever that is. */
START_TEST(torn_lines_of_others_are_ended)
{
	char out[16384] = "";
	int status, file = memfd_create("log", MFD_CLOEXEC);
	_Atomic bool *mark = mmap(NULL, sizeof(*mark), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(mark, MAP_FAILED);
	ck_assert_int_eq(fcntl(file, F_SETFL, O_APPEND), 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "");
	log_output(file);
	log_share(mark);
	pid_t other = fork();
	ck_assert_int_ge(other, 0);
	if (other == 0) {
		struct rlimit tight = { 40, RLIM_INFINITY };
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &tight);
		log_message(LOG_LEVEL_INFO, "torn", "a line that does not fit into what is left");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	log_message(LOG_LEVEL_INFO, "heard", "once");
	log_message(LOG_LEVEL_INFO, "heard", "again");
	ck_assert_int_gt(pread(file, out, sizeof(out) - 1, 0), 0);
	log_output(STDERR_FILENO);
	ck_assert_int_eq(out[40], '\n');
	ck_assert_ptr_nonnull(strstr(out, " info heard message=\"once\"\n"));
	ck_assert_uint_eq(count_of(out, '\n'), 3);
}
END_TEST

SUITE(log, network_text_cannot_forge_a_line, network_text_is_bounded, full_lines_stay_well_formed,
      forms, words_with_controls_are_quoted, levels, long_messages_are_cut_in_order,
      nobody_waits_for_the_reader, nobody_waits_for_whoever_is_quicker, masked_lines_name_nobody,
      masking_comes_before_cutting, lines_lost_on_a_full_disk_are_counted, torn_lines_are_ended,
      torn_lines_of_others_are_ended)
