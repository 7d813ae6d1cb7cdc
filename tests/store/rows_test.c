/* JSON of a row and wire text: what goes in comes out, and nothing else is believed. */
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "support/guard.h"

#define TEXT_CAP 65536

static struct arena_pool pool;
static struct arena arena;
static char text_buf[TEXT_CAP];

static void
arena_fresh(size_t limit)
{
	arena_pool_init(&pool, (size_t)16 << 20);
	arena_init(&arena, &pool, limit);
}

static void
arena_done(void)
{
	arena_reset(&arena);
	arena_pool_clear(&pool);
}

static struct str
encoded(struct str octets)
{
	struct writer w = writer_on(text_buf, sizeof(text_buf));
	wire_encode(&w, octets);
	ck_assert(writer_ok(&w));
	return writer_text(&w);
}

/* REG-DB-3: every octet survives, as printable ASCII */
START_TEST(every_octet_survives)
{
	for (int first = 0; first < 256; first++) {
		for (int second = 0; second < 256; second += 5) {
			char octets[2] = { (char)first, (char)second };
			char back[8];
			struct writer w = writer_on(back, sizeof(back));
			struct str text = encoded((struct str){ octets, 2 });
			for (size_t i = 0; i < text.len; i++)
				ck_assert(text.p[i] >= 0x20 && text.p[i] < 0x7f);
			ck_assert(wire_decode(&w, text));
			ck_assert_uint_eq(w.len, 2);
			ck_assert_mem_eq(back, octets, 2);
		}
	}
}
END_TEST

/* REG-DB-3: one form for each value, so that look-ups by text find it */
START_TEST(encoding_is_canonical)
{
	static const struct {
		struct str octets, text;
	} cases[] = {
		{ STR(""), STR("") },
		{ STR("alice"), STR("alice") },
		{ STR("a\0b"), STR("a\\x00b") },
		{ STR("\xff\xfe"), STR("\\xFF\\xFE") },
		{ STR("\\x41"), STR("\\x5Cx41") },
		{ STR("\x1f ~\x7f"), STR("\\x1F ~\\x7F") },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert(str_eq(encoded(cases[i].octets), cases[i].text));
}
END_TEST

/* REG-DB-3: an escape is \x and two hex digits, or nothing is decoded */
START_TEST(broken_escapes_are_refused)
{
	static const char *const broken[] = { "\\",    "a\\",	"\\x",	"\\x4",	   "\\X41",
					      "\\xG0", "\\x0G", "\\\\", "\\x41\\", "\\n" };
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		char back[16];
		struct writer w = writer_on(back, sizeof(back));
		struct str text = guard_copy(str_of(broken[i]));
		ck_assert_msg(!wire_decode(&w, text), "%s", broken[i]);
		guard_free(text);
	}
	char back[4];
	struct writer w = writer_on(back, sizeof(back));
	ck_assert(wire_decode(&w, STR("\\xfF")));
	ck_assert(str_eq(writer_text(&w), STR("\xff")));
}
END_TEST

static struct binding
odd_binding(struct str odd)
{
	return (struct binding){
		.id = STR("018f6c2e-7b1a-7c30-9a51-0b6f3f1c2d4e"),
		.uri = odd,
		.display = odd,
		.params = odd,
		.q = 1000,
		.requested_s = UINT32_MAX,
		.expires_ms = INT64_MAX,
		.call_id = odd,
		.cseq = UINT32_MAX,
		.instance = odd,
		.user_agent = odd,
		.path = odd,
		.node = odd,
		.transport = TRANSPORT_TCP,
		.secure = true,
		.source = odd,
		.peer = odd,
		.created_ms = INT64_MIN,
		.updated_ms = 0,
	};
}

