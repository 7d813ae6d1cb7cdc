/* Arguments, addresses, pages. Whatever goes on to a statement is printable ASCII by then. */
#include "arguments.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin_internal.h"
#include "base/ip.h"
#include "sip/uri.h"
#include "store/rows.h"

#define PAGE_SIZE_DEFAULT 50u

/* --- arguments ------------------------------------------------------------------------ */

struct str
argument_decoded(struct arena *arena, struct str raw)
{
	char *text = arena_alloc(arena, raw.len + 1);
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

const char *
argument_encoded(struct arena *arena, const char *text)
{
	size_t cap = 3 * strlen(text);
	char *coded = arena_alloc(arena, cap + 1);
	struct writer w = writer_on(coded, coded == NULL ? 0 : cap);
	for (; coded != NULL && *text != '\0'; text++) {
		char letter = ascii_lower(*text);
		if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
		    strchr("-._~!*'()@", letter) != NULL) /* RFC 3986 §3.3, not all of pchar */
			writer_char(&w, *text);
		else
			writer_printf(&w, "%%%02X", (unsigned char)*text);
	}
	if (coded == NULL)
		return "";
	coded[w.len] = '\0';
	return coded;
}

struct str
argument_user_part(struct arena *arena, struct str octets)
{
	size_t cap = 3 * octets.len;
	char *text = arena_alloc(arena, cap + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : cap);
	for (size_t i = 0; i < octets.len; i++) {
		struct str octet = str_slice(octets, i, 1);
		(void)sip_canonical_escape(&w, str_eq(octet, STR("%")) ? STR("%25") : octet);
	}
	return writer_text(&w);
}

const char *
arena_text(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);
	return copy == NULL ? "" : str_copy(copy, s.len + 1, s);
}

struct str
argument(struct exchange *x, const char *name)
{
	const char *value = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);
	return argument_decoded(&x->arena, str_of(value == NULL ? "" : value));
}

static bool
is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

static bool
argument_problem(struct exchange *x, const char *name, const char *wanted)
{
	char title[96];
	snprintf(title, sizeof(title), "%s is no good", name);
	exchange_problem(x, 400, "invalid_argument", title, wanted, name, NULL);
	return false;
}

bool
argument_param(struct exchange *x, const char *name, const char **param)
{
	struct str value = argument(x, name);
	*param = str_empty(value) ? NULL : arena_text(&x->arena, value);
	return is_printable(value) || argument_problem(x, name, "It holds no printable ASCII.");
}

bool
argument_user_param(struct exchange *x, const char **param)
{
	struct str value = argument(x, "user");
	char *text = arena_alloc(&x->arena, 3 * value.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : 3 * value.len);
	if (!sip_canonical_escape(&w, value))
		return argument_problem(x, "user", "It has a % that two hex digits do not follow.");
	*param = str_empty(value) ? NULL : text;
	return true;
}

bool
argument_domain(struct exchange *x, const char **param)
{
	if (!argument_param(x, "domain", param))
		return false;
	for (char *c = (char *)(uintptr_t)*param; c != NULL && *c != '\0'; c++)
		*c = ascii_lower(*c);
	return true;
}

/* Who is stored is so: IPv4 in the clothes of IPv6 is IPv4. */
static void
unmap(struct ip_prefix *prefix)
{
	struct ip bare = ip_unmapped(prefix->ip);
	if (bare.family == prefix->ip.family || prefix->bits < 96)
		return;
	prefix->ip = bare;
	prefix->bits = (uint8_t)(prefix->bits - 96);
}

bool
argument_prefix(struct exchange *x, const char *name, const char **param)
{
	struct ip_prefix prefix;
	char text[64];
	struct writer w = writer_on(text, sizeof(text) - 1);
	struct str value = argument(x, name);
	*param = NULL;
	if (str_empty(value))
		return true;
	if (!ip_prefix_parse(value, &prefix))
		return argument_problem(x, name,
					"It must be an address or a prefix of addresses, "
					"192.0.2.0/24 or 2001:db8::/32.");
	unmap(&prefix);
	ip_prefix_write(&w, &prefix);
	*param = arena_text(&x->arena, writer_text(&w));
	return true;
}

