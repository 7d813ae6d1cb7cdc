/* Deadlines of a few dozen milliseconds, waited for by the loop itself. */
#include <poll.h>

#include "world.h"

#define SHORT_MS 50

static void
closed_as(struct world *world, struct client *client, enum close_cause cause)
{
	UNTIL(world, client_ended(client));
	ck_assert(!client->broken);
	close(client->fd);
	client->fd = -1;
	UNTIL(world, world->closes == 1);
	ck_assert_int_eq(world->cause, cause);
	client_close(client);
}

/* SEC-26.1.5-4: a connection without a request is closed in time, not before, and keep-alives are
 * no request */
START_TEST(no_first_message)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.first_message_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	world.silent = true;
	client_open(&client, &world);
	client_write(&client, "\n");
	UNTIL(&world, world.lines == 1);
	peer_saw_keepalive(world.net, &world.peer);
	uint64_t accepted = loop_now_ms(world.loop);
	closed_as(&world, &client, CLOSE_FIRST_MESSAGE);
	ck_assert_uint_ge(loop_now_ms(world.loop) - accepted + 10, SHORT_MS);
	ck_assert_uint_eq(stats->outcomes[REASON_FIRST_MESSAGE_TIMEOUT][TRANSPORT_TCP], 1);
	world_close(&world);
}
END_TEST

/* TRN-18.3-5, SEC-26.1.5-4: the first message is only to begin within its time, and then has the
 * time of any message; what turns out to be none is judged by the first again */
START_TEST(a_first_message_that_takes_its_time)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.first_message_timeout_ms = 2 * SHORT_MS;
	settings.message_timeout_ms = 8 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "sl");
	world_lapse(&world, 5 * SHORT_MS);
	ck_assert_uint_eq(world.closes, 0);
	client_write(&client, "ow\n");
	UNTIL(&world, client_read(&client) == 8);
	client_close(&client);
	UNTIL(&world, world.closes == 1);
	world.closes = 0;

	client_open(&client, &world);
	client_write(&client, "never whole");
	closed_as(&world, &client, CLOSE_MESSAGE);
	world.closes = 0;

	client_open(&client, &world);
	client_write(&client, "no");
	world_lapse(&world, 3 * SHORT_MS);
	world.blanks = true; /* it was none */
	client_write(&client, "ne");
	closed_as(&world, &client, CLOSE_FIRST_MESSAGE);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-4, TRN-18.3-5: a message that has begun must be whole in time, however its octets
 * drip; the time starts with its first octet */
START_TEST(a_message_in_drips)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.message_timeout_ms = 4 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "whole\n");
	UNTIL(&world, world.lines == 1);
	uint64_t begun = clock_monotonic_ms();
	while (world.closes == 0 && clock_monotonic_ms() < begun + GENEROUS_MS) {
		if (write(client.fd, "d", 1) < 0 || client_ended(&client))
			break;
		world_lapse(&world, 10);
	}
	closed_as(&world, &client, CLOSE_MESSAGE);
	ck_assert_uint_ge(clock_monotonic_ms() - begun, 4 * SHORT_MS);
	ck_assert_uint_eq(world.lines, 1);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-4: half a keep-alive is not the beginning of a message, however long it
 * waits for its other half */
START_TEST(half_a_keepalive_is_never_late)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.message_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	world.blanks = true;
	client_write(&client, "\r");
	world_lapse(&world, 3 * SHORT_MS);
	ck_assert_uint_eq(world.closes, 0);
	world.blanks = false;
	client_write(&client, "ne");
	closed_as(&world, &client, CLOSE_MESSAGE);
	world_close(&world);
}
END_TEST

START_TEST(whole_messages_are_never_late)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.message_timeout_ms = settings.first_message_timeout_ms = 6 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	/* the end of one and the beginning of the next together, each pair in time, all of them not
	 */
	client_write(&client, "first\nne");
	for (unsigned i = 1; i <= 8; i++) {
		UNTIL(&world, world.lines == i);
		world_lapse(&world, SHORT_MS);
		client_write(&client, "xt\nne");
	}
	UNTIL(&world, world.lines == 9);
	ck_assert_uint_eq(world.closes, 0);
	closed_as(&world, &client, CLOSE_MESSAGE);
	world_close(&world);
}
END_TEST

START_TEST(while_paused_the_peer_is_not_late)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.message_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	world.pause_now = true;
	client_open(&client, &world);
	client_write(&client, "one\ntw");
	UNTIL(&world, world.lines == 1);
	world_lapse(&world, 2 * SHORT_MS);
	ck_assert_uint_eq(world.closes, 0);
	peer_pause(world.net, &world.peer, false);
	client_write(&client, "o\nth");
	UNTIL(&world, world.lines == 2);
	peer_pause(world.net, &world.peer, false);
	closed_as(&world, &client, CLOSE_MESSAGE);
	world_close(&world);
}
END_TEST

