/* See scratch.h. The scratch schema is chosen by PGOPTIONS, for the store's connections too. */
#include "scratch.h"

#include <check.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define SCHEMA "rollcall_store_test"

static PGconn *connection;

const char *
scratch_url(void)
{
	const char *url = getenv("ROLLCALL_TEST_DATABASE");
	ck_assert_msg(url != NULL, "set ROLLCALL_TEST_DATABASE to the URL of a scratch database");
	return url;
}

PGconn *
scratch_connection(void)
{
	if (connection != NULL)
		return connection;
	setenv("PGOPTIONS", "-c search_path=" SCHEMA " -c client_min_messages=warning", 1);
	connection = PQconnectdb(scratch_url());
	ck_assert_msg(PQstatus(connection) == CONNECTION_OK, "%s", PQerrorMessage(connection));
	return connection;
}

static PGresult *
run(const char *sql)
{
	PGresult *result = PQexec(scratch_connection(), sql);
	ExecStatusType status = PQresultStatus(result);
	ck_assert_msg(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%.400s: %s", sql,
		      PQresultErrorMessage(result));
	return result;
}

void
scratch_exec(const char *format, ...)
{
	char sql[8192];
	va_list args;
	va_start(args, format);
	vsnprintf(sql, sizeof(sql), format, args);
	va_end(args);
	PQclear(run(sql));
}

const char *
scratch_try(const char *sql)
{
	static char sqlstate[6];
	PGresult *result = PQexec(scratch_connection(), sql);
	const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	snprintf(sqlstate, sizeof(sqlstate), "%s", found == NULL ? "" : found);
	PQclear(result);
	return sqlstate;
}

static const char *
value_of(const char *format, va_list args)
{
	static char text[8192];
	char sql[8192];
	vsnprintf(sql, sizeof(sql), format, args);
	PGresult *result = run(sql);
	ck_assert_msg(PQntuples(result) == 1, "%s: %d rows", sql, PQntuples(result));
	snprintf(text, sizeof(text), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return text;
}

const char *
scratch_text(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = value_of(format, args);
	va_end(args);
	return text;
}

int64_t
scratch_number(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *text = value_of(format, args);
	va_end(args);
	return strtoll(text, NULL, 10);
}

static char *
read_text(const char *name)
{
	FILE *file = fopen(name, "rb");
	ck_assert_msg(file != NULL, "%s", name);
	char *text = calloc(1, 65536);
	size_t len = fread(text, 1, 65535, file);
	ck_assert(len > 0 && len < 65535);
	fclose(file);
	return text;
}

char *
scratch_sql(const char *path)
{
	char name[1024];
	snprintf(name, sizeof(name), "%s/../sql/%s", TEST_DATA, path);
	return read_text(name);
}

void
scratch_migrate(int from, int to)
{
	glob_t files;
	ck_assert_int_eq(glob(TEST_DATA "/../sql/schema/*.sql", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		long number = strtol(strrchr(files.gl_pathv[i], '/') + 1, NULL, 10);
		if (number < from || number > to)
			continue;
		char *schema = read_text(files.gl_pathv[i]);
		PQclear(run(schema));
		free(schema);
	}
	globfree(&files);
}

void
scratch_empty(void)
{
	scratch_exec("drop schema if exists %s cascade", SCHEMA);
	scratch_exec("create schema %s", SCHEMA);
}

void
scratch_reset(void)
{
	scratch_empty();
	scratch_migrate(1, INT_MAX);
}

void
scratch_account(const char *user)
{
	scratch_exec("insert into account (username, domain, ha1_md5) "
		     "values ('%s', 'example.com', repeat('0', 32))",
		     user);
}

void
bench_init(struct bench *bench)
{
	*bench = (struct bench){ .loop = loop_open() };
	ck_assert_ptr_nonnull(bench->loop);
	bench->settings = (struct store_settings){
		.url = scratch_url(),
		.application = "rollcalld/test-1",
		.connections = 2,
		.connect_timeout_ms = 5000,
		.query_timeout_ms = 5000,
		.queue_limit = 20000,
		.batch_rows = 64,
		.prepared = true,
		.retries = 3,
		.key_rotation_ms = 43200000,
		.nonce_ttl_ms = 300000,
	};
	arena_pool_init(&bench->pool, (size_t)64 << 20);
	arena_init(&bench->arena, &bench->pool, (size_t)32 << 20);
}

void
bench_start(struct bench *bench)
{
	bench->store = store_open(bench->loop, &bench->settings);
	ck_assert_ptr_nonnull(bench->store);
}

void
bench_up(struct bench *bench)
{
	bench_init(bench);
	bench_start(bench);
	bench_wait_state(bench, STORE_UP);
}

void
bench_close(struct bench *bench)
{
	store_close(bench->store);
	arena_reset(&bench->arena);
	arena_pool_clear(&bench->pool);
	loop_close(bench->loop);
}

void
bench_wait_state(struct bench *bench, enum store_state state)
{
	WAIT_UNTIL(bench, store_state(bench->store) == state);
}

static void
on_done(struct store_op *op)
{
	container_of(op, struct probe, op)->done++;
}

static struct str
address(struct bench *bench, const char *user)
{
	char *text = arena_alloc(&bench->arena, strlen(user) + sizeof("@example.com"));
	ck_assert_ptr_nonnull(text);
	int len = sprintf(text, "%s@example.com", user);
	return (struct str){ text, (size_t)len };
}

void
probe_lookup(struct bench *bench, struct probe *probe, const char *user, const char *login)
{
	*probe = (struct probe){ .op.done = on_done, .op.arena = &bench->arena };
	probe->op.aor = address(bench, user);
	probe->op.domain = STR("example.com");
	probe->op.login = str_of(login);
	store_lookup(bench->store, &probe->op);
}

void
probe_commit(struct bench *bench, struct probe *probe, const char *user, int64_t version,
	     const struct record *after)
{
	*probe = (struct probe){ .op.done = on_done };
	probe->op.aor = address(bench, user);
	probe->op.version = version;
	probe->op.after = after;
	store_commit(bench->store, &probe->op);
}

void
probe_wait(struct bench *bench, struct probe *probes, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		WAIT_UNTIL(bench, probes[i].done > 0);
		ck_assert_uint_eq(probes[i].done, 1);
	}
}

struct record *
bench_lookup(struct bench *bench, const char *user)
{
	struct probe probe;
	probe_lookup(bench, &probe, user, user);
	probe_wait(bench, &probe, 1);
	ck_assert_int_eq(probe.op.looked_up, LOOKUP_FOUND);
	return probe.op.record;
}

enum commit_result
bench_commit(struct bench *bench, const char *user, int64_t version, const struct record *after)
{
	struct probe probe;
	probe_commit(bench, &probe, user, version, after);
	probe_wait(bench, &probe, 1);
	return probe.op.committed;
}

struct record
one_binding(struct binding *binding, const char *call_id, uint32_t cseq)
{
	*binding = (struct binding){
		.id = STR("018f6c2e-7b1a-7c30-9a51-0b6f3f1c2d4e"),
		.uri = STR("sips:alice@192.0.2.1:5061"),
		.q = -1,
		.requested_s = 3600,
		.expires_ms = clock_real_ms() + 3600000,
		.call_id = str_of(call_id),
		.cseq = cseq,
		.transport = TRANSPORT_TLS,
	};
	return (struct record){ .bindings = binding, .binding_count = 1 };
}