/* "Z", or "+01:30" as minutes. */
static bool
offset_parse(struct str text, int64_t *minutes)
{
	uint64_t hours, rest;
	*minutes = 0;
	if (str_ieq(text, STR("Z")))
		return true;
	if (text.len != 6 || (text.p[0] != '+' && text.p[0] != '-') || text.p[3] != ':' ||
	    !str_to_u64(str_slice(text, 1, 2), 23, &hours) ||
	    !str_to_u64(str_slice(text, 4, 2), 59, &rest))
		return false;
	*minutes = (int64_t)(hours * 60 + rest) * (text.p[0] == '+' ? 1 : -1);
	return true;
}

/* "2026-03-04T11:15:02Z", with a fraction and an offset as RFC 3339 allows. */
static bool
moment_parse(const char *text, int64_t *ms)
{
	struct tm tm = { 0 };
	int64_t minutes;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL)
		return false;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!offset_parse(str_of(rest), &minutes))
		return false;
	*ms = ((int64_t)timegm(&tm) - minutes * 60) * 1000;
	return true;
}

bool
argument_moment(struct exchange *x, const char *name, int64_t now_ms, const char **param)
{
	struct str value = argument(x, name);
	uint64_t seconds;
	int64_t ms;
	char text[24];
	*param = NULL;
	if (str_empty(value))
		return true;
	if (str_to_u64(value, UINT32_MAX, &seconds))
		ms = now_ms + (int64_t)seconds * 1000;
	else if (!moment_parse(arena_text(&x->arena, value), &ms))
		return argument_problem(x, name,
					"It must be a time, 2026-03-04T11:15:02Z, or "
					"seconds from now.");
	snprintf(text, sizeof(text), "%lld", (long long)ms);
	*param = arena_text(&x->arena, str_of(text));
	return true;
}

bool
argument_wire(struct exchange *x, const char *name, const char **param)
{
	struct str value = argument(x, name);
	char *text = arena_alloc(&x->arena, 4 * value.len + 1);
	struct writer w = writer_on(text, text == NULL ? 0 : 4 * value.len);
	wire_encode(&w, value);
	*param = str_empty(value) ? NULL : text;
	return true;
}

bool
argument_word(struct exchange *x, const char *name, const char *const *words, const char **param)
{
	char wanted[160];
	struct writer w = writer_on(wanted, sizeof(wanted) - 1);
	if (!argument_param(x, name, param))
		return false;
	writer_text_z(&w, "It can be ");
	for (size_t i = 0; words[i] != NULL; i++) {
		if (*param == NULL || strcmp(*param, words[i]) == 0)
			return true;
		writer_printf(&w, "%s%s",
			      i == 0		     ? ""
			      : words[i + 1] == NULL ? " or "
						     : ", ",
			      words[i]);
	}
	writer_char(&w, '.');
	wanted[w.len] = '\0';
	return argument_problem(x, name, wanted);
}

struct arguments_look {
	struct str names;
	unsigned found; /* bit by bit, in the order of names */
	bool unknown, repeated;
};

static enum MHD_Result
look_at_argument(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct arguments_look *look = arg;
	struct str rest = look->names, name;
	unsigned bit = 1;
	(void)kind;
	(void)value;
	for (bool more = true; more; bit <<= 1) {
		more = str_cut(rest, ' ', &name, &rest);
		if (!str_eq(name, str_of(key)))
			continue;
		look->repeated = (look->found & bit) != 0;
		look->found |= bit;
		return look->repeated ? MHD_NO : MHD_YES;
	}
	look->unknown = true;
	return MHD_NO;
}

bool
arguments_known(struct exchange *x, const char *names)
{
	struct arguments_look look = { .names = str_of(names) };
	char hint[200];
	MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, look_at_argument, &look);
	if (!look.unknown && !look.repeated)
		return true;
	snprintf(hint, sizeof(hint), "%s%s.",
		 *names == '\0' ? "This path takes none" : "This path takes ", names);
	exchange_problem(x, 400, "invalid_argument",
			 look.unknown ? "No such argument" : "Repeated argument",
			 look.unknown ? "There is an argument that this path does not know."
				      : "An argument stands there more than once.",
			 NULL, hint);
	return false;
}

