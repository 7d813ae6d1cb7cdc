/*
 * What "auto" means on this machine, and the rules that no single key can tell: domains, pairs of
 * keys, files that belong together.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"
#include "quantity.h"
#include "sip/address.h"

/* Descriptors of a worker that are not connections: listeners, database, log, and room to spare. */
#define DESCRIPTORS_KEPT 512
#define DESCRIPTORS_MAX (1u << 20) /* what fs.nr_open is by default; stands for "unlimited" */

struct section *
section_of_kind(struct section *from, enum config_section kind)
{
	while (from != NULL && from->kind != kind)
		from = from->next;
	return from;
}

/* --- auto --- */

static uint32_t
cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	unsigned count = (unsigned)CPU_COUNT(&set);
	return count > 64 ? 64 : count;
}

/* The hard limit: the master raises the soft one to it. */
static uint32_t
descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1024;
	return limit.rlim_max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : (uint32_t)limit.rlim_max;
}

static void
resolve_connections(struct loader *loader)
{
	struct config *config = loader->config;
	uint32_t descriptors = descriptor_limit();
	uint32_t each = descriptors > 2 * DESCRIPTORS_KEPT ? descriptors - DESCRIPTORS_KEPT
							   : descriptors / 2;
	struct place place = section_place(loader->once[CONFIG_SECTION_server], "max_connections");
	uint64_t all = (uint64_t)config->server.workers * each;
	if (config->server.max_connections == 0)
		config->server.max_connections =
			all < CONFIG_CONNECTIONS_MAX ? (uint32_t)all : CONFIG_CONNECTIONS_MAX;
	else if (config->server.max_connections < config->server.workers)
		complain(loader, place,
			 "max_connections %u is none for some of %u workers; set it to %u or more, "
			 "or workers to less",
			 config->server.max_connections, config->server.workers,
			 config->server.workers);
	else if (config->server.max_connections > (uint64_t)config->server.workers * descriptors)
		warn(loader, place,
		     "max_connections %u but the process may open %u files; set LimitNOFILE=",
		     config->server.max_connections, descriptors);
}

/* It is shown in JSON and written into the database, both of which take no octets of other
 * encodings. */
static void
check_name(struct loader *loader)
{
	const char *name = loader->config->server.name;
	for (size_t i = 0; name[i] != '\0'; i++)
		if (name[i] <= 0x20 || name[i] > 0x7e) {
			complain(loader, section_place(loader->once[CONFIG_SECTION_server], "name"),
				 "name may have printable ASCII only, and no blank, e.g. reg-1");
			return;
		}
}

void
values_resolve(struct loader *loader)
{
	struct config *config = loader->config;
	const struct section *server = loader->once[CONFIG_SECTION_server];
	char host[256] = "";
	if (config->server.workers == 0)
		config->server.workers = cores();
	resolve_connections(loader);
	check_name(loader);
	if (config->server.max_body_size > config->server.max_message_size &&
	    section_setting(server, "max_body_size") == NULL)
		config->server.max_body_size = config->server.max_message_size;
	if (server->sound && config->server.name[0] == '\0') {
		gethostname(host, sizeof(host) - 1);
		host[63] = '\0';
		config->server.name =
			loader_copy(loader, str_of(host[0] == '\0' ? "rollcall" : host));
	}
	config->admin.listen_on = config->admin.listen.port != 0;
}

/* --- pairs --- */

const char *
setting_origin(struct loader *loader, const struct setting *setting, struct place seen_from)
{
	if (setting == NULL)
		return ", the default";
	if (setting->place.line == 0)
		return loader_printf(loader, ", %s", setting->place.file);
	if (setting->place.rank == seen_from.rank)
		return loader_printf(loader, ", line %u", setting->place.line);
	return loader_printf(loader, ", %s:%u", setting->place.file, setting->place.line);
}

