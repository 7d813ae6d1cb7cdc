/* Translation, nothing else: each function reads the configuration and fills the values of one
 * module. */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/exposed.h"
#include "base/table.h"
#include "seen.h"

#define MESSAGE_BYTES_MAX 65535u
#define REQUEST_ARENA_BYTES (96u * 1024)
#define REQUESTS_MAX 20000u
#define REQUESTS_PER_STREAM 64u
#define OUTPUT_BYTES_MAX (256u * 1024)
#define HANDSHAKES_PER_TURN                                                   \
	4u /* steps: a millisecond, which whoever is registered waits at most \
	    */
#define LIMIT_TABLE_ENTRIES 100000u

struct settings_policy {
	struct policy policy;
	struct domain *domains;
	struct domain_name *names;
	char *text; /* copies of the names: the configuration may go before the policy does */
};

static size_t
text_bytes(const struct config *config)
{
	size_t bytes = strlen(config->server.header) + strlen(config->server.name);
	for (size_t i = 0; i < config->domain_count; i++) {
		const struct config_domain *domain = &config->domains[i];
		bytes += strlen(domain->name);
		for (size_t k = 0; k < domain->aliases.count; k++)
			bytes += strlen(domain->aliases.items[k]);
		for (size_t k = 0; k < domain->service_route.count; k++)
			bytes += strlen(domain->service_route.items[k]) + 1;
	}
	return bytes + 1;
}

static size_t
name_count(const struct config *config)
{
	size_t count = config->domain_count;
	for (size_t i = 0; i < config->domain_count; i++)
		count += config->domains[i].aliases.count;
	return count;
}

static struct str
keep_text(struct writer *text, const char *value)
{
	size_t start = text->len;
	writer_text_z(text, value);
	return (struct str){ text->buf + start, text->len - start };
}

/* As one field value. */
static struct str
keep_list(struct writer *text, const struct config_list *list)
{
	size_t start = text->len;
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			writer_char(text, ',');
		writer_text_z(text, list->items[i]);
	}
	return (struct str){ text->buf + start, text->len - start };
}

static void
add_name(struct policy *policy, const struct domain *domain, struct str text)
{
	struct domain_name *name = &policy->names[policy->name_count++];
	*name = (struct domain_name){ .host.text = text, .domain = domain };
	ip_parse(text, &name->host.ip);
}

static void
fill_domain(struct policy *policy, struct domain *domain, const struct config_domain *source,
	    struct writer *text)
{
	domain->name = keep_text(text, source->name);
	add_name(policy, domain, domain->name);
	for (size_t i = 0; i < source->aliases.count; i++)
		add_name(policy, domain, keep_text(text, source->aliases.items[i]));
	domain->schemes = source->schemes == CONFIG_SCHEMES_BOTH   ? DOMAIN_SCHEMES_BOTH
			  : source->schemes == CONFIG_SCHEMES_SIPS ? DOMAIN_SCHEMES_SIPS
								   : DOMAIN_SCHEMES_SIP;
	domain->require_tls = source->require_tls;
	domain->service_route = keep_list(text, &source->service_route);
	domain->contacts = source->compatible ? DOMAIN_CONTACTS_COMPATIBLE : DOMAIN_CONTACTS_STRICT;
	for (size_t i = 0; i < source->algorithms.count && i < DIGEST_ALGORITHM_COUNT; i++)
		if (digest_algorithm_parse(str_of(source->algorithms.items[i]),
					   &domain->offer.algorithms[domain->offer.count]))
			domain->offer.count++;
	domain->offer.requires_qop = source->require_qop;
}

static uint32_t
seconds(uint64_t ms)
{
	return (uint32_t)(ms / 1000);
}

static void
fill_numbers(struct policy *policy, const struct config *config)
{
	uint32_t message = config->server.max_message_size;
	policy->limits.max_message_bytes =
		message < MESSAGE_BYTES_MAX ? message : MESSAGE_BYTES_MAX;
	policy->limits.max_body_bytes = config->server.max_body_size;
	policy->expires_default_s = seconds(config->registration.expires_default);
	policy->expires_min_s = seconds(config->registration.expires_min);
	policy->expires_max_s = seconds(config->registration.expires_max);
	policy->expires_jitter_percent = config->registration.expires_jitter;
	policy->max_contacts = config->registration.max_contacts;
	policy->max_contacts_per_request = config->registration.max_contacts_per_request;
	policy->replace_oldest = config->registration.replace_oldest;
	policy->path = config->registration.path == CONFIG_PATH_YES	  ? PATH_STRICT
		       : config->registration.path == CONFIG_PATH_LENIENT ? PATH_LENIENT
									  : PATH_OFF;
	policy->path_requires_certificate = config->registration.path_requires_certificate;
	policy->nonce_ttl_s = seconds(config->auth.nonce_ttl);
	policy->retry_after_min_s = seconds(config->limits.retry_after_min);
	policy->retry_after_max_s = seconds(config->limits.retry_after_max);
}

