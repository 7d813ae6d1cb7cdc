/* Connections over loopback: pieces, queues, half-closed peers, caps, ends. */
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../../src/net/internal.h"
#include "world.h"

static void
fill(char *text, size_t len, char letter)
{
	memset(text, letter, len);
	text[len] = '\0';
}

/* TRN-18-4: fifty requests in one write, then the same octet by octet, give the same answers */
START_TEST(any_number_of_pieces)
{
	struct world world;
	struct client client;
	char text[2000], expected[2000];
	struct writer w = writer_on(text, sizeof(text)), e = writer_on(expected, sizeof(expected));
	for (int i = 0; i < 50; i++) {
		writer_printf(&w, "request %d\n", i);
		writer_printf(&e, "re:request %d\n", i);
	}
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	ck_assert_int_eq(write(client.fd, text, w.len), (ssize_t)w.len);
	UNTIL(&world, client_read(&client) >= e.len);
	ck_assert_uint_eq(client.len, e.len);
	ck_assert_mem_eq(client.got, expected, e.len);
	client.len = 0;
	for (size_t i = 0; i < w.len; i++) {
		ck_assert_int_eq(write(client.fd, text + i, 1), 1);
		loop_turn(world.loop, 100);
	}
	UNTIL(&world, client_read(&client) >= e.len);
	ck_assert_mem_eq(client.got, expected, e.len);
	ck_assert_uint_eq(world.lines, 100);
	client_close(&client);
	world_close(&world);
}
END_TEST

/* TRN-18.2.2-1: each answer on the connection of its request, also when they come in turns */
START_TEST(answers_stay_on_their_connection)
{
	struct world world;
	struct client a, b;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "::", NULL);
	client_open(&a, &world);
	client_open(&b, &world);
	client_write(&a, "a1\na");
	client_write(&b, "b1\nb");
	UNTIL(&world, world.lines == 2);
	client_write(&b, "2\n");
	client_write(&a, "2\n");
	UNTIL(&world, client_read(&a) == 12 && client_read(&b) == 12);
	ck_assert_str_eq(a.got, "re:a1\nre:a2\n");
	ck_assert_str_eq(b.got, "re:b1\nre:b2\n");
	ck_assert_int_eq(world.peer.local.ip.family, 6);
	ck_assert(ip_loopback(&world.peer.local.ip)); /* not the wildcard it listens on */
	client_close(&a);
	client_close(&b);
	world_close(&world);
}
END_TEST

/* TRN-18-6: the peer has shut down its sending side and still gets what it is owed */
START_TEST(half_closed_peers_get_their_answers)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	world.hold = true;
	client_open(&client, &world);
	client_write(&client, "one\ntwo\n");
	shutdown(client.fd, SHUT_WR);
	UNTIL(&world, world.lines == 2);
	for (int i = 0; i < 5; i++)
		loop_turn(world.loop, 1);
	ck_assert_uint_eq(world.closes, 0);
	ck_assert(peer_send(world.net, &world.peer, NULL, STR("first\n")));
	peer_owes(world.net, &world.peer, -1);
	UNTIL(&world, client_read(&client) == 6);
	ck_assert(!client.ended);
	ck_assert(peer_send(world.net, &world.peer, NULL, STR("second\n")));
	peer_owes(world.net, &world.peer, -1);
	UNTIL(&world, client_ended(&client));
	ck_assert_str_eq(client.got, "first\nsecond\n");
	ck_assert(!client.broken);
	UNTIL(&world, world.closes == 1);
	ck_assert_int_eq(world.cause, CLOSE_PEER);
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(a_peer_that_is_owed_nothing_goes_at_once)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\nhalf");
	UNTIL(&world, client_read(&client) == 7);
	uint64_t probes = stats->probes;
	shutdown(client.fd, SHUT_WR);
	UNTIL(&world, world.closes == 1 && client_ended(&client));
	ck_assert_int_eq(world.cause, CLOSE_PEER);
	ck_assert_uint_eq(stats->probes, probes);
	ck_assert_uint_eq(net_connections(world.net), 0);
	ck_assert(!peer_send(world.net, &world.peer, NULL, STR("late")));
	client_close(&client);
	world_close(&world);
}
END_TEST

