/*
 * Requests to the admin API from their head to their answer: heads, targets, arguments, documents,
 * through the callbacks that libmicrohttpd would call. That library and the store are fakes: the
 * first two octets say who asks and what the database answers, then comes a request as text. The
 * properties: one answer, valid JSON where it says so, statements that are valid text, a clear
 * password nowhere, and no probe that takes of the memory which administrators may use up.
 */
#include <openssl/sha.h>
#include <string.h>
#include <strings.h>

#include "admin/admin_internal.h"
#include "admin/ban_keeper.h"
#include "auth/digest.h"
#include "base/stats.h"
#include "fuzz.h"
#include "registrar/policy.h"

#define FIELDS_MAX 32u
#define INPUT_BYTES_MAX (1u << 16)
#define TURNS_MAX 40u

int LLVMFuzzerInitialize(int *argc, char ***argv);

struct pair {
	const char *key, *value;
};

/* What libmicrohttpd would know. */
struct MHD_Connection {
	struct pair fields[FIELDS_MAX], arguments[FIELDS_MAX];
	size_t field_count, argument_count;
	bool suspended;
	unsigned answers;
	unsigned status;
	struct MHD_Response *response;
};
struct MHD_Response {
	char *octets;
	size_t len;
	MHD_ContentReaderFreeCallback give_back; /* the octets; NULL: they stay */
	MHD_ContentReaderCallback reader;
	void *arg;
	bool json;
	unsigned references;
};

static const struct domain domain = { .name = STR("example.com") };
static struct domain_name names[] = { { .host.text = STR("example.com"), .domain = &domain } };
static const struct policy policy = { .names = names, .name_count = 1 };
static struct admin admin = { .policy = &policy };
static struct surface surface = { .admin = &admin };
static struct node node = { .name = "fuzz", .worker_count = 1, .serving = true };
static struct stats pages[3];
static struct node_memory memory = { .node = &node, .pages = pages, .page_count = 3 };
static uint8_t script;	    /* what the store answers */
static unsigned turn;	    /* of it */
static struct str password; /* that no statement and no answer may hold */
static struct store_op *op; /* what waits */
static bool op_commits;
static struct store_query *query;
static uint32_t command; /* id, 0: none */

/* --- the library -------------------------------------------------------------------------- */

static const struct pair *
list_of(struct MHD_Connection *connection, enum MHD_ValueKind kind, size_t *count)
{
	bool arguments = kind == MHD_GET_ARGUMENT_KIND;
	*count = arguments ? connection->argument_count : connection->field_count;
	return arguments ? connection->arguments : connection->fields;
}

const char *
MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind,
			    const char *key)
{
	size_t count;
	const struct pair *list = list_of(connection, kind, &count);
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(list[i].key, key) == 0)
			return list[i].value;
	return NULL;
}

enum MHD_Result
MHD_lookup_connection_value_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
			      const char *key, size_t key_size, const char **value,
			      size_t *value_size)
{
	const char *found = MHD_lookup_connection_value(connection, kind, key);
	(void)key_size;
	if (value != NULL)
		*value = found;
	if (value_size != NULL)
		*value_size = found == NULL ? 0 : strlen(found);
	return found == NULL ? MHD_NO : MHD_YES;
}

int
MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
			  MHD_KeyValueIterator iterator, void *arg)
{
	size_t count;
	const struct pair *list = list_of(connection, kind, &count);
	for (size_t i = 0; i < count; i++)
		if (iterator(arg, kind, list[i].key, list[i].value) == MHD_NO)
			return (int)i + 1;
	return (int)count;
}

const union MHD_ConnectionInfo *
MHD_get_connection_info(struct MHD_Connection *connection, enum MHD_ConnectionInfoType type, ...)
{
	(void)connection;
	(void)type;
	return NULL;
}

void
MHD_suspend_connection(struct MHD_Connection *connection)
{
	FUZZ_CHECK(!connection->suspended);
	connection->suspended = true;
}

void
MHD_resume_connection(struct MHD_Connection *connection)
{
	FUZZ_CHECK(connection->suspended);
	connection->suspended = false;
}

struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = calloc(1, sizeof(*response));
	FUZZ_CHECK(mode == MHD_RESPMEM_PERSISTENT);
	*response = (struct MHD_Response){ .octets = buffer, .len = size, .references = 1 };
	return response;
}

struct MHD_Response *
MHD_create_response_from_buffer_with_free_callback(size_t size, void *buffer,
						   MHD_ContentReaderFreeCallback give_back)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(size, buffer, MHD_RESPMEM_PERSISTENT);
	response->give_back = give_back;
	return response;
}

struct MHD_Response *
MHD_create_response_from_callback(uint64_t size, size_t block, MHD_ContentReaderCallback reader,
				  void *arg, MHD_ContentReaderFreeCallback done)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	(void)size;
	(void)block;
	(void)done;
	response->reader = reader;
	response->arg = arg;
	return response;
}

