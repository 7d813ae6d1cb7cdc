/* Bans over HTTP. The table is changed first, then this node's own set, and then it is answered:
 * who has read the answer finds the ban in force, or gone, on this node. */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "arguments.h"
#include "ban_keeper.h"
#include "json.h"

#define FOR_MAX_S (366 * 86400)
#define COMMENT_MAX 200u

/* Of ban_add.sql and admin_bans.sql. */
enum column { CIDR, REASON, ORIGIN, NODE, COMMENT, CREATED, EXPIRES, LEFT_MS };

struct ban_work {
	struct page page;
	struct ip_prefix prefix;
	const char *cidr;
};

static json_t *
json_text(const struct store_rows *rows, int row, int column)
{
	return store_rows_null(rows, row, column)
		       ? json_null()
		       : json_octets(store_rows_value(rows, row, column));
}

static int64_t
number(const struct store_rows *rows, int row, int column)
{
	uint64_t value;
	return str_to_u64(store_rows_value(rows, row, column), INT64_MAX, &value) ? (int64_t)value
										  : 0;
}

static json_t *
json_ban(const struct store_rows *rows, int row)
{
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I}", "cidr", json_text(rows, row, CIDR),
			 "reason", json_text(rows, row, REASON), "origin",
			 json_text(rows, row, ORIGIN), "node", json_text(rows, row, NODE),
			 "comment", json_text(rows, row, COMMENT), "created_at",
			 json_time(number(rows, row, CREATED)), "expires_at",
			 json_time(number(rows, row, EXPIRES)), "expires_in",
			 (json_int_t)((number(rows, row, LEFT_MS) + 999) / 1000));
}

/* --- the list ---------------------------------------------------------------------------- */

static void
list_rows(struct exchange *x, const struct store_rows *rows)
{
	const struct ban_work *work = x->work;
	int count = store_rows_count(rows);
	int shown = count > (int)work->page.size ? (int)work->page.size : count;
	json_t *items = json_array();
	for (int row = 0; row < shown; row++)
		json_array_append_new(items, json_ban(rows, row));
	json_t *page = json_pack("{s:o}", "items", items);
	if (count > shown)
		json_object_set_new(
			page, "next_page_token",
			page_token(&x->arena, store_rows_value(rows, shown - 1, CIDR), STR("")));
	exchange_answer(x, 200, page);
}

static bool
page_is_cidr(struct exchange *x, const struct page *page)
{
	struct ip_prefix prefix;
	if (str_empty(page->after) || ip_prefix_parse(page->after, &prefix))
		return true;
	exchange_problem(x, 400, "invalid_argument", "page_token is no good",
			 "It must be the next_page_token of the page before.", "page_token", NULL);
	return false;
}

void
bans_list(struct exchange *x)
{
	struct ban_work *work = arena_alloc(&x->arena, sizeof(*work));
	char rows[24];
	if (work == NULL || !page_asked(x, &work->page) || !page_is_cidr(x, &work->page))
		return;
	snprintf(rows, sizeof(rows), "%u", work->page.size + 1);
	x->work = work;
	x->query.params[0] =
		str_empty(work->page.after) ? NULL : arena_text(&x->arena, work->page.after);
	x->query.params[1] = arena_text(&x->arena, str_of(rows));
	exchange_query(x, "admin_bans", 2, list_rows);
}

/* --- which addresses --------------------------------------------------------------------- */

static bool
cidr_problem(struct exchange *x, const char *detail, const char *hint)
{
	exchange_problem(x, 400, "invalid_field", "Not an address or prefix", detail, "cidr", hint);
	return false;
}

static const char *
cidr_text(struct exchange *x, const struct ip_prefix *prefix)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	ip_prefix_write(&w, prefix);
	return arena_text(&x->arena, writer_text(&w));
}

/* What is cleared by reading it as a prefix was meant otherwise. */
static bool
read_cidr(struct exchange *x, struct str text, struct ip_prefix *prefix, const char **cidr)
{
	struct str address, length;
	struct ip ip;
	char hint[128];
	str_cut(text, '/', &address, &length);
	if (!ip_prefix_parse(text, prefix) || !ip_parse(address, &ip))
		return cidr_problem(x, "Expected an address, or address/bits.",
				    "Write it as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/64.");
	if (ip_unmapped(ip).family != ip.family)
		return cidr_problem(x, "It is an IPv4 address in the clothes of IPv6.",
				    "Write it as 192.0.2.7.");
	*cidr = cidr_text(x, prefix);
	if (ip_equal(&ip, &prefix->ip))
		return true;
	snprintf(hint, sizeof(hint), "Write %s for all of them, or the address without a length.",
		 *cidr);
	return cidr_problem(x, "There are bits set behind the length of the prefix.", hint);
}

static bool
overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->bits <= b->bits ? ip_prefix_contains(a, &b->ip) : ip_prefix_contains(b, &a->ip);
}

/* The hosts of this very machine are always among them. */
static const struct ip_prefix *
protected_in(const struct config *config, const struct ip_prefix *prefix)
{
	static const struct ip_prefix self[] = {
		{ { 4, { 127, 0, 0, 1 } }, 32 },
		{ { 6, { [15] = 1 } }, 128 },
	};
	for (size_t i = 0; i < config->limits.unlimited_count; i++)
		if (overlap(&config->limits.unlimited[i], prefix))
			return &config->limits.unlimited[i];
	for (size_t i = 0; i < 2; i++)
		if (overlap(&self[i], prefix))
			return &self[i];
	return NULL;
}

