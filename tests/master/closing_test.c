/* Which ports are ours although a reload has closed them, as the kernel shows it. */
#include "server/closing.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/check_main.h"

#define NOW_MS 1000u
#define OVER_MS (NOW_MS + 15000u)

static int
stranger_at(const char *address, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, address, &to.sin_addr);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static struct listening
listening_udp(const char *address, uint16_t port)
{
	struct listening item = { .transport = TRANSPORT_UDP, .listener = "main" };
	char error[256] = "";
	memset(item.fds, 0xff, sizeof(item.fds));
	item.bound.port = port;
	ck_assert(ip_parse(str_of(address), &item.bound.ip));
	ck_assert_msg(listening_open(&item, 2, true, error, sizeof(error)), "%s", error);
	return item;
}

/* A port that nobody has. */
static uint16_t
free_port(void)
{
	struct sockaddr_in got;
	socklen_t len = sizeof(got);
	int fd = stranger_at("127.0.0.1", 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&got, &len), 0);
	close(fd);
	return ntohs(got.sin_port);
}

/* Until the last worker has closed it, or is dead; but nobody else may have it. */
START_TEST(a_port_is_ours_until_all_have_closed_it)
{
	struct closing closing = { .count = 0 };
	struct sockets running = { .count = 0 };
	struct listening item = listening_udp("127.0.0.1", free_port());
	uint16_t port = item.bound.port;
	ck_assert(!closing_has(&closing, &running, &item, NOW_MS));
	int copy = dup(item.fds[1]);
	closing_add(&closing, &item, 2, NOW_MS);
	listening_close(&item, 2);
	ck_assert(closing_has(&closing, &running, &item, NOW_MS));
	ck_assert(!closing_has(&closing, &running, &item, OVER_MS));
	int stranger = stranger_at("127.0.0.1", port);
	ck_assert(!closing_has(&closing, &running, &item, NOW_MS));
	close(stranger);
	ck_assert(closing_has(&closing, &running, &item, NOW_MS));
	close(copy);
	ck_assert(!closing_has(&closing, &running, &item, NOW_MS));
	closing_free(&closing);
}
END_TEST

/* What is open now is no stranger either, and what another reload closes has a time of its own. */
START_TEST(ports_beside_those_that_are_open)
{
	struct closing closing = { .count = 0 };
	uint16_t port = free_port();
	struct listening gone = listening_udp("127.0.0.1", port);
	struct listening open = listening_udp("127.0.0.2", port);
	struct sockets none = { .count = 0 }, running = { .items = &open, .count = 1 };
	int copy = dup(gone.fds[0]);
	closing_add(&closing, &gone, 2, NOW_MS);
	listening_close(&gone, 2);
	ck_assert(closing_has(&closing, &running, &gone, NOW_MS));
	ck_assert(!closing_has(&closing, &none, &gone, NOW_MS));
	closing_add(&closing, &open, 2, OVER_MS);
	ck_assert(!closing_has(&closing, &running, &gone, OVER_MS));
	ck_assert_uint_eq(closing.count, 2);
	listening_close(&open, 2);
	close(copy);
	closing_free(&closing);
}
END_TEST

SUITE(closing, a_port_is_ours_until_all_have_closed_it, ports_beside_those_that_are_open)
