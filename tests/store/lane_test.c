/* Connections that are refused, lost, frozen, or lead to the wrong server. */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stats.h"
#include "scratch.h"
#include "support/check_main.h"

#define DAEMONS "application_name like 'rollcalld/%%'"

/* Until they are gone: pg_terminate_backend() itself waits since PostgreSQL 14 only. */
static void
end_daemons(void)
{
	int64_t left;
	do {
		left = scratch_number("select count(*) filter (where ended is not null) from "
				      "(select pg_terminate_backend(pid) as ended from "
				      "pg_stat_activity where " DAEMONS ") as daemons");
	} while (left > 0);
}

static void
wait_and_close(struct bench *bench, const char *trouble)
{
	WAIT_UNTIL(bench, strstr(store_trouble(bench->store), trouble) != NULL);
	ck_assert_int_eq(store_state(bench->store), STORE_CONNECTING);
	bench_close(bench);
}

/* REG-DB-6: no database at start: unavailable, from the loop, and exactly once */
START_TEST(database_down_at_start)
{
	struct bench bench;
	struct probe probes[2];
	struct record after = { 0 };
	bench_init(&bench);
	bench.settings.url = "postgresql:///none?host=/nonexistent";
	bench_start(&bench);
	for (int turn = 0; turn < 2; turn++) {
		probe_lookup(&bench, &probes[0], "alice", "alice");
		probe_commit(&bench, &probes[1], "alice", 1, &after);
		ck_assert_uint_eq(probes[0].done + probes[1].done, 0);
		probe_wait(&bench, probes, 2);
		ck_assert_int_eq(probes[0].op.looked_up, LOOKUP_UNAVAILABLE);
		ck_assert_int_eq(probes[1].op.committed, COMMIT_UNAVAILABLE);
		WAIT_UNTIL(&bench, store_trouble(bench.store)[0] != '\0');
	}
	uint64_t now = loop_now_ms(bench.loop);
	WAIT_UNTIL(&bench, loop_now_ms(bench.loop) > now + 50);
	ck_assert_uint_gt(store_down_ms(bench.store), 0);
	ck_assert_uint_eq(probes[0].done, 1);
	wait_and_close(&bench, "/nonexistent");
}
END_TEST

/* REG-DB-6: a URL that libpq does not understand is told, not retried */
START_TEST(wrong_url_is_told)
{
	struct bench bench;
	bench_init(&bench);
	bench.settings.url = "postgresql://user:s3cret@[::1";
	bench_start(&bench);
	ck_assert_ptr_nonnull(strstr(store_trouble(bench.store), "database.url"));
	ck_assert_ptr_null(strstr(store_trouble(bench.store), "s3cret"));
	bench_close(&bench);
}
END_TEST

/* Closing completes what waits and what is in flight, once */
START_TEST(closing_completes_everything)
{
	static struct probe probes[200];
	struct bench bench;
	struct record after = { 0 };
	unsigned unknown = 0;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	for (int i = 0; i < 200; i += 2) {
		probe_lookup(&bench, &probes[i], "alice", "alice");
		probe_commit(&bench, &probes[i + 1], "alice", 1, &after);
	}
	loop_turn(bench.loop, 0);
	store_close(bench.store);
	for (int i = 0; i < 200; i++) {
		ck_assert_uint_eq(probes[i].done, 1);
		unknown += i % 2 == 1 && probes[i].op.committed == COMMIT_UNKNOWN;
	}
	ck_assert_uint_gt(unknown, 0);
	loop_close(bench.loop);
}
END_TEST

/* Goes on asking after each answer, as a request that waits for its turn would. */
struct chain {
	struct store *store;
	struct store_op op;
	unsigned left;
	unsigned done;
};

static void
chain_next(struct store_op *op)
{
	struct chain *chain = container_of(op, struct chain, op);
	chain->done++;
	if (chain->left-- > 1)
		store_lookup(chain->store, op);
}