START_TEST(idle_connections_close_and_keepalives_count)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.idle_timeout_ms = 6 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	for (int i = 0; i < 8; i++) {
		world_lapse(&world, SHORT_MS);
		peer_saw_keepalive(world.net, &world.peer);
	}
	ck_assert_uint_eq(world.closes, 0);
	closed_as(&world, &client, CLOSE_IDLE);
	world_close(&world);
}
END_TEST

/* The only binding of that client. */
static void
carry(struct world *world, unsigned whose, uint64_t until_ms)
{
	struct carried carried = { whose, until_ms, until_ms };
	peer_carries_binding(world->net, &world->peer, &carried);
}

/* SEC-26.1.5-4: the idle limit does not apply to a connection that carries a binding, and does
 * again when the binding has ended */
START_TEST(a_binding_suspends_the_idle_limit)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.idle_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	uint64_t until = loop_now_ms(world.loop) + 5 * SHORT_MS;
	carry(&world, 1, until);
	carry(&world, 2, until - 3 * SHORT_MS); /* another one */
	world_lapse(&world, 3 * SHORT_MS);
	ck_assert(!client_ended(&client));
	closed_as(&world, &client, CLOSE_IDLE);
	ck_assert_uint_ge(loop_now_ms(world.loop), until);
	world_close(&world);
}
END_TEST

/* What is being closed carries nothing any more, though what it is owed may take a while. */
START_TEST(a_binding_is_carried_until_the_close)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	uint64_t until = loop_now_ms(world.loop) + GENEROUS_MS;
	ck_assert_uint_eq(peer_bound_until_ms(world.net, &world.peer), 0);
	carry(&world, 1, until);
	ck_assert_uint_eq(peer_bound_until_ms(world.net, &world.peer), until);
	peer_owes(world.net, &world.peer, 1);
	peer_close(world.net, &world.peer, CLOSE_UNWANTED);
	ck_assert(peer_alive(world.net, &world.peer));
	ck_assert_uint_eq(peer_bound_until_ms(world.net, &world.peer), 0);
	peer_owes(world.net, &world.peer, -1);
	closed_as(&world, &client, CLOSE_UNWANTED);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-4: once the only client has taken its binding away the connection is as any other */
START_TEST(a_binding_that_is_removed_suspends_nothing)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.idle_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	uint64_t until = loop_now_ms(world.loop) + GENEROUS_MS;
	carry(&world, 1, until);
	struct carried less = { 1, until - GENEROUS_MS / 2, until };
	peer_carries_binding(world.net, &world.peer, &less); /* it has another one there */
	world_lapse(&world, 3 * SHORT_MS);
	ck_assert(!client_ended(&client));
	carry(&world, 2, 0); /* it has never had one */
	carry(&world, 1, 0);
	closed_as(&world, &client, CLOSE_IDLE);
	ck_assert_uint_lt(loop_now_ms(world.loop), until - GENEROUS_MS / 2);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-4: what several have one of them does not end */
START_TEST(a_connection_of_several_keeps_the_latest_end)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.idle_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	uint64_t until = loop_now_ms(world.loop) + GENEROUS_MS;
	carry(&world, 1, until);
	carry(&world, 2, until);
	carry(&world, 1, 0);
	world_lapse(&world, 3 * SHORT_MS);
	ck_assert(!client_ended(&client));
	client_close(&client);
	world_close(&world);
}
END_TEST

/* … and when all of them have come to their end, who comes next is alone again. */
START_TEST(several_that_have_ended_are_forgotten)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.idle_timeout_ms = 6 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	uint64_t start = loop_now_ms(world.loop);
	carry(&world, 1, start + SHORT_MS);
	carry(&world, 2, start + SHORT_MS);
	world_lapse(&world, 2 * SHORT_MS);
	carry(&world, 3, start + GENEROUS_MS);
	carry(&world, 3, 0);
	closed_as(&world, &client, CLOSE_IDLE);
	ck_assert_uint_lt(loop_now_ms(world.loop), start + GENEROUS_MS / 2);
	world_close(&world);
}
END_TEST

START_TEST(who_is_owed_an_answer_is_not_idle)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.idle_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	world.hold = true;
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	world_lapse(&world, 3 * SHORT_MS);
	client_write(&client, "two\n");
	UNTIL(&world, world.lines == 2);
	ck_assert_uint_eq(world.closes, 0);
	peer_owes(world.net, &world.peer, -2);
	closed_as(&world, &client, CLOSE_IDLE);
	world_close(&world);
}
END_TEST

