/* See site.h. */
#include "server/site.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "auth/nonce.h"
#include "base/table.h"

void
site_init(struct site *site)
{
	*site = (struct site){ .host = fake_host("192.0.2.4:40000") };
	stats_use(&site->stats);
	log_set_level(LOG_LEVEL_ERROR);
	table_seed();
	ck_assert(digest_init());
	site->domain = (struct domain){ .name = STR("example.com"),
					.offer = { { DIGEST_SHA256, DIGEST_MD5 }, 2, false } };
	site->name =
		(struct domain_name){ .host.text = STR("example.com"), .domain = &site->domain };
	site->policy = (struct policy){
		.names = &site->name,
		.name_count = 1,
		.node = STR("node1"),
		.server_header = STR("rollcall"),
		.limits = { .max_message_bytes = 65535, .max_body_bytes = 65535 },
		.expires_default_s = 3600,
		.expires_min_s = 60,
		.expires_max_s = 7200,
		.max_contacts = 10,
		.max_contacts_per_request = 10,
		.nonce_ttl_s = 300,
		.retry_after_min_s = 20,
		.retry_after_max_s = 90,
	};
	site->limits_settings = (struct limits_settings){ .ipv6_prefix = 64, .table_entries = 100 };
	site->settings = (struct requests_settings){
		.policy = &site->policy,
		.transaction_memory = 1 << 20,
		.request_memory = 16 << 20,
		.max_requests = 100,
		.max_per_stream = 8,
		.datagrams_known = 1 << 17,
		.overload_delay_ms = 0,
		.db_grace_ms = 30000,
		.fail_on_database = true,
		.deadline_ms = 5000,
		.retries = 3,
	};
}

void
site_start(struct site *site)
{
	arena_pool_init(&site->pool, 512u << 20);
	arena_init(&site->arena, &site->pool, 512u << 20);
	site->loop = loop_open();
	site->store = fake_store_open(site->loop);
	fake_store_account(site->store, "alice", ALICE);
	fake_store_account(site->store, "bob", "bob's");
	site->limits = limits_open(&site->limits_settings);
	ck_assert(site->loop != NULL && site->limits != NULL);
	site->requests = requests_open(site->loop, site->store, site->limits, &site->settings);
	ck_assert_ptr_nonnull(site->requests);
	site->net = fake_net_open(requests_net_user(site->requests));
	requests_set_net(site->requests, site->net);
}

void
site_open(struct site *site)
{
	site_init(site);
	site_start(site);
}

void
site_close(struct site *site)
{
	store_close(site->store);
	requests_set_net(site->requests, NULL);
	net_close(site->net);
	ck_assert_uint_eq(requests_live(site->requests), 0);
	requests_close(site->requests);
	limits_close(site->limits);
	loop_close(site->loop);
	arena_reset(&site->arena);
	arena_pool_clear(&site->pool);
	digest_clear();
}

void
site_pass(struct site *site, uint64_t ms)
{
	fake_loop_pass(site->loop, ms);
	fake_resume(site->net);
}

static const char *
or_else(const char *text, const char *usual)
{
	return text == NULL ? usual : text;
}

/* The Authorization line of somebody who knows the password. */
static void
write_credentials(struct site *site, struct writer *w, const struct site_request *request)
{
	char nonce[NONCE_TEXT_LEN + 1], ha1[DIGEST_HEX_MAX + 1], response[DIGEST_HEX_MAX + 1];
	char nc[9];
	uint64_t number = request->nonce == 0 ? 1000000 + site->made : request->nonce;
	uint8_t random[8];
	memcpy(random, &number, sizeof(random));
	const char *login = or_else(request->login, "alice");
	char aor[64];
	snprintf(aor, sizeof(aor), "%s@example.com", login);
	snprintf(nc, sizeof(nc), "%08x", request->nc == 0 ? 1 : request->nc);
	nonce_mint(store_nonce_keys(site->store), STR("example.com"),
		   str_of(or_else(request->nonce_aor, aor)), loop_real_ms(site->loop), random,
		   nonce);
	struct credentials c = { .username = str_of(login),
				 .realm = str_of(or_else(request->realm, "example.com")),
				 .nonce = str_of(nonce),
				 .uri = str_of(or_else(request->digest_uri, "sip:example.com")),
				 .cnonce = STR("c"),
				 .nc_text = str_of(nc),
				 .qop = DIGEST_QOP_AUTH,
				 .algorithm = DIGEST_SHA256 };
	digest_ha1(c.algorithm, c.username, c.realm, str_of(or_else(request->password, ALICE)),
		   ha1);
	digest_response(&c, str_of(or_else(request->method, "REGISTER")), str_of(ha1), response);
	writer_printf(w,
		      "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", "
		      "uri=\"%s\", response=\"%s\", algorithm=SHA-256, cnonce=\"c\", "
		      "qop=auth, nc=%s\r\n",
		      login, c.realm.p, nonce, c.uri.p, response, nc);
}

