/*
 * Where SIP is heard. Sections become listeners with all their endpoints; without any section, and
 * for an empty one, RFC 3261 §18.2.1 names the ports. Then the set is checked as a whole.
 */
#include "load.h"

#define SIP_PORT 5060
#define SIPS_PORT 5061

static void
bind_everywhere(struct loader *loader, struct config_listener *listener, uint16_t port)
{
	listener->binds = loader_alloc(loader, 2 * sizeof(*listener->binds));
	listener->bind_count = 2;
	listener->binds[0] = (struct endpoint){ .ip = { .family = 4 }, .port = port };
	listener->binds[1] = (struct endpoint){ .ip = { .family = 6 }, .port = port };
}

/* They are two, whatever the empty section that stands for them is called. */
static void
check_standard_names(struct loader *loader, struct place place)
{
	const struct config *config = loader->config;
	for (size_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].name, "sip") == 0 ||
		    strcmp(config->listeners[i].name, "tls") == 0)
			complain(
				loader, place,
				"an empty listener stands for the standard ones, \"sip\" and "
				"\"tls\": give the other listener \"%s\" another name, or this one "
				"its bind and transport",
				config->listeners[i].name);
}

static void
add_standard(struct loader *loader, struct place place)
{
	struct config *config = loader->config;
	check_standard_names(loader, place);
	struct config_listener *sip = &config->listeners[config->listener_count++];
	*sip = (struct config_listener){ .name = loader_copy(loader, STR("sip")),
					 .udp = true,
					 .tcp = true };
	bind_everywhere(loader, sip, SIP_PORT);
	if (config->certificate_count == 0) {
		warn(loader, place,
		     "no certificate section: TLS is not served; add certificate \"main\" { chain "
		     "= \"...\" key = \"...\" }");
		return;
	}
	struct config_listener *tls = &config->listeners[config->listener_count++];
	*tls = (struct config_listener){ .name = loader_copy(loader, STR("tls")), .tls = true };
	bind_everywhere(loader, tls, SIPS_PORT);
}

static void
check_section(struct loader *loader, const struct section *section,
	      struct config_listener *listener)
{
	const struct config *config = loader->config;
	if (!section->sound)
		return;
	if (listener->tls && (listener->tcp || listener->udp))
		complain(loader, section_place(section, "transport"),
			 "listener \"%s\": tls and %s cannot share a port; give tls a listener of "
			 "its own",
			 listener->name, listener->tcp ? "tcp" : "udp");
	if (listener->tls && config->certificate_count == 0 && !loader->broken)
		complain(loader, section_place(section, "transport"),
			 "listener \"%s\": tls needs a certificate; add certificate \"main\" { "
			 "chain = \"...\" key = \"...\" }",
			 listener->name);
	if (listener->bind_count == 0)
		bind_everywhere(loader, listener, listener->tls ? SIPS_PORT : SIP_PORT);
}

/* The PROXY protocol and tls_offloaded: what a load balancer says is believed, so it must be known
 * who may say it, and how. */
static void
check_front(struct loader *loader, const struct section *section,
	    const struct config_listener *listener)
{
	bool proxy = listener->proxy_protocol != CONFIG_PROXY_OFF;
	const char *name = listener->name;
	if (!section->sound)
		return;
	if (proxy && listener->proxy_from_count == 0)
		complain(loader, section_place(section, "proxy_protocol"),
			 "listener \"%s\": proxy_protocol needs proxy_from, the addresses of the "
			 "load balancers, e.g. proxy_from = {\"10.0.3.0/24\"}",
			 name);
	if (listener->tls_offloaded && listener->proxy_from_count == 0)
		complain(loader, section_place(section, "tls_offloaded"),
			 "listener \"%s\": tls_offloaded needs proxy_from, the addresses of the "
			 "load "
			 "balancers that end TLS, e.g. proxy_from = {\"10.0.3.0/24\"}",
			 name);
	if (listener->proxy_from_count > 0 && !proxy && !listener->tls_offloaded)
		complain(loader, section_place(section, "proxy_from"),
			 "listener \"%s\": proxy_from has no effect without proxy_protocol or "
			 "tls_offloaded; set one of them, or remove proxy_from to serve everybody",
			 name);
	if (listener->tls_offloaded && (listener->udp || listener->tls))
		complain(loader, section_place(section, "tls_offloaded"),
			 "listener \"%s\": tls_offloaded = yes is for what arrives over tcp, "
			 "without "
			 "TLS; write transport = {\"tcp\"}",
			 name);
	if (listener->proxy_protocol == CONFIG_PROXY_V1 && listener->udp)
		complain(loader, section_place(section, "proxy_protocol"),
			 "listener \"%s\": proxy_protocol = v1 knows no udp; write v2, or take udp "
			 "out "
			 "of transport",
			 name);
}

static bool
tcp_beside(const struct config *config, const struct endpoint *udp)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];
		for (size_t j = 0; listener->tcp && j < listener->bind_count; j++)
			if (endpoint_covers(&listener->binds[j], udp))
				return true;
	}
	return false;
}

const char *
endpoint_text(struct loader *loader, const struct endpoint *endpoint)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	endpoint_write(&w, endpoint);
	return loader_copy(loader, writer_text(&w));
}

