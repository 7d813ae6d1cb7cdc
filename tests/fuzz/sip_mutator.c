/*
 * Mutation that knows what SIP is made of: lines, parameters, list members, numbers, quotes. What a
 * field means is for the parser to find out; here it is only cut where a parser would cut it, so
 * that most of what comes out is still nearly a message. A part of the mutations is left to
 * LLVMFuzzerMutate(), on everything or on one line.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mutator.h"

#define LINES_MAX 256u
#define PIECE_MAX 2048u

struct text {
	uint8_t *p;
	size_t len, max;
	struct dice dice;
};
struct span {
	size_t at, len;
};

static const char *const fields[] = {
	"Contact: <sip:alice@192.0.2.10:5062>\r\n",
	"Contact: <sip:alice@192.0.2.10:5062>;expires=0\r\n",
	"Contact: <sips:alice@192.0.2.10>;q=0.7;expires=7200\r\n",
	"Contact: *\r\n",
	"m: \"A \\\" B\" <sip:a;p=1@[2001:db8::1]:5060;transport=tcp?h=v>;q=.5, "
	"sip:b@h.example\r\n",
	"Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";"
	"reg-id=1\r\n",
	"Contact: <tel:+358-555-1234567>\r\n",
	"Expires: 0\r\n",
	"Expires: 60\r\n",
	"Expires: 4294967296\r\n",
	"Path: <sip:p1.example.com;lr>, <sips:p2.example.com;lr;ob>\r\n",
	"Supported: path, outbound, gruu\r\n",
	"k: path\r\n",
	"Require: path\r\n",
	"Require: nothing-supports-this\r\n",
	"Via: SIP/2.0/TCP "
	"[2001:db8::9:1]:6050;branch=z9hG4bK7;rport;received=192.0.2.1;maddr=a.b;ttl=3"
	"\r\n",
	"v: SIP / 2.0 / UDP h.example ; branch = z9hG4bK8 , SIP/2.0/SCTP h2;x=\"y,z\"\r\n",
	"To: \"Alice\" <sip:alice@example.com>;tag=2\r\n",
	"t: sip:alice@example.com\r\n",
	"From: <sip:alice@example.com>;tag=3\r\n",
	"Call-ID: c@192.0.2.1\r\n",
	"CSeq: 4294967295 REGISTER\r\n",
	"CSeq: 4294967296 REGISTER\r\n",
	"Max-Forwards: 0\r\n",
	"Content-Length: 0\r\n",
	"l: 5\r\n",
	"Content-Type: application/sdp\r\n",
	"Content-Disposition: session;handling=optional\r\n",
	"Content-Encoding: gzip\r\n",
	"Content-Language: fr\r\n",
	"Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"\", "
	"uri=\"sip:example.com\","
	" response=\"\"\r\n",
	"Authorization: Digest username=\"alice\", realm=\"other\", nonce=\"n\", uri=\"sip:x\", "
	"response=\"0\","
	" qop=auth-int, nc=00000001, cnonce=\"c\", algorithm=MD5-sess\r\n",
	"Authorization: Basic YWxpY2U6cHc=\r\n",
	"User-Agent: phone (a\\)b) 1\r\n",
	"Timestamp: 54\r\n",
	"X-Unknown:\r\n",
	"Subject: folded\r\n here\r\n\tand there\r\n",
};

static const char *const params[] = {
	";expires=0",
	";expires=3600",
	";expires=59",
	";expires=",
	";expires=\"5\"",
	";q=1",
	";q=0.0001",
	";q=",
	";+sip.instance=\"<urn:uuid:1>\"",
	";reg-id=1",
	";tag=9",
	";tag",
	";lr",
	";transport=tls",
	";transport=udp",
	";method=INVITE",
	";maddr=239.255.255.1",
	";ttl=255",
	";user=phone",
	";branch=z9hG4bK",
	";branch=z9hG4bKx",
	";rport=1",
	";rport",
	";received=1.2.3.4",
	";received=2001:db8::1",
	";a=\"\\\"\\\\;,<>\"",
	";%41=%42",
};

static const char *const numbers[] = {
	"0",
	"1",
	"9",
	"00",
	"-1",
	"59",
	"60",
	"70",
	"71",
	"255",
	"256",
	"3599",
	"3600",
	"7200",
	"7201",
	"65535",
	"65536",
	"1e3",
	"0x10",
	"1.0",
	"2147483647",
	"2147483648",
	"4294967295",
	"4294967296",
	"18446744073709551615",
	"18446744073709551616",
	"99999999999999999999999999999999999999999999999999999999999999",
};

static const char *const names[][2] = {
	{ "Via", "v" },	      { "From", "f" },	       { "To", "t" },
	{ "Call-ID", "i" },   { "Contact", "m" },      { "Content-Length", "l" },
	{ "Supported", "k" }, { "Content-Type", "c" }, { "Content-Encoding", "e" },
};

static const char *const hosts[] = {
	"example.com",	  "EXAMPLE.com.",	   "other.example",	     "192.0.2.10",
	"[2001:db8::10]", "[::ffff:1.2.3.4]",	   "[2001:db8:::192.0.2.1]", "a_b",
	"1.2.3",	  "registrar.example.com",
};

#define PICK(t, list) ((list)[dice_roll(&(t)->dice, sizeof(list) / sizeof(*(list)))])

/* --- cutting and putting ------------------------------------------------------------------ */

