/* A record as one piece of memory: a copy shares nothing with what it was made of. */
#include "registrar/record.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

#include "support/check_main.h"
#include "support/guard.h"

/* Texts of their own, so that they can go before the copy is looked at. */
struct original {
	struct binding bindings[2];
	struct nonce_mark marks[3];
	struct str allowed[2];
	struct record record;
};

static struct binding
binding_named(const char *name, uint32_t cseq)
{
	struct str text = guard_copy(str_of(name));
	return (struct binding){ .id = text,
				 .uri = text,
				 .display = text,
				 .params = text,
				 .q = 500,
				 .requested_s = 60,
				 .expires_ms = 7,
				 .call_id = text,
				 .cseq = cseq,
				 .instance = text,
				 .user_agent = text,
				 .path = text,
				 .node = text,
				 .transport = TRANSPORT_TLS,
				 .secure = true,
				 .source = text,
				 .peer = text,
				 .created_ms = 8,
				 .updated_ms = 9 };
}

static void
make(struct original *original)
{
	*original = (struct original){ 0 };
	original->bindings[0] = binding_named("first", 1);
	original->bindings[1] = binding_named("the second", 2);
	for (uint32_t i = 0; i < 3; i++)
		original->marks[i] =
			(struct nonce_mark){ .nonce = { .issued_s = 10 + i }, .nc = i };
	original->allowed[0] = guard_copy(STR("a@example.com"));
	original->allowed[1] = guard_copy(STR("bb@example.com"));
	original->record = (struct record){
		.exists = true,
		.version = 5,
		.bindings = original->bindings,
		.binding_count = 2,
		.marks = original->marks,
		.mark_count = 3,
		.mark_floor_s = 4,
		.account = { .found = true,
			     .enabled = true,
			     .aor = guard_copy(STR("alice@example.com")),
			     .ha1 = { [DIGEST_MD5] = guard_copy(STR("0123")),
				      [DIGEST_SHA256] = guard_copy(STR("4567")),
				      [DIGEST_SHA512_256] = guard_copy(STR("89ab")) },
			     .may_register = MAY_REGISTER_LIST,
			     .allowed = original->allowed,
			     .allowed_count = 2 },
		.max_contacts = 6,
		.clock_offset_ms = -3,
	};
}