struct settings_policy *
settings_policy_make(const struct config *config, const struct node_domains *labels)
{
	struct settings_policy *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return NULL;
	size_t bytes = text_bytes(config);
	made->domains = calloc(config->domain_count + 1, sizeof(*made->domains));
	made->names = calloc(name_count(config) + 1, sizeof(*made->names));
	made->text = malloc(bytes);
	if (made->domains == NULL || made->names == NULL || made->text == NULL) {
		settings_policy_free(made);
		return NULL;
	}
	struct writer text = writer_on(made->text, bytes);
	made->policy.names = made->names;
	for (size_t i = 0; i < config->domain_count; i++) {
		fill_domain(&made->policy, &made->domains[i], &config->domains[i], &text);
		made->domains[i].label = node_domain_find(labels, config->domains[i].name);
	}
	policy_order_names(&made->policy);
	made->policy.server_header = keep_text(&text, config->server.header);
	made->policy.node = keep_text(&text, config->server.name);
	fill_numbers(&made->policy, config);
	return made;
}

const struct policy *
settings_policy_value(const struct settings_policy *made)
{
	return &made->policy;
}

void
settings_policy_free(struct settings_policy *made)
{
	if (made == NULL)
		return;
	free(made->domains);
	free(made->names);
	free(made->text);
	free(made);
}

struct net_settings
settings_net(const struct config *config)
{
	return (struct net_settings){
		.max_connections = config->server.max_connections / config->server.workers,
		.handshake_timeout_ms = (uint32_t)config->tls.handshake_timeout,
		.first_message_timeout_ms = (uint32_t)config->connection.first_message_timeout,
		.message_timeout_ms = (uint32_t)config->connection.message_timeout,
		.idle_timeout_ms = (uint32_t)config->connection.idle_timeout,
		.max_message_bytes = MESSAGE_BYTES_MAX,
		.max_output_bytes = OUTPUT_BYTES_MAX,
		.udp_receive_buffer = config->connection.udp_receive_buffer,
		.udp_send_buffer = config->connection.udp_send_buffer,
		.handshakes_per_turn = HANDSHAKES_PER_TURN,
	};
}

bool
settings_front(struct front *front, const struct config *config, enum transport transport,
	       const struct endpoint *bound)
{
	static const enum proxy_version versions[] = {
		[CONFIG_PROXY_OFF] = PROXY_OFF,
		[CONFIG_PROXY_V1] = PROXY_V1,
		[CONFIG_PROXY_V2] = PROXY_V2,
	};
	const struct config_listener *listener = config_listener_at(config, transport, bound);
	if (listener == NULL)
		return false;
	*front = (struct front){
		.listener = listener->name,
		.proxy = versions[listener->proxy_protocol],
		.tls_offloaded = listener->tls_offloaded,
		.trusted = listener->proxy_from,
		.trusted_count = listener->proxy_from_count,
	};
	return true;
}

static double
per_second(const struct config_rate *rate)
{
	return rate->count * 1000.0 / rate->per_ms;
}

struct limits_settings
settings_limits(const struct config *config)
{
	return (struct limits_settings){
		.ip_per_second = per_second(&config->limits.per_ip_rate),
		.ip_burst = config->limits.per_ip_burst,
		.aor_per_second = per_second(&config->limits.per_aor_rate),
		.connections_per_ip = config->connection.max_per_ip,
		.ipv6_prefix = (uint8_t)config->limits.ipv6_prefix,
		.exempt = config->limits.unlimited,
		.exempt_count = config->limits.unlimited_count,
		.table_entries = LIMIT_TABLE_ENTRIES,
	};
}

struct requests_settings
settings_requests(const struct config *config, const struct policy *policy)
{
	return (struct requests_settings){
		.policy = policy,
		.transaction_memory = config->server.transaction_memory,
		.request_memory = (uint64_t)REQUESTS_MAX * REQUEST_ARENA_BYTES / 8,
		.max_requests = REQUESTS_MAX,
		.max_per_stream = REQUESTS_PER_STREAM,
		.datagrams_known = SEEN_TAKEN,
		.failure_delay_ms = config->auth.failure_delay,
		.remembered_records = config->auth.remembered_records,
		.overload_delay_ms = config->limits.overload_delay,
		.deadline_ms = config->database.query_timeout,
		.db_grace_ms = config->health.db_grace,
		.fail_on_database = config->health.fail_on_database,
		.retries = config->database.retries,
		.health_port = config->health.listen_count > 0 ? config->health.listen[0].port : 0,
		.drop_agents = (const char *const *)config->limits.drop_agents.items,
		.drop_agent_count = config->limits.drop_agents.count,
	};
}