/* The octets of old are replaced; false when that does not fit. */
static bool
put(struct text *t, struct span old, const void *octets, size_t len)
{
	if (t->len - old.len + len > t->max)
		return false;
	memmove(t->p + old.at + len, t->p + old.at + old.len, t->len - old.at - old.len);
	memcpy(t->p + old.at, octets, len);
	t->len = t->len - old.len + len;
	return true;
}

static bool
put_text(struct text *t, struct span old, const char *word)
{
	return put(t, old, word, strlen(word));
}

static bool
put_copy(struct text *t, size_t at, struct span from)
{
	uint8_t piece[PIECE_MAX];
	if (from.len > sizeof(piece))
		from.len = sizeof(piece);
	memcpy(piece, t->p + from.at, from.len);
	return put(t, (struct span){ at, 0 }, piece, from.len);
}

/* Lines with their ends. */
static size_t
lines_of(const struct text *t, struct span *lines)
{
	size_t count = 0, from = 0;
	while (from < t->len && count < LINES_MAX) {
		const uint8_t *end = memchr(t->p + from, '\n', t->len - from);
		size_t next = end == NULL ? t->len : (size_t)(end - t->p) + 1;
		lines[count++] = (struct span){ from, next - from };
		from = next;
	}
	return count;
}

static bool
some_line(struct text *t, struct span *line)
{
	struct span lines[LINES_MAX];
	size_t count = lines_of(t, lines);
	if (count == 0)
		return false;
	*line = lines[dice_roll(&t->dice, count)];
	return true;
}

/* A run of octets that belong, from a random place on, once around. */
static bool
some_run(struct text *t, bool (*belongs)(uint8_t), struct span *run)
{
	size_t start = dice_roll(&t->dice, t->len), at = start;
	for (size_t seen = 0; seen < t->len; seen++, at = at + 1 == t->len ? 0 : at + 1) {
		if (!belongs(t->p[at]))
			continue;
		size_t end = at;
		while (at > 0 && belongs(t->p[at - 1]))
			at--;
		while (end < t->len && belongs(t->p[end]))
			end++;
		*run = (struct span){ at, end - at };
		return true;
	}
	return false;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}
static bool
is_semicolon(uint8_t c)
{
	return c == ';';
}
static bool
is_comma(uint8_t c)
{
	return c == ',';
}
static bool
is_mark(uint8_t c)
{
	return c != 0 && strchr("\"<>:;,=@\\/?&*%[]() \t", c) != NULL;
}
static bool
is_host_octet(uint8_t c)
{
	return isalnum(c) || c == '.' || c == '-';
}
static bool
is_at(uint8_t c)
{
	return c == '@';
}

/* --- the mutations ------------------------------------------------------------------------- */

static bool
duplicate_line(struct text *t)
{
	struct span line, other;
	return some_line(t, &line) && some_line(t, &other) && put_copy(t, other.at, line);
}

static bool
delete_line(struct text *t)
{
	struct span line;
	return some_line(t, &line) && put(t, line, "", 0);
}

static bool
swap_lines(struct text *t)
{
	struct span a, b;
	uint8_t piece[PIECE_MAX];
	if (!some_line(t, &a) || !some_line(t, &b) || a.at == b.at || a.len > sizeof(piece))
		return false;
	memcpy(piece, t->p + a.at, a.len);
	put(t, a, "", 0);
	size_t at = b.at > a.at ? b.at - a.len : b.at;
	return put(t, (struct span){ at, 0 }, piece, a.len);
}

static bool
insert_field(struct text *t)
{
	struct span line;
	if (!some_line(t, &line))
		return put_text(t, (struct span){ 0, 0 }, PICK(t, fields));
	return put_text(t, (struct span){ line.at + line.len, 0 }, PICK(t, fields));
}

static bool
change_number(struct text *t)
{
	struct span run;
	char nearby[24];
	if (!some_run(t, is_digit, &run))
		return false;
	if (dice_roll(&t->dice, 3) > 0)
		return put_text(t, run, PICK(t, numbers));
	unsigned long value = 0;
	for (size_t i = 0; i < run.len && i < 9; i++)
		value = value * 10 + (t->p[run.at + i] - '0');
	snprintf(nearby, sizeof(nearby), "%lu", value + dice_roll(&t->dice, 3) - 1);
	return put_text(t, run, nearby);
}

