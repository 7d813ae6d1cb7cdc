/* What is printed can be read again and means the same; what differs and needs a restart. */
#include <sys/resource.h>

#include "config/keys.h"
#include "loading.h"

static void
check_round_trip(const char *text)
{
	struct loaded first = load_good(text);
	char *printed = printed_config(first.config);
	struct loaded second = load_good(printed);
	ck_assert_str_eq(second.messages, "");
	char *again = printed_config(second.config);
	ck_assert_str_eq(printed, again);
	free(printed);
	free(again);
	unload(&first);
	unload(&second);
}

START_TEST(printed_configurations_load_again)
{
	check_round_trip(DOMAIN);
	check_round_trip(DOMAIN CERTIFICATE);
	check_round_trip(
		"domain \"a.example\" { aliases = {\"[2001:db8::10]\", \"b.example\"} schemes = "
		"sips "
		"require_tls = yes require_qop = yes contacts = compatible algorithms = {\"MD5\"} "
		"}\n"
		"domain \"c.example\" { schemes = sip }\n"
		"certificate \"one \\\" \\\\ \\${HOME}\" { chain = 'a\\b\"$' key = \"x y\" }\n"
		"certificate \"two\" { chain = a key = b }\n"
		"listener \"u\" { bind = {\"127.0.0.1:5070\"} transport = {\"udp\"} udp_only = yes "
		"}\n"
		"listener \"t\" { bind = {\"[::1]:5071\"} transport = {\"tls\"} }\n"
		"server { name = reg-1 user = nobody workers = 7 server_header = \"\" "
		"max_connections = 100 "
		"max_message_size = 5k max_body_size = 0k transaction_memory = 3m }\n"
		"tls { min_version = 1.3 client_auth = request client_ca = \"/ca\" sni_strict = "
		"yes "
		"session_tickets = no handshake_timeout = 1500ms }\n"
		"connection { idle_timeout = 90s udp_receive_buffer = 100k udp_send_buffer = 200k "
		"}\n"
		"auth { failure_delay = 0s }\n"
		"registration { expires_min = 61s expires_jitter = 0% on_max_contacts = "
		"replace_oldest }\n"
		"database { url = \"host=/run dbname=x\" password_file = \"/p\" statements = "
		"unnamed "
		"durability = ignore retries = 0 }\n"
		"limits { per_ip_rate = 1/h per_aor_rate = 7/m exempt = {} drop_agents = {\"a, "
		"b\"} "
		"retry_after = 1s-3m }\n"
		"admin { listen = \"\" tokens_file = \"\" }\n"
		"health { listen = {} db_policy = ignore db_grace = 0s drain_timeout = 1h }\n"
		"log { level = error format = journal }\n");
}
END_TEST

static char *
default_text(void)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	config_print_default(out);
	fclose(out);
	return text;
}

START_TEST(default_file_is_the_defaults)
{
	char *text = default_text();
	struct loaded file = load_good(text);
	struct loaded defaults = load_good(
		"domain \"example.com\" { aliases = {\"registrar.example.com\"} }\n"
		"certificate \"main\" { chain = \"/etc/rollcall/tls/fullchain.pem\" key = "
		"\"/etc/rollcall/tls/privkey.pem\" }\n");
	ck_assert_str_eq(file.messages, "");
	ck_assert_str_eq(defaults.messages, "");
	char *from_file = printed_config(file.config);
	char *from_defaults = printed_config(defaults.config);
	ck_assert_str_eq(from_file, from_defaults);
	free(from_file);
	free(from_defaults);
	free(text);
	unload(&file);
	unload(&defaults);
}
END_TEST

START_TEST(default_file_shows_every_key_and_its_help)
{
	char *text = default_text();
	for (size_t i = 0; i < config_key_count; i++) {
		char line[64];
		snprintf(line, sizeof(line), "\n\t%s = ", config_keys[i].name);
		ck_assert_msg(strstr(text, line) != NULL, "%s", config_keys[i].name);
	}
	ck_assert_ptr_nonnull(strstr(text, "\t# SIP Server header, empty = none; R\n"
					   "\tserver_header = \"rollcall\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "# one section per served domain (at least one)\n"
					   "domain \"example.com\" {\n"));
	free(text);
}
END_TEST

START_TEST(keys_are_told_apart)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		ck_assert_msg(i == 0 || config_keys[i - 1].section <= key->section, "%s",
			      key->name);
		for (size_t j = 0; j < i; j++)
			ck_assert(config_keys[j].section != key->section ||
				  strcmp(config_keys[j].name, key->name) != 0);
	}
}
END_TEST

START_TEST(auto_is_resolved)
{
	struct loaded loaded = load_good(DOMAIN CERTIFICATE "server { workers = 3 }\n");
	const struct config *c = loaded.config;
	ck_assert_uint_eq(c->server.max_connections % 3, 0);
	ck_assert_uint_gt(c->server.max_connections, 0);
	ck_assert_uint_gt(strlen(c->server.name), 0);
	unload(&loaded);
	loaded = load_good(DOMAIN CERTIFICATE);
	ck_assert_uint_ge(loaded.config->server.workers, 1);
	ck_assert_uint_le(loaded.config->server.workers, 64);
	unload(&loaded);
	config_free(NULL);
}
END_TEST

static rlim_t descriptors; /* as if the process might open so many; 0: the truth */
int __real_getrlimit(int resource, struct rlimit *limit);
int __wrap_getrlimit(int resource, struct rlimit *limit);
int
__wrap_getrlimit(int resource, struct rlimit *limit)
{
	int status = __real_getrlimit(resource, limit);
	if (descriptors != 0 && resource == RLIMIT_NOFILE)
		limit->rlim_cur = limit->rlim_max = descriptors;
	return status;
}

/* Workers read what is printed, also on a host that has more than any file may ask for. */
START_TEST(auto_is_within_the_limits)
{
	descriptors = 1048576;
	check_round_trip(DOMAIN CERTIFICATE "server { workers = 64 }\n");
	descriptors = 0;
}
END_TEST

SUITE(print, printed_configurations_load_again, default_file_is_the_defaults,
      default_file_shows_every_key_and_its_help, keys_are_told_apart, auto_is_resolved,
      auto_is_within_the_limits)