enum MHD_Result
MHD_add_response_header(struct MHD_Response *response, const char *name, const char *value)
{
	for (const char *c = value; *c != '\0'; c++) /* nothing splits an answer */
		FUZZ_CHECK(*c != '\r' && *c != '\n');
	if (strcmp(name, "Content-Type") == 0)
		response->json = strstr(value, "json") != NULL && strstr(value, "nd") == NULL;
	return MHD_YES;
}

enum MHD_Result
MHD_set_response_options(struct MHD_Response *response, enum MHD_ResponseFlags flags, ...)
{
	(void)response;
	(void)flags;
	return MHD_YES;
}

void
MHD_destroy_response(struct MHD_Response *response)
{
	if (--response->references > 0)
		return;
	if (response->give_back != NULL)
		response->give_back(response->octets);
	free(response);
}

enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned status,
		   struct MHD_Response *response)
{
	connection->answers++;
	connection->status = status;
	connection->response = response;
	response->references++;
	return MHD_YES;
}

/* --- the store ----------------------------------------------------------------------------- */

static bool
holds(const char *octets, size_t len, struct str text)
{
	return text.len > 0 && octets != NULL && memmem(octets, len, text.p, text.len) != NULL;
}

/* PostgreSQL takes UTF-8 without NUL; all but documents is printable ASCII. */
static void
check_statement(const struct store_query *statement)
{
	for (int i = 0; i < statement->param_count; i++) {
		const char *param = statement->params[i];
		if (param == NULL)
			continue;
		FUZZ_CHECK(!holds(param, strlen(param), password));
		bool document = param[0] == '[' || param[0] == '{';
		json_t *text = json_stringn(param, strlen(param)); /* NULL unless UTF-8 */
		FUZZ_CHECK(text != NULL);
		json_decref(text);
		for (const char *c = param; !document && *c != '\0'; c++)
			FUZZ_CHECK(*c >= 0x20 && *c <= 0x7f);
	}
}

void
store_run(struct store *store, struct store_query *statement)
{
	(void)store;
	FUZZ_CHECK(query == NULL && op == NULL && command == 0);
	check_statement(statement);
	query = statement;
}

static void
start_op(struct store_op *started, bool commits)
{
	FUZZ_CHECK(query == NULL && op == NULL && command == 0);
	for (size_t i = 0; i < started->aor.len; i++)
		FUZZ_CHECK(started->aor.p[i] > 0x20 && started->aor.p[i] < 0x7f);
	op = started;
	op_commits = commits;
}

void
store_lookup(struct store *store, struct store_op *started)
{
	(void)store;
	start_op(started, false);
}

void
store_commit(struct store *store, struct store_op *started)
{
	(void)store;
	start_op(started, true);
}

enum store_state
store_state(const struct store *store)
{
	(void)store;
	return script & 1 ? STORE_UP : STORE_DOWN;
}

uint64_t
store_down_ms(const struct store *store)
{
	(void)store;
	return 1000;
}

const char *
store_trouble(const struct store *store)
{
	(void)store;
	return script & 1 ? "" : "somewhere \"else\"";
}

const char *
store_host(const struct store *store)
{
	(void)store;
	return "db:5432";
}

uint32_t
store_queue_length(const struct store *store)
{
	(void)store;
	return 0;
}

int64_t
store_clock_offset_ms(const struct store *store)
{
	(void)store;
	return 0;
}

int
store_rows_count(const struct store_rows *rows)
{
	(void)rows;
	return script >> 6;
}

struct str
store_rows_value(const struct store_rows *rows, int row, int column)
{
	static const char *const cells[] = { "1", "t",	     "alice@example.com", "17000000000000",
					     "",  "[\"*\"]", "192.0.2.7/32",	  "a\\x00b\xff" };
	(void)rows;
	FUZZ_CHECK(row >= 0);
	return str_of(cells[(unsigned)(row + column + script) % 8]);
}

bool
store_rows_null(const struct store_rows *rows, int row, int column)
{
	return str_empty(store_rows_value(rows, row, column));
}

bool
ban_keeper_fits(const struct ban_keeper *keeper, const struct ip_prefix *prefix)
{
	(void)keeper;
	(void)prefix;
	return script % 16 != 3;
}

void
ban_keeper_put(struct ban_keeper *keeper, const struct ip_prefix *prefix, bool manual,
	       uint64_t left_ms)
{
	(void)keeper;
	(void)prefix;
	(void)manual;
	(void)left_ms;
}

bool
ban_keeper_remove(struct ban_keeper *keeper, const struct ip_prefix *prefix)
{
	(void)keeper;
	(void)prefix;
	return script & 2;
}