/* TRN-18-5: who does not read is closed at the limit of his queue; others are answered meanwhile */
START_TEST(a_peer_that_never_reads)
{
	struct world world;
	struct client deaf, other;
	struct net_settings settings = *usual_settings();
	char line[8193];
	size_t expected = 0;
	settings.max_output_bytes = 100000;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&deaf, &world);
	client_write(&deaf, "hello\n");
	UNTIL(&world, world.lines == 1);
	struct peer peer = world.peer;
	client_open(&other, &world);
	fill(line, 8192, 'x');
	for (int i = 0; i < 100000 && world.closes == 0; i++) {
		peer_send(world.net, &peer, NULL, str_of(line));
		const struct connection *c = connection_find(world.net, &peer);
		if (c != NULL)
			ck_assert_uint_le(c->out_len - c->out_sent, settings.max_output_bytes);
		loop_turn(world.loop, 0);
		if (i % 100 == 0) {
			expected += 8;
			client_write(&other, "ping\n");
			UNTIL(&world, client_read(&other) == expected);
		}
	}
	ck_assert_uint_eq(world.closes, 1);
	ck_assert_int_eq(world.cause, CLOSE_OUTPUT_FULL);
	ck_assert(!peer_send(world.net, &peer, NULL, STR("more")));
	client_close(&deaf);
	client_close(&other);
	world_close(&world);
}
END_TEST

START_TEST(the_output_limit_holds_to_the_octet)
{
	struct net_settings settings = *usual_settings();
	settings.max_output_bytes = 1000;
	for (int over = 0; over <= 1; over++) {
		struct world world;
		struct client client;
		char text[1002];
		world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
		world.hold = true;
		client_open(&client, &world);
		client_write(&client, "hello\n");
		UNTIL(&world, world.lines == 1);
		fill(text, 1000 + (size_t)over, 'x');
		ck_assert(peer_send(world.net, &world.peer, NULL, str_of(text)) == (over == 0));
		UNTIL(&world, over ? world.closes == 1 : client_read(&client) == 1000);
		client_close(&client);
		world_close(&world);
	}
}
END_TEST

/* What the peer goes on sending must not turn the close into a reset that swallows the answer. */
START_TEST(closing_sends_everything_first)
{
	struct world world;
	struct client client;
	char text[30001];
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	world.hold = true;
	client_open(&client, &world);
	client_write(&client, "hello\n");
	UNTIL(&world, world.lines == 1);
	fill(text, 30000, 'y');
	client_write(&client, text);
	ck_assert(peer_send(world.net, &world.peer, NULL, str_of(text)));
	peer_close(world.net, &world.peer, CLOSE_PROTOCOL);
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(world.closes, 0); /* one answer is still owed */
	ck_assert(peer_send(world.net, &world.peer, NULL, STR("last")));
	peer_owes(world.net, &world.peer, -1);
	UNTIL(&world, client_ended(&client));
	ck_assert(!client.broken);
	ck_assert_uint_eq(client.len, 30004);
	ck_assert_uint_eq(world.lines, 1);
	client_write(&client, "and more\n");
	loop_turn(world.loop, 1);
	close(client.fd);
	client.fd = -1;
	UNTIL(&world, world.closes == 1);
	ck_assert_int_eq(world.cause, CLOSE_PROTOCOL);
	ck_assert_uint_eq(world.lines, 1);
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(an_idle_connection_holds_no_buffer)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "one\nhal");
	UNTIL(&world, client_read(&client) == 7);
	const struct connection *c = connection_find(world.net, &world.peer);
	ck_assert_ptr_nonnull(c->in);
	ck_assert_uint_eq(c->in_len, 3);
	client_write(&client, "f\n");
	UNTIL(&world, client_read(&client) == 15);
	ck_assert_ptr_null(c->in);
	ck_assert_ptr_null(c->out);
	client_close(&client);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-4: nor, with an octet that waits for its message, one that a long message needed */
