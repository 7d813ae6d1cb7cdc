/* Who is let in, and when. */
#include "server/gate.h"

#include <stdio.h>

#include "base/table.h"
#include "support/check_main.h"

/* Passes write their letter down when they enter. */
struct guest {
	struct gate_pass pass;
	struct gate *gate;
	char letter;
	bool leaves_at_once;
};
static char entered[2048];
static size_t entered_count;
static unsigned depth, deepest;

static void
on_enter(struct gate_pass *pass)
{
	struct guest *guest = container_of(pass, struct guest, pass);
	entered[entered_count++] = guest->letter;
	entered[entered_count] = '\0';
	if (++depth > deepest)
		deepest = depth;
	if (guest->leaves_at_once)
		gate_leave(guest->gate, pass);
	depth--;
}

static enum gate_answer
come_as(struct gate *gate, struct guest *guest, char letter, const char *key, const char *source,
	bool exempt)
{
	*guest = (struct guest){ .gate = gate, .letter = letter };
	guest->pass.key = str_of(key);
	guest->pass.exempt = exempt;
	guest->pass.enter = on_enter;
	ck_assert(ip_parse(str_of(source), &guest->pass.source));
	return gate_enter(gate, &guest->pass);
}

static enum gate_answer
come(struct gate *gate, struct guest *guest, char letter, const char *key, const char *source)
{
	return come_as(gate, guest, letter, key, source, false);
}

/* Over a connection. */
static enum gate_answer
come_proved(struct gate *gate, struct guest *guest, char letter, const char *key,
	    const char *source)
{
	*guest = (struct guest){ .gate = gate, .letter = letter };
	guest->pass.key = str_of(key);
	guest->pass.proved = true;
	guest->pass.enter = on_enter;
	ck_assert(ip_parse(str_of(source), &guest->pass.source));
	return gate_enter(gate, &guest->pass);
}

static struct gate *
open_gate(size_t capacity)
{
	table_seed();
	entered_count = 0;
	entered[0] = '\0';
	struct gate *gate = gate_open(capacity);
	ck_assert_ptr_nonnull(gate);
	return gate;
}

/* REG-10.3-6: one at a time for an address, in order of arrival; other addresses are not waited
 * for (REG-10.3-8) */
START_TEST(one_at_a_time_in_order)
{
	struct gate *gate = open_gate(8);
	struct guest a, b, c, other;
	ck_assert_int_eq(come(gate, &a, 'a', "alice@x", "192.0.2.1"), GATE_ENTERED);
	ck_assert_int_eq(come(gate, &b, 'b', "alice@x", "192.0.2.1"), GATE_WAIT);
	ck_assert_int_eq(come(gate, &c, 'c', "alice@x", "192.0.2.1"), GATE_WAIT);
	ck_assert_int_eq(come(gate, &other, 'o', "bob@x", "192.0.2.1"), GATE_ENTERED);
	ck_assert_str_eq(entered, "");
	gate_leave(gate, &a.pass);
	ck_assert_str_eq(entered, "b");
	gate_leave(gate, &b.pass);
	gate_leave(gate, &c.pass);
	gate_leave(gate, &other.pass);
	ck_assert_str_eq(entered, "bc");
	ck_assert_int_eq(come(gate, &a, 'a', "alice@x", "192.0.2.1"), GATE_ENTERED);
	gate_leave(gate, &a.pass);
	gate_close(gate);
}
END_TEST

/* SEC-26.1.5-2: eight may wait for one address and source; the ninth may not, unless exempt, or
 * from the same address over a connection, for eight datagrams may be forged */
START_TEST(a_source_may_queue_eight)
{
	struct gate *gate = open_gate(64);
	struct guest inside, guests[GATE_WAITING_PER_SOURCE], ninth, elsewhere, exempt, proved;
	come(gate, &inside, 'i', "alice@x", "192.0.2.1");
	for (int i = 0; i < GATE_WAITING_PER_SOURCE; i++)
		ck_assert_int_eq(come(gate, &guests[i], (char)('0' + i), "alice@x", "192.0.2.1"),
				 GATE_WAIT);
	ck_assert_int_eq(come(gate, &ninth, 'n', "alice@x", "192.0.2.1"), GATE_FULL);
	ck_assert_int_eq(come(gate, &elsewhere, 'e', "alice@x", "192.0.2.2"), GATE_WAIT);
	ck_assert_int_eq(come_as(gate, &exempt, 'x', "alice@x", "192.0.2.1", true), GATE_WAIT);
	ck_assert_int_eq(come_proved(gate, &proved, 'p', "alice@x", "192.0.2.1"), GATE_WAIT);
	gate_leave(gate, &inside.pass);
	gate_leave(gate, &guests[0].pass);
	gate_leave(gate, &elsewhere.pass);
	gate_leave(gate, &exempt.pass);
	gate_leave(gate, &proved.pass);
	for (int i = 1; i < GATE_WAITING_PER_SOURCE; i++)
		gate_leave(gate, &guests[i].pass);
	ck_assert_str_eq(entered, "0exp1234567");
	gate_close(gate);
}
END_TEST

/* SEC-26.1.5-2: so many sources may wait for one address, and one more may not, unless exempt; a
 * place that becomes free is given again */