static bool
ask_master(void *arg, uint32_t id, const struct command *asked)
{
	(void)arg;
	(void)asked;
	if (script % 8 == 7)
		return false;
	command = id;
	return true;
}

/* One thing that waits comes true, or not. */
static void
complete(void)
{
	unsigned how = script >> (turn++ % 3) & 7;
	if (query != NULL) {
		struct store_query *done = query;
		query = NULL;
		strcpy(done->sqlstate, how == 2 ? "23505" : "57014");
		enum query_result result = how > 2    ? QUERY_DONE
					   : how == 0 ? QUERY_UNAVAILABLE
						      : QUERY_FAILED;
		done->done(done, result, NULL);
	} else if (op != NULL) {
		static struct binding bindings[2] = { { .id = { "1", 1 } }, { .id = { "2", 1 } } };
		static struct record record = { .exists = true,
						.bindings = bindings,
						.binding_count = 2 };
		struct store_op *done = op;
		op = NULL;
		record.exists = how != 3;
		bindings[0].expires_ms = bindings[1].expires_ms = INT64_MAX / 2;
		bindings[0].uri = STR("sip:a@\xff\x01");
		done->record = &record;
		done->looked_up = how == 1 ? LOOKUP_UNAVAILABLE : LOOKUP_FOUND;
		done->committed = (enum commit_result)(how % (COMMIT_UNKNOWN + 1));
		done->done(done);
	} else if (command != 0) {
		uint32_t id = command;
		command = 0;
		admin_report(&admin, id, (enum command_outcome)(how % 3), -1);
	} else {
		exchange_no_pause(&admin);
	}
	(void)op_commits;
}

/* --- a request as text ---------------------------------------------------------------------- */

static const char *
take_text(struct str *rest, char separator)
{
	struct str head, tail;
	bool more = str_cut(*rest, separator, &head, &tail);
	*rest = more ? tail : (struct str){ rest->p + rest->len, 0 };
	((char *)(uintptr_t)head.p)[head.len] = '\0';
	return head.p;
}

static void
read_arguments(struct MHD_Connection *connection, struct str text)
{
	while (!str_empty(text) && connection->argument_count < FIELDS_MAX) {
		char *key = (char *)(uintptr_t)take_text(&text, '&');
		char *equals = strchr(key, '=');
		if (equals != NULL)
			*equals = '\0';
		connection->arguments[connection->argument_count++] =
			(struct pair){ key, equals == NULL ? NULL : equals + 1 };
	}
}

static const char *
read_line(struct str *rest)
{
	char *line = (char *)(uintptr_t)take_text(rest, '\n');
	size_t len = strlen(line);
	if (len > 0 && line[len - 1] == '\r')
		line[len - 1] = '\0';
	return line;
}

static void
read_fields(struct MHD_Connection *connection, struct str *rest)
{
	for (const char *line = read_line(rest); *line != '\0'; line = read_line(rest)) {
		char *colon = strchr(line, ':');
		if (colon == NULL || connection->field_count == FIELDS_MAX)
			continue;
		*colon = '\0';
		const char *value = colon + 1 + strspn(colon + 1, " \t");
		connection->fields[connection->field_count++] = (struct pair){ line, value };
	}
}

/* A password of the body that stands nowhere else in the request. */
static void
find_password(struct str head, struct str body)
{
	password = STR("");
	json_t *document = json_loadb(body.p, body.len, 0, NULL);
	const json_t *value = json_object_get(document, "password");
	const char *text = json_string_value(value);
	const char *at = text == NULL ? NULL : memmem(body.p, body.len, text, strlen(text));
	if (at != NULL && strlen(text) >= 8) {
		struct str found = { at, strlen(text) };
		struct str behind = str_slice(body, (size_t)(at - body.p) + 1, body.len);
		if (!holds(behind.p, behind.len, found) && !holds(head.p, head.len, found) &&
		    !holds("password", 8, found) && strchr(text, '"') == NULL)
			password = found;
	}
	json_decref(document);
}

/* --- the whole way --------------------------------------------------------------------------- */

static void
check_octets(const struct MHD_Response *response, const char *octets, size_t len)
{
	FUZZ_CHECK(!holds(octets, len, password));
	if (!response->json)
		return;
	json_error_t error;
	json_t *document = json_loadb(octets, len, JSON_ALLOW_NUL, &error);
	FUZZ_CHECK(document != NULL);
	json_decref(document);
}

static void
read_stream(struct MHD_Connection *connection)
{
	char block[1024];
	uint64_t position = 0;
	for (unsigned turns = 0; turns < TURNS_MAX; turns++) {
		if (connection->suspended) {
			complete();
			continue;
		}
		ssize_t len = connection->response->reader(connection->response->arg, position,
							   block, sizeof(block));
		if (len < 0)
			return;
		check_octets(connection->response, block, (size_t)len);
		position += (uint64_t)len;
	}
}

