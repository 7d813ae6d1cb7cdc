/* node list, certificate list */
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char *
cell_seen(json_t *item)
{
	char span[32], *text;
	output_duration(span, sizeof(span), json_integer_value(json_object_get(item, "seen_ago")));
	return asprintf(&text, "%s ago", span) < 0 ? NULL : text;
}

static char *
cell_up(json_t *item)
{
	char span[32];
	output_duration(span, sizeof(span),
			output_age(json_string_value(json_object_get(item, "started_at"))));
	return strdup(span);
}

/* "in 41d 02h", or "expired 3d 00h ago". */
static char *
cell_expiry(json_t *item)
{
	char span[32], *text;
	json_int_t left = json_integer_value(json_object_get(item, "expires_in"));
	output_duration(span, sizeof(span), left < 0 ? -left : left);
	return asprintf(&text, left < 0 ? "expired %s ago" : "in %s", span) < 0 ? NULL : text;
}

static const struct column node_columns[] = {
	{ "NODE", false, NULL, "node" },       { "STATE", false, NULL, "state" },
	{ "UP", false, cell_up, NULL },	       { "SEEN", false, cell_seen, NULL },
	{ "WORKERS", false, NULL, "workers" }, { "BINDINGS", false, NULL, "bindings" },
	{ "VERSION", false, NULL, "version" },
};
static const char *const node_fields[] = { "node",	 "version",  "state",
					   "started_at", "seen_at",  "seen_ago",
					   "workers",	 "bindings", NULL };
static const struct listing nodes = { .columns = node_columns,
				      .column_count = COUNT(node_columns),
				      .fields = node_fields };

static const struct column certificate_columns[] = {
	{ "CERTIFICATE", false, NULL, "certificate" },
	{ "EXPIRES", false, cell_expiry, NULL },
	{ "SUBJECT", true, NULL, "subject" },
	{ "NAMES", true, NULL, "names" },
	{ "ISSUER", true, NULL, "issuer" },
};
static const char *const certificate_fields[] = { "certificate", "subject",   "issuer",	    "names",
						  "not_before",	 "not_after", "expires_in", "chain",
						  "default",	 NULL };
static const struct listing certificates = { .columns = certificate_columns,
					     .column_count = COUNT(certificate_columns),
					     .fields = certificate_fields };

enum ctl_exit
ctl_node_list(const struct ctl_options *options)
{
	struct client_path path;
	client_path_start(&path, "nodes");
	return pages_print_whole(options, &path, "items", &nodes, "no nodes");
}

enum ctl_exit
ctl_certificate_list(const struct ctl_options *options)
{
	struct client_path path;
	client_path_start(&path, "certificates");
	return pages_print_whole(options, &path, "items", &certificates, "no certificates");
}
