/*
 * The configuration as text, from the same table that reads it. Strings are quoted so that
 * libConfuse reads them back octet for octet, "$" included, which would begin a variable.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "quantity.h"

#define COMMENT_WIDTH 110

/* --- values --- */

static void
print_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\' || *text == '$')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static uint64_t
number_of(const struct config_key *key, const void *field)
{
	if (key->width == sizeof(uint64_t))
		return *(const uint64_t *)field;
	return *(const uint32_t *)field;
}

static void
print_choice(const struct config_key *key, const void *field, FILE *out)
{
	struct str word;
	size_t index = key->width == sizeof(bool) ? *(const bool *)field : *(const unsigned *)field;
	if (word_at(key->words, index, &word))
		fprintf(out, "%.*s", STR_ARG(word));
}

static void
print_rate(const struct config_key *key, const struct config_rate *rate, FILE *out)
{
	for (const struct unit *unit = units_of(key->type); unit->suffix != NULL; unit++)
		if (unit->factor == rate->per_ms)
			fprintf(out, "%u%s", rate->count, unit->suffix);
}

static void
print_span(const struct config_key *key, const uint64_t *span, FILE *out)
{
	quantity_print(key, span[0], out);
	fputc('-', out);
	quantity_print(key, span[1], out);
}

static void
print_endpoint(const struct endpoint *endpoint, FILE *out)
{
	char text[64];
	struct writer w = writer_on(text, sizeof(text));
	if (endpoint->port != 0)
		endpoint_write(&w, endpoint);
	fprintf(out, "\"%.*s\"", STR_ARG(writer_text(&w)));
}

static void
print_endpoints(const struct endpoint_array *array, FILE *out)
{
	fputc('{', out);
	for (size_t i = 0; i < array->count; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_endpoint(&array->items[i], out);
	}
	fputc('}', out);
}

static void
print_prefixes(const struct prefix_array *array, FILE *out)
{
	fputc('{', out);
	for (size_t i = 0; i < array->count; i++) {
		char text[64];
		struct writer w = writer_on(text, sizeof(text));
		ip_prefix_write(&w, &array->items[i]);
		fprintf(out, "%s\"%.*s\"", i == 0 ? "" : ", ", STR_ARG(writer_text(&w)));
	}
	fputc('}', out);
}

static void
print_list(const struct config_list *list, FILE *out)
{
	fputc('{', out);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_string(list->items[i], out);
	}
	fputc('}', out);
}

static void
print_transports(const bool *udp, FILE *out)
{
	const struct config_listener *listener = container_of(udp, struct config_listener, udp);
	const bool on[] = { listener->udp, listener->tcp, listener->tls };
	static const char *const words[] = { "udp", "tcp", "tls" };
	const char *between = "";
	fputc('{', out);
	for (size_t i = 0; i < 3; i++) {
		if (!on[i])
			continue;
		fprintf(out, "%s\"%s\"", between, words[i]);
		between = ", ";
	}
	fputc('}', out);
}

void
value_print(const struct config_key *key, const void *field, FILE *out)
{
	switch (key->type) {
	case CONFIG_TEXT:
		print_string(*(char *const *)field, out);
		return;
	case CONFIG_COUNT:
	case CONFIG_AUTO_COUNT:
	case CONFIG_PERCENT:
	case CONFIG_SIZE:
	case CONFIG_DURATION:
	case CONFIG_SECONDS:
		quantity_print(key, number_of(key, field), out);
		return;
	case CONFIG_SPAN:
		print_span(key, field, out);
		return;
	case CONFIG_RATE:
		print_rate(key, field, out);
		return;
	case CONFIG_SWITCH:
		fputs(*(const bool *)field ? "yes" : "no", out);
		return;
	case CONFIG_CHOICE:
		print_choice(key, field, out);
		return;
	case CONFIG_TRANSPORTS:
		print_transports(field, out);
		return;
	case CONFIG_WORDS:
	case CONFIG_HOSTS:
	case CONFIG_LIST:
		print_list(field, out);
		return;
	case CONFIG_ENDPOINT:
		print_endpoint(field, out);
		return;
	case CONFIG_ENDPOINTS:
		print_endpoints(field, out);
		return;
	case CONFIG_PREFIXES:
		print_prefixes(field, out);
		return;
	}
}

/* --- the effective configuration --- */

const void *
section_owner(const struct config *config, enum config_section kind, size_t index,
	      const char **title)
{
	assert(config != NULL);
	*title = NULL;
	switch (kind) {
	case CONFIG_SECTION_domain:
		if (index >= config->domain_count)
			return NULL;
		*title = config->domains[index].name;
		return &config->domains[index];
	case CONFIG_SECTION_listener:
		if (index >= config->listener_count)
			return NULL;
		*title = config->listeners[index].name;
		return &config->listeners[index];
	case CONFIG_SECTION_certificate:
		if (index >= config->certificate_count)
			return NULL;
		*title = config->certificates[index].name;
		return &config->certificates[index];
	default:
		return index == 0 ? config : NULL;
	}
}