/* TRN-18-2: nothing but the idle limit ends a quiet connection that has spoken once */
START_TEST(quiet_connections_stay)
{
	struct world world;
	struct client client;
	struct net_settings settings = *usual_settings();
	settings.first_message_timeout_ms = settings.message_timeout_ms = SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\n");
	UNTIL(&world, world.lines == 1);
	world_lapse(&world, 3 * SHORT_MS);
	ck_assert_uint_eq(world.closes, 0);
	client_write(&client, "two\n");
	UNTIL(&world, client_read(&client) == 14);
	client_close(&client);
	world_close(&world);
}
END_TEST

enum { CROWD = 100 }; /* more than a turn has events for */

/* Nothing turns for longer than any deadline, while each of them sends this. */
static void
stand_still(struct client *clients, const char *text)
{
	for (int i = 0; i < CROWD; i++)
		client_write(&clients[i], text);
	poll(NULL, 0, 4 * SHORT_MS);
}

static void
crowd_gathers(struct world *world, struct client *clients)
{
	for (int i = 0; i < CROWD; i++)
		client_open(&clients[i], world);
	UNTIL(world, world->accepts == CROWD);
}

static void
crowd_leaves(struct world *world, struct client *clients)
{
	for (int i = 0; i < CROWD; i++)
		client_close(&clients[i]);
	UNTIL(world, world->closes == CROWD);
	world_close(world);
}

/* SEC-26.1.5-4: it is not the peer who is late when the process stood still: his first message, the
 * rest of one, and another after a silence have come in time */
START_TEST(what_has_arrived_is_not_late)
{
	static char rest[50001];
	struct world world;
	struct client clients[CROWD];
	struct net_settings settings = *usual_settings();
	memset(rest, 'x', sizeof(rest) - 1);
	rest[sizeof(rest) - 2] = '\n';
	settings.first_message_timeout_ms = settings.message_timeout_ms = 2 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	crowd_gathers(&world, clients);
	stand_still(clients, "one\n");
	UNTIL(&world, world.lines == CROWD);
	for (int i = 0; i < CROWD; i++)
		client_write(&clients[i], "be");
	for (int i = 0; i < 3; i++)
		loop_turn(world.loop, 1);
	stand_still(clients, rest);
	UNTIL(&world, world.lines == 2 * CROWD);
	settings.idle_timeout_ms = 2 * SHORT_MS;
	net_configure(world.net, &settings);
	for (int i = 0; i < CROWD; i++)
		client_write(&clients[i], "two\n"); /* starts the new limit */
	UNTIL(&world, world.lines == 3 * CROWD);
	stand_still(clients, "three\n");
	UNTIL(&world, world.lines == 4 * CROWD);
	ck_assert_uint_eq(world.closes, 0);
	crowd_leaves(&world, clients);
}
END_TEST

/* SEC-26.1.5-4, TRN-18.3-5: what has arrived and is no message spares nobody */
START_TEST(what_has_arrived_must_be_enough)
{
	struct world world;
	struct client clients[CROWD];
	struct net_settings settings = *usual_settings();
	settings.message_timeout_ms = 2 * SHORT_MS;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	crowd_gathers(&world, clients);
	for (int i = 0; i < CROWD; i++)
		client_write(&clients[i], "half");
	UNTIL(&world, world.stream_calls == CROWD);
	stand_still(clients, " of it");
	loop_turn(world.loop, 1);
	UNTIL(&world, client_ended(&clients[CROWD - 1]));
	crowd_leaves(&world, clients);
	ck_assert_int_eq(world.cause, CLOSE_MESSAGE);
	ck_assert_uint_eq(stats->connections_closed[TRANSPORT_TCP][CLOSE_MESSAGE], CROWD);
}
END_TEST

SUITE(deadline, no_first_message, a_first_message_that_takes_its_time, a_message_in_drips,
      half_a_keepalive_is_never_late, whole_messages_are_never_late,
      while_paused_the_peer_is_not_late, idle_connections_close_and_keepalives_count,
      a_binding_suspends_the_idle_limit, a_binding_is_carried_until_the_close,
      a_binding_that_is_removed_suspends_nothing, a_connection_of_several_keeps_the_latest_end,
      several_that_have_ended_are_forgotten, who_is_owed_an_answer_is_not_idle,
      quiet_connections_stay, what_has_arrived_is_not_late, what_has_arrived_must_be_enough)