/* What a completion starts while the store closes is completed too, and once */
START_TEST(closing_completes_what_is_started_meanwhile)
{
	static struct chain chains[100];
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	for (unsigned i = 0; i < 100; i++) {
		chains[i] = (struct chain){ .store = bench.store, .left = i % 5 + 1 };
		chains[i].op = (struct store_op){ .aor = STR("alice@example.com"),
						  .arena = &bench.arena,
						  .done = chain_next,
						  .domain = STR("example.com"),
						  .login = STR("alice") };
		store_lookup(bench.store, &chains[i].op);
	}
	loop_turn(bench.loop, 0);
	store_close(bench.store);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(chains[i].done, i % 5 + 1);
	loop_close(bench.loop);
}
END_TEST

#define ROWS 64

struct killing {
	struct bench bench;
	struct probe probes[ROWS];
	struct binding bindings[ROWS];
	struct record after[ROWS];
	int64_t versions[ROWS];
	char users[ROWS][16];
	unsigned outcomes[COMMIT_UNKNOWN + 1];
};

/* Each settled outcome must be what the table says; an unknown one is resolved by looking. */
static void
check_outcomes(struct killing *k)
{
	for (int i = 0; i < ROWS; i++) {
		enum commit_result result = k->probes[i].op.committed;
		int64_t stored = scratch_number("select version from aor where username = '%s'",
						k->users[i]);
		k->outcomes[result]++;
		if (result == COMMIT_DONE)
			ck_assert_int_eq(stored, k->versions[i] + 1);
		else if (result != COMMIT_UNKNOWN)
			ck_assert_int_eq(stored, k->versions[i]);
		else
			ck_assert(stored == k->versions[i] || stored == k->versions[i] + 1);
		k->versions[i] = stored;
	}
}

static bool
any_done(const struct killing *k)
{
	for (int i = 0; i < ROWS; i++)
		if (k->probes[i].done)
			return true;
	return false;
}

/* REG-DB-5, REG-10.3.7-14, REG-DB-7: backends killed under load: every COMMIT_DONE is stored, what
 * was refused is not, and the store comes back by itself */
START_TEST(killed_backends_lose_nothing)
{
	static struct killing k;
	scratch_reset();
	scratch_exec("insert into account (username, domain) select 'u' || n, 'example.com' "
		     "from generate_series(0, %d) n",
		     ROWS - 1);
	scratch_exec("update aor set version = 1");
	bench_init(&k.bench);
	k.bench.settings.batch_rows = 8;
	bench_start(&k.bench);
	for (int i = 0; i < ROWS; i++) {
		k.versions[i] = 1;
		snprintf(k.users[i], sizeof(k.users[i]), "u%d", i);
	}
	for (int round = 0; round < 14; round++) {
		bench_wait_state(&k.bench, STORE_UP);
		for (int i = 0; i < ROWS; i++) {
			k.after[i] = one_binding(&k.bindings[i], "c", (uint32_t)round);
			probe_commit(&k.bench, &k.probes[i], k.users[i], k.versions[i],
				     &k.after[i]);
		}
		/* some before anything is sent, some with all in flight, some with the first stored
		 */
		if (round % 3 == 2)
			WAIT_UNTIL(&k.bench, any_done(&k));
		else
			for (int turn = 0; turn < round % 6; turn++)
				loop_turn(k.bench.loop, 1);
		end_daemons();
		probe_wait(&k.bench, k.probes, ROWS);
		check_outcomes(&k);
	}
	ck_assert_uint_gt(k.outcomes[COMMIT_DONE], 0);
	ck_assert_uint_gt(k.outcomes[COMMIT_UNKNOWN], 0);
	ck_assert_uint_gt(k.outcomes[COMMIT_UNAVAILABLE], 0);
	ck_assert_uint_eq(k.outcomes[COMMIT_CONFLICT] + k.outcomes[COMMIT_FAILED], 0);
	bench_close(&k.bench);
}
END_TEST

