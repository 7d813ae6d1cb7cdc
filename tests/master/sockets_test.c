/* Which sockets are ours, when a reload asks. */
#include "server/sockets.h"

#include <string.h>

#include "support/check_main.h"

static struct listening
listening_at(enum transport transport, const char *bound)
{
	struct listening item = { .transport = transport, .listener = "main", .open = true };
	memset(item.fds, 0xff, sizeof(item.fds));
	ck_assert(endpoint_parse(str_of(bound), &item.bound));
	return item;
}

static bool
closing(const struct closing *closing, enum transport transport, const char *bound)
{
	struct listening item = listening_at(transport, bound);
	return sockets_meet(&closing->sockets, &item);
}

/* What was closed is ours until the last worker has closed it too, or is dead. */
START_TEST(a_port_is_ours_until_all_have_closed_it)
{
	struct closing closed = { .until_ms = 0 };
	struct listening tcp = listening_at(TRANSPORT_TCP, "192.0.2.1:5060");
	struct listening udp = listening_at(TRANSPORT_UDP, "192.0.2.1:5060");
	closing_add(&closed, &tcp, 1000);
	ck_assert(closing(&closed, TRANSPORT_TCP, "192.0.2.1:5060"));
	ck_assert(closing(&closed, TRANSPORT_TLS, "0.0.0.0:5060"));
	ck_assert(!closing(&closed, TRANSPORT_UDP, "192.0.2.1:5060"));
	ck_assert(!closing(&closed, TRANSPORT_TCP, "192.0.2.1:5062"));
	closing_add(&closed, &udp, 9000);
	closing_add(&closed, &udp, 9000);
	ck_assert_uint_eq(closed.sockets.count, 2);
	closing_review(&closed, 16000);
	ck_assert(closing(&closed, TRANSPORT_UDP, "192.0.2.1:5060"));
	closing_review(&closed, 24000);
	ck_assert_uint_eq(closed.sockets.count, 0);
	closing_add(&closed, &tcp, 25000);
	closing_add(&closed, &udp, 60000);
	ck_assert_uint_eq(closed.sockets.count, 1);
	sockets_free(&closed.sockets);
}
END_TEST

SUITE(sockets, a_port_is_ours_until_all_have_closed_it)