static void
write_fields(struct site *site, struct writer *w, const struct site_request *request)
{
	const char *method = or_else(request->method, "REGISTER");
	const char *login = or_else(request->login, "alice");
	char via[256], to[128], branch[32];
	snprintf(branch, sizeof(branch), "z9hG4bK-%u", site->made);
	snprintf(via, sizeof(via), "SIP/2.0/UDP 192.0.2.4:40000;branch=%s",
		 or_else(request->branch, branch));
	snprintf(to, sizeof(to), "<sip:%s@example.com>", login);
	if (request->start != NULL) {
		writer_text_z(w, request->start);
	} else {
		writer_printf(w, "%s ", method);
		writer_text_z(w, or_else(request->uri, "sip:example.com"));
		writer_text_z(w, " SIP/2.0");
	}
	writer_text_z(w, "\r\n");
	writer_printf(w, "Via: %s\r\n", or_else(request->via, via));
	writer_printf(w, "From: <sip:%s@example.com>;tag=%s\r\n", login,
		      or_else(request->from_tag, "f1"));
	writer_printf(w, "To: %s\r\n", or_else(request->to, to));
	writer_printf(w, "Call-ID: %s\r\n", or_else(request->call_id, "a"));
	writer_printf(w, "CSeq: %u %s\r\n", request->cseq == 0 ? 1 : request->cseq,
		      or_else(request->cseq_method, method));
	if (request->contact != NULL)
		writer_printf(w, "Contact: %s\r\n", request->contact);
	writer_text_z(w, or_else(request->fields, ""));
}

struct str
site_text(struct site *site, struct site_request request)
{
	size_t cap = 8192 + request.size;
	char *buf = arena_alloc(&site->arena, cap);
	ck_assert_ptr_nonnull(buf);
	struct writer w = writer_on(buf, cap);
	site->made++;
	write_fields(site, &w, &request);
	if (!request.no_credentials)
		write_credentials(site, &w, &request);
	const char *end = or_else(request.end, "Content-Length: 0\r\n\r\n");
	if (w.len + strlen(end) + 4 < request.size) {
		size_t filler = request.size - w.len - strlen(end) - 5;
		writer_text_z(&w, "X: ");
		for (size_t i = 0; i < filler; i++)
			writer_char(&w, 'x');
		writer_text_z(&w, "\r\n");
	}
	writer_text_z(&w, end);
	ck_assert(writer_ok(&w));
	return writer_text(&w);
}

void
site_send(struct site *site, struct site_request request)
{
	fake_datagram(site->net, &site->host, site_text(site, request));
}

struct str
sent_text(const struct site *site, size_t index)
{
	return index < fake_sent_count(site->net) ? fake_sent_at(site->net, index)->octets
						  : STR("");
}

int
sent_status(const struct site *site, size_t index)
{
	uint64_t status;
	return str_to_u64(str_slice(sent_text(site, index), 8, 3), 999, &status) ? (int)status : 0;
}

struct str
text_field(struct str text, const char *name)
{
	char start[64];
	int len = snprintf(start, sizeof(start), "\r\n%s: ", name);
	const char *at = memmem(text.p, text.len, start, (size_t)len);
	if (at == NULL)
		return STR("");
	at += len;
	size_t left = text.len - (size_t)(at - text.p);
	const char *end = memmem(at, left, "\r\n", 2);
	return (struct str){ at, end == NULL ? left : (size_t)(end - at) };
}

struct str
sent_field(const struct site *site, size_t index, const char *name)
{
	return text_field(sent_text(site, index), name);
}

struct str
sent_to_tag(const struct site *site, size_t index)
{
	struct str to = sent_field(site, index, "To");
	const char *tag = memmem(to.p, to.len, ";tag=", 5);
	return tag == NULL ? STR("") : str_slice(to, (size_t)(tag - to.p) + 5, to.len);
}

unsigned
sent_with_status(const struct site *site, int status)
{
	unsigned count = 0;
	for (size_t i = 0; i < fake_sent_count(site->net); i++)
		count += sent_status(site, i) == status;
	return count;
}

unsigned
row_bindings(const struct site *site, const char *aor)
{
	return fake_store_row(site->store, aor)->binding_count;
}