/* One lane of two is lost: what it was asked to look up is asked of the other */
START_TEST(lost_lookups_go_to_another_lane)
{
	struct bench bench;
	struct probe probes[2];
	scratch_reset();
	scratch_account("alice");
	bench_init(&bench);
	bench.settings.batch_rows = 1;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	WAIT_UNTIL(&bench, scratch_number("select count(*) from pg_stat_activity "
					  "where " DAEMONS " and state = 'idle'") == 2);
	int pid = (int)scratch_number("select min(pid) from pg_stat_activity where " DAEMONS);
	kill(pid, SIGSTOP);
	probe_lookup(&bench, &probes[0], "alice", "alice");
	probe_lookup(&bench, &probes[1], "alice", "alice");
	for (int turn = 0; turn < 5; turn++)
		loop_turn(bench.loop, 10);
	ck_assert_uint_eq(probes[0].done + probes[1].done, 1);
	scratch_exec("select pg_terminate_backend(%d)", pid);
	kill(pid, SIGCONT);
	probe_wait(&bench, probes, 2);
	ck_assert_int_eq(probes[0].op.looked_up, LOOKUP_FOUND);
	ck_assert_int_eq(probes[1].op.looked_up, LOOKUP_FOUND);
	bench_close(&bench);
}
END_TEST

struct frozen {
	int pids[8];
	int count;
};

static struct frozen
freeze_backends(int signal_number)
{
	struct frozen frozen = { .count = 0 };
	PGresult *rows = PQexec(scratch_connection(), "select pid from pg_stat_activity where "
						      "application_name like 'rollcalld/%'");
	for (int i = 0; i < PQntuples(rows) && frozen.count < 8; i++) {
		int pid = (int)strtol(PQgetvalue(rows, i, 0), NULL, 10);
		ck_assert_int_eq(kill(pid, signal_number), 0);
		frozen.pids[frozen.count++] = pid;
	}
	PQclear(rows);
	return frozen;
}

static void
thaw(const struct frozen *frozen)
{
	for (int i = 0; i < frozen->count; i++)
		kill(frozen->pids[i], SIGCONT);
}

/* TXN-4321-1: frozen for 500 ms: new work is refused at once, what was sent waits for its deadline
 */
START_TEST(frozen_database_is_noticed)
{
	struct bench bench;
	struct probe sent[2], late[2];
	struct record after = { 0 };
	scratch_reset();
	scratch_account("alice");
	bench_init(&bench);
	bench.settings.query_timeout_ms = 6000;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	struct frozen frozen = freeze_backends(SIGSTOP);
	uint64_t began = loop_now_ms(bench.loop);
	probe_lookup(&bench, &sent[0], "alice", "alice");
	probe_commit(&bench, &sent[1], "alice", 1, &after);
	bench_wait_state(&bench, STORE_SILENT);
	uint64_t noticed = loop_now_ms(bench.loop) - began;
	ck_assert_uint_ge(noticed, 500);
	ck_assert_uint_le(noticed, 5000);
	ck_assert_uint_eq(sent[0].done + sent[1].done, 0);
	probe_lookup(&bench, &late[0], "alice", "alice");
	probe_commit(&bench, &late[1], "alice", 1, &after);
	loop_turn(bench.loop, 0);
	loop_turn(bench.loop, 0);
	ck_assert_uint_eq(late[0].done + late[1].done, 2);
	ck_assert_int_eq(late[0].op.looked_up, LOOKUP_UNAVAILABLE);
	ck_assert_int_eq(late[1].op.committed, COMMIT_UNAVAILABLE);
	probe_wait(&bench, sent, 2);
	uint64_t gave_up = loop_now_ms(bench.loop) - began;
	ck_assert_uint_ge(gave_up, 6000);
	ck_assert_uint_le(gave_up, 20000);
	ck_assert_int_eq(sent[0].op.looked_up, LOOKUP_TIMEOUT);
	ck_assert_int_eq(sent[1].op.committed, COMMIT_UNKNOWN);
	thaw(&frozen);
	bench_wait_state(&bench, STORE_UP);
	/* until a probe is answered what was silent is thought to be so */
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] == '\0');
	bench_close(&bench);
}
END_TEST

