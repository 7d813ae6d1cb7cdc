/*
 * Mutated messages on the wire, to a daemon that runs:
 *
 *   spray udp|tcp PORT SEED COUNT LOGIN PASSWORD FOLDER…
 *
 * Messages of the folders are mutated as in the fuzz targets, and none is sent as it was; half of
 * the REGISTERs carry the right digest. After each handful a plain REGISTER has to be challenged,
 * so that nothing is lost in a full buffer and a daemon that fell silent is noticed at once. Every
 * answer must be well formed. COUNT is of messages that the daemon has read: on a stream, those
 * whose length is right, when the probe behind them was answered. Shares no code with the server.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer_octets.h"
#include "base/clock.h"
#include "mutator.h"

#define PROBE "z9hG4bKprobe" /* begins the branch of each */
#define MESSAGE_MAX 8192u
#define ANSWERS_MAX (1u << 18)
#define MESSAGES_MAX 1024u
#define HANDFUL_UDP 32
#define HANDFUL_TCP 8
#define PATIENCE_MS 5000
#define STREAM_PATIENCE_MS 100 /* then the stream is believed to be in the middle of a message */

struct message {
	char *text;
	size_t len;
};

static struct message messages[MESSAGES_MAX];
static size_t message_count;
static struct dice dice;
static bool stream;
static int fd = -1;
static struct sockaddr_in server;
static const char *login, *password;
static unsigned long numbers;			 /* makes branches and Call-IDs of our own unique */
static unsigned long sent, answered, classes[7]; /* neither of probes nor of their answers */
static unsigned long astray; /* sent on a stream, with an end that is not where it should be */
/* The last challenge. */
static char nonce[128], algorithm[32];
static unsigned nonce_count;
/* What came and was not read yet. */
static char answers[ANSWERS_MAX];
static size_t answer_octets;

static _Noreturn void
fail(const char *what, const char *text, size_t len)
{
	fprintf(stderr, "after %lu messages: %s\n", sent + astray, what);
	if (text != NULL)
		fwrite(text, 1, len, stderr);
	exit(1);
}

/* --- what is sent ------------------------------------------------------------------------ */

static void
load(const char *path)
{
	char name[4096];
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		FILE *file = entries[i]->d_name[0] == '.' ? NULL : fopen(name, "rb");
		free(entries[i]);
		if (file == NULL || message_count == MESSAGES_MAX)
			continue;
		struct message *message = &messages[message_count++];
		message->text = malloc(MESSAGE_MAX);
		message->len = fread(message->text, 1, MESSAGE_MAX, file);
		fclose(file);
	}
	if (count >= 0)
		free(entries);
}

static void
hash(const char *text, char hex[static 2 * EVP_MAX_MD_SIZE + 1])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	const EVP_MD *md = strcasecmp(algorithm, "MD5") == 0 ? EVP_md5() : EVP_sha256();
	EVP_Digest(text, strlen(text), raw, &len, md, NULL);
	for (unsigned i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02x", raw[i]);
}

static int
authorization(char *out, size_t cap)
{
	char text[512], ha1[2 * EVP_MAX_MD_SIZE + 1], ha2[2 * EVP_MAX_MD_SIZE + 1];
	char response[2 * EVP_MAX_MD_SIZE + 1];
	snprintf(text, sizeof(text), "%s:example.com:%s", login, password);
	hash(text, ha1);
	hash("REGISTER:sip:example.com", ha2);
	nonce_count++;
	snprintf(text, sizeof(text), "%s:%s:%08x:c:auth:%s", ha1, nonce, nonce_count, ha2);
	hash(text, response);
	return snprintf(
		out, cap,
		"Authorization: Digest username=\"%s\", realm=\"example.com\", nonce=\"%s\", "
		"uri=\"sip:example.com\", response=\"%s\", algorithm=%s, qop=auth, nc=%08x, "
		"cnonce=\"c\"\r\n",
		login, nonce, response, algorithm, nonce_count);
}

static size_t
insert(char *text, size_t len, size_t at, const char *piece, size_t piece_len)
{
	if (len + piece_len > MESSAGE_MAX)
		return len;
	memmove(text + at + piece_len, text + at, len - at);
	memcpy(text + at, piece, piece_len);
	return len + piece_len;
}

