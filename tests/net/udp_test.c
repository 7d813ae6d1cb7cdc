/* Datagrams over loopback, which has as many addresses as one likes. */
#include <linux/sock_diag.h>

#include "world.h"

static size_t
datagram_read(int fd, char *buf, size_t cap)
{
	ssize_t count = recv(fd, buf, cap, MSG_DONTWAIT);
	return count < 0 ? 0 : (size_t)count;
}

/* TRN-3581-4: the client's socket is connected, so it hears an answer only when that comes from the
 * very address and port it wrote to */
START_TEST(answers_leave_from_where_the_request_arrived)
{
	static const struct {
		const char *bind, *to;
	} cases[] = {
		{ "0.0.0.0", "127.0.0.1" },
		{ "0.0.0.0", "127.0.0.2" },
		{ "0.0.0.0", "127.9.8.7" },
		{ "127.0.0.3", "127.0.0.3" },
		{ "::", "::1" },
		{ "::1", "::1" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world;
		char buf[64];
		size_t len = 0;
		struct endpoint to;
		world_open(&world, usual_settings(), TRANSPORT_UDP, cases[i].bind, NULL);
		int fd = connected_socket(SOCK_DGRAM, cases[i].to, world.at.port);
		ck_assert_int_eq(send(fd, "hello", 5, 0), 5);
		UNTIL(&world, (len = datagram_read(fd, buf, sizeof(buf))) > 0);
		ck_assert_uint_eq(len, 5);
		ck_assert_mem_eq(buf, "hello", 5);
		ck_assert(ip_parse(str_of(cases[i].to), &to.ip));
		to.port = world.at.port;
		ck_assert(endpoint_equal(&world.peer.local, &to));
		ck_assert_int_eq(world.peer.transport, TRANSPORT_UDP);
		close(fd);
		world_close(&world);
	}
}
END_TEST

/* TRN-18.1.1-1, TRN-18.1.1-2: large datagrams both ways, up to the last octet that fits, and no
 * "don't fragment" */
START_TEST(large_datagrams_pass)
{
	static const size_t sizes[] = { 1, 1500, 60000, 65507 };
	struct world world;
	char *sent = malloc(65508), *got = malloc(65536);
	int value;
	socklen_t value_len = sizeof(value);
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t len = 0;
		for (size_t at = 0; at < sizes[i]; at++)
			sent[at] = (char)(at * 7 + i);
		ck_assert_int_eq(send(fd, sent, sizes[i], 0), (ssize_t)sizes[i]);
		UNTIL(&world, (len = datagram_read(fd, got, 65536)) > 0);
		ck_assert_uint_eq(len, sizes[i]);
		ck_assert_mem_eq(got, sent, len);
	}
	uint64_t before = stats->udp_truncated;
	ck_assert(!peer_send(world.net, &world.peer, NULL, (struct str){ sent, 65508 }));
	ck_assert_uint_eq(stats->udp_truncated, before + 1);
	ck_assert_int_eq(
		getsockopt(world.listener, IPPROTO_IP, IP_MTU_DISCOVER, &value, &value_len), 0);
	ck_assert_int_eq(value, IP_PMTUDISC_DONT);
	ck_assert_int_eq(getsockopt(world.listener, SOL_SOCKET, SO_RCVBUF, &value, &value_len), 0);
	ck_assert_int_gt(value, 262144);
	ck_assert_int_eq(getsockopt(world.listener, SOL_SOCKET, SO_SNDBUF, &value, &value_len), 0);
	ck_assert_int_gt(value, 262144); /* twice what Linux grants to everybody */
	ck_assert_uint_eq(stats->udp_send_buffer, (uint64_t)value / 2);
	free(sent);
	free(got);
	close(fd);
	world_close(&world);
}
END_TEST

/* TRN-18.4-1: the port of the answer is closed; the kernel says so by ICMP and nothing comes of it
 */
