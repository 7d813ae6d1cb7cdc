/* What a reload changes, what waits for a restart, and where each value comes from. */
#include <stdlib.h>

#include "loading.h"

static void
add_line(const char *line, void *out)
{
	fprintf(out, "%s\n", line);
}

struct pair {
	struct loaded old, new;
};

static struct pair
load_pair(const char *before, const char *after)
{
	char text[2048];
	struct pair pair;
	snprintf(text, sizeof(text), DOMAIN CERTIFICATE "server { workers = 2 }\n%s", before);
	pair.old = load_good(text);
	snprintf(text, sizeof(text), DOMAIN CERTIFICATE "server { workers = 2 }\n%s", after);
	pair.new = load_good(text);
	return pair;
}

static void
unload_pair(struct pair *pair)
{
	unload(&pair->old);
	unload(&pair->new);
}

static void
check_restart(const char *before, const char *after, const char *expected)
{
	struct pair pair = load_pair(before, after);
	char *names = NULL;
	size_t len, lines = 0;
	FILE *out = open_memstream(&names, &len);
	ck_assert_ptr_nonnull(out);
	size_t count = config_needs_restart(pair.old.config, pair.new.config, add_line, out);
	fclose(out);
	ck_assert_str_eq(names, expected);
	for (const char *c = expected; *c != '\0'; c++)
		lines += *c == '\n';
	ck_assert_uint_eq(count, lines);
	free(names);
	unload_pair(&pair);
}

/* REG-10.3-5: domains are configuration and come without a restart */
START_TEST(what_needs_a_restart)
{
	check_restart("", "", "");
	check_restart("", "database { retries = 3 }\n", "");
	check_restart("", "database { retries = 4 }\n", "database.retries\n");
	check_restart("auth { nonce_ttl = 60s }\n", "auth { nonce_ttl = 1m }\n", "");
	check_restart("health { listen = {\"127.0.0.1:82\"} }\n",
		      "admin { listen = \"127.0.0.1:81\" }\n", "admin.listen\nhealth.listen\n");
	check_restart("server { name = a }\n", "server { name = b }\n", "server.name\n");
	check_restart("", "log { level = debug format = json }\nserver { server_header = x }\n",
		      "");
	check_restart("", "limits { per_ip_burst = 7 }\n", "");
	check_restart("", "domain \"other.example\" {}\n", "");
	check_restart("",
		      "listener \"x\" { bind = {\"127.0.0.1:1\"} }\n"
		      "certificate \"b\" { chain = a key = b }\n",
		      "");
}
END_TEST

/* What "auto" comes to follows from the workers, and is not a change of its own. */
START_TEST(auto_is_no_difference)
{
	struct loaded old = load_good(DOMAIN CERTIFICATE "server { workers = 2 }\n");
	struct loaded new = load_good(DOMAIN CERTIFICATE "server { workers = 3 }\n");
	char *names = NULL;
	size_t len;
	FILE *out = open_memstream(&names, &len);
	ck_assert_uint_eq(config_needs_restart(old.config, new.config, add_line, out), 1);
	fclose(out);
	ck_assert_str_eq(names, "server.workers\n");
	free(names);
	unload(&old);
	unload(&new);
}
END_TEST

static void
check_differences(const char *before, const char *after, const char *expected)
{
	struct pair pair = load_pair(before, after);
	char *sentences = NULL;
	size_t len;
	FILE *out = open_memstream(&sentences, &len);
	ck_assert_ptr_nonnull(out);
	config_differences(pair.old.config, pair.new.config, add_line, out);
	fclose(out);
	ck_assert_str_eq(sentences, expected);
	free(sentences);
	unload_pair(&pair);
}

START_TEST(what_a_reload_applies)
{
	check_differences("", "", "");
	check_differences("limits { per_ip_burst = 20 }\n", "limits { per_ip_burst = 30 }\n",
			  "limits.per_ip_burst 20 → 30\n");
	check_differences("limits { retry_after = 20s-91s }\n", "limits { exempt = {\"::2\"} }\n",
			  "limits.exempt {\"127.0.0.0/8\", \"::1/128\"} → {\"::2/128\"}\n"
			  "limits.retry_after 20s-91s → 20s-90s\n");
	check_differences("", "database { retries = 4 }\n", "");
	check_differences("domain \"a.example\" {}\n",
			  "domain \"b.example\" {}\nlog { level = debug }\n",
			  "domain b.example added\ndomain a.example removed\n"
			  "log.level info → debug\n");
	check_differences("domain \"a.example\" { schemes = sip }\n",
			  "domain \"a.example\" { require_tls = yes }\n",
			  "domain a.example schemes sip → both\n"
			  "domain a.example require_tls no → yes\n");
	check_differences("listener \"x\" { bind = {\"127.0.0.1:5070\"} }\n",
			  "listener \"x\" { bind = {\"127.0.0.1:5071\"} }\n",
			  "listener x bind {\"127.0.0.1:5070\"} → {\"127.0.0.1:5071\"}\n");
	check_differences("certificate \"b\" { chain = a key = b }\n",
			  "certificate \"c\" { chain = a key = b }\n",
			  "certificate c added\ncertificate b removed\n");
}
END_TEST