/* Behind the first occurrence, a number that no other message has. */
static size_t
make_unique(char *text, size_t len, const char *behind)
{
	char number[24];
	const char *at = memmem(text, len, behind, strlen(behind));
	int digits = snprintf(number, sizeof(number), "%lu", ++numbers);
	return at == NULL ? len
			  : insert(text, len, (size_t)(at - text) + strlen(behind), number,
				   (size_t)digits);
}

/* An answer over UDP comes back to us only if it is asked to. */
static size_t
ask_for_port(char *text, size_t len)
{
	static const char behind[] = "branch=z9hG4bK", rport[] = "rport;";
	const char *at = memmem(text, len, behind, sizeof(behind) - 1);
	if (at == NULL || memmem(text, len, "rport", 5) != NULL)
		return len;
	return insert(text, len, (size_t)(at - text), rport, sizeof(rport) - 1);
}

/* A message of datagrams gets the length that a stream needs; one that says 0 gets a true one. */
static size_t
mend_length(char *text, size_t len)
{
	static const char none[] = "\r\nContent-Length: 0\r\n";
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	char field[64];
	if (end == NULL)
		return len;
	size_t head = (size_t)(end - text);
	const char *at = memmem(text, head + 2, none, sizeof(none) - 1);
	size_t where = at != NULL ? (size_t)(at - text) : head;
	if (at == NULL && memmem(text, head, "\r\nContent-Length", 16) != NULL)
		return len;
	int field_len = snprintf(field, sizeof(field), "\r\nContent-Length: %zu", len - head - 4);
	if (at != NULL) {
		len -= sizeof(none) - 3;
		memmove(text + where, text + where + sizeof(none) - 3, len - where);
	}
	return insert(text, len, where, field, (size_t)field_len);
}

static bool
is_same(const struct message *message, const char *text, size_t len)
{
	return len == message->len && memcmp(text, message->text, len) == 0;
}

/* Of one message or two; again when the mutator found nothing to do. */
static size_t
mutate(char *text)
{
	const struct message *from = &messages[dice_roll(&dice, message_count)];
	const struct message *other = &messages[dice_roll(&dice, message_count)];
	size_t len;
	do {
		len = from->len;
		memcpy(text, from->text, len);
		if (dice_roll(&dice, 16) == 0)
			len = sip_cross((uint8_t *)from->text, from->len, (uint8_t *)other->text,
					other->len, (uint8_t *)text, MESSAGE_MAX,
					dice_roll(&dice, UINT32_MAX));
		for (uint32_t n = 1 + dice_roll(&dice, 3); n > 0; n--)
			len = sip_mutate((uint8_t *)text, len, MESSAGE_MAX - 1024,
					 dice_roll(&dice, UINT32_MAX));
	} while (is_same(from, text, len) || is_same(other, text, len));
	return len;
}

static size_t
make_any(char *text)
{
	size_t len = mutate(text);
	if (dice_roll(&dice, 8) > 0)
		len = make_unique(text, len, "branch=z9hG4bK");
	if (dice_roll(&dice, 4) > 0)
		len = make_unique(text, len, "Call-ID: ");
	const char *line_end = memmem(text, len, "\r\n", 2);
	if (line_end != NULL && memcmp(text, "REGISTER ", 9) == 0 && dice_roll(&dice, 2) == 0) {
		char field[1024];
		int field_len = authorization(field, sizeof(field));
		len = insert(text, len, (size_t)(line_end - text) + 2, field, (size_t)field_len);
	}
	return stream ? mend_length(text, len) : ask_for_port(text, len);
}

/* Whether a reader of a stream finds the end of the message where it is, by its only
 * Content-Length. Otherwise nothing behind it would be read as a message. */
static bool
is_framed(const char *text, size_t len)
{
	static const char name[] = "\r\nContent-Length: ";
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	const char *at =
		end == NULL ? NULL : memmem(text, (size_t)(end - text), name, sizeof(name) - 1);
	size_t length = 0, digits = 0;
	if (at == NULL)
		return false;
	for (at += sizeof(name) - 1; *at >= '0' && *at <= '9' && digits < 6; at++, digits++)
		length = 10 * length + (size_t)(*at - '0');
	return digits > 0 && *at == '\r' && length == (size_t)(text + len - end) - 4 &&
	       memmem(at, (size_t)(end - at), name, sizeof(name) - 1) == NULL;
}

