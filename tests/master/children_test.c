/*
 * The master's children: what becomes of their sockets and of their counters when they die, and
 * when they are taken for stuck. The children here wait for a signal and do nothing else.
 */
#include "server/children.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "support/check_main.h"

#define WORKERS 2

void
worker_main(const struct birth *birth)
{
	(void)birth;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

void
admin_main(const struct birth *birth)
{
	worker_main(birth);
}

struct family {
	struct node_memory memory;
	struct children children;
	struct listening items[2];
	struct sockets sockets;
	struct birth birth;
	int signals;
};

/* A port that is free just now, for datagrams; and the socket that has it, if holder is not NULL.
 */
static struct endpoint
free_port(int *holder)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	struct endpoint endpoint;
	ck_assert(endpoint_parse(STR("127.0.0.1:0"), &endpoint));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	endpoint.port = ntohs(address.sin_port);
	if (holder != NULL)
		*holder = fd;
	else
		close(fd);
	return endpoint;
}

/* As a reload would. */
static void
add_listener(struct family *family)
{
	char error[256];
	struct listening *item = &family->items[family->sockets.count++];
	*item = (struct listening){ .transport = TRANSPORT_UDP,
				    .bound = free_port(NULL),
				    .listener = "test" };
	ck_assert_msg(listening_open(item, WORKERS, false, error, sizeof(error)), "%s", error);
}

static void
open_family(struct family *family)
{
	*family = (struct family){ 0 };
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, "test");
	log_set_level((enum log_level) - 1);
	ck_assert(node_memory_map(&family->memory, WORKERS));
	children_init(&family->children, &family->memory);
	family->sockets.items = family->items;
	add_listener(family);
	family->birth = (struct birth){ .memory = &family->memory,
					.sockets = &family->sockets,
					.socket_fd = -1,
					.listen_fd = -1 };
	family->signals = open("/dev/null", O_RDONLY | O_CLOEXEC);
	children_keep(&family->children, &family->birth, family->signals);
	ck_assert_int_ne(family->children.workers[0].pid, 0);
	ck_assert_int_ne(family->children.workers[1].pid, 0);
	ck_assert_int_ne(family->children.admin.pid, 0);
}

static void
close_family(struct family *family)
{
	children_kill(&family->children);
	while (children_alive(&family->children))
		children_reap(&family->children, true);
}