/* From a ';' to the next octet that ends a parameter outside of quotes. */
static bool
some_param(struct text *t, struct span *param)
{
	struct span run;
	if (!some_run(t, is_semicolon, &run))
		return false;
	size_t end = run.at + 1;
	bool quoted = false;
	for (; end < t->len && t->p[end] != '\r'; end++) {
		if (t->p[end] == '"')
			quoted = !quoted;
		if (!quoted && memchr(";,>?", t->p[end], 4) != NULL)
			break;
	}
	*param = (struct span){ run.at, end - run.at };
	return true;
}

static bool
change_param(struct text *t)
{
	struct span param;
	if (!some_param(t, &param))
		return false;
	switch (dice_roll(&t->dice, 4)) {
	case 0:
		return put_copy(t, param.at, param);
	case 1:
		return put(t, param, "", 0);
	case 2:
		return put_text(t, param, PICK(t, params));
	default:
		return put_text(t, (struct span){ param.at, 0 }, PICK(t, params));
	}
}

static bool
append_param(struct text *t)
{
	struct span line;
	if (!some_line(t, &line))
		return false;
	size_t end = line.at + line.len;
	while (end > line.at && (t->p[end - 1] == '\n' || t->p[end - 1] == '\r'))
		end--;
	return put_text(t, (struct span){ end, 0 }, PICK(t, params));
}

/* What stands between two commas, or a comma and the line's end, once more. */
static bool
duplicate_member(struct text *t)
{
	struct span comma, line;
	if (!some_run(t, is_comma, &comma)) {
		if (!some_line(t, &line) || line.len < 4)
			return false;
		return put_text(t, (struct span){ line.at + line.len - 2, 0 }, ",");
	}
	size_t end = comma.at + comma.len;
	while (end < t->len && t->p[end] != ',' && t->p[end] != '\r')
		end++;
	return put_copy(t, comma.at, (struct span){ comma.at, end - comma.at });
}

static bool
fold(struct text *t)
{
	static const char *const folds[] = {
		"\r\n ", "\r\n\t", " \r\n  ", "  ", "\t", "\n ", "\r "
	};
	struct span run;
	return some_run(t, is_mark, &run) &&
	       put_text(t, (struct span){ run.at + dice_roll(&t->dice, 2) * run.len, 0 },
			PICK(t, folds));
}

static bool
rename_field(struct text *t)
{
	struct span line;
	if (!some_line(t, &line))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (size_t form = 0; form < 2; form++) {
			size_t len = strlen(names[i][form]);
			if (line.len > len && t->p[line.at + len] == ':' &&
			    memcmp(t->p + line.at, names[i][form], len) == 0)
				return put_text(t, (struct span){ line.at, len },
						names[i][1 - form]);
		}
	}
	for (size_t i = line.at; i < line.at + line.len && t->p[i] != ':'; i++)
		t->p[i] = (uint8_t)(dice_roll(&t->dice, 2) ? toupper(t->p[i]) : tolower(t->p[i]));
	return true;
}

static bool
change_mark(struct text *t)
{
	static const char *const marks[] = { "\"", "<", ">", ":", ";", ",", "=", "@",	 "\\",
					     "/",  "?", "&", "*", "%", "[", "]", "\"\"", "<>" };
	struct span run;
	return some_run(t, is_mark, &run) &&
	       put_text(t, (struct span){ run.at, dice_roll(&t->dice, 2) }, PICK(t, marks));
}

/* One octet as %HH, which means the same in a URI, or as a quoted pair. */
static bool
escape(struct text *t)
{
	char escaped[4];
	size_t at = dice_roll(&t->dice, t->len);
	if (dice_roll(&t->dice, 3) == 0)
		snprintf(escaped, sizeof(escaped), "\\%c", t->p[at] == 0 ? 'a' : t->p[at]);
	else
		snprintf(escaped, sizeof(escaped), "%%%02X", t->p[at]);
	return put_text(t, (struct span){ at, 1 }, escaped);
}

/* Behind an '@'; where there is none, as in a Via, any word may be one. */
static bool
change_host(struct text *t)
{
	struct span at, run;
	if (!some_run(t, is_at, &at))
		return some_run(t, is_host_octet, &run) && put_text(t, run, PICK(t, hosts));
	if (at.at + 1 >= t->len)
		return false;
	run = (struct span){ at.at + 1, 0 };
	while (run.at + run.len < t->len && is_host_octet(t->p[run.at + run.len]))
		run.len++;
	return put_text(t, run, PICK(t, hosts));
}