bool
settings_store(struct store_settings *settings, const struct config *config, uint32_t connections,
	       char *password, size_t password_cap, char *application, size_t application_cap,
	       char *error, size_t error_cap)
{
	bool has_password = config->database.password_file[0] != '\0';
	bool good = !has_password || config_password(config->database.password_file, password,
						     password_cap, error, error_cap);
	snprintf(application, application_cap, "rollcalld/%s", config->server.name);
	*settings = (struct store_settings){
		.url = config->database.url,
		.password = has_password && good ? password : NULL,
		.password_file = config->database.password_file,
		.application = application,
		.connections = connections,
		.connect_timeout_ms = (uint32_t)config->database.connect_timeout,
		.query_timeout_ms = (uint32_t)config->database.query_timeout,
		.queue_limit = config->database.queue_limit,
		.batch_rows = config->database.batch_rows,
		.prepared = config->database.prepared,
		.retries = config->database.retries,
		.key_rotation_ms = (uint32_t)config->auth.nonce_key_rotation,
		.nonce_ttl_ms = (uint32_t)config->auth.nonce_ttl,
		.require_durable = !config->database.allow_unsafe,
	};
	return good;
}

static enum tls_client_auth
client_auth(enum config_client_auth word)
{
	switch (word) {
	case CONFIG_CLIENT_AUTH_REQUEST:
		return TLS_CLIENT_AUTH_REQUEST;
	case CONFIG_CLIENT_AUTH_REQUIRE:
		return TLS_CLIENT_AUTH_REQUIRE;
	case CONFIG_CLIENT_AUTH_OFF:
		break;
	}
	return TLS_CLIENT_AUTH_OFF;
}

static struct tls_server *
open_tls(const struct config *config, const struct tls_server *previous, bool any_date, char *error,
	 size_t error_cap, void (*warn)(const char *, void *), void *arg)
{
	error[0] = '\0';
	if (config->certificate_count == 0)
		return NULL;
	struct tls_certificate_settings *certificates =
		calloc(config->certificate_count, sizeof(*certificates));
	const char **domains = calloc(config->domain_count + 1, sizeof(*domains));
	struct tls_server *server = NULL;
	if (certificates == NULL || domains == NULL) {
		snprintf(error, error_cap, "out of memory");
		goto done;
	}
	for (size_t i = 0; i < config->certificate_count; i++)
		certificates[i] =
			(struct tls_certificate_settings){ .name = config->certificates[i].name,
							   .chain = config->certificates[i].chain,
							   .key = config->certificates[i].key };
	for (size_t i = 0; i < config->domain_count; i++)
		domains[i] = config->domains[i].name;
	struct tls_settings settings = {
		.certificates = certificates,
		.certificate_count = config->certificate_count,
		.previous = previous,
		.any_date = any_date,
		.domains = domains,
		.domain_count = config->domain_count,
		.min_tls13 = config->tls.min_tls13,
		.ciphers = config->tls.ciphers,
		.client_auth = client_auth(config->tls.client_auth),
		.client_ca = config->tls.client_ca,
		.tickets = config->tls.session_tickets,
		.ticket_rotation_s = (uint32_t)(config->tls.ticket_rotation / 1000),
		.sni_strict = config->tls.sni_strict,
	};
	server = tls_server_open(&settings, error, error_cap, warn, arg);
done:
	free(certificates);
	free(domains);
	return server;
}

struct tls_server *
settings_tls(const struct config *config, const struct tls_server *previous, char *error,
	     size_t error_cap, void (*warn)(const char *, void *), void *arg)
{
	return open_tls(config, previous, false, error, error_cap, warn, arg);
}

struct tls_server *
settings_tls_any_date(const struct config *config, char *error, size_t error_cap)
{
	return open_tls(config, NULL, true, error, error_cap, NULL, NULL);
}

void
settings_exposed(const struct config *config, void (*warn)(const char *, void *), void *arg)
{
	char said[1024], name[128];
	if (exposed_say("database.password_file", config->database.password_file, said,
			sizeof(said)))
		warn(said, arg);
	for (size_t i = 0; i < config->certificate_count; i++) {
		snprintf(name, sizeof(name), "certificate %s: key", config->certificates[i].name);
		if (exposed_say(name, config->certificates[i].key, said, sizeof(said)))
			warn(said, arg);
	}
}

/* Another file under the name counts as well, be it older than the one before. */
static uint64_t
mark_file(uint64_t mark, const char *file)
{
	struct stat entry;
	uint64_t facts[5] = { mark };
	if (stat(file, &entry) == 0) {
		facts[1] = (uint64_t)entry.st_mtim.tv_sec;
		facts[2] = (uint64_t)entry.st_mtim.tv_nsec;
		facts[3] = (uint64_t)entry.st_size;
		facts[4] = (uint64_t)entry.st_ino;
	}
	return table_hash((const char *)facts, sizeof(facts));
}

uint64_t
settings_tls_mark(const struct config *config)
{
	uint64_t mark = 0;
	for (size_t i = 0; i < config->certificate_count; i++) {
		mark = mark_file(mark, config->certificates[i].chain);
		mark = mark_file(mark, config->certificates[i].key);
	}
	if (config->tls.client_auth != CONFIG_CLIENT_AUTH_OFF)
		mark = mark_file(mark, config->tls.client_ca);
	return mark;
}
