/* Answers, problems, arguments, pages: what every handler needs. */
#include "exchange.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"
#include "sip/uri.h"
#include "store/rows.h"

#define PAGE_SIZE_DEFAULT 50u

/* --- arguments --------------------------------------------------------------------------- */

static struct str
percent_decoded(struct exchange *x, struct str raw)
{
	char *text = arena_alloc(&x->arena, raw.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : raw.len);
	for (size_t i = 0; i < raw.len; i++) {
		int high = raw.p[i] == '%' && i + 2 < raw.len ? ascii_hex(raw.p[i + 1]) : -1;
		int low = high >= 0 ? ascii_hex(raw.p[i + 2]) : -1;
		if (low < 0) {
			writer_char(&w, raw.p[i]);
			continue;
		}
		writer_char(&w, (char)(high << 4 | low));
		i += 2;
	}
	return writer_text(&w);
}

struct str
exchange_argument(struct exchange *x, const char *name)
{
	const char *value = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
	return value == NULL ? (struct str){ NULL, 0 } : percent_decoded(x, str_of(value));
}

struct str
exchange_decoded(struct exchange *x, struct str raw)
{
	return percent_decoded(x, raw);
}

const char *
exchange_z(struct exchange *x, struct str s)
{
	char *copy = arena_alloc(&x->arena, s.len + 1);
	if (copy == NULL)
		return "";
	return str_copy(copy, s.len + 1, s);
}

json_t *
exchange_object(struct exchange *x)
{
	json_error_t error;
	json_t *document = json_loadb(x->body == NULL ? "" : x->body, x->body_len,
				      JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(document))
		return document;
	char detail[256];
	if (document == NULL)
		snprintf(detail, sizeof(detail), "The body is not JSON: %s (line %d, column %d).",
			 error.text, error.line, error.column);
	else
		snprintf(detail, sizeof(detail), "The body must be a JSON object.");
	json_decref(document);
	exchange_problem(x, 400, "invalid_body", "Body cannot be read", detail, NULL,
			 "Send one JSON object.");
	return NULL;
}

/* --- answers ----------------------------------------------------------------------------- */

static void
resume(struct exchange *x)
{
	if (!x->suspended)
		return;
	list_remove(&x->link);
	x->admin->suspended_count--;
	x->suspended = false;
	MHD_resume_connection(x->connection);
	x->surface->due = true;
}