START_TEST(unreachable_peers_do_no_harm)
{
	struct world world;
	char buf[8];
	size_t len = 0;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	int gone = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	ck_assert_int_eq(send(gone, "gone", 4, 0), 4);
	close(gone);
	UNTIL(&world, world.datagrams == 1);
	for (int i = 0; i < 100; i++)
		ck_assert(peer_send(world.net, &world.peer, NULL, STR("nobody")));
	loop_turn(world.loop, 0);
	loop_turn(world.loop, 0);
	uint64_t before = clock_monotonic_ms();
	loop_turn(world.loop, 100); /* with an error left over it would not wait */
	ck_assert_uint_ge(clock_monotonic_ms() - before, 50);
	ck_assert_int_eq(send(fd, "there", 5, 0), 5);
	UNTIL(&world, (len = datagram_read(fd, buf, sizeof(buf))) > 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_uint_eq(world.datagrams, 2);
	close(fd);
	world_close(&world);
}
END_TEST

START_TEST(a_target_replaces_the_source)
{
	struct world world;
	char buf[8];
	size_t len = 0;
	struct endpoint target;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	int other = bound_socket(SOCK_DGRAM, "127.0.0.1", &target);
	ck_assert_int_eq(send(fd, "ask", 3, 0), 3);
	UNTIL(&world, world.datagrams == 1);
	ck_assert(peer_send(world.net, &world.peer, &target, STR("over")));
	UNTIL(&world, (len = datagram_read(other, buf, sizeof(buf))) > 0);
	ck_assert_mem_eq(buf, "over", 4);
	close(fd);
	close(other);
	world_close(&world);
}
END_TEST

START_TEST(a_flood_is_worked_off_turn_by_turn)
{
	struct world world;
	char buf[8];
	unsigned answers = 0;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(send(fd, "flood", 5, 0), 5);
	loop_turn(world.loop, 100);
	ck_assert_uint_eq(world.datagrams, 128);
	loop_turn(world.loop, 100);
	ck_assert_uint_eq(world.datagrams, 200);
	while (datagram_read(fd, buf, sizeof(buf)) > 0)
		answers++;
	ck_assert_uint_eq(answers, 200);
	close(fd);
	world_close(&world);
}
END_TEST

/* What is let go of at once does not hold up what comes behind it. */
START_TEST(what_is_no_work_is_read_on)
{
	struct world world;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	world.idle = true;
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(send(fd, "flood", 5, 0), 5);
	loop_turn(world.loop, 100);
	ck_assert_uint_eq(world.datagrams, 200);
	close(fd);
	world_close(&world);
}
END_TEST

START_TEST(a_socket_no_longer_served_is_silent)
{
	struct world world;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	ck_assert_int_eq(send(fd, "one", 3, 0), 3);
	UNTIL(&world, world.datagrams == 1);
	ck_assert(peer_alive(world.net, &world.peer));
	net_unserve(world.net, world.slot);
	ck_assert(!peer_alive(world.net, &world.peer));
	ck_assert(!peer_send(world.net, &world.peer, NULL, STR("late")));
	ck_assert_int_eq(send(fd, "two", 3, 0), 3);
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(world.datagrams, 1);
	int again = net_serve(world.net, world.listener, TRANSPORT_UDP, &world.at, NULL);
	ck_assert_int_eq(again, world.slot); /* the slot is used again, the old peer is not */
	ck_assert(!peer_alive(world.net, &world.peer));
	UNTIL(&world, world.datagrams == 2);
	ck_assert_int_eq(net_serve(world.net, -1, TRANSPORT_UDP, &world.at, NULL), -1);
	close(fd);
	world_close(&world);
}
END_TEST

START_TEST(a_deaf_socket_still_answers)
{
	struct world world;
	char buf[8];
	size_t len = 0;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	ck_assert_int_eq(send(fd, "one", 3, 0), 3);
	UNTIL(&world, world.datagrams == 1);
	UNTIL(&world, datagram_read(fd, buf, sizeof(buf)) > 0);
	net_deafen(world.net, world.slot);
	ck_assert_int_eq(send(fd, "two", 3, 0), 3);
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(world.datagrams, 1);
	ck_assert(peer_send(world.net, &world.peer, NULL, STR("late")));
	UNTIL(&world, (len = datagram_read(fd, buf, sizeof(buf))) > 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(buf, "late", 4);
	close(fd);
	world_close(&world);
}
END_TEST

static int refused_sends, refusal;
int __real_sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags);
int
__wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags)
{
	if (refused_sends == 0)
		return __real_sendmmsg(fd, headers, count, flags);
	refused_sends--;
	errno = refusal;
	return -1;
}

static unsigned
heard(int fd)
{
	char buf[64];
	unsigned count = 0;
	while (datagram_read(fd, buf, sizeof(buf)) > 0)
		count++;
	return count;
}

/* A socket that has asked something and was answered. */
static int
acquaintance(struct world *world)
{
	unsigned before = world->datagrams;
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world->at.port);
	ck_assert_int_eq(send(fd, "ask", 3, 0), 3);
	UNTIL(world, world->datagrams == before + 1);
	UNTIL(world, heard(fd) == 1);
	return fd;
}