/* True, after a complaint at whichever of both is set, when low is over high. */
static bool
exceeds(struct loader *loader, enum config_section kind, const char *low_name, uint64_t low,
	const char *high_name, uint64_t high)
{
	const struct section *section = loader->once[kind];
	if (!section->sound || low <= high)
		return false;
	const struct config_key *low_key = key_find(kind, str_of(low_name));
	const struct config_key *high_key = key_find(kind, str_of(high_name));
	const struct setting *low_set = section_setting(section, low_name);
	const struct setting *high_set = section_setting(section, high_name);
	struct place place = section_place(section, low_set != NULL ? low_name : high_name);
	complain(loader, place, "%s (%s%s) is larger than %s (%s%s)", low_name,
		 quantity_text(loader, low_key, low),
		 low_set == NULL ? setting_origin(loader, low_set, place) : "", high_name,
		 quantity_text(loader, high_key, high),
		 low_set == NULL ? "" : setting_origin(loader, high_set, place));
	return true;
}

static void
check_registration(struct loader *loader)
{
	const struct config *config = loader->config;
	uint64_t least = config->registration.expires_min;
	uint64_t standard = config->registration.expires_default;
	uint64_t most = config->registration.expires_max;
	enum config_section kind = CONFIG_SECTION_registration;
	if (!exceeds(loader, kind, "expires_min", least, "expires_max", most) &&
	    !exceeds(loader, kind, "expires_min", least, "expires_default", standard))
		exceeds(loader, kind, "expires_default", standard, "expires_max", most);
	/* RFC 3261 §10.3 step 7: 423 is for intervals below one hour. */
	if (loader->once[kind]->sound && least > CONFIG_HOUR)
		warn(loader, section_place(loader->once[kind], "expires_min"),
		     "expires_min is over 1h; shorter intervals from 1h on are granted all the "
		     "same (RFC 3261 section 10.3)");
}

static bool
ends_tls(const struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].tls)
			return true;
	return false;
}

/* Where nobody can show a certificate every Path would be refused. */
static void
check_path(struct loader *loader)
{
	const struct config *config = loader->config;
	const struct section *section = loader->once[CONFIG_SECTION_registration];
	struct place place = section_place(section, "path_requires_certificate");
	if (!section->sound || !config->registration.path_requires_certificate)
		return;
	if (config->registration.path == CONFIG_PATH_NO)
		warn(loader, place,
		     "path_requires_certificate has no effect with path = no; write path = yes, or "
		     "remove it");
	else if (loader->once[CONFIG_SECTION_tls]->sound &&
		 config->tls.client_auth == CONFIG_CLIENT_AUTH_OFF)
		complain(loader, place,
			 "path_requires_certificate needs client certificates, and client_auth is "
			 "off; write tls { client_auth = request client_ca = \"/etc/rollcall/tls/"
			 "edge-ca.pem\" }");
	else if (config->listener_count > 0 && !loader->broken && !ends_tls(config))
		complain(loader, place,
			 "path_requires_certificate needs a listener that ends TLS itself, to see "
			 "client certificates; add listener \"tls\" { transport = {\"tls\"} }");
}

/* "drain_delay (20s, the default)" */
static const char *
drain_text(struct loader *loader, const char *name, uint64_t value, struct place place)
{
	enum config_section kind = CONFIG_SECTION_health;
	const struct setting *setting = section_setting(loader->once[kind], name);
	bool here = setting != NULL && setting->place.file == place.file &&
		    setting->place.line == place.line;
	return loader_printf(loader, "%s (%s%s)", name,
			     quantity_text(loader, key_find(kind, str_of(name)), value),
			     here ? "" : setting_origin(loader, setting, place));
}