/* What Content-Length should say becomes what it says. */
static bool
mend_length(struct text *t)
{
	static const char field[] = "Content-Length: ";
	const uint8_t *found = memmem(t->p, t->len, field, sizeof(field) - 1);
	const uint8_t *end = memmem(t->p, t->len, "\r\n\r\n", 4);
	char number[24];
	if (found == NULL || end == NULL || end < found)
		return false;
	struct span digits = { (size_t)(found - t->p) + sizeof(field) - 1, 0 };
	while (digits.at + digits.len < t->len && is_digit(t->p[digits.at + digits.len]))
		digits.len++;
	snprintf(number, sizeof(number), "%zu", (size_t)(t->p + t->len - end) - 4);
	return put_text(t, digits, number);
}

/* Everything once more behind itself, a second message begun in the middle, or an early end. */
static bool
split(struct text *t)
{
	struct span line;
	if (!some_line(t, &line))
		return false;
	switch (dice_roll(&t->dice, 3)) {
	case 0:
		return put_copy(t, t->len, (struct span){ 0, t->len });
	case 1:
		return put_text(t, (struct span){ line.at, 0 }, "\r\n");
	default:
		t->len = line.at + dice_roll(&t->dice, line.len);
		return t->len > 0;
	}
}

static bool
mutate_octets(struct text *t)
{
	t->len = LLVMFuzzerMutate(t->p, t->len, t->max);
	return true;
}

static bool
mutate_line(struct text *t)
{
	struct span line;
	uint8_t piece[PIECE_MAX];
	if (!some_line(t, &line) || line.len > sizeof(piece) / 2)
		return false;
	memcpy(piece, t->p + line.at, line.len);
	return put(t, line, piece, LLVMFuzzerMutate(piece, line.len, sizeof(piece)));
}

typedef bool mutation(struct text *t);
static mutation *const mutations[] = {
	duplicate_line, delete_line,   swap_lines,    insert_field, insert_field,     change_number,
	change_number,	change_param,  change_param,  append_param, duplicate_member, fold,
	rename_field,	change_mark,   escape,	      change_host,  mend_length,      split,
	mutate_octets,	mutate_octets, mutate_octets, mutate_line,  mutate_line,      mutate_line,
};

/* Of a value there are no fields to put in, rename or count; several stand one a line. It is short,
 * so half of it is left to octets. */
static mutation *const value_mutations[] = {
	duplicate_line,	  delete_line,	 swap_lines,	change_number, change_number, change_param,
	change_param,	  append_param,	 append_param,	change_mark,   change_mark,   escape,
	duplicate_member, change_host,	 change_host,	fold,	       mutate_octets, mutate_octets,
	mutate_octets,	  mutate_octets, mutate_octets, mutate_octets, mutate_octets, mutate_octets,
	mutate_octets,	  mutate_octets, mutate_octets, mutate_octets, mutate_octets, mutate_line,
};

static size_t
mutate_by(mutation *const *kinds, size_t kind_count, uint8_t *data, size_t size, size_t max,
	  unsigned int seed)
{
	struct text t = { data, size, max, { (uint64_t)seed * 2 + 1 } };
	if (size == 0)
		return LLVMFuzzerMutate(data, size, max);
	uint32_t wanted = 1 + dice_roll(&t.dice, 3), done = 0;
	for (int tries = 0; tries < 16 && done < wanted && t.len > 0; tries++)
		done += kinds[dice_roll(&t.dice, kind_count)](&t);
	return t.len == 0 ? LLVMFuzzerMutate(data, 0, max) : t.len;
}

size_t
sip_mutate(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return mutate_by(mutations, sizeof(mutations) / sizeof(*mutations), data, size, max, seed);
}

size_t
sip_mutate_value(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return mutate_by(value_mutations, sizeof(value_mutations) / sizeof(*value_mutations), data,
			 size, max, seed);
}

/* The lines of one up to somewhere, then those of the other from somewhere on; or one with a line
 * of the other in it. */
size_t
sip_cross(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
	  size_t max, unsigned int seed)
{
	struct text from = { (uint8_t *)(uintptr_t)b, b_size, b_size, { (uint64_t)seed * 2 + 1 } };
	struct text t = { out, a_size < max ? a_size : max, max, { (uint64_t)seed * 2 + 77 } };
	struct span line, other;
	memcpy(out, a, t.len);
	if (!some_line(&t, &line) || !some_line(&from, &other))
		return t.len;
	if (dice_roll(&t.dice, 2) == 0) {
		other.len = b_size - other.at;
		t.len = line.at;
		line.len = 0;
	}
	if (other.len > max - t.len)
		other.len = max - t.len;
	put(&t, (struct span){ line.at, 0 }, b + other.at, other.len);
	return t.len;
}