/* Loopback hands over at once, so its buffer is never full. What does not fit is lost, as on the
 * way, and counted; any other error costs the first datagram alone */
START_TEST(a_full_buffer_loses_answers)
{
	static const struct {
		int error;
		unsigned lost, arrived;
	} cases[] = { { EAGAIN, 3, 0 }, { ENOBUFS, 3, 0 }, { EPERM, 0, 2 } };
	struct world world;
	char buf[8];
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	ck_assert_int_eq(send(fd, "ask", 3, 0), 3);
	UNTIL(&world, world.datagrams == 1);
	UNTIL(&world, datagram_read(fd, buf, sizeof(buf)) > 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = stats->udp_send_full;
		unsigned arrived = 0;
		refusal = cases[i].error;
		refused_sends = 1;
		for (int n = 0; n < 3; n++)
			ck_assert(peer_send(world.net, &world.peer, NULL, STR("one")));
		loop_turn(world.loop, 0);
		ck_assert_uint_eq(stats->udp_send_full - before, cases[i].lost);
		ck_assert(peer_send(world.net, &world.peer, NULL, STR("last")));
		for (size_t len = 0; len != 4;) {
			UNTIL(&world, (len = datagram_read(fd, buf, sizeof(buf))) > 0);
			arrived += len == 3;
		}
		ck_assert_uint_eq(arrived, cases[i].arrived);
	}
	close(fd);
	world_close(&world);
}
END_TEST

/* The answers to those who have proved a password wait for the next turn, in order and beside what
 * comes then; but not for longer than until they are asked for again, nor more than have room. */
START_TEST(a_full_buffer_keeps_the_answers_that_count)
{
	struct world world;
	char buf[8];
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = acquaintance(&world);
	struct peer stranger = world.peer, proved = world.peer;
	proved.proved = true;
	uint64_t before = stats->udp_send_full;
	refusal = EAGAIN;
	refused_sends = 2;
	ck_assert(peer_send(world.net, &stranger, NULL, STR("stranger")));
	ck_assert(peer_send(world.net, &proved, NULL, STR("1")));
	ck_assert(peer_send(world.net, &stranger, NULL, STR("stranger")));
	ck_assert(peer_send(world.net, &proved, NULL, STR("22")));
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(stats->udp_send_full - before, 2);
	ck_assert(peer_send(world.net, &proved, NULL, STR("333")));
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(heard(fd), 0);
	loop_turn(world.loop, 0);
	for (size_t len = 1; len <= 3; len++)
		ck_assert_uint_eq(datagram_read(fd, buf, sizeof(buf)), len);
	ck_assert_uint_eq(stats->udp_send_full - before, 2);
	refused_sends = 2; /* and though nothing else happens */
	ck_assert(peer_send(world.net, &proved, NULL, STR("4444")));
	for (int turn = 0; turn < 3; turn++)
		loop_turn(world.loop, 5000);
	ck_assert_uint_eq(heard(fd), 1);
	refused_sends = 1000000;
	for (int i = 0; i < 40; i++)
		ck_assert(peer_send(world.net, &proved, NULL, STR("late")));
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(stats->udp_send_full - before, 2 + 40 - 32);
	world_lapse(&world, 500);
	ck_assert_uint_eq(stats->udp_send_full - before, 2 + 40);
	refused_sends = 0;
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(heard(fd), 0);
	close(fd);
	world_close(&world);
}
END_TEST

START_TEST(what_waits_goes_with_its_socket)
{
	struct world world;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = acquaintance(&world);
	uint64_t before = stats->udp_send_full;
	world.peer.proved = true;
	refusal = EAGAIN;
	refused_sends = 2;
	ck_assert(peer_send(world.net, &world.peer, NULL, STR("one")));
	loop_turn(world.loop, 0);
	net_unserve(world.net, world.slot);
	ck_assert_uint_eq(stats->udp_send_full - before, 1);
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(heard(fd), 0);
	close(fd);
	world_close(&world);
}
END_TEST

static unsigned quarters; /* that a send buffer seems to be full by */
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int
__wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	int result = __real_getsockopt(fd, level, option, value, len);
	if (result == 0 && level == SOL_SOCKET && option == SO_MEMINFO && quarters > 0) {
		uint32_t *memory = value;
		memory[SK_MEMINFO_WMEM_ALLOC] = memory[SK_MEMINFO_SNDBUF] / 4 * quarters + 4;
	}
	return result;
}

/* Somebody fills the buffer with answers that wait for neighbours who are not there: each stranger
 * gets one in a while then, and none when it is nearly full; who has proved a password does. */