static void
attach(struct exchange *x, json_t *document, const char *type)
{
	char *text =
		document == NULL ? NULL : json_dumps(document, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(document);
	if (x->response == NULL)
		x->response = MHD_create_response_from_buffer(text == NULL ? 0 : strlen(text), text,
							      text == NULL ? MHD_RESPMEM_PERSISTENT
									   : MHD_RESPMEM_MUST_FREE);
	if (x->response == NULL)
		return;
	if (text != NULL)
		MHD_add_response_header(x->response, "Content-Type", type);
	MHD_add_response_header(x->response, "Cache-Control", "no-store");
}

void
exchange_answer(struct exchange *x, unsigned status, json_t *document)
{
	attach(x, document, "application/json");
	x->status = status;
	x->answered = true;
	resume(x);
}

void
exchange_problem(struct exchange *x, unsigned status, const char *reason, const char *title,
		 const char *detail, const char *field, const char *hint)
{
	char type[96];
	snprintf(type, sizeof(type), "urn:rollcall:problem:%s", reason);
	for (char *c = type; *c != '\0'; c++)
		if (*c == '_')
			*c = '-';
	json_t *problem = json_pack("{s:s,s:s,s:i,s:s,s:s}", "type", type, "title", title, "status",
				    (int)status, "detail", detail, "reason", reason);
	if (field != NULL)
		json_object_set_new(problem, "field", json_string(field));
	if (hint != NULL)
		json_object_set_new(problem, "hint", json_string(hint));
	attach(x, problem, "application/problem+json");
	x->status = status;
	x->answered = true;
	resume(x);
}

void
exchange_database_problem(struct exchange *x, enum query_result result, const char *sqlstate)
{
	char detail[300];
	if (result == QUERY_UNAVAILABLE) {
		const char *trouble = store_trouble(x->admin->store);
		snprintf(detail, sizeof(detail), "PostgreSQL does not answer%s%s.",
			 *trouble == '\0' ? "" : ": ", trouble);
		exchange_problem(x, 503, "database_unavailable", "Database unavailable", detail,
				 NULL,
				 "Nothing was changed. Try again when rollcallctl status shows the "
				 "database up.");
		return;
	}
	snprintf(detail, sizeof(detail), "PostgreSQL refused the statement (SQLSTATE %s).",
		 sqlstate);
	exchange_problem(x, 500, "internal", "Statement failed", detail, NULL,
			 "The log of the same second says more.");
}

void
exchange_created(struct exchange *x, struct str key, json_t *document)
{
	char text[8 * 1024];
	char *document_text = json_dumps(document, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(document);
	x->response =
		MHD_create_response_from_buffer(document_text == NULL ? 0 : strlen(document_text),
						document_text, MHD_RESPMEM_MUST_FREE);
	snprintf(text, sizeof(text), "/api/v1/users/%.*s", STR_ARG(key));
	if (x->response != NULL) {
		MHD_add_response_header(x->response, "Location", text);
		MHD_add_response_header(x->response, "Content-Type", "application/json");
	}
	exchange_answer(x, 201, NULL);
}

void
exchange_query(struct exchange *x, const char *name, int param_count,
	       void (*done)(struct store_query *, enum query_result, const struct store_rows *))
{
	x->query.name = name;
	x->query.param_count = param_count;
	x->query.done = done;
	store_run(x->admin->store, &x->query);
}

/* --- JSON -------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at p, or 0 when it is not one (Unicode 15, table 3-7). */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
		     : p[0] >= 0xe0 && p[0] <= 0xef ? 3
		     : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						    : 0;
	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

json_t *
json_octets(struct str octets)
{
	char *text = malloc(octets.len * 3 + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : octets.len * 3);
	const unsigned char *p = (const unsigned char *)octets.p;
	for (size_t i = 0; i < octets.len;) {
		size_t len = utf8_length(p + i, octets.len - i);
		writer_str(&w, len == 0 ? STR("\xef\xbf\xbd") : str_slice(octets, i, len));
		i += len == 0 ? 1 : len;
	}
	json_t *value = text == NULL ? json_null() : json_stringn(text, w.len);
	free(text);
	return value;
}

json_t *
json_wire(struct exchange *x, struct str wire)
{
	char *text = arena_alloc(&x->arena, wire.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : wire.len);
	return wire_decode(&w, wire) ? json_octets(writer_text(&w)) : json_octets(wire);
}

/* --- addresses and pages
 * ----------------------------------------------------------------------------------------- */

bool
exchange_aor_join(struct exchange *x, struct str raw_user, struct str raw_domain, struct str *key,
		  struct str *user, struct str *domain)
{
	size_t cap = 3 * raw_user.len + raw_domain.len + 1;
	char *buf = arena_alloc(&x->arena, cap);
	struct writer w = writer_on(buf, buf == NULL ? 0 : cap);
	if (str_empty(raw_user) || str_empty(raw_domain) || !sip_canonical_escape(&w, raw_user))
		return false;
	*user = writer_text(&w);
	writer_char(&w, '@');
	size_t domain_at = w.len;
	for (size_t i = 0; i < raw_domain.len; i++)
		writer_char(&w, ascii_lower(raw_domain.p[i]));
	*key = writer_text(&w);
	*domain = str_slice(*key, domain_at, key->len);
	return writer_ok(&w);
}

bool
exchange_aor_parse(struct exchange *x, struct str text, struct str *key, struct str *user,
		   struct str *domain)
{
	if (str_istarts(text, STR("sip:")))
		text = str_slice(text, 4, text.len);
	else if (str_istarts(text, STR("sips:")))
		text = str_slice(text, 5, text.len);
	const char *at = text.len == 0 ? NULL : memrchr(text.p, '@', text.len);
	if (at == NULL)
		return false;
	struct str raw_user = { text.p, (size_t)(at - text.p) };
	return exchange_aor_join(x, raw_user, str_slice(text, raw_user.len + 1, text.len), key,
				 user, domain);
}

bool
exchange_aor(struct exchange *x, struct str text, struct str *key, struct str *user,
	     struct str *domain)
{
	if (exchange_aor_parse(x, text, key, user, domain))
		return true;
	exchange_problem(x, 400, "invalid_address", "Not an address-of-record",
			 "Expected user@domain.", NULL,
			 "Write it as alice@example.com or sip:alice@example.com.");
	return false;
}

/* base64url without padding, of "key LF id". */
json_t *
exchange_page_token(struct exchange *x, struct str key, struct str id)
{
	size_t len = key.len + id.len + 1;
	char *plain = arena_alloc(&x->arena, len);
	char *coded = arena_alloc(&x->arena, len / 3 * 4 + 8);
	if (plain == NULL || coded == NULL)
		return json_null();
	struct writer w = writer_on(plain, len);
	writer_str(&w, key);
	writer_char(&w, '\n');
	writer_str(&w, id);
	int coded_len = EVP_EncodeBlock((unsigned char *)coded, (unsigned char *)plain, (int)len);
	for (int i = 0; i < coded_len; i++)
		coded[i] = coded[i] == '+' ? '-' : coded[i] == '/' ? '_' : coded[i];
	while (coded_len > 0 && coded[coded_len - 1] == '=')
		coded_len--;
	return json_stringn(coded, (size_t)coded_len);
}

static bool
token_decoded(struct exchange *x, struct str token, struct str *key, struct str *id)
{
	size_t padded = (token.len + 3) / 4 * 4;
	char *coded = arena_alloc(&x->arena, padded + 1);
	char *plain = arena_alloc(&x->arena, padded + 1);
	if (coded == NULL || plain == NULL)
		return false;
	for (size_t i = 0; i < padded; i++) {
		char c = i < token.len ? token.p[i] : '=';
		coded[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	int len = EVP_DecodeBlock((unsigned char *)plain, (unsigned char *)coded, (int)padded);
	if (len < (int)(padded - token.len))
		return false;
	return str_cut((struct str){ plain, (size_t)len - (padded - token.len) }, '\n', key, id);
}

bool
exchange_page(struct exchange *x, unsigned *size, struct str *after, struct str *after_id)
{
	struct str asked = exchange_argument(x, "page_size");
	struct str token = exchange_argument(x, "page_token");
	uint64_t value = PAGE_SIZE_DEFAULT;
	*after = *after_id = (struct str){ "", 0 };
	if (!str_empty(asked) && (!str_to_u64(asked, UINT32_MAX, &value) || value == 0)) {
		exchange_problem(x, 400, "invalid_argument", "page_size is no good",
				 "page_size must be a positive number.", "page_size", NULL);
		return false;
	}
	if (!str_empty(token) && !token_decoded(x, token, after, after_id)) {
		exchange_problem(x, 400, "invalid_argument", "page_token is no good",
				 "page_token must be the next_page_token of the page before.",
				 "page_token", NULL);
		return false;
	}
	unsigned cap = x->admin->config->admin.page_size_max;
	*size = value > cap ? cap : (unsigned)value;
	return true;
}