/* The spread begins when the delay is over, the timeout with the delay. */
static void
check_drain(struct loader *loader)
{
	static const char *const names[] = { "drain_timeout", "drain_spread", "drain_delay" };
	enum config_section kind = CONFIG_SECTION_health;
	const struct section *section = loader->once[kind];
	uint64_t delay = loader->config->health.drain_delay;
	uint64_t spread = loader->config->health.drain_spread;
	uint64_t most = loader->config->health.drain_timeout;
	size_t set = 0;
	bool longer = exceeds(loader, kind, names[2], delay, names[0], most);
	longer = exceeds(loader, kind, names[1], spread, names[0], most) || longer;
	if (longer || !section->sound || delay + spread <= most)
		return;
	while (set < 2 && section_setting(section, names[set]) == NULL)
		set++;
	struct place place = section_place(section, names[set]);
	warn(loader, place,
	     "%s and %s together are longer than %s, and what is left then is closed as one "
	     "wave; write drain_timeout = %s",
	     drain_text(loader, names[2], delay, place),
	     drain_text(loader, names[1], spread, place), drain_text(loader, names[0], most, place),
	     quantity_text(loader, key_find(kind, str_of(names[0])), delay + spread));
}

static void
check_pairs(struct loader *loader)
{
	const struct config *config = loader->config;
	check_registration(loader);
	check_path(loader);
	exceeds(loader, CONFIG_SECTION_server, "max_body_size", config->server.max_body_size,
		"max_message_size", config->server.max_message_size);
	/* A nonce outlives one rotation of its key, not two. */
	exceeds(loader, CONFIG_SECTION_auth, "nonce_ttl", config->auth.nonce_ttl,
		"nonce_key_rotation", config->auth.nonce_key_rotation);
	check_drain(loader);
	const struct section *tls = loader->once[CONFIG_SECTION_tls];
	if (tls->sound && config->tls.client_auth != CONFIG_CLIENT_AUTH_OFF &&
	    config->tls.client_ca[0] == '\0')
		complain(loader, section_place(tls, "client_auth"),
			 "client_auth needs client_ca: the PEM file of those who may sign client "
			 "certificates");
}

/* --- domains --- */

static void
check_twice(struct loader *loader, const struct section *section, const char *name, size_t index)
{
	const struct config *config = loader->config;
	for (size_t i = 0; i <= index; i++) {
		const struct config_domain *other = &config->domains[i];
		bool twice = i < index && strcmp(other->name, name) == 0;
		for (size_t j = 0; !twice && i < index && j < other->aliases.count; j++)
			twice = strcmp(other->aliases.items[j], name) == 0;
		if (twice)
			complain(loader, section_place(section, "aliases"),
				 "domain \"%s\": %s already belongs to domain \"%s\"",
				 config->domains[index].name, name, other->name);
	}
}

static void
check_domain(struct loader *loader, const struct section *section, size_t index)
{
	struct config_domain *domain = &loader->config->domains[index];
	const char *why = "";
	char *name = host_parse(loader, str_of(section->title), &why);
	if (name == NULL) {
		complain(loader, section->place, "domain \"%s\" is not a host name; %s",
			 section->title, why);
		return;
	}
	domain->name = name;
	check_twice(loader, section, name, index);
	for (size_t i = 0; i < domain->aliases.count; i++) {
		if (strcmp(domain->aliases.items[i], name) == 0)
			complain(loader, section_place(section, "aliases"),
				 "domain \"%s\": its alias %s is its own name", name, name);
		else
			check_twice(loader, section, domain->aliases.items[i], index);
	}
}

/* RFC 3608 §4, RFC 5630 §5.2. NULL, or what is wrong with it and what to write instead. */
static const char *
route_fault(const struct config_domain *domain, const char *text)
{
	struct sip_address hop;
	struct sip_param param;
	bool bad = false, loose = false;
	if (!sip_address_parse(&hop, str_of(text)) || !hop.bracketed ||
	    hop.uri.scheme == SIP_SCHEME_OTHER)
		return "is not a SIP URI in angle brackets; write \"<sip:proxy.example.com;lr>\"";
	for (struct str rest = hop.uri.params; sip_next_uri_param(&rest, &param, &bad);)
		loose |= str_ieq(param.name, STR("lr"));
	if (!loose)
		return "has no ;lr inside its angle brackets; write "
		       "\"<sip:proxy.example.com;lr>\"";
	bool sips_only = domain->schemes == CONFIG_SCHEMES_SIPS;
	if (sips_only != (hop.uri.scheme == SIP_SCHEME_SIPS))
		return sips_only ? "must be a sips: URI, because schemes = sips"
				 : "must be a sip: URI, which serves sips: too; sips: is for "
				   "schemes = sips";
	return NULL;
}

