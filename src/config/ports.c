/*
 * Ports that HTTP cannot have because somebody else has them. SIP listeners may share a port, each
 * with addresses of its own beside 0.0.0.0; the sockets of HTTP share with nobody.
 */
#include "load.h"

/* Who wants a port, and where that is said. */
struct claim {
	const char *key;	       /* as messages name it */
	const struct setting *setting; /* NULL: by default */
	struct place place;
	const struct endpoint *endpoint;
};

/* What is heard on an address of that family counts for each of them. */
bool
endpoint_covers(const struct endpoint *wide, const struct endpoint *endpoint)
{
	return endpoint_equal(wide, endpoint) ||
	       (wide->port == endpoint->port && wide->ip.family == endpoint->ip.family &&
		ip_any(&wide->ip));
}

static bool
collide(const struct endpoint *a, const struct endpoint *b)
{
	return endpoint_covers(a, b) || endpoint_covers(b, a);
}

/* At the one that is set; at the second when both are. */
static void
complain_of(struct loader *loader, const struct claim *first, const struct claim *second)
{
	const struct claim *told = second->setting != NULL ? second : first;
	const struct claim *other = told == second ? first : second;
	const char *address = endpoint_text(loader, told->endpoint);
	const char *others = endpoint_text(loader, other->endpoint);
	if (endpoint_equal(told->endpoint, other->endpoint) && told->setting == other->setting)
		complain(loader, told->place, "%s names %s twice; remove one", told->key, address);
	else if (told->setting == other->setting)
		complain(loader, told->place,
			 "%s %s takes the port of %s in the same list; remove one", told->key,
			 address, others);
	else
		complain(loader, told->place,
			 "%s %s takes the port of %s (%s%s); give one another port", told->key,
			 address, other->key, others,
			 setting_origin(loader, other->setting, told->place));
}

/* The section of a listener; NULL for a standard one. */
static const struct section *
section_of(const struct loader *loader, const struct config_listener *listener)
{
	enum config_section kind = CONFIG_SECTION_listener;
	const struct section *s = section_of_kind(loader->titled, kind);
	while (s != NULL && (s->settings == NULL || strcmp(s->title, listener->name) != 0))
		s = section_of_kind(s->next, kind);
	return s;
}

/* The first address of the listener that HTTP would collide with; NULL: none. */
static const struct endpoint *
met(const struct config_listener *listener, const struct endpoint *http)
{
	for (size_t i = 0; (listener->tcp || listener->tls) && i < listener->bind_count; i++)
		if (collide(&listener->binds[i], http))
			return &listener->binds[i];
	return NULL;
}

/* One complaint is enough: the first listener that has the port. */
static bool
meets_listener(struct loader *loader, const struct claim *http)
{
	const struct config *config = loader->config;
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct config_listener *listener = &config->listeners[i];
		const struct endpoint *endpoint = met(listener, http->endpoint);
		const struct section *section =
			endpoint == NULL ? NULL : section_of(loader, listener);
		if (endpoint == NULL || (section != NULL && !section->sound))
			continue;
		struct claim sip = { .key = loader_printf(loader, "listener \"%s\" bind",
							  listener->name),
				     .endpoint = endpoint };
		if (section != NULL) {
			sip.setting = section_setting(section, "bind");
			sip.place = section_place(section, "bind");
		}
		complain_of(loader, &sip, http);
		return true;
	}
	return false;
}

static struct claim
claim_of(const struct loader *loader, enum config_section kind, const char *key,
	 const struct endpoint *endpoint)
{
	const struct section *section = loader->once[kind];
	return (struct claim){ .key = key,
			       .setting = section_setting(section, "listen"),
			       .place = section_place(section, "listen"),
			       .endpoint = endpoint };
}

void
ports_check(struct loader *loader)
{
	const struct config *config = loader->config;
	struct claim claims[1 + CONFIG_HEALTH_LISTENERS_MAX];
	size_t count = 0;
	if (loader->once[CONFIG_SECTION_admin]->sound && config->admin.listen_on)
		claims[count++] = claim_of(loader, CONFIG_SECTION_admin, "admin.listen",
					   &config->admin.listen);
	if (loader->once[CONFIG_SECTION_health]->sound &&
	    config->health.listen_count <= CONFIG_HEALTH_LISTENERS_MAX)
		for (size_t i = 0; i < config->health.listen_count; i++)
			claims[count++] = claim_of(loader, CONFIG_SECTION_health, "health.listen",
						   &config->health.listen[i]);
	for (size_t i = 0; i < count; i++) {
		bool told = meets_listener(loader, &claims[i]);
		for (size_t j = 0; j < i && !told; j++) {
			told = collide(claims[j].endpoint, claims[i].endpoint);
			if (told)
				complain_of(loader, &claims[j], &claims[i]);
		}
	}
}
