/* status, explain, version */
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "client.h"
#include "output.h"

#define ATTENTION_LINES 3
#define LINE_WIDTH 100u

static const struct listing reasons = { .fields = (const char *const[]){ "reason", "text", NULL } };

static json_t *
reason_json(enum reason reason)
{
	return json_pack("{s:s,s:s}", "reason", reason_word(reason), "text", reason_text(reason));
}

static json_int_t
number(json_t *document, const char *group, const char *name)
{
	json_t *from = group == NULL ? document : json_object_get(document, group);
	return json_integer_value(json_object_get(from, name));
}

static json_int_t
outcome(json_t *document, const char *reason)
{
	json_int_t sum = 0;
	const char *transport;
	json_t *count;
	json_object_foreach(json_object_get(json_object_get(document, "outcomes"), reason),
			    transport, count) sum += json_integer_value(count);
	return sum;
}

static void
print_count(const char *label, json_t *count)
{
	char text[32] = "?";
	if (json_is_integer(count))
		output_count(text, sizeof(text), json_integer_value(count));
	printf("%s %s", label, text);
}

static bool
is_trouble(const char *reason)
{
	static const char *const quiet[] = { "registered", "refreshed",	 "removed",
					     "fetched",	   "challenged", "nonce_stale" };
	for (size_t i = 0; i < sizeof(quiet) / sizeof(*quiet); i++)
		if (strcmp(reason, quiet[i]) == 0)
			return false;
	return true;
}

/* The reasons that refused something, most frequent first, at most three. */
static void
print_attention(json_t *document)
{
	const char *worst[ATTENTION_LINES] = { NULL };
	const char *reason;
	json_t *counts;
	json_object_foreach(json_object_get(document, "outcomes"), reason, counts)
	{
		const char *here =
			is_trouble(reason) && outcome(document, reason) > 0 ? reason : NULL;
		for (int line = 0; line < ATTENTION_LINES && here != NULL; line++) {
			const char *was = worst[line];
			if (was != NULL && outcome(document, was) >= outcome(document, here))
				continue;
			worst[line] = here;
			here = was;
		}
	}
	for (int line = 0; line < ATTENTION_LINES && worst[line] != NULL; line++)
		printf("attention  %s %lld times  → rollcallctl explain %s\n", worst[line],
		       (long long)outcome(document, worst[line]), worst[line]);
}

static void
print_checks(json_t *document)
{
	size_t index;
	json_t *check;
	json_array_foreach(json_object_get(document, "checks"), index,
			   check) if (!json_is_true(json_object_get(check, "ok")))
		printf("not ready  %s: %s\n", json_string_value(json_object_get(check, "name")),
		       json_string_value(json_object_get(check, "detail")));
}

/* READY, DEGRADED, and all that is no service. */
static enum ctl_colour
state_colour(const char *state)
{
	return strcmp(state, "READY") == 0	? CTL_GOOD
	       : strcmp(state, "DEGRADED") == 0 ? CTL_WARN
						: CTL_BAD;
}