/* REG-DB-5: the server gives up before we do, so that the outcome is known and the lane stays */
START_TEST(slow_statements_end_on_the_server)
{
	struct bench bench;
	struct record after = { 0 };
	scratch_reset();
	scratch_account("alice");
	scratch_exec("update aor set version = 5");
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "perform pg_sleep(5); return new; end $$");
	scratch_exec("create trigger fault before update on aor for each row "
		     "execute function fault()");
	bench_init(&bench);
	bench.settings.query_timeout_ms = 1000;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	uint64_t connects = stats->db_connects;
	ck_assert_int_eq(bench_commit(&bench, "alice", 5, &after), COMMIT_FAILED);
	ck_assert_uint_eq(stats->db_connects, connects);
	ck_assert_int_eq(scratch_number("select version from aor"), 5);
	bench_close(&bench);
}
END_TEST

/* A frozen database is noticed without traffic too, and a short freeze loses nothing */
START_TEST(short_freeze_loses_nothing)
{
	struct bench bench;
	struct probe probe;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	probe_lookup(&bench, &probe, "alice", "alice");
	struct frozen frozen = freeze_backends(SIGSTOP);
	bench_wait_state(&bench, STORE_SILENT);
	ck_assert_ptr_nonnull(strstr(store_trouble(bench.store), "no answer"));
	thaw(&frozen);
	bench_wait_state(&bench, STORE_UP);
	probe_wait(&bench, &probe, 1);
	ck_assert_int_eq(probe.op.looked_up, LOOKUP_FOUND);

	frozen = freeze_backends(SIGSTOP);
	bench_wait_state(&bench, STORE_SILENT);
	thaw(&frozen);
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

/* One frozen backend of two does not stop the service */
START_TEST(one_frozen_backend_is_avoided)
{
	struct bench bench;
	struct probe probes[4];
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	WAIT_UNTIL(&bench, scratch_number("select count(*) from pg_stat_activity "
					  "where " DAEMONS " and state = 'idle'") == 2);
	int pid = (int)scratch_number("select min(pid) from pg_stat_activity where " DAEMONS);
	kill(pid, SIGSTOP);
	probe_lookup(&bench, &probes[0], "alice", "alice");
	loop_turn(bench.loop, 0);
	probe_lookup(&bench, &probes[1], "alice", "alice");
	uint64_t began = loop_now_ms(bench.loop);
	while (loop_now_ms(bench.loop) - began < 2500) {
		loop_turn(bench.loop, 10);
		ck_assert_int_eq(store_state(bench.store), STORE_UP);
	}
	ck_assert_uint_eq(probes[0].done + probes[1].done, 1);
	probe_lookup(&bench, &probes[2], "alice", "alice");
	probe_wait(&bench, &probes[2], 1);
	ck_assert_int_eq(probes[2].op.looked_up, LOOKUP_FOUND);
	kill(pid, SIGCONT);
	probe_wait(&bench, probes, 2);
	bench_close(&bench);
}
END_TEST

/* --- servers that must not be used */

static void
set_for_database(const char *setting)
{
	scratch_exec("do $$ begin execute format('alter database %%I %s', current_database()); "
		     "end $$",
		     setting);
}

/* An acknowledged registration must survive a crash: settings that break this are refused */
START_TEST(unsafe_durability_is_refused)
{
	struct bench bench;
	scratch_reset();
	set_for_database("set synchronous_commit = off");
	bench_init(&bench);
	bench.settings.require_durable = true;
	bench_start(&bench);
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] != '\0');
	set_for_database("reset synchronous_commit");
	ck_assert_ptr_nonnull(strstr(store_trouble(bench.store), "synchronous_commit = off"));
	ck_assert_int_eq(store_state(bench.store), STORE_CONNECTING);
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

/* A crash of the server empties such a table */
START_TEST(unlogged_addresses_are_refused)
{
	struct bench bench;
	scratch_reset();
	scratch_exec("alter table aor set unlogged");
	bench_init(&bench);
	bench.settings.require_durable = true;
	bench_start(&bench);
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] != '\0');
	ck_assert_ptr_nonnull(strstr(store_trouble(bench.store), "an unlogged table aor"));
	ck_assert_ptr_nonnull(strstr(store_trouble(bench.store), "; alter table aor set logged,"));
	ck_assert_int_eq(store_state(bench.store), STORE_CONNECTING);
	scratch_exec("alter table aor set logged");
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