static bool
may_be_banned(struct exchange *x, const struct ban_work *work)
{
	char detail[160];
	const struct ip_prefix *kept = protected_in(x->admin->config, &work->prefix);
	if (kept == NULL)
		return true;
	snprintf(detail, sizeof(detail), "%s holds addresses of %s, which are never banned.",
		 work->cidr, cidr_text(x, kept));
	exchange_problem(x, 409, "ban_exempt", "Never banned", detail, "cidr",
			 "Ban less, or change limits.exempt or proxy_from and reload.");
	return false;
}

static bool
fits(struct exchange *x, const struct ban_work *work)
{
	char detail[96];
	if (ban_keeper_fits(x->admin->bans, &work->prefix))
		return true;
	snprintf(detail, sizeof(detail), "%d manual bans are in force, and no more fit.", BANS_MAX);
	exchange_problem(x, 409, "bans_full", "No room", detail, "cidr",
			 "Remove some, or ban a shorter prefix instead of many long ones.");
	return false;
}

/* --- adding ------------------------------------------------------------------------------ */

static void
added(struct exchange *x, const struct store_rows *rows)
{
	const struct ban_work *work = x->work;
	char location[128];
	const char *slash = strchr(work->cidr, '/');
	if (store_rows_count(rows) == 0) {
		exchange_unavailable(x);
		return;
	}
	ban_keeper_put(x->admin->bans, &work->prefix, true, (uint64_t)number(rows, 0, LEFT_MS));
	exchange_answer(x, 201, json_ban(rows, 0));
	snprintf(location, sizeof(location), "/api/v1/bans/%.*s%%2F%s", (int)(slash - work->cidr),
		 work->cidr, slash + 1);
	exchange_header(x, "Location", location);
}

static bool
field_problem(struct exchange *x, const char *field, const char *detail)
{
	exchange_problem(x, 400, "invalid_field", "Field is no good", detail, field,
			 "Send {\"cidr\":\"192.0.2.7\",\"for\":3600,\"comment\":\"why\"}.");
	return false;
}

static bool
fields_known(struct exchange *x, const json_t *body)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)body, key, value)
	{
		if (strcmp(key, "cidr") != 0 && strcmp(key, "for") != 0 &&
		    strcmp(key, "comment") != 0)
			return field_problem(x, key, "There is no such field.");
	}
	return true;
}

/* The row for ban_add.sql, in x->held; false, and answered, when the body is no good. */
static bool
read_body(struct exchange *x, const json_t *body, struct ban_work *work)
{
	const json_t *cidr = json_object_get(body, "cidr"), *time = json_object_get(body, "for");
	const json_t *comment = json_object_get(body, "comment");
	json_int_t seconds = json_integer_value(time);
	if (!fields_known(x, body))
		return false;
	if (!json_is_string(cidr))
		return field_problem(x, "cidr", "It must be a string: an address or a prefix.");
	if (!json_is_integer(time) || seconds < 1 || seconds > FOR_MAX_S)
		return field_problem(x, "for", "It must be a number of seconds, 1 to 31622400.");
	if (comment != NULL && !json_is_null(comment) &&
	    (!json_is_string(comment) || json_string_length(comment) > COMMENT_MAX ||
	     memchr(json_string_value(comment), '\0', json_string_length(comment)) != NULL))
		return field_problem(x, "comment", "It must be a string of at most 200 octets.");
	struct str text = { json_string_value(cidr), json_string_length(cidr) };
	if (!read_cidr(x, text, &work->prefix, &work->cidr) || !may_be_banned(x, work) ||
	    !fits(x, work))
		return false;
	json_t *row = json_pack("{s:s,s:s,s:I}", "cidr", work->cidr, "origin", "manual", "left_ms",
				seconds * 1000);
	if (json_is_string(comment))
		json_object_set(row, "comment", (json_t *)(uintptr_t)comment);
	json_decref(x->held);
	x->held = json_pack("[o]", row);
	return true;
}

void
bans_add(struct exchange *x)
{
	struct ban_work *work = arena_alloc(&x->arena, sizeof(*work));
	if (work == NULL)
		return;
	x->work = work;
	x->held = exchange_object(x);
	if (x->held == NULL || !read_body(x, x->held, work))
		return;
	char *rows = json_written(x->held);
	x->query.params[0] = rows == NULL ? NULL : arena_text(&x->arena, str_of(rows));
	x->query.params[1] = x->admin->memory->node->name;
	free(rows);
	exchange_query(x, "ban_add", 2, added);
}

/* --- removing ---------------------------------------------------------------------------- */

/* One that the database has not yet is known to this node alone. */
static void
removed(struct exchange *x, const struct store_rows *rows)
{
	const struct ban_work *work = x->work;
	bool here = ban_keeper_remove(x->admin->bans, &work->prefix);
	if (here || store_rows_count(rows) > 0)
		exchange_answer_empty(x, 204);
	else
		exchange_problem(x, 404, "ban_unknown", "No such ban",
				 "This prefix is not banned, or no longer.", NULL,
				 "rollcallctl ban list shows those in force, each with its own "
				 "length.");
}

void
bans_remove(struct exchange *x)
{
	struct ban_work *work = arena_alloc(&x->arena, sizeof(*work));
	if (work == NULL || !read_cidr(x, x->segments[0], &work->prefix, &work->cidr))
		return;
	x->work = work;
	char list[64];
	snprintf(list, sizeof(list), "{%s}", work->cidr);
	x->query.params[0] = arena_text(&x->arena, str_of(list));
	if (x->query.params[0] != NULL)
		exchange_query(x, "ban_remove", 2, removed);
}