START_TEST(sources_that_wait_are_bounded)
{
	struct gate *gate = open_gate(256);
	static struct guest inside, guests[GATE_SOURCES_WAITING], more, exempt, proved;
	come(gate, &inside, 'i', "alice@x", "192.0.2.1");
	for (int i = 0; i < GATE_SOURCES_WAITING; i++) {
		char source[32];
		snprintf(source, sizeof(source), "198.51.100.%d", i);
		ck_assert_int_eq(come(gate, &guests[i], 'g', "alice@x", source), GATE_WAIT);
	}
	ck_assert_int_eq(come(gate, &more, 'm', "alice@x", "203.0.113.1"), GATE_CROWD);
	ck_assert_int_eq(come_as(gate, &exempt, 'x', "alice@x", "203.0.113.2", true), GATE_WAIT);
	ck_assert_int_eq(come_proved(gate, &proved, 'p', "alice@x", "203.0.113.3"), GATE_WAIT);
	gate_leave(gate, &inside.pass);
	gate_leave(gate, &guests[0].pass);
	ck_assert_int_eq(come(gate, &more, 'm', "alice@x", "203.0.113.1"), GATE_WAIT);
	for (int i = 1; i < GATE_SOURCES_WAITING; i++)
		gate_leave(gate, &guests[i].pass);
	gate_leave(gate, &exempt.pass);
	gate_leave(gate, &proved.pass);
	gate_leave(gate, &more.pass);
	ck_assert_uint_eq(entered_count, GATE_SOURCES_WAITING + 3);
	gate_close(gate);
}
END_TEST

/* SEC-26.3.2.4-1: sources take turns, so that a stranger's queue delays alice by one request each
 * time */
START_TEST(sources_take_turns)
{
	struct gate *gate = open_gate(64);
	struct guest inside, stranger[6], alice[3];
	come(gate, &inside, 'i', "alice@x", "198.51.100.1");
	for (int i = 0; i < 6; i++)
		come(gate, &stranger[i], 's', "alice@x", "198.51.100.1");
	for (int i = 0; i < 3; i++)
		come(gate, &alice[i], (char)('1' + i), "alice@x", "192.0.2.1");
	gate_leave(gate, &inside.pass);
	for (int i = 0; i < 3; i++) {
		gate_leave(gate, &stranger[i].pass);
		gate_leave(gate, &alice[i].pass);
	}
	for (int i = 3; i < 6; i++)
		gate_leave(gate, &stranger[i].pass);
	ck_assert_str_eq(entered, "s1s2s3sss");
	gate_close(gate);
}
END_TEST

/* A thousand that leave within enter(): a loop, not a thousand frames; and every seat and line
 * comes back (TXN-17.2.2-4). */
START_TEST(a_chain_is_no_recursion)
{
	enum { COUNT = 1000 };
	struct gate *gate = open_gate(COUNT + 1);
	static struct guest inside, guests[COUNT];
	for (int round = 0; round < 3; round++) {
		entered_count = 0;
		ck_assert_int_eq(come(gate, &inside, 'i', "alice@x", "192.0.2.1"), GATE_ENTERED);
		for (int i = 0; i < COUNT; i++) {
			char source[32];
			snprintf(source, sizeof(source), "10.0.%d.%d", i / 250, i % 250);
			ck_assert_int_eq(come_as(gate, &guests[i], 'g', "alice@x", source, true),
					 GATE_WAIT);
			guests[i].leaves_at_once = true;
		}
		gate_leave(gate, &inside.pass);
		ck_assert_uint_eq(entered_count, COUNT);
		ck_assert_uint_eq(deepest, 1);
	}
	gate_close(gate);
}
END_TEST

/* The last seat and one more. */
START_TEST(capacity_is_a_limit)
{
	struct gate *gate = open_gate(2);
	struct guest a, b, c;
	ck_assert_int_eq(come(gate, &a, 'a', "a@x", "192.0.2.1"), GATE_ENTERED);
	ck_assert_int_eq(come(gate, &b, 'b', "b@x", "192.0.2.1"), GATE_ENTERED);
	ck_assert_int_eq(come(gate, &c, 'c', "c@x", "192.0.2.1"), GATE_FULL);
	gate_leave(gate, &a.pass);
	ck_assert_int_eq(come(gate, &c, 'c', "c@x", "192.0.2.1"), GATE_ENTERED);
	gate_leave(gate, &b.pass);
	gate_leave(gate, &c.pass);
	gate_close(gate);
}
END_TEST

/* A key lives as long as its request: the gate keeps none of one that has left. */
START_TEST(keys_go_with_their_requests)
{
	struct gate *gate = open_gate(8);
	struct guest a, b, c;
	char first[] = "alice@x", second[] = "alice@x";
	come(gate, &a, 'a', first, "192.0.2.1");
	come(gate, &b, 'b', second, "192.0.2.1");
	gate_leave(gate, &a.pass);
	memset(first, 'z', sizeof(first) - 1);
	ck_assert_int_eq(come(gate, &c, 'c', "alice@x", "192.0.2.1"), GATE_WAIT);
	gate_leave(gate, &b.pass);
	gate_leave(gate, &c.pass);
	ck_assert_str_eq(entered, "bc");
	gate_close(gate);
}
END_TEST

SUITE(gate, one_at_a_time_in_order, keys_go_with_their_requests, a_source_may_queue_eight,
      sources_that_wait_are_bounded, sources_take_turns, a_chain_is_no_recursion,
      capacity_is_a_limit)