START_TEST(unsafe_durability_can_be_allowed)
{
	struct bench bench;
	scratch_reset();
	set_for_database("set synchronous_commit = off");
	bench_init(&bench);
	bench.settings.require_durable = false;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	set_for_database("reset synchronous_commit");
	bench_close(&bench);
}
END_TEST

START_TEST(other_schemas_are_refused)
{
	static const struct {
		const char *change, *trouble;
	} cases[] = {
		{ "drop table schema_version", "database schema is 0, this version needs %d; run: "
					       "rollcallctl db migrate" },
		{ "delete from schema_version", "database schema is 0, this version needs %d" },
		{ "insert into schema_version values (999)",
		  "database schema is 999, this version knows %d; install a newer rollcall" },
	};
	scratch_reset();
	int newest = (int)scratch_number("select max(version) from schema_version");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench bench;
		scratch_reset();
		scratch_exec("%s", cases[i].change);
		bench_init(&bench);
		bench_start(&bench);
		char trouble[128];
		snprintf(trouble, sizeof(trouble), cases[i].trouble, newest);
		wait_and_close(&bench, trouble);
	}
}
END_TEST

/* Migrations only add: a node that runs may go on under a newer schema until its own upgrade */
START_TEST(newer_schema_is_no_matter_for_who_runs)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_up(&bench);
	scratch_exec("insert into schema_version values (999)");
	end_daemons();
	WAIT_UNTIL(&bench, store_state(bench.store) == STORE_DOWN);
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

/* … and who takes the place of one that ran */
START_TEST(newer_schema_is_no_matter_for_a_successor)
{
	struct bench bench;
	_Atomic bool node_was_up = false;
	scratch_reset();
	for (int turn = 0; turn < 2; turn++) {
		bench_init(&bench);
		bench.settings.node_was_up = &node_was_up;
		bench_start(&bench);
		ck_assert_int_eq(store_state(bench.store), STORE_CONNECTING);
		bench_wait_state(&bench, STORE_UP);
		ck_assert(node_was_up);
		bench_close(&bench);
		if (turn == 0)
			scratch_exec("insert into schema_version values (999)");
	}
	node_was_up = false;
	bench_init(&bench);
	bench.settings.node_was_up = &node_was_up;
	bench_start(&bench);
	wait_and_close(&bench, "install a newer rollcall");
	ck_assert(!node_was_up);
}
END_TEST

/* Older data put back is told from what was read before, within moments, on a lane that never rests
 */
START_TEST(data_made_anew_is_another_server)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_init(&bench);
	bench.settings.connections = 1;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	struct chain chain = { .store = bench.store, .left = UINT32_MAX };
	chain.op = (struct store_op){ .aor = STR("alice@example.com"),
				      .arena = &bench.arena,
				      .done = chain_next,
				      .domain = STR("example.com"),
				      .login = STR("alice") };
	store_lookup(bench.store, &chain.op);
	uint32_t server = store_server(bench.store);
	uint64_t began_ms = loop_now_ms(bench.loop);
	WAIT_UNTIL(&bench, loop_now_ms(bench.loop) - began_ms > 1500);
	ck_assert_uint_eq(store_server(bench.store), server);
	scratch_exec("truncate aor cascade");
	began_ms = loop_now_ms(bench.loop);
	WAIT_UNTIL(&bench, store_server(bench.store) != server);
	ck_assert_uint_lt(loop_now_ms(bench.loop) - began_ms, 3000);
	chain.left = 1;
	bench_close(&bench);
}
END_TEST

START_TEST(read_only_server_is_refused)
{
	struct bench bench;
	scratch_reset();
	set_for_database("set default_transaction_read_only = on");
	bench_init(&bench);
	bench_start(&bench);
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] != '\0');
	scratch_exec("begin read write");
	set_for_database("reset default_transaction_read_only");
	scratch_exec("commit");
	ck_assert_ptr_nonnull(
		strstr(store_trouble(bench.store), "add target_session_attrs=read-write"));
	bench_close(&bench);
}
END_TEST