static void
settle(void)
{
	while (query != NULL || op != NULL || command != 0) {
		script = 0; /* fails */
		complete();
	}
}

static enum MHD_Result
upload(struct MHD_Connection *connection, const char *url, const char *method, const char *version,
       struct str body, void **own)
{
	size_t none = 0;
	enum MHD_Result result =
		request_handle(&surface, connection, url, method, version, NULL, &none, own);
	for (size_t at = 0; result == MHD_YES && connection->answers == 0 && at < body.len;) {
		size_t piece = 1 + (at * 7 + body.len) % 4096;
		size_t len = piece < body.len - at ? piece : body.len - at, left = len;
		result = request_handle(&surface, connection, url, method, version, body.p + at,
					&left, own);
		at += len - left;
	}
	if (result == MHD_YES && connection->answers == 0)
		result = request_handle(&surface, connection, url, method, version, NULL, &none,
					own);
	return result;
}

static void
serve(struct MHD_Connection *connection, const char *method, const char *url, const char *version,
      struct str body)
{
	void *own = NULL;
	size_t none = 0;
	enum MHD_Result result = upload(connection, url, method, version, body, &own);
	for (unsigned turns = 0; result == MHD_YES && connection->answers == 0; turns++) {
		if (turns > TURNS_MAX)
			script = 0;
		complete();
		if (!connection->suspended)
			result = request_handle(&surface, connection, url, method, version, NULL,
						&none, &own);
	}
	FUZZ_CHECK(result == MHD_YES && connection->answers == 1 && !connection->suspended);
	FUZZ_CHECK(connection->status >= 200 && connection->status < 600);
	if (connection->response->reader != NULL)
		read_stream(connection);
	else
		check_octets(connection->response, connection->response->octets,
			     connection->response->len);
	FUZZ_CHECK(!surface.is_health || admin.pool.used_bytes == 0);
	if (connection->suspended)
		settle();
	struct MHD_Response *response = connection->response;
	request_completed(&surface, connection, &own, MHD_REQUEST_TERMINATED_COMPLETED_OK);
	settle();
	MHD_destroy_response(response);
	FUZZ_CHECK(admin.waiting_count == 0 && admin.stream_count == 0 && own == NULL);
}

static void
add_token(enum role role, const char *token)
{
	struct token *item = &admin.tokens.items[admin.tokens.count++];
	item->role = role;
	SHA256((const unsigned char *)token, strlen(token), item->hash);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char text[] = "server { name = \"fuzz\" }\ndomain \"example.com\" {}\n"
				   "listener \"l\" { bind = \"127.0.0.1:5060\" }\n"
				   "admin { request_timeout = \"1s\" }\n";
	(void)argc;
	(void)argv;
	admin.config = config_load_text((struct str){ text, sizeof(text) - 1 }, "fuzz", stderr);
	FUZZ_CHECK(admin.config != NULL && digest_init());
	admin.loop = loop_open();
	admin.memory = &memory;
	admin.ask = ask_master;
	admin.certificates = json_array();
	list_init(&admin.commands);
	list_init(&admin.pauses);
	arena_pool_init(&admin.pool, 64u << 20);
	fifo_open(&admin.deadlines, admin.loop, 1000, exchange_expired);
	fifo_open(&admin.clients, admin.loop, 1000, exchange_expired);
	add_token(ROLE_READ, "reader");
	add_token(ROLE_ADMIN, "writer");
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3 || size > INPUT_BYTES_MAX)
		return 0;
	char *text = malloc(size - 1); /* with room for a NUL */
	memcpy(text, data + 2, size - 2);
	text[size - 2] = '\0';
	struct MHD_Connection connection = { .answers = 0 };
	struct str rest = { text, size - 2 };
	surface.is_health = data[0] % 8 == 7;
	script = data[1];
	turn = 0;
	admin.metrics.rendering = admin.metrics.sending =
		(struct budget){ 0 }; /* no turn comes in which it would be over */
	if (data[0] & 1)
		connection.fields[connection.field_count++] =
			(struct pair){ "Authorization",
				       data[0] & 2 ? "Bearer reader" : "Bearer writer" };
	const char *blank = memmem(text, size - 2, "\r\n\r\n", 4);
	size_t head = blank == NULL ? size - 2 : (size_t)(blank - text) + 4;
	find_password(str_slice(rest, 0, head), str_slice(rest, head, rest.len));
	struct str line = str_of(read_line(&rest));
	const char *method = take_text(&line, ' '), *target = take_text(&line, ' ');
	const char *version = take_text(&line, ' ');
	read_fields(&connection, &rest);
	struct str query_text = str_of(target);
	const char *url = take_text(&query_text, '?');
	read_arguments(&connection, query_text);
	serve(&connection, method, url, version, rest);
	free(text);
	return 0;
}