static void
print_section(enum config_section kind, const char *title, const void *owner, FILE *out)
{
	fprintf(out, "%s ", config_sections[kind].name);
	if (title != NULL) {
		print_string(title, out);
		fputc(' ', out);
	}
	fputs("{\n", out);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (key->section != kind)
			continue;
		fprintf(out, "\t%s = ", key->name);
		value_print(key, (const char *)owner + key->offset, out);
		fputc('\n', out);
	}
	fputs("}\n", out);
}

void
config_print(const struct config *config, FILE *out)
{
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		enum config_section kind = (enum config_section)i;
		const char *title;
		const void *owner;
		for (size_t n = 0; (owner = section_owner(config, kind, n, &title)) != NULL; n++)
			print_section(kind, title, owner, out);
	}
}

/* --- the default file --- */

/* What stands in the default file's titled sections, where the default of the row would not do. */
struct sample {
	enum config_section section;
	char title[16];
	const char *key;
	const char *text;
};
static const struct sample samples[] = {
	{ CONFIG_SECTION_domain, "example.com", "aliases", "{\"registrar.example.com\"}" },
	{ CONFIG_SECTION_listener, "sip", "bind", "{\"0.0.0.0:5060\", \"[::]:5060\"}" },
	{ CONFIG_SECTION_listener, "tls", "bind", "{\"0.0.0.0:5061\", \"[::]:5061\"}" },
	{ CONFIG_SECTION_listener, "tls", "transport", "{\"tls\"}" },
	{ CONFIG_SECTION_certificate, "main", "chain", "\"/etc/rollcall/tls/fullchain.pem\"" },
	{ CONFIG_SECTION_certificate, "main", "key", "\"/etc/rollcall/tls/privkey.pem\"" },
};

static const char *
sample_text(enum config_section section, const char *title, const char *key)
{
	for (size_t i = 0; title != NULL && i < sizeof(samples) / sizeof(*samples); i++)
		if (samples[i].section == section && strcmp(samples[i].title, title) == 0 &&
		    strcmp(samples[i].key, key) == 0)
			return samples[i].text;
	return NULL;
}

void
default_print(const struct config_key *key, FILE *out)
{
	struct str item, rest = str_of(key->default_text);
	bool more = rest.len > 0;
	if (!type_is_list(key->type)) {
		bool quoted = key->type == CONFIG_TEXT || key->type == CONFIG_ENDPOINT;
		fprintf(out, quoted ? "\"%.*s\"" : "%.*s", STR_ARG(rest));
		return;
	}
	fputc('{', out);
	for (const char *between = ""; more; between = ", ") {
		more = str_cut(rest, ',', &item, &rest);
		fprintf(out, "%s\"%.*s\"", between, STR_ARG(str_trim(item)));
	}
	fputc('}', out);
}

/* Comment lines, broken at blanks; a newline in the text is one here too. */
static void
print_comment(const char *indent, const char *help, const char *suffix, FILE *out)
{
	char text[512];
	snprintf(text, sizeof(text), "%s%s", help, suffix);
	struct str line, rest = str_of(text);
	bool more = rest.len > 0;
	while (more) {
		more = str_cut(rest, '\n', &line, &rest);
		while (line.len > COMMENT_WIDTH) {
			size_t end = COMMENT_WIDTH;
			while (end > 0 && line.p[end] != ' ')
				end--;
			if (end == 0)
				break;
			fprintf(out, "%s# %.*s\n", indent, (int)end, line.p);
			line = str_trim(str_slice(line, end, line.len));
		}
		fprintf(out, "%s# %.*s\n", indent, STR_ARG(line));
	}
}

static void
print_default_section(enum config_section kind, const char *title, bool commented, FILE *out)
{
	if (commented)
		print_comment("", config_sections[kind].help, "", out);
	if (title == NULL)
		fprintf(out, "%s {\n", config_sections[kind].name);
	else
		fprintf(out, "%s \"%s\" {\n", config_sections[kind].name, title);
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		if (key->section != kind)
			continue;
		const char *sample = sample_text(kind, title, key->name);
		if (commented)
			print_comment("\t", key->help,
				      key->help[0] != '\0' && key->reload ? "; R" : "", out);
		fprintf(out, "\t%s = ", key->name);
		if (sample != NULL)
			fputs(sample, out);
		else
			default_print(key, out);
		fputc('\n', out);
	}
	fputs("}\n", out);
}

void
config_print_default(FILE *out)
{
	fputs("# rollcall: every option with its default. Units: ms s m h d, k m g (1024), 20/s, "
	      "10%.\n"
	      "# R: applied on reload; all others need a restart. \"${NAME}\" in quotes is an "
	      "environment variable.\n",
	      out);
	for (unsigned i = 0; i < CONFIG_SECTION_COUNT; i++) {
		enum config_section kind = (enum config_section)i;
		const char *title = NULL;
		for (size_t n = 0; n < sizeof(samples) / sizeof(*samples); n++) {
			if (samples[n].section != kind)
				continue;
			if (title == NULL || strcmp(title, samples[n].title) != 0)
				print_default_section(kind, samples[n].title, title == NULL, out);
			title = samples[n].title;
		}
		if (title == NULL)
			print_default_section(kind, NULL, true, out);
	}
}