/* Waits for the death of the child, whatever killed it, and reaps it. */
static void
bury(struct family *family, const struct child *child)
{
	siginfo_t info;
	ck_assert_int_eq(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
	children_reap(&family->children, false);
	ck_assert_int_eq(child->pid, 0);
}

static void
die(struct family *family, const struct child *child)
{
	kill(child->pid, SIGKILL);
	bury(family, child);
}

static unsigned
descriptors(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* A worker that keeps dying has no socket on which clients would wait for it, not even of a
 * listener that was added meanwhile, and comes back with one of each, no more. */
START_TEST(back_off_and_a_new_listener)
{
	struct family family;
	open_family(&family);
	struct child *child = &family.children.workers[0];
	unsigned before = descriptors();
	for (int death = 1; death <= 3; death++) {
		die(&family, child);
		children_keep(&family.children, &family.birth, family.signals);
		ck_assert_msg((child->pid != 0) == (death < 3), "death %d", death);
	}
	ck_assert_int_eq(family.items[0].fds[0], -1);
	ck_assert_int_ge(family.items[0].fds[1], 0);
	add_listener(&family);
	children_keep(&family.children, &family.birth, family.signals);
	ck_assert_int_eq(family.items[1].fds[0], -1);
	ck_assert_int_ge(family.items[1].fds[1], 0);
	child->retry_ms = 0;
	children_keep(&family.children, &family.birth, family.signals);
	ck_assert_int_ne(child->pid, 0);
	ck_assert_int_ge(family.items[0].fds[0], 0);
	ck_assert_int_ge(family.items[1].fds[0], 0);
	ck_assert_uint_eq(descriptors(), before + WORKERS);
	close_family(&family);
}
END_TEST

/* As long as one of its sockets cannot be had back, a worker holds none, and nothing leaks. */
START_TEST(a_port_that_is_taken_meanwhile)
{
	struct family family;
	open_family(&family);
	struct child *child = &family.children.workers[0];
	add_listener(&family);
	for (int death = 1; death <= 3; death++) {
		die(&family, child);
		children_keep(&family.children, &family.birth, family.signals);
	}
	struct endpoint bound = family.items[1].bound;
	int holder;
	family.items[1].bound = free_port(&holder);
	unsigned before = descriptors();
	for (int i = 0; i < 5; i++) {
		child->retry_ms = 0;
		children_keep(&family.children, &family.birth, family.signals);
		ck_assert_int_eq(child->pid, 0);
		ck_assert_int_eq(family.items[0].fds[0], -1);
		ck_assert_uint_gt(child->retry_ms, 0);
	}
	ck_assert_uint_eq(descriptors(), before);
	close(holder);
	family.items[1].bound = bound;
	child->retry_ms = 0;
	children_keep(&family.children, &family.birth, family.signals);
	ck_assert_int_ne(child->pid, 0);
	close_family(&family);
}
END_TEST

/* One that moved to another node may come back, and the other addresses are served meanwhile. At
 * start and in a reload it is a mistake. */
START_TEST(an_address_that_has_gone_meanwhile)
{
	static const char *const gone[] = { "192.0.2.1:5060", "[2001:db8::1]:5060" };
	char error[256];
	for (size_t i = 0; i < 2; i++)
		for (int transport = 0; transport < TRANSPORT_COUNT; transport++) {
			struct listening item = { .transport = (enum transport)transport,
						  .listener = "test",
						  .fds = { -1, -1 } };
			ck_assert(endpoint_parse(str_of(gone[i]), &item.bound));
			ck_assert(!listening_open(&item, WORKERS, true, error, sizeof(error)));
			ck_assert(!listening_open(&item, WORKERS, false, error, sizeof(error)));
			ck_assert_msg(listening_open_one(&item, 1), "%s", gone[i]);
			ck_assert_int_eq(item.fds[0], -1);
			listening_close(&item, WORKERS);
		}
}
END_TEST

/* The kernel accepts for a worker that does not serve yet, from listen() on. */
START_TEST(connections_before_the_worker_serves)
{
	static const struct {
		int level, option, value;
	} wanted[] = { { IPPROTO_TCP, TCP_NODELAY, 1 },
		       { SOL_SOCKET, SO_KEEPALIVE, 1 },
		       { IPPROTO_TCP, TCP_KEEPIDLE, 600 },
		       { IPPROTO_TCP, TCP_KEEPINTVL, 30 },
		       { IPPROTO_TCP, TCP_KEEPCNT, 4 } };
	char error[256];
	struct listening item = { .transport = TRANSPORT_TCP,
				  .bound = free_port(NULL),
				  .listener = "test" };
	ck_assert_msg(listening_open(&item, 1, false, error, sizeof(error)), "%s", error);
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(item.bound.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int client = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	int fd = accept(item.fds[0], NULL, NULL);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int value = 0;
		socklen_t len = sizeof(value);
		ck_assert_int_eq(getsockopt(fd, wanted[i].level, wanted[i].option, &value, &len),
				 0);
		ck_assert_int_eq(value, wanted[i].value);
	}
	close(fd);
	close(client);
	listening_close(&item, 1);
}
END_TEST

/* The next socket pair finds no descriptor. */
static struct rlimit
take_descriptors(void)
{
	struct rlimit before, narrow;
	int unused = dup(STDERR_FILENO);
	ck_assert_int_ge(unused, 0);
	close(unused);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	narrow = before;
	narrow.rlim_cur = (rlim_t)unused;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &narrow), 0);
	return before;
}