START_TEST(an_octet_holds_no_large_buffer)
{
	struct world world;
	struct client client;
	static char text[60002];
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	fill(text, 60000, 'x');
	text[59999] = '\n';
	text[60000] = '\r';
	text[60001] = '\0';
	client_write(&client, text);
	UNTIL(&world, client_read(&client) == 60003);
	const struct connection *c = connection_find(world.net, &world.peer);
	UNTIL(&world, c->in_len == 1);
	ck_assert_uint_le(c->in_cap, 4096);
	ck_assert_uint_le(malloc_usable_size(c->in), 8192);
	client_write(&client, "\n");
	UNTIL(&world, client_read(&client) == 60008);
	ck_assert_str_eq(client.got + 60003, "re:\r\n");
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(the_message_limit_holds_to_the_octet)
{
	struct net_settings settings = *usual_settings();
	settings.max_message_bytes = 10000;
	for (int over = 0; over <= 1; over++) {
		struct world world;
		struct client client;
		char text[10002];
		world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
		client_open(&client, &world);
		fill(text, 9999 + (size_t)over, 'x');
		client_write(&client, text);
		UNTIL(&world, world.stream_calls > 0);
		if (!over) {
			client_write(&client, "\n");
			UNTIL(&world, client_read(&client) == 10003);
			ck_assert_uint_eq(world.last_len, 10000);
		} else {
			UNTIL(&world, client_ended(&client));
			ck_assert_uint_eq(world.lines, 0);
			close(client.fd);
			client.fd = -1;
			UNTIL(&world, world.closes == 1);
			ck_assert_int_eq(world.cause, CLOSE_PROTOCOL);
		}
		client_close(&client);
		world_close(&world);
	}
}
END_TEST

/* The user says how much a message needs, and is not asked again before it is there. */
START_TEST(wanted_spares_calls)
{
	struct world world;
	struct client client;
	char text[20009];
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	world.lengths = true;
	world.hold = true;
	client_open(&client, &world);
	memcpy(text, "00020000", 8);
	fill(text + 8, 20000, 'z');
	for (size_t sent = 0; sent < 20008; sent += 8) {
		ck_assert_int_eq(write(client.fd, text + sent, 8), 8);
		loop_turn(world.loop, 100);
	}
	UNTIL(&world, world.lines == 1);
	ck_assert_uint_eq(world.last_len, 20008);
	ck_assert_uint_le(world.stream_calls, 3);
	client_write(&client, "00000002ab00000001"); /* the next ones are not held up by it */
	UNTIL(&world, world.lines == 2);
	client_write(&client, "c");
	UNTIL(&world, world.lines == 3);
	client_close(&client);
	world_close(&world);
}
END_TEST

/* What the user knows of the octets it left comes back with them, and goes with them. */
START_TEST(what_is_known_comes_back)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_write(&client, "on");
	UNTIL(&world, world.stream_calls == 1);
	ck_assert(world.known.searched == 0 && !world.known.judged);
	client_write(&client, "e");
	UNTIL(&world, world.stream_calls == 2);
	ck_assert(world.known.searched == 2 && world.known.judged);
	client_write(&client, "\ntwo");
	UNTIL(&world, world.stream_calls == 3);
	ck_assert_uint_eq(world.known.searched, 3);
	client_write(&client, "\n");
	UNTIL(&world, world.stream_calls == 4);
	ck_assert_uint_eq(world.known.searched, 3);
	client_write(&client, "three");
	UNTIL(&world, world.stream_calls == 5);
	ck_assert(world.known.searched == 0 && !world.known.judged);
	client_close(&client);
	world_close(&world);
}
END_TEST

START_TEST(pausing_holds_back_what_has_arrived)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	world.pause_now = true;
	client_open(&client, &world);
	client_write(&client, "one\ntwo\nthree\n");
	shutdown(client.fd, SHUT_WR);
	for (unsigned line = 1; line <= 3; line++) {
		UNTIL(&world, world.lines == line);
		for (int i = 0; i < 3; i++)
			loop_turn(world.loop, 0);
		ck_assert_uint_eq(world.lines, line);
		ck_assert_uint_eq(world.closes, 0);
		peer_pause(world.net, &world.peer, false);
		ck_assert_uint_eq(world.lines, line); /* never from inside the call */
	}
	UNTIL(&world, world.closes == 1 && client_ended(&client));
	ck_assert_str_eq(client.got, "re:one\nre:two\nre:three\n");
	client_close(&client);
	world_close(&world);
}
END_TEST

/* T18: whoever sends as fast as he can is read from a little at a time, so that a turn of the loop
 * stays short for the others */
START_TEST(the_greedy_take_turns)
{
	enum { OCTETS = 60000, A_TURN = 16384 };
	static char lines[OCTETS];
	struct world world;
	struct client client;
	unsigned turns = 0;
	memset(lines, '\n', sizeof(lines));
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	UNTIL(&world, world.accepts == 1);
	world.hold = true; /* no answers, which would be four times as long */
	ck_assert_int_eq(write(client.fd, lines, sizeof(lines)), OCTETS);
	while (world.lines < OCTETS && ++turns < 1000) {
		unsigned before = world.lines;
		loop_turn(world.loop, 20);
		ck_assert_uint_le(world.lines - before, A_TURN);
	}
	ck_assert_uint_eq(world.lines, OCTETS);
	client_close(&client);
	world_close(&world);
}
END_TEST