/* Of those on a stream few go astray, or hardly any other would be read. */
static size_t
make_message(char *text)
{
	bool any = !stream || dice_roll(&dice, 32) == 0;
	size_t len;
	do
		len = make_any(text);
	while (!any && !is_framed(text, len));
	return len;
}

/* --- what comes back ----------------------------------------------------------------------- */

/* One answer: a status line, fields, and no body. */
static void
check_answer(const char *text, size_t len)
{
	static const char end[] = "\r\nContent-Length: 0\r\n\r\n";
	bool via = false;
	if (len < 40 || memcmp(text, "SIP/2.0 ", 8) != 0 || text[8] < '1' || text[8] > '6' ||
	    text[11] != ' ')
		fail("no status line", text, len);
	if (memcmp(text + len - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		fail("no end", text, len);
	for (size_t at = 0; at < len - 2;) {
		const char *line = text + at, *line_end = memmem(line, len - at, "\r\n", 2);
		size_t line_len = (size_t)(line_end - line);
		const char *colon = memchr(line, ':', line_len);
		if (at > 0 && (colon == NULL || colon == line))
			fail("no field", text, len);
		if (!answer_line_clean(line, line_len))
			fail("a control octet", text, len);
		via |= at > 0 && memcmp(line, "Via: ", 5) == 0;
		at += line_len + 2;
	}
	if (!via)
		fail("no Via", text, len);
	if (memmem(text, len, PROBE, sizeof(PROBE) - 1) != NULL)
		return;
	answered += text[8] > '1';
	classes[text[8] - '0']++;
}

/* A probe was answered: its challenge is the one in force from here on. */
static bool
take_challenge(const char *text, size_t len, const char *branch)
{
	char copy[4096];
	if (memmem(text, len, branch, strlen(branch)) == NULL || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	const char *value = strstr(copy, "nonce=\"");
	const char *name = strstr(copy, "algorithm=");
	bool challenged = memcmp(copy, "SIP/2.0 401 ", 12) == 0 && value != NULL && name != NULL;
	if (!challenged && stream) /* it became a part of the message before it */
		return false;
	if (!challenged)
		fail("the probe was not challenged", text, len);
	snprintf(nonce, sizeof(nonce), "%.*s", (int)strcspn(value + 7, "\""), value + 7);
	snprintf(algorithm, sizeof(algorithm), "%.*s", (int)strcspn(name + 10, ",\r"), name + 10);
	nonce_count = 0;
	return true;
}

/* Takes whole answers off what came; true when that of the probe was among them. */
static bool
take_answers(const char *branch)
{
	bool found = false;
	size_t used = 0;
	for (;;) {
		const char *begin = answers + used;
		size_t left = answer_octets - used;
		if (left >= 2 && memcmp(begin, "\r\n", 2) == 0) { /* a pong */
			used += 2;
			continue;
		}
		const char *end = memmem(begin, left, "\r\n\r\n", 4);
		if (end == NULL)
			break;
		size_t len = (size_t)(end - begin) + 4;
		check_answer(begin, len);
		found |= take_challenge(begin, len, branch);
		used += len;
	}
	memmove(answers, answers + used, answer_octets - used);
	answer_octets -= used;
	return found;
}

/* --- conversations --------------------------------------------------------------------------- */

static void
dial(void)
{
	int one = 1;
	if (fd >= 0)
		close(fd);
	fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	answer_octets = 0;
	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0)
		fail(strerror(errno), NULL, 0);
	if (stream)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* False when it was not sent: the connection is gone, or it is no datagram. */
static bool
put(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t piece = stream && dice_roll(&dice, 4) == 0 ? 1 + dice_roll(&dice, len - at)
								  : len - at;
		ssize_t done = send(fd, text + at, piece, MSG_NOSIGNAL);
		if (done < 0)
			return false;
		at += (size_t)done;
	}
	return len > 0;
}

/* False at the end of a connection. */
static bool
receive(int timeout_ms)
{
	struct pollfd poll_fd = { fd, POLLIN, 0 };
	if (poll(&poll_fd, 1, timeout_ms) <= 0)
		return true;
	ssize_t len = recv(fd, answers + answer_octets, sizeof(answers) - answer_octets, 0);
	if (len <= 0)
		return !stream;
	if (!stream && memmem(answers, (size_t)len, "\r\n\r\n", 4) != answers + len - 4)
		fail("more or less than one answer in a datagram", answers, (size_t)len);
	answer_octets += (size_t)len;
	return true;
}

static int
write_probe(char *text, size_t cap, const char *branch)
{
	return snprintf(text, cap,
			"REGISTER sip:example.com SIP/2.0\r\n"
			"Via: SIP/2.0/%s 127.0.0.1;branch=%s;rport\r\nMax-Forwards: 70\r\n"
			"From: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\n"
			"Call-ID: %s\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n",
			stream ? "TCP" : "UDP", branch, login, login, branch);
}

/* True when everything sent before was read. A stream may be in the middle of a message: then its
 * end makes the server close it, and whatever it has to say comes first. */
static bool
probe(void)
{
	char text[1024], branch[64];
	snprintf(branch, sizeof(branch), PROBE "%lu", ++numbers);
	size_t len = (size_t)write_probe(text, sizeof(text), branch);
	uint64_t began = clock_monotonic_ms(), again = began;
	bool finished = false;
	if (!put(text, len) && stream)
		return false;
	while (!take_answers(branch)) {
		uint64_t waited = clock_monotonic_ms() - began;
		if (waited > PATIENCE_MS)
			fail("the daemon is silent", NULL, 0);
		if (!stream && clock_monotonic_ms() - again > 500) {
			again = clock_monotonic_ms();
			put(text, len);
		}
		if (stream && !finished && waited > STREAM_PATIENCE_MS) {
			finished = true;
			shutdown(fd, SHUT_WR);
		}
		if (!receive(20)) {
			take_answers(branch);
			return false;
		}
	}
	return !finished;
}

/* Of a connection that ended before the probe, what was answered was read. A message that goes
 * astray is the last one, and may have had an answer of its own. */
static void
handful(unsigned long count)
{
	static char text[MESSAGE_MAX];
	unsigned long whole = 0, answered_before = answered;
	bool framed = true;
	for (unsigned long i = 0; i < count && framed; i++) {
		size_t len = make_message(text);
		framed = !stream || is_framed(text, len);
		if (!put(text, len)) {
			framed = true;
			break;
		}
		whole += framed;
	}
	astray += !framed;
	if (probe()) {
		sent += whole;
		return;
	}
	unsigned long heard = answered - answered_before;
	heard -= !framed && heard > 0;
	sent += heard < whole ? heard : whole;
	dial();
}

int
main(int argc, char **argv)
{
	if (argc < 8) {
		fprintf(stderr, "usage: spray udp|tcp PORT SEED COUNT LOGIN PASSWORD FOLDER...\n");
		return 2;
	}
	stream = strcmp(argv[1], "tcp") == 0;
	server = (struct sockaddr_in){ .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)atoi(argv[2])),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned long seed = strtoul(argv[3], NULL, 10), count = strtoul(argv[4], NULL, 10);
	dice.state = seed;
	octet_mutator_seed(seed);
	login = argv[5];
	password = argv[6];
	for (int i = 7; i < argc; i++)
		load(argv[i]);
	if (message_count == 0)
		fail("no messages", NULL, 0);
	dial();
	if (!probe())
		fail("the first probe had no answer", NULL, 0);
	for (unsigned long handfuls = 0; sent < count; handfuls++) {
		if (handfuls > 10 * count)
			fail("hardly anything is read", NULL, 0);
		handful(stream ? HANDFUL_TCP : HANDFUL_UDP);
	}
	printf("%lu read, %lu astray, %lu answered: "
	       "1xx %lu, 2xx %lu, 3xx %lu, 4xx %lu, 5xx %lu, 6xx %lu\n",
	       sent, astray, answered, classes[1], classes[2], classes[3], classes[4], classes[5],
	       classes[6]);
	close(fd);
	for (size_t i = 0; i < message_count; i++)
		free(messages[i].text);
	return 0;
}
