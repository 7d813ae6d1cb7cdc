/*
 * doctor, the way of a phone: an account with a random name is made, registered over each listener,
 * looked up, and deleted again with its bindings.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/digest.h"
#include "base/clock.h"
#include "client.h"
#include "doctor.h"
#include "doctor_wire.h"

#define SECRET_BYTES 16u

struct account {
	char name[32], password[2 * SECRET_BYTES + 1];
	char instance[2 * SECRET_BYTES + 1]; /* the digits of a UUID */
	const struct config_domain *domain;
	const char *scheme; /* "sip" or "sips" */
	bool exists;
};

struct registration {
	const struct account *account;
	struct wire wire;
	unsigned cseq;
	char local[80], call_id[33];
};

static void
random_hex(char *out, size_t bytes)
{
	unsigned char random[SECRET_BYTES];
	random_bytes(random, bytes);
	struct writer w = writer_on(out, 2 * bytes);
	writer_hex(&w, random, bytes);
	out[w.len] = '\0';
}

/* Loopback for any address. */
static struct endpoint
reached_at(const struct endpoint *bound)
{
	struct endpoint to = *bound;
	if (ip_any(&to.ip)) {
		to.ip.octets[to.ip.family == 4 ? 3 : 15] = 1;
		if (to.ip.family == 4)
			to.ip.octets[0] = 127;
	}
	return to;
}

void
doctor_address(const struct endpoint *bound, char *out, size_t cap)
{
	const struct endpoint to = reached_at(bound);
	struct writer w = writer_on(out, cap - 1);
	endpoint_write(&w, &to);
	out[w.len] = '\0';
}

/* --- requests ------------------------------------------------------------------------- */

static int
ask(struct registration *r, const char *method, const char *fields)
{
	static const char *const upper[] = { "UDP", "TCP", "TLS" };
	char text[4096], branch[2 * SECRET_BYTES + 1];
	const struct account *a = r->account;
	random_hex(branch, SECRET_BYTES);
	struct writer w = writer_on(text, sizeof(text));
	writer_printf(&w,
		      "%s %s:%s SIP/2.0\r\n"
		      "Via: SIP/2.0/%s %s;branch=z9hG4bK%s;rport\r\n"
		      "Max-Forwards: 70\r\n"
		      "From: <%s:%s@%s>;tag=doctor\r\n"
		      "To: <%s:%s@%s>\r\n"
		      "Call-ID: %s\r\n"
		      "CSeq: %u %s\r\n"
		      "User-Agent: rollcallctl doctor\r\n"
		      "%sContent-Length: 0\r\n\r\n",
		      method, a->scheme, a->domain->name, upper[r->wire.transport], r->local,
		      branch, a->scheme, a->name, a->domain->name, a->scheme, a->name,
		      a->domain->name, r->call_id, ++r->cseq, method, fields);
	return writer_ok(&w) ? wire_exchange(&r->wire, text, w.len, r->cseq) : 0;
}

/* The value of name="…" in a line, unescaped nowhere: nonces of ours need it not. */
static struct str
quoted(struct str line, const char *name)
{
	struct str value = { NULL, 0 };
	size_t len = strlen(name);
	for (size_t i = 0; i + len < line.len; i++)
		if (memcmp(line.p + i, name, len) == 0) {
			value.p = line.p + i + len;
			const char *end = memchr(value.p, '"', line.len - i - len);
			value.len = end == NULL ? 0 : (size_t)(end - value.p);
			return value;
		}
	return value;
}

/* The first challenge of an answer; false without one that we could meet. */
static bool
find_challenge(const char *answer, struct credentials *c)
{
	struct str rest = str_of(answer), line;
	for (bool more = true; more;) {
		more = str_cut(rest, '\n', &line, &rest);
		if (!str_istarts(line, STR("WWW-Authenticate: Digest ")))
			continue;
		const char *named = memmem(line.p, line.len, "algorithm=", 10);
		if (named == NULL)
			continue;
		struct str algorithm = { named + 10, strcspn(named + 10, ",\r\n ") };
		c->nonce = quoted(line, "nonce=\"");
		c->realm = quoted(line, "realm=\"");
		if (!str_empty(c->nonce) && digest_algorithm_parse(algorithm, &c->algorithm))
			return true;
	}
	return false;
}

