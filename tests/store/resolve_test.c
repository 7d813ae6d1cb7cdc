/* Names, asked of two servers of our own: the first is silent, the second knows one name, and of
 * some questions it says nothing either. */
#include "../../src/store/resolve.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "scratch.h"
#include "support/check_main.h"

#define HEADER 12
#define TYPE_A 1
/* "db.test" as a question has it. */
static const unsigned char known_name[] = "\2db\4test";
static const unsigned char mute_name[] = "\4away\4test";

struct name_server {
	struct watch watch;
	int silent;
	char servers[64];
	unsigned asked; /* the one that answers */
	unsigned others;
	bool mute_about_types; /* whatever is asked of the known name but A */
};

static struct name_server *in_use;

int __real_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);

/* With the resolv.conf of a pod: a name of few dots is looked for in four domains before it is
 * asked for as it stands. */
int
__wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask)
{
	char *domains[] = { "a.invalid", "b.invalid", "c.invalid", "d.invalid" };
	if (in_use == NULL)
		return __real_ares_init_options(channel, options, mask);
	options->domains = domains;
	options->ndomains = 4;
	options->ndots = 5;
	mask |= ARES_OPT_DOMAINS | ARES_OPT_NDOTS;
	int status = __real_ares_init_options(channel, options, mask);
	if (status == ARES_SUCCESS)
		status = ares_set_servers_ports_csv(*channel, in_use->servers);
	return status;
}