static void
assert_same_binding(const struct binding *a, const struct binding *b)
{
	const struct str texts[][2] = {
		{ a->id, b->id },	    { a->uri, b->uri },
		{ a->display, b->display }, { a->params, b->params },
		{ a->call_id, b->call_id }, { a->instance, b->instance },
		{ a->node, b->node },	    { a->source, b->source },
		{ a->peer, b->peer },	    { a->user_agent, b->user_agent },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert(str_eq(texts[i][0], texts[i][1]));
	ck_assert_int_eq(a->q, b->q);
	ck_assert_int_eq(a->secure, b->secure);
	ck_assert_uint_eq(a->requested_s, b->requested_s);
	ck_assert_uint_eq(a->cseq, b->cseq);
	ck_assert_int_eq(a->expires_ms, b->expires_ms);
	ck_assert_int_eq(a->created_ms, b->created_ms);
	ck_assert_int_eq(a->updated_ms, b->updated_ms);
	ck_assert_int_eq(a->transport, b->transport);
}

/* What the registrar holds against its limit: never less than is written, and not much more. */
static void
check_counted_octets(const struct record *record, size_t written)
{
	size_t counted = STR("[]").len;
	for (uint32_t i = 0; i < record->binding_count; i++)
		counted += binding_stored_octets(&record->bindings[i]) + (i > 0);
	ck_assert_uint_le(written, counted);
	ck_assert_uint_le(counted, written + 150 * record->binding_count);
}

static void
round_trip(const struct record *record)
{
	struct record back;
	struct writer w = writer_on(text_buf, sizeof(text_buf));
	rows_bindings_write(&w, record);
	ck_assert(writer_ok(&w));
	check_counted_octets(record, w.len);
	struct str json = guard_copy(writer_text(&w));
	ck_assert(rows_bindings_read(&back, json, &arena));
	ck_assert_uint_eq(back.binding_count, record->binding_count);
	for (uint32_t i = 0; i < back.binding_count; i++)
		assert_same_binding(&back.bindings[i], &record->bindings[i]);
	guard_free(json);
}

/* REG-DB-2, REG-DB-3, REG-10.3.7-17: CSeq of 32 bits, NUL, invalid UTF-8, quotes and backslashes
 * come back */
START_TEST(bindings_survive)
{
	char all[256];
	arena_fresh((size_t)1 << 20);
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	struct binding bindings[2] = {
		odd_binding((struct str){ all, sizeof(all) }),
		{ .id = STR("x"), .uri = STR("sip:a@b"), .call_id = STR("c"), .q = -1 },
	};
	for (uint32_t count = 0; count <= 2; count++)
		round_trip(&(struct record){ .bindings = bindings, .binding_count = count });
	arena_done();
}
END_TEST

/* REG-DB-3: octets drawn at random, of many lengths */
START_TEST(random_bindings_survive)
{
	srand(4711);
	for (int round = 0; round < 300; round++) {
		char octets[300];
		size_t len = (size_t)rand() % sizeof(octets);
		for (size_t i = 0; i < len; i++)
			octets[i] = (char)(rand() & 255);
		struct binding binding = odd_binding((struct str){ octets, len });
		arena_fresh((size_t)1 << 20);
		binding.q = (int16_t)(rand() % 1002 - 1);
		binding.cseq = (uint32_t)rand() * 2;
		binding.transport = (enum transport)(rand() % TRANSPORT_COUNT);
		binding.secure = rand() % 2 == 0;
		round_trip(&(struct record){ .bindings = &binding, .binding_count = 1 });
		arena_done();
	}
}
END_TEST

/* What the view and other programs rely on: docs/schema.md */
START_TEST(json_is_as_documented)
{
	struct binding binding = { .id = STR("i-1"),
				   .uri = STR("sip:a@b"),
				   .display = STR("\"A\""),
				   .q = 500,
				   .requested_s = 60,
				   .expires_ms = 1700000000123,
				   .call_id = STR("c\xff"),
				   .cseq = 7,
				   .transport = TRANSPORT_UDP,
				   .created_ms = 1,
				   .updated_ms = 2 };
	struct record record = { .bindings = &binding, .binding_count = 1 };
	struct writer w = writer_on(text_buf, sizeof(text_buf));
	rows_bindings_write(&w, &record);
	ck_assert(str_eq(writer_text(&w),
			 STR("[{\"id\":\"i-1\",\"u\":\"sip:a@b\",\"d\":\"\\\"A\\\"\",\"q\":500,"
			     "\"r\":60,\"e\":1700000000123,\"c\":\"c\\\\xFF\",\"s\":7,"
			     "\"t\":\"udp\",\"k\":1,\"m\":2}]")));
}
END_TEST

/* Beside a load balancer: whether it was secure is written only when the transport does not say so
 */
START_TEST(security_is_of_the_transport_or_written)
{
	static const struct {
		enum transport transport;
		bool secure;
		const char *expected;
	} cases[] = {
		{ TRANSPORT_TCP, false, "\"t\":\"tcp\",\"f\":\"s\",\"g\":\"p\"" },
		{ TRANSPORT_TCP, true, "\"t\":\"tcp\",\"w\":true,\"f\":\"s\"" },
		{ TRANSPORT_TLS, true, "\"t\":\"tls\",\"f\":\"s\"" },
		{ TRANSPORT_TLS, false, "\"t\":\"tls\",\"w\":false,\"f\":\"s\"" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct binding binding = { .id = STR("1"),
					   .uri = STR("u"),
					   .call_id = STR("c"),
					   .q = -1,
					   .transport = cases[i].transport,
					   .secure = cases[i].secure,
					   .source = STR("s"),
					   .peer = STR("p") };
		struct record back, record = { .bindings = &binding, .binding_count = 1 };
		struct writer w = writer_on(text_buf, sizeof(text_buf) - 1);
		arena_fresh((size_t)1 << 20);
		rows_bindings_write(&w, &record);
		text_buf[w.len] = '\0';
		ck_assert_msg(strstr(text_buf, cases[i].expected) != NULL, "%s", text_buf);
		ck_assert(rows_bindings_read(&back, writer_text(&w), &arena));
		ck_assert_int_eq(back.bindings[0].secure, cases[i].secure);
		ck_assert(str_eq(back.bindings[0].peer, STR("p")));
		arena_done();
	}
}
END_TEST

#define GOOD "\"id\":\"1\",\"u\":\"sip:a@b\",\"c\":\"c\",\"s\":1,\"e\":2"

/* A row that somebody else broke is refused, not guessed at */
START_TEST(other_json_is_refused)
{
	static const char *const broken[] = {
		"",
		"null",
		"{}",
		"[",
		"[1]",
		"[{}]",
		"[{" GOOD "}",
		"[{" GOOD "}] x",
		"[{\"id\":\"1\",\"u\":\"u\",\"c\":\"c\",\"s\":1}]",
		"[{\"u\":\"u\",\"c\":\"c\",\"s\":1,\"e\":2}]",
		"[{" GOOD ",\"d\":1}]",
		"[{" GOOD ",\"d\":\"\\\\x4\"}]",
		"[{" GOOD ",\"q\":1001}]",
		"[{" GOOD ",\"q\":-1}]",
		"[{" GOOD ",\"q\":0.5}]",
		"[{" GOOD ",\"r\":4294967296}]",
		"[{" GOOD ",\"r\":-1}]",
		"[{" GOOD ",\"r\":\"1\"}]",
		"[{" GOOD ",\"t\":\"sctp\"}]",
		"[{" GOOD ",\"t\":0}]",
		"[{" GOOD ",\"k\":9223372036854775808}]",
		"[{" GOOD ",\"w\":\"true\"}]",
		"[{" GOOD ",\"w\":1}]",
	};
	struct record record;
	arena_fresh((size_t)1 << 20);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct str json = guard_copy(str_of(broken[i]));
		ck_assert_msg(!rows_bindings_read(&record, json, &arena), "%s", broken[i]);
		ck_assert_uint_eq(record.binding_count, 0);
		guard_free(json);
	}
	ck_assert(rows_bindings_read(&record, STR("[{" GOOD ",\"new\":[1]}]"), &arena));
	ck_assert_int_eq(record.bindings[0].q, -1);
	arena_done();
}
END_TEST

/* AUT-DB-1's companion in the row (D-03): counts and floor survive to their limits */
START_TEST(marks_survive)
{
	struct nonce_mark marks[MARKS_MAX];
	arena_fresh((size_t)1 << 20);
	for (uint32_t i = 0; i < MARKS_MAX; i++) {
		memset(marks[i].nonce.id, (int)(i * 8), sizeof(marks[i].nonce.id));
		marks[i].nonce.issued_s = UINT32_MAX - i;
		marks[i].nc = i == 0 ? UINT32_MAX : i;
	}
	for (uint32_t count = 0; count <= MARKS_MAX; count++) {
		for (uint32_t floor = 0; floor < 2; floor++) {
			struct record back, record = { .marks = marks,
						       .mark_count = count,
						       .mark_floor_s = floor * UINT32_MAX };
			struct writer w = writer_on(text_buf, sizeof(text_buf));
			rows_marks_write(&w, &record);
			ck_assert(rows_marks_read(&back, writer_text(&w), &arena));
			ck_assert_uint_eq(back.mark_count, count);
			ck_assert_uint_eq(back.mark_floor_s, record.mark_floor_s);
			ck_assert(count == 0 ||
				  memcmp(back.marks, marks, count * sizeof(*marks)) == 0);
		}
	}
	arena_done();
}
END_TEST

#define ID "\"000102030405060708090a0b\""

START_TEST(other_marks_are_refused)
{
	static const char *const broken[] = {
		"",
		"[]",
		"{\"f\":-1}",
		"{\"f\":\"1\"}",
		"{\"f\":4294967296}",
		"{\"m\":{}}",
		"{\"m\":[1]}",
		"{\"m\":[[" ID ",1]]}",
		"{\"m\":[[" ID ",1,2,3]]}",
		"{\"m\":[[" ID ",-1,2]]}",
		"{\"m\":[[" ID ",1,4294967296]]}",
		"{\"m\":[[\"00\",1,2]]}",
		"{\"m\":[[\"000102030405060708090a0g\",1,2]]}",
	};
	struct record record;
	arena_fresh((size_t)1 << 20);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		ck_assert_msg(!rows_marks_read(&record, str_of(broken[i]), &arena), "%s",
			      broken[i]);
		ck_assert_uint_eq(record.mark_count, 0);
		ck_assert_uint_eq(record.mark_floor_s, 0);
	}
	ck_assert(rows_marks_read(&record, STR("{\"m\":[[" ID ",1,2]]}"), &arena));
	arena_done();
}
END_TEST

/* Memory: in an arena of any size the row is read whole or refused */
START_TEST(small_arenas_refuse)
{
	struct binding bindings[2] = { odd_binding(STR("abc")), odd_binding(STR("\xff\\")) };
	struct record record = { .bindings = bindings, .binding_count = 2 };
	struct writer w = writer_on(text_buf, sizeof(text_buf));
	rows_bindings_write(&w, &record);
	bool read = false;
	for (size_t limit = 0; !read; limit += 16) {
		struct record back;
		arena_fresh(limit);
		read = rows_bindings_read(&back, writer_text(&w), &arena);
		ck_assert_uint_eq(back.binding_count, read ? 2 : 0);
		arena_done();
		ck_assert_uint_lt(limit, 4096);
	}
}
END_TEST

SUITE(rows, every_octet_survives, encoding_is_canonical, broken_escapes_are_refused,
      bindings_survive, random_bindings_survive, json_is_as_documented,
      security_is_of_the_transport_or_written, other_json_is_refused, marks_survive,
      other_marks_are_refused, small_arenas_refuse)