/* The Authorization field for a challenge in the last answer. */
static bool
write_login(const struct registration *r, struct writer *w)
{
	const struct account *a = r->account;
	char uri[300], ha1[DIGEST_HEX_MAX + 1], response[DIGEST_HEX_MAX + 1];
	char cnonce[2 * SECRET_BYTES + 1];
	struct credentials c = { .username = str_of(a->name),
				 .cnonce = { cnonce, 2 * SECRET_BYTES },
				 .nc_text = STR("00000001"),
				 .nc = 1,
				 .qop = DIGEST_QOP_AUTH };
	random_hex(cnonce, SECRET_BYTES);
	snprintf(uri, sizeof(uri), "%s:%s", a->scheme, a->domain->name);
	c.uri = str_of(uri);
	if (!find_challenge(r->wire.answer, &c))
		return false;
	digest_ha1(c.algorithm, c.username, c.realm, str_of(a->password), ha1);
	digest_response(&c, STR("REGISTER"), str_of(ha1), response);
	writer_printf(w,
		      "Authorization: Digest username=\"%s\", realm=\"%.*s\", nonce=\"%.*s\", "
		      "uri=\"%s\", response=\"%s\", algorithm=%.*s, cnonce=\"%s\", "
		      "qop=auth, nc=00000001\r\n",
		      a->name, STR_ARG(c.realm), STR_ARG(c.nonce), uri, response,
		      STR_ARG(digest_algorithm_name(c.algorithm)), cnonce);
	explicit_bzero(ha1, sizeof(ha1));
	return true;
}

/* The status of a REGISTER with log-in, 0 without an answer. One instance for all addresses: each
 * registration takes the place of the one before, whatever max_contacts is, and the list in the
 * answer stays short. An hour is never too brief (RFC 3261 §10.3 step 7). */
static int
register_contact(struct registration *r)
{
	char fields[2048];
	const char *uuid = r->account->instance;
	struct writer w = writer_on(fields, sizeof(fields) - 1);
	writer_printf(&w,
		      "Contact: <%s:%s@%s%s>;+sip.instance=\"<urn:uuid:%.8s-%.4s-%.4s-%.4s-%s>\""
		      "\r\nExpires: 3600\r\n",
		      r->account->scheme, r->account->name, r->local,
		      r->wire.transport == TRANSPORT_UDP ? "" : ";transport=tcp", uuid, uuid + 8,
		      uuid + 12, uuid + 16, uuid + 20);
	fields[w.len] = '\0';
	int status = ask(r, "REGISTER", fields);
	if (status != 401 || !write_login(r, &w) || !writer_ok(&w))
		return status;
	fields[w.len] = '\0';
	return ask(r, "REGISTER", fields);
}

/* --- the account ---------------------------------------------------------------------- */

/* Whether the API shows a binding with this Contact address. */
static bool
is_listed(const struct doctor *doctor, const struct registration *r)
{
	struct client_path path;
	char aor[320];
	json_t *answer, *item;
	size_t index;
	bool found = false;
	snprintf(aor, sizeof(aor), "%s@%s", r->account->name, r->account->domain->name);
	client_path_start(&path, "aors");
	client_path_segment(&path, aor);
	if (client_call(doctor->options, "GET", &path, NULL, &answer) != CTL_DONE)
		return false;
	json_array_foreach(json_object_get(answer, "bindings"), index, item)
	{
		const char *contact = json_string_value(json_object_get(item, "contact"));
		found = found || (contact != NULL && strstr(contact, r->local) != NULL);
	}
	json_decref(answer);
	return found;
}

static void
make_account(struct doctor *doctor, struct account *account)
{
	struct client_path path;
	json_t *answer;
	client_path_start(&path, "users");
	json_t *body =
		json_pack("{s:s,s:s,s:s,s:i}", "username", account->name, "domain",
			  account->domain->name, "password", account->password, "max_contacts", 1);
	account->exists = client_call(doctor->options, "POST", &path, body, &answer) == CTL_DONE;
	json_decref(body);
	json_decref(answer);
	if (!account->exists)
		doctor_note(doctor, "registration", CTL_BAD, NULL,
			    "no account for the self-registration can be made");
}

/* Its bindings go with it. */
static void
delete_account(struct doctor *doctor, const struct account *account)
{
	struct client_path path;
	char user[320];
	json_t *answer;
	if (!account->exists)
		return;
	snprintf(user, sizeof(user), "%s@%s", account->name, account->domain->name);
	client_path_start(&path, "users");
	client_path_segment(&path, user);
	enum ctl_exit code = client_call(doctor->options, "DELETE", &path, NULL, &answer);
	json_decref(answer);
	if (code != CTL_DONE)
		doctor_note(doctor, "registration", CTL_BAD, "rollcallctl user delete",
			    "account %s could not be deleted again", user);
}

/* --- listeners ------------------------------------------------------------------------ */

/* Whether doctor is among the load balancers: who goes to an address of this host comes from it. */
static bool
comes_from_front(const struct config_listener *listener, const struct endpoint *bound)
{
	const struct endpoint to = reached_at(bound);
	for (size_t i = 0; i < listener->proxy_from_count; i++)
		if (ip_prefix_contains(&listener->proxy_from[i], &to.ip))
			return true;
	return false;
}

static bool
comes_from_front_everywhere(const struct config_listener *listener)
{
	for (size_t i = 0; i < listener->bind_count; i++)
		if (!comes_from_front(listener, &listener->binds[i]))
			return false;
	return true;
}