static int
datagram_socket(unsigned *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static bool
asks_for(const unsigned char *message, size_t len, const unsigned char *name, size_t name_len)
{
	return len >= HEADER + name_len + 4 && memcmp(message + HEADER, name, name_len) == 0;
}

/* As behind a firewall that knows no AAAA, or when nobody answers for a zone. */
static bool
is_mute_about(const struct name_server *server, const unsigned char *message, size_t len)
{
	if (asks_for(message, len, mute_name, sizeof(mute_name)))
		return true;
	return server->mute_about_types && asks_for(message, len, known_name, sizeof(known_name)) &&
	       message[HEADER + sizeof(known_name) + 1] != TYPE_A;
}

/* Appends the address to a question for the known name; others get NXDOMAIN. */
static size_t
answer(struct name_server *server, unsigned char *message, size_t len)
{
	static const unsigned char address[] = { 0xc0, HEADER, 0, TYPE_A, 0,   1, 0, 0,
						 0,    0,      0, 4,	  127, 0, 0, 1 };
	const unsigned char *type = message + HEADER + sizeof(known_name);
	bool known = asks_for(message, len, known_name, sizeof(known_name));
	server->asked += known;
	server->others += !known;
	message[2] |= 0x80; /* a response */
	message[3] = known ? 0x80 : 0x83;
	memset(message + 6, 0, 6); /* no records, nor that of EDNS */
	if (!known || type[1] != TYPE_A)
		return len;
	message[7] = 1;
	len = HEADER + sizeof(known_name) + 4;
	memcpy(message + len, address, sizeof(address));
	return len + sizeof(address);
}

static void
question_came(struct watch *watch, bool readable, bool writable)
{
	struct name_server *server = container_of(watch, struct name_server, watch);
	unsigned char message[600];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	(void)readable;
	(void)writable;
	ssize_t len = recvfrom(watch->fd, message, 512, 0, (struct sockaddr *)&from, &from_len);
	if (len < HEADER || is_mute_about(server, message, (size_t)len))
		return;
	size_t whole = answer(server, message, (size_t)len);
	sendto(watch->fd, message, whole, 0, (struct sockaddr *)&from, from_len);
}

static void
name_server_open(struct name_server *server, struct loop *loop)
{
	unsigned silent_port, port;
	*server = (struct name_server){ .watch.ready = question_came };
	server->silent = datagram_socket(&silent_port);
	int fd = datagram_socket(&port);
	snprintf(server->servers, sizeof(server->servers), "127.0.0.1:%u,127.0.0.1:%u", silent_port,
		 port);
	ck_assert(loop_watch(loop, &server->watch, fd, true, false));
	in_use = server;
}

static void
name_server_close(struct name_server *server, struct loop *loop)
{
	int fd = server->watch.fd;
	loop_unwatch(loop, &server->watch);
	close(fd);
	close(server->silent);
	in_use = NULL;
}

static bool done;

static void
resolved(struct resolve *resolve)
{
	(void)resolve;
	done = true;
}

/* A server that is silent is asked first for each name of the search list; the next one must not
 * come too late for database.connect_timeout. */
START_TEST(a_silent_server_costs_little)
{
	struct name_server server;
	struct resolve resolve;
	struct resolved result;
	char failure[256];
	struct loop *loop = loop_open();
	ck_assert_ptr_nonnull(loop);
	name_server_open(&server, loop);
	resolve_init(&resolve, loop, resolved);
	done = false;
	uint64_t began_ms = loop_now_ms(loop);
	resolve_start(&resolve, STR("db.test"), STR(""), STR("5432"), 20000);
	while (!done && loop_now_ms(loop) - began_ms < 20000)
		loop_turn(loop, 20);
	ck_assert(done);
	ck_assert_uint_lt(loop_now_ms(loop) - began_ms, 4500); /* once it was a second a name */
	ck_assert(resolve_result(&resolve, 0, &result, failure, sizeof(failure)));
	ck_assert_str_eq(result.addresses, "127.0.0.1");
	ck_assert_uint_ge(server.others, 4);
	ck_assert_uint_ge(server.asked, 1);
	name_server_close(&server, loop);
	loop_close(loop);
}
END_TEST

/* What the resolver takes is not taken from the time to connect. */
START_TEST(connecting_has_its_whole_time)
{
	struct name_server server;
	struct bench bench;
	char url[128], expected[64];
	unsigned port;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int host = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* takes it and says nothing */
	ck_assert_int_eq(bind(host, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(host, 8), 0);
	ck_assert_int_eq(getsockname(host, (struct sockaddr *)&address, &len), 0);
	port = ntohs(address.sin_port);
	snprintf(url, sizeof(url), "postgresql://x@db.test:%u/none", port);
	snprintf(expected, sizeof(expected), "db.test:%u timed out after 3s", port);
	bench_init(&bench);
	name_server_open(&server, bench.loop);
	bench.settings.url = url;
	bench.settings.connect_timeout_ms = 3000;
	uint64_t began_ms = loop_now_ms(bench.loop), named_ms = 0;
	bench_start(&bench);
	while (store_trouble(bench.store)[0] == '\0' &&
	       loop_now_ms(bench.loop) - began_ms < 20000) {
		loop_turn(bench.loop, 20);
		if (server.asked > 0 && named_ms == 0)
			named_ms = loop_now_ms(bench.loop);
	}
	ck_assert_str_eq(store_trouble(bench.store), expected);
	ck_assert_uint_ge(loop_now_ms(bench.loop) - named_ms, 2900);
	bench_close(&bench);
	in_use = NULL; /* its loop has gone */
	close(server.watch.fd);
	close(server.silent);
	close(host);
}
END_TEST

/* A host that listens, and whether the store came to it. */
static bool
is_reached(const char *url_hosts, bool mute_about_types)
{
	struct name_server server;
	struct bench bench;
	char url[128];
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int came = -1, host = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(host, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(host, 8), 0);
	ck_assert_int_eq(getsockname(host, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "postgresql://x@%s/none?port=%u", url_hosts,
		 ntohs(address.sin_port));
	bench_init(&bench);
	name_server_open(&server, bench.loop);
	server.mute_about_types = mute_about_types;
	bench.settings.url = url;
	bench.settings.connect_timeout_ms = 5000;
	uint64_t began_ms = loop_now_ms(bench.loop);
	bench_start(&bench);
	while (came < 0 && loop_now_ms(bench.loop) - began_ms < 12000) {
		loop_turn(bench.loop, 20);
		came = accept(host, NULL, NULL);
	}
	bench_close(&bench);
	in_use = NULL; /* its loop has gone */
	close(server.watch.fd);
	close(server.silent);
	close(host);
	if (came >= 0)
		close(came);
	return came >= 0;
}

/* A data centre that is away often takes the names of its hosts with it. */
START_TEST(a_name_without_an_answer_keeps_nobody_from_the_others)
{
	ck_assert(is_reached("db.test", false));
	ck_assert(is_reached("away.test,db.test", false));
	ck_assert(is_reached("db.test,away.test", false));
}
END_TEST

/* RFC 4074 §4.1. */
START_TEST(a_server_that_ignores_aaaa_keeps_nobody_from_a)
{
	ck_assert(is_reached("db.test", true));
}
END_TEST

/* Who looks why there is no database must not look at one host alone. */
START_TEST(what_has_no_address_is_told_beside_what_refused)
{
	struct name_server server;
	struct bench bench;
	bench_init(&bench);
	name_server_open(&server, bench.loop);
	bench.settings.url = "postgresql://x@127.0.0.1:1,gone.test:5432/none";
	uint64_t began_ms = loop_now_ms(bench.loop);
	bench_start(&bench);
	while (store_trouble(bench.store)[0] == '\0' && loop_now_ms(bench.loop) - began_ms < 20000)
		loop_turn(bench.loop, 20);
	ck_assert_str_eq(store_trouble(bench.store),
			 "127.0.0.1:1 refused, gone.test: Domain name not found");
	bench_close(&bench);
	in_use = NULL; /* its loop has gone */
	close(server.watch.fd);
	close(server.silent);
}
END_TEST

SUITE(resolve, a_silent_server_costs_little, connecting_has_its_whole_time,
      a_name_without_an_answer_keeps_nobody_from_the_others,
      a_server_that_ignores_aaaa_keeps_nobody_from_a,
      what_has_no_address_is_told_beside_what_refused)