START_TEST(strangers_wait_when_the_buffer_fills)
{
	static const struct {
		unsigned quarters, sent, arrive;
		bool proved;
	} cases[] = {
		{ 0, 5, 5, false }, { 1, 5, 0, false }, { 1, 5, 5, true },
		{ 3, 5, 0, false }, { 3, 5, 5, true },	{ 0, 5, 5, false },
	};
	struct world world;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = acquaintance(&world);
	struct endpoint elsewhere;
	int other = bound_socket(SOCK_DGRAM, "127.0.0.9", &elsewhere);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer peer = world.peer;
		uint64_t before = stats->udp_send_full;
		peer.proved = cases[i].proved;
		quarters = cases[i].quarters;
		world_lapse(&world, 2);
		for (unsigned n = 0; n < cases[i].sent; n++)
			ck_assert(peer_send(world.net, &peer, NULL, STR("one")));
		loop_turn(world.loop, 0);
		ck_assert_uint_eq(heard(fd), cases[i].arrive);
		ck_assert_uint_eq(stats->udp_send_full - before, cases[i].sent - cases[i].arrive);
	}
	for (quarters = 3; quarters >= 2; quarters--) {
		world_lapse(&world, 2);
		for (int n = 0; n < 5; n++)
			ck_assert(peer_send(world.net, &world.peer, &elsewhere, STR("one")));
		loop_turn(world.loop, 0);
		ck_assert_uint_eq(heard(other), quarters == 2);
	}
	quarters = 0;
	close(fd);
	close(other);
	world_close(&world);
}
END_TEST

/* The loop's clock runs ahead by what a test does not wait for. */
static uint64_t skipped_us;
uint64_t __real_clock_monotonic_us(void);
uint64_t __wrap_clock_monotonic_us(void);
uint64_t
__wrap_clock_monotonic_us(void)
{
	return __real_clock_monotonic_us() + skipped_us;
}

static void
skip(struct world *world, uint64_t ms)
{
	skipped_us += ms * 1000;
	loop_turn(world->loop, 0);
}

/* Of five answers to somebody who has proved nothing, so many arrive. */
static unsigned
arriving(struct world *world, const struct endpoint *to, int fd)
{
	for (int n = 0; n < 5; n++)
		ck_assert(peer_send(world->net, &world->peer, to, STR("one")));
	loop_turn(world->loop, 0);
	return heard(fd);
}

static void
prove(struct world *world, const struct endpoint *at)
{
	struct peer peer = world->peer;
	peer.proved = true;
	ck_assert(peer_send(world->net, &peer, at, STR("proved")));
}

/* It takes three seconds until the kernel has given up a neighbour. */
START_TEST(a_stranger_is_answered_again_in_a_while)
{
	struct world world;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = acquaintance(&world);
	quarters = 1;
	skip(&world, 1500);
	ck_assert_uint_eq(arriving(&world, NULL, fd), 0);
	skip(&world, 1500);
	ck_assert_uint_eq(arriving(&world, NULL, fd), 1);
	quarters = 0;
	skipped_us = 0;
	close(fd);
	world_close(&world);
}
END_TEST

/* One of the phones behind an address has shown a password: the others may ask for their challenges
 * at once, for an hour, and nobody else may; the last quarter is not for challenges. */
START_TEST(phones_of_an_address_that_proved_itself_are_answered)
{
	struct world world;
	struct endpoint phone, other, stranger;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	close(acquaintance(&world));
	int fd = bound_socket(SOCK_DGRAM, "127.0.0.8", &phone);
	int other_fd = bound_socket(SOCK_DGRAM, "127.0.0.8", &other);
	int stranger_fd = bound_socket(SOCK_DGRAM, "127.0.0.9", &stranger);
	quarters = 3;
	prove(&world, &phone);
	loop_turn(world.loop, 0);
	ck_assert_uint_eq(heard(fd), 1);
	for (; quarters > 0; quarters--) {
		world_lapse(&world, 2);
		ck_assert_uint_eq(arriving(&world, &other, other_fd), quarters == 3 ? 0 : 5);
		ck_assert_uint_eq(arriving(&world, &stranger, stranger_fd), quarters == 2);
	}
	quarters = 1;
	skip(&world, 3590000);
	ck_assert_uint_eq(arriving(&world, &other, other_fd), 5);
	skip(&world, 10000);
	ck_assert_uint_eq(arriving(&world, &other, other_fd), 1);
	quarters = 0;
	skipped_us = 0;
	close(fd);
	close(other_fd);
	close(stranger_fd);
	world_close(&world);
}
END_TEST