/* "63%", "0.8%": two figures are enough. */
static void
write_share(char *text, size_t cap, double share)
{
	double percent = share * 100;
	snprintf(text, cap, percent > 0 && percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
}

static void
print_share(const char *gap, const char *label, json_t *share)
{
	char text[16];
	if (!json_is_number(share))
		return;
	write_share(text, sizeof(text), json_number_value(share));
	printf("%s%s %s", gap, label, text);
}

static void
print_quantile(const char *gap, const char *label, json_t *ms)
{
	if (json_is_number(ms))
		printf("%s%s %.1fms", gap, label, json_number_value(ms));
}

/* " (tls 91%, tcp 3%, udp 6%)" */
static void
print_transports(json_t *by_transport)
{
	static const char *const words[] = { "tls", "tcp", "udp" };
	json_int_t all = 0;
	for (size_t i = 0; i < 3; i++)
		all += json_integer_value(json_object_get(by_transport, words[i]));
	for (size_t i = 0; all > 0 && i < 3; i++) {
		char text[16];
		json_t *count = json_object_get(by_transport, words[i]);
		write_share(text, sizeof(text), (double)json_integer_value(count) / (double)all);
		printf("%s%s %s", i == 0 ? " (" : ", ", words[i], text);
	}
	fputs(all > 0 ? ")" : "", stdout);
}

/* The last ten seconds. */
static void
print_registers(json_t *document)
{
	json_t *recent = json_object_get(document, "recent");
	printf("REGISTER   %.0f/s",
	       json_number_value(json_object_get(recent, "registers_per_second")));
	print_share("   ", "ok", json_object_get(recent, "ok"));
	print_share("  ", "challenge", json_object_get(recent, "challenged"));
	print_share("  ", "failed", json_object_get(recent, "failed"));
	print_quantile("   ", "p50", json_object_get(recent, "p50_ms"));
	print_quantile("  ", "p99", json_object_get(recent, "p99_ms"));
	putchar('\n');
}

/* Whom we write to; the certificate that ends first is beside it where there is room. */
static void
print_database(json_t *document)
{
	json_t *database = json_object_get(document, "database");
	json_t *took = json_object_get(json_object_get(document, "recent"), "db_p50_ms");
	json_t *certificate = json_object_get(document, "certificate");
	char text[512], end[160] = "", span[32], latency[32] = "";
	json_int_t left = number(certificate, NULL, "expires_in");
	const char *host = json_string_value(json_object_get(database, "host"));
	if (json_is_number(took))
		snprintf(latency, sizeof(latency), "%.1fms, ", json_number_value(took));
	snprintf(text, sizeof(text), "%s%s, %lld/%lld connections, %squeue %lld",
		 host == NULL ? "not connected" : host, host == NULL ? "" : " primary",
		 (long long)number(database, NULL, "connections"),
		 (long long)number(database, NULL, "connections_wanted"), latency,
		 (long long)number(database, NULL, "queue"));
	output_harmless(text);
	output_duration(span, sizeof(span), left < 0 ? -left : left);
	if (certificate != NULL && !json_is_null(certificate))
		snprintf(end, sizeof(end),
			 left < 0 ? "tls cert expired %s ago (%.64s)"
				  : "tls cert expires in %s (%.64s)",
			 span, json_string_value(json_object_get(certificate, "certificate")));
	output_harmless(end);
	bool fits = strlen(text) + strlen(end) + 17 <= LINE_WIDTH;
	printf("database   %s%s%s\n", text,
	       *end == '\0' ? ""
	       : fits	    ? "      "
			    : "\n           ",
	       end);
}

/* Since the start. */
static void
print_totals(json_t *document)
{
	printf("totals     registered %lld   refreshed %lld   removed %lld   fetched %lld   "
	       "challenged %lld\n",
	       (long long)outcome(document, "registered"),
	       (long long)outcome(document, "refreshed"), (long long)outcome(document, "removed"),
	       (long long)outcome(document, "fetched"), (long long)outcome(document, "challenged"));
}

static void
print_status(const struct ctl_options *options, json_t *document)
{
	char up[32], age[32], state[32];
	snprintf(state, sizeof(state), "%s", json_string_value(json_object_get(document, "state")));
	for (char *c = state; *c != '\0'; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c == '_' ? ' ' : *c;
	output_duration(up, sizeof(up), number(document, NULL, "uptime"));
	output_duration(age, sizeof(age), number(document, NULL, "config_age"));
	printf("rollcall %s on %s   ", json_string_value(json_object_get(document, "version")),
	       json_string_value(json_object_get(document, "node")));
	ctl_coloured(options, state_colour(state), state);
	printf("   up %s   config %s (loaded %s ago)\n", up,
	       json_is_true(json_object_get(document, "config_refused")) ? "refused" : "ok", age);
	print_checks(document);
	print_count("bindings  ", json_object_get(document, "bindings"));
	print_transports(json_object_get(document, "bindings_by_transport"));
	print_count("   users with bindings", json_object_get(document, "users_with_bindings"));
	print_count(" of", json_object_get(document, "users"));
	putchar('\n');
	print_registers(document);
	print_database(document);
	print_totals(document);
	printf("SIPS       strict refused %lld, would refuse %lld\n",
	       (long long)number(document, "counters", "sips_strict_refused"),
	       (long long)number(document, "counters", "sips_strict_would_refuse"));
	printf("storage    lookups %lld   commits %lld   conflicts %lld   errors %lld\n",
	       (long long)number(document, "counters", "db_lookups"),
	       (long long)number(document, "counters", "db_commits"),
	       (long long)number(document, "counters", "db_conflicts"),
	       (long long)number(document, "counters", "db_errors"));
	printf("network    workers %lld   connections %lld   transactions %lld   keep-alives %lld  "
	       " "
	       "probes %lld\n",
	       (long long)number(document, NULL, "workers"),
	       (long long)number(document, "counters", "connections_live"),
	       (long long)number(document, "counters", "transactions_live"),
	       (long long)number(document, "counters", "keepalives"),
	       (long long)number(document, "counters", "probes"));
	print_attention(document);
}

enum ctl_exit
ctl_status(const struct ctl_options *options)
{
	struct client_path path;
	json_t *answer;
	client_path_start(&path, "stats");
	enum ctl_exit code = client_call(options, "GET", &path, NULL, &answer);
	if (code != CTL_DONE)
		return code;
	if (options->format == CTL_TABLE)
		print_status(options, answer);
	else
		output_document(options->format, answer);
	if (!json_is_true(json_object_get(answer, "ready")))
		code = CTL_UNHEALTHY;
	json_decref(answer);
	return code;
}

static void
explain_all(const struct ctl_options *options)
{
	json_t *items = json_array();
	for (unsigned i = 1; i < REASON_COUNT; i++) {
		if (options->format == CTL_TABLE)
			printf("%s\n    %s\n", reason_word((enum reason)i),
			       reason_text((enum reason)i));
		else
			json_array_append_new(items, reason_json((enum reason)i));
	}
	if (options->format != CTL_TABLE)
		output_rows(options->format, items, &reasons, true);
	json_decref(items);
}

static void
explain_one(const struct ctl_options *options, enum reason reason)
{
	json_t *item = reason_json(reason);
	if (options->format == CTL_TABLE)
		printf("%s\n%s\n", reason_word(reason), reason_text(reason));
	else
		output_item(options->format, item, &reasons);
	json_decref(item);
}

enum ctl_exit
ctl_explain(const struct ctl_options *options)
{
	if (options->argument_count == 0) {
		explain_all(options);
		return CTL_DONE;
	}
	enum reason reason = reason_from_word(str_of(options->arguments[0]));
	if (reason != REASON_NONE) {
		explain_one(options, reason);
		return CTL_DONE;
	}
	struct nearest nearest = { .wanted = options->arguments[0] };
	for (unsigned i = 1; i < REASON_COUNT; i++)
		nearest_consider(&nearest, reason_word((enum reason)i));
	if (nearest.word != NULL) {
		ctl_error("there is no reason \"%s\"; did you mean \"%s\"?", nearest.wanted,
			  nearest.word);
		return CTL_NOT_FOUND;
	}
	ctl_error("there is no reason \"%s\"; these exist:", nearest.wanted);
	for (unsigned i = 1; i < REASON_COUNT; i++)
		fprintf(stderr, "  %s\n", reason_word((enum reason)i));
	return CTL_NOT_FOUND;
}

enum ctl_exit
ctl_version(const struct ctl_options *options)
{
	if (options->format == CTL_TABLE) {
		puts("rollcallctl " ROLLCALL_VERSION);
		return CTL_DONE;
	}
	json_t *document = json_pack("{s:s}", "version", ROLLCALL_VERSION);
	output_document(options->format, document);
	json_decref(document);
	return CTL_DONE;
}