static void
check_service_route(struct loader *loader, const struct section *section,
		    const struct config_domain *domain)
{
	for (size_t i = 0; i < domain->service_route.count; i++) {
		const char *fault = route_fault(domain, domain->service_route.items[i]);
		if (fault != NULL)
			complain(loader, section_place(section, "service_route"),
				 "domain \"%s\": service_route %s %s", domain->name,
				 domain->service_route.items[i], fault);
	}
}

static bool
has_tls(const struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].tls || config->listeners[i].tls_offloaded)
			return true;
	return false;
}

static void
check_domains(struct loader *loader)
{
	const struct config *config = loader->config;
	size_t index = 0;
	bool tls = has_tls(config) || loader->broken;
	for (const struct section *s = section_of_kind(loader->titled, CONFIG_SECTION_domain);
	     s != NULL; s = section_of_kind(s->next, CONFIG_SECTION_domain), index++) {
		const struct config_domain *domain = &config->domains[index];
		check_domain(loader, s, index);
		check_service_route(loader, s, domain);
		if (!tls && (domain->require_tls || domain->schemes == CONFIG_SCHEMES_SIPS))
			warn(loader,
			     section_place(s, domain->require_tls ? "require_tls" : "schemes"),
			     "domain \"%s\" is served over TLS only, and no listener speaks TLS",
			     domain->name);
	}
}

/* --- admin, health and database --- */

static void
check_admin(struct loader *loader)
{
	const struct config *config = loader->config;
	const struct section *admin = loader->once[CONFIG_SECTION_admin];
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	endpoint_write(&w, &config->admin.listen);
	if (config->admin.listen_on && !ip_loopback(&config->admin.listen.ip))
		complain(loader, section_place(admin, "listen"),
			 "admin.listen %.*s is not loopback; use 127.0.0.1 and put a TLS proxy in "
			 "front (docs/operations.md)",
			 STR_ARG(writer_text(&w)));
}

static void
check_health(struct loader *loader)
{
	const struct config *config = loader->config;
	if (config->health.listen_count > CONFIG_HEALTH_LISTENERS_MAX)
		complain(loader, section_place(loader->once[CONFIG_SECTION_health], "listen"),
			 "listen names %zu addresses, and there is room for %u; write 0.0.0.0 or "
			 "[::] instead of single addresses",
			 config->health.listen_count, CONFIG_HEALTH_LISTENERS_MAX);
}

static void
check_database(struct loader *loader)
{
	const struct section *database = loader->once[CONFIG_SECTION_database];
	if (!database->sound)
		return;
	struct place place = section_place(database, "url");
	switch (database_url_judge(str_of(loader->config->database.url))) {
	case DATABASE_URL_GOOD:
		database_options_check(loader, place);
		return;
	case DATABASE_URL_UNKNOWN:
		complain(loader, place,
			 "database.url is neither postgresql://user@host/name nor host=... "
			 "dbname=...");
		return;
	case DATABASE_URL_PASSWORD:
		complain(loader, place,
			 "database.url contains a password; write it into a file of its own and "
			 "name that in database.password_file");
		return;
	}
}

static void
check_log(struct loader *loader)
{
	const struct config *config = loader->config;
	if (config->log.file[0] != '\0' && config->log.format == CONFIG_LOG_JOURNAL)
		complain(loader, section_place(loader->once[CONFIG_SECTION_log], "file"),
			 "log.file with format = journal: the journal reads stderr; write format = "
			 "json or text, or no file");
}

void
whole_check(struct loader *loader)
{
	check_pairs(loader);
	check_domains(loader);
	check_admin(loader);
	check_health(loader);
	ports_check(loader);
	check_database(loader);
	check_log(loader);
}