/* Answers to addresses of 127.1.0.0/16, each of which has proved a password or nothing. */
static void
answer_crowd(struct world *world, unsigned first, unsigned count, bool proved)
{
	struct endpoint to;
	struct peer peer = world->peer;
	peer.proved = proved;
	ck_assert(ip_parse(STR("127.1.0.0"), &to.ip));
	to.port = 9;
	for (unsigned n = first; n < first + count; n++) {
		to.ip.octets[2] = (uint8_t)(n >> 8);
		to.ip.octets[3] = (uint8_t)n;
		ck_assert(peer_send(world->net, &peer, &to, STR("one")));
	}
	loop_turn(world->loop, 0);
}

/* Strangers, of whom anybody can forge as many as he likes, take no proof away; nor do some others
 * who prove themselves, nor as many as there are when it is proved again meanwhile. */
START_TEST(a_proof_is_not_washed_out)
{
	struct world world;
	struct endpoint phone;
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	close(acquaintance(&world));
	int fd = bound_socket(SOCK_DGRAM, "127.0.0.8", &phone);
	quarters = 2;
	prove(&world, &phone);
	answer_crowd(&world, 0, 40000, false);
	answer_crowd(&world, 0, 256, true);
	ck_assert_uint_eq(heard(fd), 1);
	ck_assert_uint_eq(arriving(&world, &phone, fd), 5);
	for (unsigned n = 1; n <= 40; n++) {
		skip(&world, 2);
		prove(&world, &phone);
		skip(&world, 2);
		answer_crowd(&world, 256 * n, 256, true);
		ck_assert_uint_eq(heard(fd), 1);
		ck_assert_uint_eq(arriving(&world, &phone, fd), 5);
	}
	quarters = 0;
	skipped_us = 0;
	close(fd);
	world_close(&world);
}
END_TEST

/* Meanwhile nothing is read, also of what has come already; then it is, and a rest of a deaf socket
 * does not make it hear again */
START_TEST(a_rest_keeps_datagrams_waiting)
{
	struct world world;
	char buf[64];
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	net_rest_datagrams(world.net, 100000);
	ck_assert_int_eq(send(fd, "one", 3, 0), 3);
	for (int i = 0; i < 20; i++)
		loop_turn(world.loop, 1);
	ck_assert_uint_eq(world.datagrams, 0);
	net_rest_datagrams(world.net, 1);
	UNTIL(&world, datagram_read(fd, buf, sizeof(buf)) == 3);
	ck_assert_uint_eq(world.datagrams, 1);
	net_rest_datagrams(world.net, 1);
	net_deafen(world.net, world.slot);
	ck_assert_int_eq(send(fd, "two", 3, 0), 3);
	for (int i = 0; i < 20; i++)
		loop_turn(world.loop, 2);
	ck_assert_uint_eq(world.datagrams, 1);
	close(fd);
	world_close(&world);
}
END_TEST

/* A socket that epoll does not take back is offered again, until it does */
START_TEST(a_rest_ends_when_memory_is_back)
{
	struct world world;
	char buf[64];
	world_open(&world, usual_settings(), TRANSPORT_UDP, "127.0.0.1", NULL);
	int fd = connected_socket(SOCK_DGRAM, "127.0.0.1", world.at.port);
	net_rest_datagrams(world.net, 1);
	epoll_refuses = 2;
	ck_assert_int_eq(send(fd, "one", 3, 0), 3);
	UNTIL(&world, epoll_refuses == 0);
	ck_assert_uint_eq(world.datagrams, 0);
	UNTIL(&world, datagram_read(fd, buf, sizeof(buf)) == 3);
	close(fd);
	world_close(&world);
}
END_TEST

SUITE(udp, answers_leave_from_where_the_request_arrived, large_datagrams_pass,
      unreachable_peers_do_no_harm, a_target_replaces_the_source,
      a_flood_is_worked_off_turn_by_turn, what_is_no_work_is_read_on,
      a_socket_no_longer_served_is_silent, a_deaf_socket_still_answers, a_full_buffer_loses_answers,
      a_full_buffer_keeps_the_answers_that_count, what_waits_goes_with_its_socket,
      strangers_wait_when_the_buffer_fills, a_stranger_is_answered_again_in_a_while,
      phones_of_an_address_that_proved_itself_are_answered, a_proof_is_not_washed_out,
      a_rest_keeps_datagrams_waiting, a_rest_ends_when_memory_is_back)