/* SEC-26.1.5-2: caps on connections, the net's own and that of its user, who knows the sources */
START_TEST(connections_are_capped)
{
	struct world world;
	struct client clients[3];
	struct net_settings settings = *usual_settings();
	settings.max_connections = 2;
	world_open(&world, &settings, TRANSPORT_TCP, "127.0.0.1", NULL);
	for (int i = 0; i < 3; i++)
		client_open(&clients[i], &world);
	UNTIL(&world, client_ended(&clients[2]));
	ck_assert_uint_eq(net_connections(world.net), 2);
	ck_assert_uint_eq(stats->connections_refused, 1);
	ck_assert_uint_eq(stats->outcomes[REASON_CONNECTION_LIMIT][TRANSPORT_TCP], 1);
	client_close(&clients[0]);
	UNTIL(&world, world.closes == 1);
	client_close(&clients[2]);
	client_open(&clients[2], &world);
	UNTIL(&world, net_connections(world.net) == 2);
	client_close(&clients[1]);
	UNTIL(&world, world.closes == 2);
	world.decline = true;
	client_open(&clients[0], &world);
	UNTIL(&world, client_ended(&clients[0]));
	ck_assert_uint_eq(stats->connections_refused, 2);
	ck_assert_uint_eq(world.closes, 2); /* never accepted, so never closed */
	client_close(&clients[0]);
	client_close(&clients[2]);
	world_close(&world);
}
END_TEST

START_TEST(a_peer_of_the_past_finds_nobody)
{
	struct world world;
	struct client first, second;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&first, &world);
	client_write(&first, "one\n");
	UNTIL(&world, world.lines == 1);
	struct peer past = world.peer;
	client_open(&second, &world);
	UNTIL(&world, world.accepts == 2);
	client_close(&second);
	UNTIL(&world, world.closes == 1);
	ck_assert_uint_eq(world.closed_mark, 2);
	client_close(&first);
	UNTIL(&world, world.closes == 2);
	ck_assert_uint_eq(world.closed_mark, 1);
	client_open(&second, &world);
	client_write(&second, "two\n");
	UNTIL(&world, world.lines == 2);
	ck_assert_uint_eq(world.peer.slot, past.slot);
	ck_assert(!peer_alive(world.net, &past));
	ck_assert(!peer_send(world.net, &past, NULL, STR("not for you")));
	peer_close(world.net, &past, CLOSE_PROTOCOL);
	peer_owes(world.net, &past, 1);
	peer_pause(world.net, &past, true);
	client_write(&second, "three\n");
	UNTIL(&world, client_read(&second) == 16);
	ck_assert_str_eq(second.got, "re:two\nre:three\n");
	client_close(&second);
	world_close(&world);
}
END_TEST

START_TEST(who_comes_and_goes_without_a_word_is_a_probe)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	client_close(&client);
	UNTIL(&world, world.closes == 1);
	ck_assert_uint_eq(stats->probes, 1);
	client_open(&client, &world);
	UNTIL(&world, world.accepts == 2);
	struct linger reset = { 1, 0 };
	setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	client_close(&client);
	UNTIL(&world, world.closes == 2);
	ck_assert_uint_eq(stats->probes, 2);
	world_close(&world);
}
END_TEST