/* A session that turned read-only under us (25006) is dropped; nothing was changed */
START_TEST(failover_drops_the_connection)
{
	struct bench bench;
	struct binding binding;
	struct record after = one_binding(&binding, "c", 1);
	scratch_reset();
	scratch_account("alice");
	scratch_exec("update aor set version = 5");
	bench_init(&bench);
	bench.settings.connections = 1;
	bench.settings.retries = 0;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	uint64_t connects = stats->db_connects;
	scratch_exec("create function fault() returns trigger language plpgsql as $$ begin "
		     "raise exception 'cannot execute in a read-only transaction' "
		     "using errcode = '25006'; end $$");
	scratch_exec("create trigger fault before update on aor for each row "
		     "execute function fault()");
	ck_assert_int_eq(bench_commit(&bench, "alice", 5, &after), COMMIT_FAILED);
	scratch_exec("drop trigger fault on aor");
	WAIT_UNTIL(&bench, stats->db_connects > connects);
	bench_wait_state(&bench, STORE_UP);
	ck_assert_int_eq(bench_commit(&bench, "alice", 5, &after), COMMIT_DONE);
	bench_close(&bench);
}
END_TEST

/* Statements that a pooler threw away are explained, and prepared anew */
START_TEST(lost_statements_are_prepared_again)
{
	struct bench bench;
	scratch_reset();
	scratch_account("alice");
	bench_init(&bench);
	bench.settings.connections = 1;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	scratch_exec("alter table aor alter column node type varchar(64)");
	scratch_exec("alter table account alter column max_contacts type bigint");
	const struct record *r = NULL;
	for (int i = 0; i < 3; i++) {
		struct probe probe;
		probe_lookup(&bench, &probe, "alice", "alice");
		probe_wait(&bench, &probe, 1);
		r = probe.op.looked_up == LOOKUP_FOUND ? probe.op.record : r;
		bench_wait_state(&bench, STORE_UP);
	}
	ck_assert_ptr_nonnull(r);
	bench_close(&bench);
}
END_TEST

/* --- several hosts */

static void
with_hosts(char url[static 512], const char *hosts, const char *ports)
{
	PGconn *c = scratch_connection();
	snprintf(url, 512,
		 "host=%s,%s port=%s,%s dbname=%s user=%s target_session_attrs=read-write", hosts,
		 PQhost(c), ports, PQport(c), PQdb(c), PQuser(c));
}