/* Why this one cannot be tried from here; NULL: it can. */
static const char *
obstacle(const struct doctor *doctor, const struct config_listener *listener,
	 enum transport transport)
{
	const struct config_domain *domain = &doctor->config->domains[0];
	if (listener->proxy_protocol != CONFIG_PROXY_OFF)
		return "expects the PROXY protocol";
	if (listener->tls_offloaded)
		return comes_from_front_everywhere(listener)
			       ? NULL
			       : "serves load balancers alone (proxy_from)";
	if (transport == TRANSPORT_TLS &&
	    doctor->config->tls.client_auth == CONFIG_CLIENT_AUTH_REQUIRE)
		return "demands a client certificate";
	if (transport != TRANSPORT_TLS &&
	    (domain->require_tls || domain->schemes == CONFIG_SCHEMES_SIPS))
		return "the first domain is served over TLS only";
	return NULL;
}

bool
doctor_lacks_ipv6(struct doctor *doctor, const char *check, const char *what,
		  const struct endpoint *bound)
{
	char text[64];
	if (bound->ip.family != 6 || !ip_any(&bound->ip) || wire_ipv6_here())
		return false;
	struct writer w = writer_on(text, sizeof(text));
	endpoint_write(&w, bound);
	doctor_note(doctor, check, CTL_WARN, NULL, "%s %.*s: not tried: this host has no IPv6",
		    what, STR_ARG(writer_text(&w)));
	return true;
}

static void
try_address(struct doctor *doctor, const struct account *account, enum transport transport,
	    const struct endpoint *bound)
{
	struct registration r = { .account = account };
	struct endpoint to;
	char where[80];
	const char *why, *word = transport_word(transport);
	if (doctor_lacks_ipv6(doctor, "listeners", word, bound))
		return;
	doctor_address(bound, where, sizeof(where));
	if (!endpoint_parse(str_of(where), &to))
		return;
	if (!wire_open(&r.wire, transport, &to, &why)) {
		doctor_note(doctor, "listeners", CTL_BAD, NULL, "%s %s: %s", word, where, why);
		return;
	}
	struct writer w = writer_on(r.local, sizeof(r.local) - 1);
	endpoint_write(&w, &r.wire.local);
	random_hex(r.call_id, SECRET_BYTES);
	int status = ask(&r, "OPTIONS", "");
	doctor_note(doctor, "listeners", status == 200 ? CTL_GOOD : CTL_BAD, NULL,
		    status == 0 ? "%s %s does not answer" : "%s %s answers %d", word, where,
		    status);
	if (status == 200)
		doctor_brief(doctor, "%s %u", word, to.port);
	if (status != 0 && account->exists) {
		status = register_contact(&r);
		bool listed = status == 200 && is_listed(doctor, &r);
		doctor_note(doctor, "registration", listed ? CTL_GOOD : CTL_BAD, NULL,
			    listed	    ? "self-registration over %s %s"
			    : status == 200 ? "%s %s: registered, but not listed"
			    : status == 0   ? "%s %s: no answer to REGISTER"
					    : "%s %s: REGISTER is answered %d",
			    word, where, status);
		if (listed)
			doctor_brief(doctor, "%s", word);
	}
	wire_close(&r.wire);
}

static void
try_listener(struct doctor *doctor, const struct account *account,
	     const struct config_listener *listener, enum transport transport)
{
	const char *why = obstacle(doctor, listener, transport);
	if (why != NULL) {
		doctor_note(doctor, "listeners", CTL_WARN, NULL, "listener %s, %s: not tried: %s",
			    listener->name, transport_word(transport), why);
		return;
	}
	for (size_t i = 0; i < listener->bind_count; i++)
		try_address(doctor, account, transport, &listener->binds[i]);
}

void
doctor_registration(struct doctor *doctor)
{
	struct account account = { .domain = &doctor->config->domains[0], .scheme = "sip" };
	char random[13];
	if (!digest_init())
		return;
	random_hex(random, 6);
	snprintf(account.name, sizeof(account.name), "doctor-%s", random);
	random_hex(account.password, SECRET_BYTES);
	random_hex(account.instance, SECRET_BYTES);
	if (account.domain->schemes == CONFIG_SCHEMES_SIPS)
		account.scheme = "sips";
	if (doctor->stats != NULL)
		make_account(doctor, &account);
	for (size_t i = 0; i < doctor->config->listener_count; i++) {
		const struct config_listener *listener = &doctor->config->listeners[i];
		if (listener->udp)
			try_listener(doctor, &account, listener, TRANSPORT_UDP);
		if (listener->tcp)
			try_listener(doctor, &account, listener, TRANSPORT_TCP);
		if (listener->tls)
			try_listener(doctor, &account, listener, TRANSPORT_TLS);
	}
	delete_account(doctor, &account);
	explicit_bzero(&account, sizeof(account));
	digest_clear();
}