/* --- addresses ------------------------------------------------------------------------ */

bool
address_join(struct arena *arena, struct str user, struct str domain, struct address *address)
{
	size_t cap = 3 * user.len + domain.len + 1;
	char *buf = arena_alloc(arena, cap);
	struct writer w = writer_on(buf, buf == NULL ? 0 : cap);
	if (domain.len > 1 && domain.p[domain.len - 1] == '.') /* the root, URI-10.3.5-1 */
		domain.len--;
	if (str_empty(user) || str_empty(domain) || !is_printable(domain) ||
	    !sip_canonical_escape(&w, user))
		return false;
	address->user = writer_text(&w);
	writer_char(&w, '@');
	size_t domain_at = w.len;
	for (size_t i = 0; i < domain.len; i++)
		writer_char(&w, ascii_lower(domain.p[i]));
	address->key = writer_text(&w);
	address->domain = str_slice(address->key, domain_at, address->key.len);
	return writer_ok(&w);
}

bool
address_parse(struct arena *arena, struct str text, struct address *address)
{
	if (str_istarts(text, STR("sip:")))
		text = str_slice(text, 4, text.len);
	else if (str_istarts(text, STR("sips:")))
		text = str_slice(text, 5, text.len);
	const char *at = text.len == 0 ? NULL : memrchr(text.p, '@', text.len);
	if (at == NULL)
		return false;
	struct str user = { text.p, (size_t)(at - text.p) };
	return address_join(arena, user, str_slice(text, user.len + 1, text.len), address);
}

bool
address_of_path(struct exchange *x, struct address *address)
{
	if (address_parse(&x->arena, x->segments[0], address))
		return true;
	exchange_problem(x, 400, "invalid_address", "Not an address-of-record",
			 "Expected user@domain.", NULL,
			 "Write it as alice@example.com or sip:alice@example.com; a % needs two "
			 "hex digits behind it.");
	return false;
}

/* --- pages: the token is base64url without padding of "key LF id" --------------------- */

json_t *
page_token(struct arena *arena, struct str key, struct str id)
{
	size_t len = key.len + id.len + 1;
	char *plain = arena_alloc(arena, len);
	char *coded = arena_alloc(arena, len / 3 * 4 + 8);
	if (plain == NULL || coded == NULL)
		return NULL;
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

bool
page_token_read(struct arena *arena, struct str token, struct page *page)
{
	size_t padded = (token.len + 3) / 4 * 4, padding = padded - token.len;
	char *coded = arena_alloc(arena, padded + 1);
	char *plain = arena_alloc(arena, padded + 1);
	if (coded == NULL || plain == NULL)
		return false;
	for (size_t i = 0; i < padded; i++) {
		char c = i < token.len ? token.p[i] : '=';
		coded[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	int len = EVP_DecodeBlock((unsigned char *)plain, (unsigned char *)coded, (int)padded);
	if (padding > 2 || len < (int)padding)
		return false;
	struct str text = { plain, (size_t)len - padding };
	return str_cut(text, '\n', &page->after, &page->after_id) && !str_empty(page->after) &&
	       is_printable(page->after) && is_printable(page->after_id);
}

bool
page_asked(struct exchange *x, struct page *page)
{
	struct str asked = argument(x, "page_size");
	struct str token = argument(x, "page_token");
	uint64_t value = PAGE_SIZE_DEFAULT;
	unsigned cap = x->admin->config->admin.page_size_max;
	*page = (struct page){ 0 };
	if (!str_empty(asked) && (!str_to_u64(asked, UINT32_MAX, &value) || value == 0))
		return argument_problem(x, "page_size", "It must be a positive number.");
	if (!str_empty(token) && !page_token_read(&x->arena, token, page))
		return argument_problem(x, "page_token",
					"It must be the next_page_token of the page before.");
	page->size = value > cap ? cap : (unsigned)value;
	return true;
}