/* A refused name (through the resolver) and a refused address, then the one that works */
START_TEST(next_host_is_tried)
{
	struct bench bench;
	char url[512];
	scratch_reset();
	with_hosts(url, "localhost,127.0.0.1", "1,1");
	bench_init(&bench);
	bench.settings.url = url;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

/* A host that takes connections and says nothing. */
static int
silent_host(unsigned *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* A host that takes the connection and says nothing costs one deadline */
START_TEST(silent_host_is_passed_over)
{
	struct bench bench;
	char url[512], port[8];
	unsigned silent_port;
	int fd = silent_host(&silent_port);
	scratch_reset();
	snprintf(port, sizeof(port), "%u", silent_port);
	with_hosts(url, "127.0.0.1", port);
	bench_init(&bench);
	bench.settings.url = url;
	bench.settings.connect_timeout_ms = 400;
	bench_start(&bench);
	WAIT_UNTIL(&bench, strstr(store_trouble(bench.store), "timed out after 0.4s") != NULL);
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
	close(fd);
}
END_TEST

/* The same where the URL has the address beside the name, or alone */
START_TEST(silent_address_is_passed_over)
{
	static const char *const names[] = { "host=db1.invalid,%s", "host=,%s" };
	unsigned port;
	int fd = silent_host(&port);
	scratch_reset();
	const PGconn *c = scratch_connection();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct bench bench;
		char host[256], url[512];
		snprintf(host, sizeof(host), names[i], PQhost(c));
		snprintf(url, sizeof(url), "%s hostaddr=127.0.0.1, port=%u,%s dbname=%s user=%s",
			 host, port, PQport(c), PQdb(c), PQuser(c));
		bench_init(&bench);
		bench.settings.url = url;
		bench.settings.connect_timeout_ms = 400;
		bench_start(&bench);
		bench_wait_state(&bench, STORE_UP);
		bench_close(&bench);
	}
	close(fd);
}
END_TEST

/* operators.md section 10: who was tried, and what each of them did, in one line */
START_TEST(each_host_is_told)
{
	struct bench bench;
	char url[256], expected[256];
	unsigned port;
	int fd = silent_host(&port);
	snprintf(url, sizeof(url), "host=127.0.0.1,::1,127.0.0.1 port=1,1,%u dbname=x user=y",
		 port);
	snprintf(expected, sizeof(expected),
		 "127.0.0.1:1 refused, [::1]:1 refused, 127.0.0.1:%u timed out after 0.4s", port);
	bench_init(&bench);
	bench.settings.url = url;
	bench.settings.connect_timeout_ms = 400;
	bench_start(&bench);
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] != '\0');
	ck_assert_str_eq(store_trouble(bench.store), expected);
	bench_close(&bench);
	close(fd);
	bench_init(&bench);
	bench.settings.url = "host=/nonexistent,localhost port=5432,1 dbname=x user=y";
	bench_start(&bench);
	WAIT_UNTIL(&bench, store_trouble(bench.store)[0] != '\0');
	ck_assert_str_eq(
		store_trouble(bench.store),
		"/nonexistent/.s.PGSQL.5432: No such file or directory, localhost:1 refused");
	bench_close(&bench);
}
END_TEST

/* A server made of two messages: asks for a password and refuses whatever it is. */
static void
refuse_password(int listener)
{
	static const char words[] = "R\0\0\0\10\0\0\0\3"
				    "E\0\0\0\100SFATAL\0VFATAL\0C28P01\0"
				    "Mpassword authentication failed for user\0";
	struct pollfd wait = { .fd = listener, .events = POLLIN };
	int fd;
	if (poll(&wait, 1, 0) == 0 || (fd = accept(listener, NULL, NULL)) < 0)
		return;
	ck_assert_int_eq(write(fd, words, sizeof(words)), (ssize_t)sizeof(words));
	close(fd);
}

/* operators.md section 10: a password that the server refuses, and where it came from */
START_TEST(wrong_password_is_told)
{
	struct bench bench;
	char url[128];
	unsigned silent_port;
	int fd = silent_host(&silent_port);
	snprintf(url, sizeof(url), "postgresql://rollcall@127.0.0.1:%u/x?sslmode=disable",
		 silent_port);
	bench_init(&bench);
	bench.settings.url = url;
	bench.settings.password = "s3cret";
	bench.settings.password_file = "/etc/rollcall/db-password";
	bench_start(&bench);
	while (store_trouble(bench.store)[0] == '\0') {
		loop_turn(bench.loop, 20);
		refuse_password(fd);
	}
	ck_assert_str_eq(store_trouble(bench.store),
			 "database rejects user \"rollcall\" (password authentication failed); "
			 "password came from /etc/rollcall/db-password");
	bench_close(&bench);
	close(fd);
}
END_TEST

/* One that could not be read at first is used from the next connection on, and another one then. */
START_TEST(password_comes_later)
{
	struct bench bench;
	char url[128];
	unsigned port;
	int fd = silent_host(&port);
	snprintf(url, sizeof(url), "postgresql://rollcall@127.0.0.1:%u/x?sslmode=disable", port);
	bench_init(&bench);
	bench.settings.url = url;
	bench.settings.password_file = "/etc/rollcall/db-password";
	bench_start(&bench);
	ck_assert(store_password(bench.store, "old"));
	ck_assert(store_password(bench.store, "s3cret"));
	ck_assert(!store_password(bench.store, "s3cret")); /* no news */
	while (strstr(store_trouble(bench.store), "came from /etc/rollcall/db-password") == NULL) {
		loop_turn(bench.loop, 20);
		refuse_password(fd);
	}
	bench_close(&bench);
	close(fd);
}
END_TEST