static void
forget(struct original *original)
{
	for (int i = 0; i < 2; i++) {
		guard_free(original->bindings[i].id);
		guard_free(original->allowed[i]);
	}
	guard_free(original->record.account.aor);
	for (int i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
		guard_free(original->record.account.ha1[i]);
	memset(original, 0xEE, sizeof(*original));
}

static void
check_binding(const struct binding *binding, struct str text, uint32_t cseq)
{
	const struct str texts[] = { binding->id,	  binding->uri,	    binding->display,
				     binding->params,	  binding->call_id, binding->instance,
				     binding->user_agent, binding->path,    binding->node,
				     binding->source,	  binding->peer };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert(str_eq(texts[i], text));
	ck_assert_uint_eq(binding->cseq, cseq);
	ck_assert_int_eq(binding->q, 500);
	ck_assert_uint_eq(binding->requested_s, 60);
	ck_assert_int_eq(binding->expires_ms, 7);
	ck_assert_int_eq(binding->transport, TRANSPORT_TLS);
	ck_assert(binding->secure);
	ck_assert_int_eq(binding->created_ms, 8);
	ck_assert_int_eq(binding->updated_ms, 9);
}

static void
check_account(const struct account *account)
{
	ck_assert(account->found && account->enabled);
	ck_assert(str_eq(account->aor, STR("alice@example.com")));
	ck_assert(str_eq(account->ha1[DIGEST_MD5], STR("0123")));
	ck_assert(str_eq(account->ha1[DIGEST_SHA256], STR("4567")));
	ck_assert(str_eq(account->ha1[DIGEST_SHA512_256], STR("89ab")));
	ck_assert_int_eq(account->may_register, MAY_REGISTER_LIST);
	ck_assert_uint_eq(account->allowed_count, 2);
	ck_assert(str_eq(account->allowed[0], STR("a@example.com")));
	ck_assert(str_eq(account->allowed[1], STR("bb@example.com")));
}

START_TEST(a_copy_outlives_what_it_was_made_of)
{
	struct original original;
	make(&original);
	size_t size = record_size(&original.record);
	char *memory = malloc(size);
	const struct record *copy = record_copy(memory, &original.record);
	forget(&original);
	ck_assert_ptr_eq(copy, memory);
	ck_assert(copy->exists);
	ck_assert_int_eq(copy->version, 5);
	ck_assert_uint_eq(copy->binding_count, 2);
	check_binding(&copy->bindings[0], STR("first"), 1);
	check_binding(&copy->bindings[1], STR("the second"), 2);
	ck_assert_uint_eq(copy->mark_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(copy->marks[i].nonce.issued_s, 10 + i);
		ck_assert_uint_eq(copy->marks[i].nc, i);
	}
	ck_assert_uint_eq(copy->mark_floor_s, 4);
	check_account(&copy->account);
	ck_assert_uint_eq(copy->max_contacts, 6);
	ck_assert_int_eq(copy->clock_offset_ms, -3);
	free(memory);
}
END_TEST

/* Not an octet more than was asked for, and every array where its type may be. */
START_TEST(a_copy_has_its_size)
{
	struct original original;
	make(&original);
	size_t size = record_size(&original.record);
	char *behind = malloc(size + 1);
	behind[size] = 'x';
	struct record *copy = record_copy(behind, &original.record);
	ck_assert_int_eq(behind[size], 'x');
	const void *arrays[] = { copy->bindings, copy->marks, copy->account.allowed };
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq((uintptr_t)arrays[i] % alignof(max_align_t), 0);
		ck_assert((const char *)arrays[i] > behind &&
			  (const char *)arrays[i] < behind + size);
	}
	size_t texts = 11 * (5 + 10) + 13 + 14 + 17 + 3 * 4;
	size_t arrays_size = sizeof(struct record) + sizeof(original.bindings) +
			     sizeof(original.marks) + sizeof(original.allowed);
	ck_assert_uint_ge(size, texts + arrays_size);
	ck_assert_uint_le(size, texts + arrays_size + 3 * (alignof(max_align_t) - 1));
	free(behind);
	forget(&original);
}
END_TEST

START_TEST(nothing_is_copied_as_nothing)
{
	const struct record empty = { .version = 1 };
	char *memory = malloc(record_size(&empty));
	const struct record *copy = record_copy(memory, &empty);
	ck_assert_uint_eq(record_size(&empty), sizeof(empty));
	ck_assert(!copy->exists && !copy->account.found);
	ck_assert_uint_eq(copy->binding_count + copy->mark_count + copy->account.allowed_count, 0);
	free(memory);
}
END_TEST

/* D-12: as many as the JSON of the row will have for it, and no fewer */
START_TEST(octets_that_a_text_takes)
{
	static const struct {
		const char *text;
		size_t octets;
	} cases[] = { { "", 0 },
		      { "a", 7 + 1 },
		      { "abc", 7 + 3 },
		      { " ", 7 + 1 },
		      { "~", 7 + 1 },
		      { "\x1f", 7 + 5 },
		      { "\x7f", 7 + 5 },
		      { "\xff", 7 + 5 },
		      { "\\", 7 + 5 },
		      { "\"", 7 + 2 },
		      { "\x01z\"\x80", 7 + 5 + 1 + 2 + 5 } };
	const size_t none = binding_stored_octets(&(struct binding){ 0 });
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct binding binding = { .params = str_of(cases[i].text) };
		ck_assert_uint_eq(binding_stored_octets(&binding) - none, cases[i].octets);
	}
}
END_TEST

SUITE(records, octets_that_a_text_takes, a_copy_outlives_what_it_was_made_of, a_copy_has_its_size,
      nothing_is_copied_as_nothing)
