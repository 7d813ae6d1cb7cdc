/* Settings of several values: names, endpoints, prefixes. One bad item does not hide the next. */
#include "base/list.h"
#include "load.h"

bool
type_is_list(enum config_type type)
{
	switch (type) {
	case CONFIG_WORDS:
	case CONFIG_TRANSPORTS:
	case CONFIG_HOSTS:
	case CONFIG_LIST:
	case CONFIG_ENDPOINTS:
	case CONFIG_PREFIXES:
		return true;
	default:
		return false;
	}
}

static bool
listed(const struct config_list *list, struct str item)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(str_of(list->items[i]), item))
			return true;
	return false;
}

static bool
label_good(struct str label)
{
	if (label.len == 0 || label.len > 63 || label.p[0] == '-' || label.p[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		char c = ascii_lower(label.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

/* RFC 3261 §25.1 hostname without the final dot: the last label begins with a letter. */
static bool
name_good(struct str name)
{
	struct str label, rest = name;
	bool more = name.len <= 253;
	if (!more)
		return false;
	while (more) {
		more = str_cut(rest, '.', &label, &rest);
		if (!label_good(label))
			return false;
	}
	return label.p[0] < '0' || label.p[0] > '9';
}

static char *
address_text(struct loader *loader, const struct ip *ip)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	if (ip->family == 6)
		writer_char(&w, '[');
	ip_write(&w, ip);
	if (ip->family == 6)
		writer_char(&w, ']');
	return loader_copy(loader, writer_text(&w));
}

char *
host_parse(struct loader *loader, struct str text, const char **why)
{
	struct ip ip;
	if (ip_parse(text, &ip))
		return address_text(loader, &ip);
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.p[i] >= 0x80) {
			*why = "write it in its ASCII form (xn--...)";
			return NULL;
		}
	}
	if (text.len > 0 && text.p[text.len - 1] == '.') {
		*why = "leave out the dot at the end";
		return NULL;
	}
	if (!name_good(text)) {
		*why = "letters, digits and hyphens between dots";
		return NULL;
	}
	char *name = loader_copy(loader, text);
	for (char *c = name; *c != '\0'; c++)
		*c = ascii_lower(*c);
	return name;
}

/* The item as it is kept; NULL after a complaint. */
static char *
list_item(struct loader *loader, const struct setting *setting, struct str text)
{
	const char *why = "";
	size_t index;
	char *host;
	switch (setting->key->type) {
	case CONFIG_WORDS:
		return word_index(loader, setting, text, &index) ? loader_copy(loader, text) : NULL;
	case CONFIG_HOSTS:
		host = host_parse(loader, text, &why);
		if (host == NULL)
			complain(loader, setting->place, "%s: \"%.*s\" is not a host name; %s",
				 setting->key->name, STR_ARG(text), why);
		return host;
	default:
		if (text.len == 0)
			complain(loader, setting->place, "%s has an empty item",
				 setting->key->name);
		else if (text_has_control(text))
			complain(loader, setting->place, "%s contains a control character",
				 setting->key->name);
		else
			return loader_copy(loader, text);
		return NULL;
	}
}

static void
parse_list(struct loader *loader, const struct setting *setting, struct config_list *list)
{
	*list = (struct config_list){ .items = loader_alloc(loader,
							    setting->count * sizeof(char *)) };
	for (size_t i = 0; i < setting->count; i++) {
		char *item = list_item(loader, setting, str_of(setting->values[i]));
		if (item == NULL)
			continue;
		if (listed(list, str_of(item)))
			complain(loader, setting->place, "%s names %s twice", setting->key->name,
				 item);
		else
			list->items[list->count++] = item;
	}
}

static void
parse_transports(struct loader *loader, const struct setting *setting, bool *udp)
{
	struct config_listener *listener = container_of(udp, struct config_listener, udp);
	bool *const fields[] = { &listener->udp, &listener->tcp, &listener->tls };
	size_t index;
	listener->udp = listener->tcp = listener->tls = false;
	for (size_t i = 0; i < setting->count; i++)
		if (word_index(loader, setting, str_of(setting->values[i]), &index))
			*fields[index] = true;
}

_Static_assert(offsetof(struct config_listener, bind_count) ==
		       offsetof(struct config_listener, binds) + sizeof(void *),
	       "the count follows the items");
_Static_assert(offsetof(struct config_listener, proxy_from_count) ==
		       offsetof(struct config_listener, proxy_from) + sizeof(void *),
	       "the count follows the items");
_Static_assert(offsetof(struct config, health.listen_count) ==
		       offsetof(struct config, health.listen) + sizeof(void *),
	       "the count follows the items");
_Static_assert(offsetof(struct config, limits.exempt_count) ==
		       offsetof(struct config, limits.exempt) + sizeof(void *),
	       "the count follows the items");

static void
parse_endpoints(struct loader *loader, const struct setting *setting, struct endpoint_array *array)
{
	array->items = loader_alloc(loader, setting->count * sizeof(*array->items));
	array->count = 0;
	for (size_t i = 0; i < setting->count; i++) {
		struct str text = str_of(setting->values[i]);
		struct endpoint *endpoint = &array->items[array->count];
		if (!endpoint_parse(text, endpoint) || endpoint->port == 0)
			complain(loader, setting->place,
				 "%s: \"%.*s\" is not address:port, e.g. 0.0.0.0:5060 or "
				 "[::]:5060",
				 setting->key->name, STR_ARG(text));
		else
			array->count++;
	}
}

static const char *
prefix_text(struct loader *loader, const struct ip_prefix *prefix)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	ip_prefix_write(&w, prefix);
	return loader_printf(loader, "%.*s", STR_ARG(writer_text(&w)));
}