static void
check_twin(struct loader *loader, const struct config_listener *listener, struct place place)
{
	if (!listener->udp || listener->udp_only)
		return;
	for (size_t i = 0; i < listener->bind_count; i++) {
		if (tcp_beside(loader->config, &listener->binds[i]))
			continue;
		complain(loader, place,
			 "listener \"%s\": udp %s without tcp on the same port (RFC 3261 section "
			 "18.2.1); add \"tcp\" to transport or set udp_only = yes",
			 listener->name, endpoint_text(loader, &listener->binds[i]));
	}
}

/* One port, one listener: TLS is TCP to the kernel. */
static bool
clash(const struct config_listener *a, const struct config_listener *b)
{
	return (a->udp && b->udp) || ((a->tcp || a->tls) && (b->tcp || b->tls));
}

static void
check_clashes(struct loader *loader, size_t index, struct place place)
{
	const struct config *config = loader->config;
	const struct config_listener *own = &config->listeners[index];
	for (size_t i = 0; i < own->bind_count; i++) {
		for (size_t j = 0; j <= index; j++) {
			const struct config_listener *other = &config->listeners[j];
			size_t end = j == index ? i : other->bind_count;
			for (size_t k = 0; clash(own, other) && k < end; k++)
				if (endpoint_equal(&own->binds[i], &other->binds[k]))
					complain(loader, place,
						 "listener \"%s\": %s already belongs to listener "
						 "\"%s\"",
						 own->name, endpoint_text(loader, &own->binds[i]),
						 other->name);
		}
	}
}

static size_t
sockets_of(const struct config_listener *listener)
{
	const bool wanted[] = { listener->udp, listener->tcp, listener->tls };
	size_t count = 0;
	for (size_t t = 0; t < sizeof(wanted) / sizeof(*wanted); t++)
		count += wanted[t] ? listener->bind_count : 0;
	return count;
}

/* Told where it becomes too much. */
static void
check_sockets(struct loader *loader, const struct place *places)
{
	const struct config *config = loader->config;
	size_t all = 0, over = 0;
	for (size_t i = 0; i < config->listener_count; i++) {
		if (all <= CONFIG_SIP_SOCKETS_MAX)
			over = i;
		all += sockets_of(&config->listeners[i]);
	}
	if (all > CONFIG_SIP_SOCKETS_MAX)
		complain(loader, places[over],
			 "listener \"%s\": more than %u sockets for SIP, one for each address and "
			 "transport of all listeners, which make %zu; bind 0.0.0.0 or [::] instead "
			 "of single addresses",
			 config->listeners[over].name, CONFIG_SIP_SOCKETS_MAX, all);
}

static bool
left_empty(const struct section *section)
{
	return section->settings == NULL;
}

static void
add_unlimited(struct config *config, const struct ip_prefix *prefixes, size_t count)
{
	if (count > 0)
		memcpy(&config->limits.unlimited[config->limits.unlimited_count], prefixes,
		       count * sizeof(*prefixes));
	config->limits.unlimited_count += count;
}

static void
gather_unlimited(struct loader *loader)
{
	struct config *config = loader->config;
	size_t room = config->limits.exempt_count;
	for (size_t i = 0; i < config->listener_count; i++)
		room += config->listeners[i].proxy_from_count;
	config->limits.unlimited = loader_alloc(loader, room * sizeof(struct ip_prefix));
	add_unlimited(config, config->limits.exempt, config->limits.exempt_count);
	for (size_t i = 0; i < config->listener_count; i++)
		add_unlimited(config, config->listeners[i].proxy_from,
			      config->listeners[i].proxy_from_count);
}

void
listeners_read(struct loader *loader)
{
	struct config *config = loader->config;
	struct section *first = section_of_kind(loader->titled, CONFIG_SECTION_listener);
	bool standard = first == NULL;
	size_t room = 2;
	struct place standard_place = NOWHERE;
	for (struct section *s = first; s != NULL; s = section_of_kind(s->next, s->kind))
		room++;
	struct place *places = loader_alloc(loader, room * sizeof(*places));
	config->listeners = loader_alloc(loader, room * sizeof(*config->listeners));
	for (struct section *s = first; s != NULL; s = section_of_kind(s->next, s->kind)) {
		if (left_empty(s)) {
			standard = true;
			standard_place = s->place;
			continue;
		}
		struct config_listener *listener = &config->listeners[config->listener_count];
		places[config->listener_count++] = section_place(s, "bind");
		listener->name = loader_copy(loader, str_of(s->title));
		section_apply(loader, s, listener);
		check_section(loader, s, listener);
		check_front(loader, s, listener);
	}
	size_t named = config->listener_count;
	if (standard && !loader->broken)
		add_standard(loader, standard_place);
	for (size_t i = named; i < config->listener_count; i++)
		places[i] = standard_place;
	for (size_t i = 0; i < config->listener_count; i++) {
		check_twin(loader, &config->listeners[i], places[i]);
		check_clashes(loader, i, places[i]);
	}
	check_sockets(loader, places);
	gather_unlimited(loader);
}