START_TEST(default_certificate_changes)
{
	const char *b = "certificate \"b\" { chain = a key = b }\n";
	char text[512];
	struct loaded old = load_good(DOMAIN CERTIFICATE);
	snprintf(text, sizeof(text), "%s" DOMAIN CERTIFICATE, b);
	struct loaded new = load_good(text);
	char *sentences = NULL;
	size_t len;
	FILE *out = open_memstream(&sentences, &len);
	config_differences(old.config, new.config, add_line, out);
	fclose(out);
	ck_assert_str_eq(sentences, "certificate b added\ndefault certificate main → b\n");
	free(sentences);
	unload(&old);
	unload(&new);
}
END_TEST

/* Every key that needs a restart keeps its value, of whatever type it is; the others are fresh. */
START_TEST(restart_keys_are_kept)
{
	struct pair pair = load_pair(
		"",
		"server { name = other max_connections = 77 }\ndatabase { url = \"host=a "
		"dbname=b\" "
		"retries = 4 }\nhealth { listen = {\"127.0.0.1:1\", \"127.0.0.1:2\", \"[::1]:3\"} "
		"}\nadmin { listen = \"\" }\nlimits { per_ip_burst = 7 }\n");
	char *names = NULL;
	size_t len;
	FILE *out = open_memstream(&names, &len);
	ck_assert_uint_gt(config_needs_restart(pair.old.config, pair.new.config, add_line, out), 4);
	config_keep(pair.new.config, pair.old.config);
	ck_assert_uint_eq(config_needs_restart(pair.old.config, pair.new.config, add_line, out), 0);
	fclose(out);
	ck_assert(pair.new.config->admin.listen_on);
	ck_assert_uint_eq(pair.new.config->health.listen_count,
			  pair.old.config->health.listen_count);
	ck_assert_uint_eq(pair.new.config->limits.per_ip_burst, 7);
	free(names);
	unload(&pair.new);
	unload(&pair.old);
}
END_TEST

struct wanted {
	const char *key;
	char line[512];
};

static void
find_option(const struct config_option *option, void *arg)
{
	struct wanted *wanted = arg;
	if (strcmp(option->key, wanted->key) == 0)
		snprintf(wanted->line, sizeof(wanted->line), "%s | %s | %s | %s", option->value,
			 option->origin, option->reload ? "reload" : "restart",
			 option->default_text == NULL ? "-" : option->default_text);
}

static void
check_option(const struct config *config, const struct config *boot, const char *key,
	     const char *line)
{
	struct wanted wanted = { .key = key };
	config_options(config, boot, find_option, &wanted);
	ck_assert_str_eq(wanted.line, line);
}

START_TEST(origins)
{
	char path[] = "/tmp/compare_test_XXXXXX";
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	fputs(DOMAIN "domain \"B.example\" {\n\tschemes = sip\n}\nlisteners_not = 1\n", file);
	fclose(file);
	struct loaded bad = load_path(path, NULL, 0);
	ck_assert_ptr_null(bad.config);
	unload(&bad);
	file = fopen(path, "w");
	fputs(DOMAIN "domain \"B.example\" {\n\tschemes = sip\n}\nlog {\n\tlevel = debug }\n",
	      file);
	fclose(file);
	const struct config_override overrides[] = { { "limits.per_ip_burst=7" } };
	setenv("ROLLCALL_DATABASE_URL", "postgresql://u@h/x", 1);
	struct loaded loaded = load_path(path, overrides, 1);
	unsetenv("ROLLCALL_DATABASE_URL");
	ck_assert_msg(loaded.config != NULL, "%s", loaded.messages);
	const struct config *c = loaded.config;
	char line[128];
	check_option(c, c, "limits.per_ip_burst", "7 | command line | reload | 200");
	check_option(c, c, "database.url",
		     "\"postgresql://u@h/x\" | environment ROLLCALL_DATABASE_URL | restart | "
		     "\"postgresql:///rollcall\"");
	snprintf(line, sizeof(line), "debug | %s:6 | reload | info", path);
	check_option(c, c, "log.level", line);
	snprintf(line, sizeof(line), "sip | %s:3 | reload | both", path);
	check_option(c, c, "domain.b.example.schemes", line);
	check_option(c, c, "domain.b.example.aliases", "{} | default | reload | {}");
	check_option(c, c, "limits.ipv6_prefix", "64 | default | reload | 64");
	check_option(c, c, "admin.listen",
		     "\"127.0.0.1:8080\" | default | restart | \"127.0.0.1:8080\"");
	unload(&loaded);
	remove(path);
}
END_TEST

START_TEST(certificates_have_no_default)
{
	struct loaded loaded = load_good(DOMAIN CERTIFICATE);
	check_option(loaded.config, loaded.config, "certificate.main.chain",
		     "\"/c.pem\" | test.conf:2 | reload | -");
	unload(&loaded);
}
END_TEST

/* A value that waits for a restart is not in force, so neither is its place. */
START_TEST(origin_of_what_is_in_force)
{
	struct pair pair = load_pair("", "database { retries = 4 }\n");
	config_keep(pair.new.config, pair.old.config);
	check_option(pair.new.config, pair.old.config, "database.retries",
		     "3 | default | restart | 3");
	unload_pair(&pair);
}
END_TEST

SUITE(compare, what_needs_a_restart, auto_is_no_difference, what_a_reload_applies,
      default_certificate_changes, restart_keys_are_kept, origins, certificates_have_no_default,
      origin_of_what_is_in_force)
