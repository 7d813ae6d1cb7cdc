/* Heads: see the header. */
#include "head.h"

#include <string.h>

/* Printable ASCII, but none of the others. */
static bool
is_visible_without(struct str s, const char *others)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr(others, s.p[i]) != NULL)
			return false;
	return true;
}

/* --- fields --------------------------------------------------------------------------- */

/* RFC 9110 section 5.6.2 */
static bool
is_token(struct str s)
{
	return !str_empty(s) && is_visible_without(s, "\"(),/:;<=>?@[\\]{}");
}

static bool
holds_control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

void
head_field(struct head *head, struct str name, struct str value)
{
	if (!is_token(name))
		head->flaw = "A field has a name that is not a token, or a blank in front of its "
			     "colon.";
	else if (holds_control(value))
		head->flaw = "A field has a control character in its value.";
	if (str_ieq(name, STR("Content-Length"))) {
		head->lengths++;
	} else if (str_ieq(name, STR("Transfer-Encoding"))) {
		head->encodings++;
		head->encoding = value;
	} else if (str_ieq(name, STR("Host"))) {
		head->hosts++;
		head->host = value;
	} else if (str_ieq(name, STR("Authorization"))) {
		head->authorizations++;
	}
}

/* --- the target ----------------------------------------------------------------------- */

/* An authority without user information, or nothing at all (RFC 9110 section 7.2). */
static bool
is_host(struct str s)
{
	return is_visible_without(s, ",/?#@\\\"<>^`{|}");
}

/* What stands behind "http://", or NULL. */
static const char *
behind_scheme(const char *target)
{
	static const char *const schemes[] = { "http://", "https://" };
	for (size_t i = 0; i < 2; i++)
		if (str_istarts(str_of(target), str_of(schemes[i])))
			return target + strlen(schemes[i]);
	return NULL;
}

const char *
head_path(const char *target)
{
	const char *authority = behind_scheme(target);
	if (authority == NULL)
		return target;
	const char *path = strchr(authority, '/');
	return path == NULL ? "/" : path;
}

static const char *
target_flaw(const struct head *head, struct str method, struct str target)
{
	const char *authority = behind_scheme(target.p);
	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.p[i] <= 0x20 || target.p[i] == 0x7f)
			return "The target has a blank or a control character.";
	if (authority != NULL) {
		struct str host = { authority, strcspn(authority, "/") };
		if (str_empty(host) || !is_host(host) ||
		    (head->hosts > 0 && !str_ieq(host, head->host)))
			return "The target is of another host than Host.";
		return NULL;
	}
	if (str_eq(target, STR("*")) && str_eq(method, STR("OPTIONS")))
		return NULL;
	return str_starts(target, STR("/")) ? NULL : "The target is no path.";
}

/* --- all of it ------------------------------------------------------------------------ */

const char *
head_flaw(const struct head *head, struct str method, struct str target)
{
	if (head->flaw != NULL)
		return head->flaw;
	if (head->lengths > 1 || head->encodings > 1 || head->hosts > 1 ||
	    (head->lengths > 0 && head->encodings > 0))
		return "Content-Length, Transfer-Encoding or Host is repeated or contradictory.";
	if (head->authorizations > 1)
		return "Authorization is repeated.";
	if (head->encodings > 0 && (head->http_1_0 || !str_ieq(head->encoding, STR("chunked"))))
		return "Bodies come by Content-Length, or chunked in HTTP/1.1.";
	if (head->hosts == 0 && !head->http_1_0)
		return "Host is missing.";
	if (!is_host(head->host))
		return "Host is not a host.";
	return target_flaw(head, method, target);
}