/* What is cleared by reading it as a prefix was meant otherwise; and sources that are IPv4 in the
 * clothes of IPv6 are IPv4 when they are compared. */
static bool
prefix_means_it(struct loader *loader, const struct setting *setting, struct str text,
		const struct ip_prefix *prefix)
{
	struct str address, length;
	struct ip_prefix bare;
	struct ip ip;
	str_cut(text, '/', &address, &length);
	if (!ip_parse(address, &ip))
		return false;
	bare.ip = ip_unmapped(ip);
	if (bare.ip.family != ip.family && prefix->bits >= 96) {
		bare.bits = (uint8_t)(prefix->bits - 96);
		bare.ip = ip_masked(bare.ip, bare.bits);
		complain(loader, setting->place,
			 "%s: \"%.*s\" is IPv4 in the clothes of IPv6, which matches nobody; write "
			 "%s",
			 setting->key->name, STR_ARG(text), prefix_text(loader, &bare));
		return false;
	}
	if (ip_equal(&ip, &prefix->ip))
		return true;
	complain(loader, setting->place,
		 "%s: \"%.*s\" has bits set behind its length; write %s for all of them, or %.*s",
		 setting->key->name, STR_ARG(text), prefix_text(loader, prefix), STR_ARG(address));
	return false;
}

static void
parse_prefixes(struct loader *loader, const struct setting *setting, struct prefix_array *array)
{
	array->items = loader_alloc(loader, setting->count * sizeof(*array->items));
	array->count = 0;
	for (size_t i = 0; i < setting->count; i++) {
		struct str text = str_of(setting->values[i]);
		struct ip_prefix *prefix = &array->items[array->count];
		if (!ip_prefix_parse(text, prefix))
			complain(loader, setting->place,
				 "%s: \"%.*s\" is not an address or prefix, e.g. 192.0.2.0/24 or "
				 "2001:db8::/32",
				 setting->key->name, STR_ARG(text));
		else if (prefix_means_it(loader, setting, text, prefix))
			array->count++;
	}
}

void
value_parse_list(struct loader *loader, const struct setting *setting, void *field)
{
	const struct config_key *key = setting->key;
	if (setting->count < key->least) {
		complain(loader, setting->place, "%s is empty", key->name);
		return;
	}
	switch (key->type) {
	case CONFIG_TRANSPORTS:
		parse_transports(loader, setting, field);
		return;
	case CONFIG_ENDPOINTS:
		parse_endpoints(loader, setting, field);
		return;
	case CONFIG_PREFIXES:
		parse_prefixes(loader, setting, field);
		return;
	default:
		parse_list(loader, setting, field);
	}
}