/* One attempt, and the next turn of the master, which is too early for another one. */
static void
fail_birth(struct family *family, struct child *child)
{
	struct rlimit before = take_descriptors();
	child->retry_ms = 0;
	children_keep(&family->children, &family->birth, family->signals);
	ck_assert_int_eq(child->pid, 0);
	ck_assert_uint_gt(child->retry_ms, 0);
	children_keep(&family->children, &family->birth, family->signals);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
succeed_in_birth(struct family *family, struct child *child)
{
	child->retry_ms = 0;
	children_keep(&family->children, &family->birth, family->signals);
	ck_assert_int_ne(child->pid, 0);
	ck_assert_int_ge(family->items[0].fds[0], 0);
}

/* What is queued in the sockets of a worker waits for it, though its birth fails a few times; when
 * that does not end, the others get its share. */
START_TEST(a_birth_that_fails)
{
	struct family family;
	if (skipped_under_valgrind(__func__, "it hands out descriptors beyond any limit"))
		return;
	open_family(&family);
	struct child *child = &family.children.workers[0];
	int queue = family.items[0].fds[0];
	for (int death = 1; death <= 2; death++) { /* a birth that succeeds has them counted anew */
		die(&family, child);
		for (int births = 1; births <= 4; births++) {
			fail_birth(&family, child);
			ck_assert_int_eq(family.items[0].fds[0], queue);
		}
		if (death == 1)
			succeed_in_birth(&family, child);
	}
	fail_birth(&family, child);
	ck_assert_int_eq(family.items[0].fds[0], -1);
	succeed_in_birth(&family, child);
	close_family(&family);
}
END_TEST

/* What a dead process had open is not shown as live, neither of a worker nor of the admin. */
START_TEST(nothing_of_the_dead_is_live)
{
	struct family family;
	open_family(&family);
	struct stats *pages = family.memory.pages;
	pages[0].connections_live[TRANSPORT_TLS] = pages[1].connections_live[TRANSPORT_TLS] = 5;
	pages[0].ready = pages[1].ready = 1;
	pages[WORKERS].db_lanes[LINK_UP] = 2;
	die(&family, &family.children.workers[0]);
	ck_assert_uint_eq(STATS_SUM(pages[0].connections_live) + pages[0].ready, 0);
	ck_assert_uint_eq(STATS_SUM(pages[1].connections_live) + pages[1].ready, 6);
	ck_assert_int_eq(family.memory.node->worker_pids[0], 0);
	ck_assert_uint_eq(pages[WORKERS].db_lanes[LINK_UP], 2);
	die(&family, &family.children.admin);
	ck_assert_uint_eq(pages[WORKERS].db_lanes[LINK_UP], 0);
	close_family(&family);
}
END_TEST

/* Looks after them for so long, as often as the master does. */
static uint64_t
watch(struct family *family, uint64_t from_ms, uint64_t ms)
{
	for (uint64_t now_ms = from_ms; now_ms <= from_ms + ms; now_ms += 200)
		children_watchdog(&family->children, now_ms);
	return from_ms + ms;
}

/* A loop that stands still for 10 s is ended, and one that turns is not. */
START_TEST(a_stuck_worker_is_ended)
{
	struct family family;
	open_family(&family);
	const struct child *stuck = &family.children.workers[0];
	uint64_t now_ms = watch(&family, 1000, 9800);
	ck_assert(!stuck->abort_sent);
	family.memory.pages[1].loop_turn_ms++;
	watch(&family, now_ms, 400);
	ck_assert(stuck->abort_sent);
	ck_assert(!family.children.workers[1].abort_sent);
	bury(&family, stuck);
	close_family(&family);
}
END_TEST

/* When the whole host stood still, nobody has had a chance to turn. */
START_TEST(a_host_that_stood_still)
{
	struct family family;
	open_family(&family);
	uint64_t now_ms = watch(&family, 1000, 5000);
	now_ms = watch(&family, now_ms + 60000, 9000);
	ck_assert(!family.children.workers[0].abort_sent);
	watch(&family, now_ms, 1200);
	ck_assert(family.children.workers[0].abort_sent);
	bury(&family, &family.children.workers[0]);
	close_family(&family);
}
END_TEST

SUITE(children, back_off_and_a_new_listener, a_port_that_is_taken_meanwhile,
      an_address_that_has_gone_meanwhile, connections_before_the_worker_serves, a_birth_that_fails,
      nothing_of_the_dead_is_live, a_stuck_worker_is_ended, a_host_that_stood_still)