/* A server that somebody makes forgetful while we are connected is noticed within seconds, and so
 * is the end of it */
START_TEST(durability_is_watched)
{
	struct bench bench;
	scratch_reset();
	bench_init(&bench);
	bench.settings.require_durable = true;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	scratch_exec("alter system set synchronous_commit = off");
	scratch_exec("select pg_reload_conf()");
	WAIT_UNTIL(&bench, store_state(bench.store) != STORE_UP);
	ck_assert_ptr_nonnull(strstr(store_trouble(bench.store), "synchronous_commit = off"));
	scratch_exec("alter system reset synchronous_commit");
	scratch_exec("select pg_reload_conf()");
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

/* A connection that was never lost is given up when one beside it, here of another store, has found
 * a standby that was promoted; and while the server is the old primary it is not taken again */
START_TEST(later_history_is_heard_of)
{
	struct bench bench;
	_Atomic uint64_t timeline = 0;
	scratch_reset();
	bench_init(&bench);
	bench.settings.node_timeline = &timeline;
	bench_start(&bench);
	bench_wait_state(&bench, STORE_UP);
	ck_assert_uint_ne(timeline, 0);
	timeline++;
	WAIT_UNTIL(&bench, strstr(store_trouble(bench.store), "is an old primary") != NULL);
	ck_assert_int_ne(store_state(bench.store), STORE_UP);
	timeline--;
	bench_wait_state(&bench, STORE_UP);
	bench_close(&bench);
}
END_TEST

static unsigned connects_begun;
PGconn *__real_PQconnectStartParams(const char *const *keywords, const char *const *values,
				    int expand);
PGconn *__wrap_PQconnectStartParams(const char *const *keywords, const char *const *values,
				    int expand);
PGconn *
__wrap_PQconnectStartParams(const char *const *keywords, const char *const *values, int expand)
{
	connects_begun++;
	return __real_PQconnectStartParams(keywords, values, expand);
}

/* However many connections there are to be, a database that is away is tried one at a time */
START_TEST(one_connect_at_a_time)
{
	struct bench bench;
	bench_init(&bench);
	bench.settings.url = "postgresql:///none?host=/nonexistent";
	bench.settings.connections = 16;
	bench_start(&bench);
	uint64_t now = loop_now_ms(bench.loop);
	unsigned before = connects_begun;
	WAIT_UNTIL(&bench, loop_now_ms(bench.loop) > now + 300);
	ck_assert_uint_ge(connects_begun - before, 1);
	ck_assert_uint_le(connects_begun - before, 5); /* after 50 ms or more, then twice that … */
	bench_close(&bench);
}
END_TEST

/* A name that does not exist is told by name */
START_TEST(unknown_name_is_told)
{
	struct bench bench;
	bench_init(&bench);
	bench.settings.url = "postgresql://db.invalid/none";
	bench_start(&bench);
	wait_and_close(&bench, "db.invalid");
}
END_TEST

SUITE(lane, database_down_at_start, each_host_is_told, wrong_url_is_told,
      closing_completes_everything, closing_completes_what_is_started_meanwhile,
      killed_backends_lose_nothing, lost_lookups_go_to_another_lane, frozen_database_is_noticed,
      slow_statements_end_on_the_server, short_freeze_loses_nothing, one_frozen_backend_is_avoided,
      unsafe_durability_is_refused, unlogged_addresses_are_refused,
      unsafe_durability_can_be_allowed, other_schemas_are_refused,
      newer_schema_is_no_matter_for_who_runs, newer_schema_is_no_matter_for_a_successor,
      data_made_anew_is_another_server, read_only_server_is_refused, failover_drops_the_connection,
      lost_statements_are_prepared_again, next_host_is_tried, silent_host_is_passed_over,
      silent_address_is_passed_over, wrong_password_is_told, password_comes_later,
      durability_is_watched, later_history_is_heard_of, one_connect_at_a_time, unknown_name_is_told)