START_TEST(running_out_of_descriptors_is_no_spin)
{
	struct world world;
	struct client client;
	struct rlimit limit, low;
	if (skipped_under_valgrind(__func__, "it hands out descriptors beyond any limit"))
		return;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	int next = dup(0);
	close(next);
	epoll_refuses = 2; /* to take the listener back */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	loop_turn(world.loop, 100);
	uint64_t before = clock_monotonic_ms();
	loop_turn(world.loop, 50);
	ck_assert_uint_ge(clock_monotonic_ms() - before, 25); /* the listener rests */
	ck_assert_uint_eq(world.accepts, 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	client_write(&client, "patience\n");
	UNTIL(&world, client_read(&client) == 12);
	ck_assert_uint_eq(epoll_refuses, 0);
	client_close(&client);
	world_close(&world);
}
END_TEST

static unsigned
count_of(int file, const char *word)
{
	char text[8192] = "";
	unsigned count = 0;
	ck_assert_int_ge(pread(file, text, sizeof(text) - 1, 0), 0);
	for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
		count++;
	return count;
}

/* At the edge of the limit each connection that goes lets one in, and the log hears of it once a
 * second. */
START_TEST(the_edge_of_the_descriptors_is_told_now_and_then)
{
	struct world world;
	struct client clients[6];
	struct rlimit limit, low;
	if (skipped_under_valgrind(__func__, "it hands out descriptors beyond any limit"))
		return;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	for (int i = 0; i < 6; i++)
		client_open(&clients[i], &world);
	int file = memfd_create("log", MFD_CLOEXEC);
	log_output(file);
	log_set_level(LOG_LEVEL_WARNING);
	int next = dup(0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	uint64_t began_ms = clock_monotonic_ms();
	for (unsigned i = 0; i < 6; i++) {
		low.rlim_cur = (rlim_t)next + i;
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
		UNTIL(&world, world.accepts == i);
		world_lapse(&world, 150); /* the listener has found out that there are no more */
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	unsigned told = count_of(file, " warning accept.paused ");
	ck_assert_uint_ge(told, 1);
	ck_assert_uint_le(told, 1 + (clock_monotonic_ms() - began_ms) / 1000);
	log_output(STDERR_FILENO);
	UNTIL(&world, world.accepts == 6);
	for (int i = 0; i < 6; i++)
		client_close(&clients[i]);
	world_close(&world);
}
END_TEST

START_TEST(shutting_down_waits_for_what_is_owed)
{
	struct world world;
	struct client clients[3];
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	world.hold = true;
	for (int i = 0; i < 3; i++)
		client_open(&clients[i], &world);
	client_write(&clients[2], "wait for me\n");
	UNTIL(&world, world.lines == 1 && net_connections(world.net) == 3);
	net_unserve(world.net, world.slot);
	ck_assert_uint_eq(net_shed(world.net, 1), 1);
	UNTIL(&world,
	      client_ended(&clients[0]) + client_ended(&clients[1]) + client_ended(&clients[2]) ==
		      1);
	net_shutdown(world.net);
	ck_assert_uint_eq(net_shed(world.net, 10), 0);
	UNTIL(&world, client_ended(&clients[0]) && client_ended(&clients[1]));
	ck_assert(!client_ended(&clients[2]));
	ck_assert(peer_send(world.net, &world.peer, NULL, STR("here\n")));
	peer_owes(world.net, &world.peer, -1);
	UNTIL(&world, client_ended(&clients[2]));
	ck_assert_str_eq(clients[2].got, "here\n");
	for (int i = 0; i < 3; i++)
		client_close(&clients[i]);
	UNTIL(&world, net_connections(world.net) == 0);
	ck_assert_int_eq(world.cause, CLOSE_SHUTDOWN);
	ck_assert_uint_eq(world.closes, 3);
	world_close(&world);
}
END_TEST

START_TEST(shutting_down_answers_what_has_arrived)
{
	struct world world;
	struct client client;
	world_open(&world, usual_settings(), TRANSPORT_TCP, "127.0.0.1", NULL);
	client_open(&client, &world);
	UNTIL(&world, net_connections(world.net) == 1);
	client_write(&client, "just before\n");
	net_shutdown(world.net); /* no turn of the loop in between */
	UNTIL(&world, client_ended(&client));
	ck_assert_uint_eq(world.lines, 1);
	ck_assert_str_eq(client.got, "re:just before\n");
	client_close(&client);
	world_close(&world);
}
END_TEST

SUITE(stream, any_number_of_pieces, answers_stay_on_their_connection,
      half_closed_peers_get_their_answers, a_peer_that_is_owed_nothing_goes_at_once,
      a_peer_that_never_reads, the_output_limit_holds_to_the_octet, closing_sends_everything_first,
      an_idle_connection_holds_no_buffer, an_octet_holds_no_large_buffer,
      the_message_limit_holds_to_the_octet, wanted_spares_calls, what_is_known_comes_back,
      pausing_holds_back_what_has_arrived, the_greedy_take_turns, connections_are_capped,
      a_peer_of_the_past_finds_nobody, who_comes_and_goes_without_a_word_is_a_probe,
      running_out_of_descriptors_is_no_spin, the_edge_of_the_descriptors_is_told_now_and_then,
      shutting_down_waits_for_what_is_owed, shutting_down_answers_what_has_arrived)
