/* Files, folders, includes, variables; and who wins: -o over environment over file. */
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loading.h"

static char folder[64];

static void
make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/rollcall-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_folder(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static void
write_file(const char *name, const char *text)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void
make_subfolder(const char *name)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static struct loaded
load_main(const struct config_override *overrides, size_t count)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/main.conf", folder);
	return load_path(path, overrides, count);
}

/* The messages with the folder's name in place of every "@". */
static void
expect_messages(const struct loaded *loaded, const char *template)
{
	char expected[4096];
	size_t len = 0;
	for (; *template != '\0'; template ++)
		len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%.*s",
					*template == '@' ? (int)strlen(folder) : 1,
					*template == '@' ? folder : template);
	expected[len] = '\0';
	ck_assert_str_eq(loaded->messages, expected);
}

static void
expect_load(const char *template, bool good)
{
	struct loaded loaded = load_main(NULL, 0);
	expect_messages(&loaded, template);
	ck_assert((loaded.config != NULL) == good);
	unload(&loaded);
}

START_TEST(command_line_over_environment_over_file)
{
	static const struct config_override overrides[] = { { "registration.expires_max=5h" },
							    { "registration.expires_max=6h" } };
	make_folder();
	write_file("main.conf", DOMAIN CERTIFICATE "registration { expires_max = 3h }\n");
	struct loaded loaded = load_main(NULL, 0);
	ck_assert_uint_eq(loaded.config->registration.expires_max, 3 * 3600000);
	unload(&loaded);
	setenv("ROLLCALL_REGISTRATION_EXPIRES_MAX", "4h", 1);
	loaded = load_main(NULL, 0);
	ck_assert_uint_eq(loaded.config->registration.expires_max, 4 * 3600000);
	unload(&loaded);
	loaded = load_main(overrides, 1);
	ck_assert_uint_eq(loaded.config->registration.expires_max, 5 * 3600000);
	unload(&loaded);
	/* The later one of two is what the operator typed last. */
	loaded = load_main(overrides, 2);
	ck_assert_uint_eq(loaded.config->registration.expires_max, 6 * 3600000);
	ck_assert_str_eq(loaded.messages, "");
	unload(&loaded);
	unsetenv("ROLLCALL_REGISTRATION_EXPIRES_MAX");
	remove_folder();
}
END_TEST

START_TEST(overrides_are_explained)
{
	static const struct config_override overrides[] = {
		{ "server.workers=70" },	   { "server.worker=1" }, { "sever.workers=1" },
		{ "domain.schemes=sip" },	   { "workers=1" },	  { "server.workers" },
		{ "registration.expires_min=3h" },
	};
	setenv("ROLLCALL_DATABASE_RETRY", "1", 1);
	setenv("ROLLCALL_DATABASE_RETRIES", "11", 1);
	setenv("ROLLCALL_TOKEN", "not ours", 1);
	make_folder();
	write_file("main.conf", DOMAIN CERTIFICATE);
	struct loaded loaded = load_main(overrides, sizeof(overrides) / sizeof(*overrides));
	expect_messages(
		&loaded,
		"environment ROLLCALL_DATABASE_RETRY: warning: no such option \"retry\" in "
		"database\n"
		"environment ROLLCALL_DATABASE_RETRIES: error: retries = 11 is out of range 0-10\n"
		"-o server.workers: error: workers = 70 is out of range 1-64\n"
		"-o server.worker: error: no such option \"worker\" in server; did you mean "
		"\"workers\"?\n"
		"-o sever.workers: error: no such section \"sever\"; did you mean \"server\"?\n"
		"-o domain.schemes: error: options of domain sections can be set in a file only\n"
		"-o: error: \"workers=1\" is not section.key=value\n"
		"-o: error: \"server.workers\" is not section.key=value\n"
		"-o registration.expires_min: error: expires_min (3h) is larger than expires_max "
		"(2h, the default)\n"
		"-o registration.expires_min: warning: expires_min is over 1h; shorter intervals "
		"from 1h on are granted all the same (RFC 3261 section 10.3)\n");
	ck_assert_ptr_null(loaded.config);
	unload(&loaded);
	unsetenv("ROLLCALL_DATABASE_RETRY");
	unsetenv("ROLLCALL_DATABASE_RETRIES");
	remove_folder();
}
END_TEST

START_TEST(overrides_of_lists)
{
	static const struct {
		const char *text;
		size_t count;
	} cases[] = {
		{ "limits.exempt=10.0.0.0/8,::1", 2 },
		{ "limits.exempt={\"10.0.0.0/8\", \"::1\", \"::2\"}", 3 },
		{ "limits.exempt=", 0 },
		{ "limits.exempt={}", 0 },
		{ "limits.exempt= 10.0.0.1 ", 1 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config_override override = { cases[i].text };
		struct loaded loaded = load_path(NULL, &override, 1);
		ck_assert_str_eq(loaded.messages, "");
		ck_assert_uint_eq(loaded.config->limits.exempt_count, cases[i].count);
		unload(&loaded);
	}
}
END_TEST

START_TEST(no_file_gives_the_defaults)
{
	struct config_override override = { "database.url=postgresql://db/x?sslmode=require" };
	struct loaded loaded = load_path(NULL, &override, 1);
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_str_eq(loaded.config->database.url, "postgresql://db/x?sslmode=require");
	ck_assert_str_eq(loaded.config->admin.socket, "/run/rollcall/admin.sock");
	ck_assert_uint_eq(loaded.config->listener_count, 0);
	unload(&loaded);
}
END_TEST

START_TEST(folder_is_read_in_order)
{
	make_folder();
	make_subfolder("conf.d");
	write_file("main.conf", "server { workers = 2 }\n" CERTIFICATE);
	write_file("conf.d/20-b.conf", "domain \"b.example\" {}\n");
	write_file("conf.d/10-a.conf", "domain \"a.example\" {}\n");
	write_file("conf.d/3.conf", "domain \"c.example\" {}\n");
	write_file("conf.d/.hidden.conf", "nonsense\n");
	write_file("conf.d/notes.txt", "nonsense\n");
	write_file("conf.d/x.conf~", "nonsense\n");
	struct loaded loaded = load_main(NULL, 0);
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_uint_eq(loaded.config->server.workers, 2);
	ck_assert_uint_eq(loaded.config->domain_count, 3);
	ck_assert_str_eq(loaded.config->domains[0].name, "a.example");
	ck_assert_str_eq(loaded.config->domains[1].name, "b.example");
	ck_assert_str_eq(loaded.config->domains[2].name, "c.example");
	unload(&loaded);
	/* Repeats and contradictions across files name both places. */
	write_file("conf.d/20-b.conf", "\ndomain \"a.example\" {}\nserver {\n\tworkers = 3\n}\n"
				       "registration {\n\texpires_min = 40m\n}\n");
	write_file("conf.d/3.conf", "registration { expires_max = 30m expires_default = 30m }\n");
	expect_load("@/conf.d/20-b.conf:2: error: domain \"a.example\" is defined twice, first at "
		    "@/conf.d/10-a.conf:1\n"
		    "@/conf.d/20-b.conf:4: error: workers is set twice, first at @/main.conf:1\n"
		    "@/conf.d/20-b.conf:7: error: expires_min (40m) is larger than expires_max "
		    "(30m, @/conf.d/3.conf:1)\n",
		    false);
	remove_folder();
}
END_TEST

START_TEST(broken_files_do_not_hide_others)
{
	make_folder();
	make_subfolder("conf.d");
	write_file("main.conf", "server {\n\tname = \"open\n");
	write_file("conf.d/1.conf", "server { workers }\n");
	write_file("conf.d/2.conf", DOMAIN "server { workers = 65 }\n");
	expect_load("@/main.conf:2: error: the file ends within a section, list, string or "
		    "comment\n"
		    "@/conf.d/1.conf:1: error: missing equal sign after option 'workers'\n"
		    "@/conf.d/2.conf:2: error: workers = 65 is out of range 1-64\n",
		    false);
	remove_folder();
}
END_TEST

/* main.conf and count files that it includes. */
static void
write_files(unsigned count)
{
	char text[8192] = DOMAIN CERTIFICATE;
	size_t len = strlen(text);
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "more/%u.conf", i);
		write_file(name, "# nothing\n");
		len += (size_t)snprintf(text + len, sizeof(text) - len, "include(%s)\n", name);
	}
	write_file("main.conf", text);
}

START_TEST(includes)
{
	make_folder();
	make_subfolder("more");
	write_file("main.conf", "include(\"more/a.conf\")\ninclude(\"b.conf\")\n" CERTIFICATE);
	write_file("more/a.conf", "domain \"a.example\" {}\ninclude(\"c.conf\")\n");
	write_file("more/c.conf", "domain \"c.example\" {}\n");
	write_file("b.conf", "domain \"b.example\" {}\n");
	struct loaded loaded = load_main(NULL, 0);
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_uint_eq(loaded.config->domain_count, 3);
	ck_assert_str_eq(loaded.config->domains[0].name, "a.example");
	ck_assert_str_eq(loaded.config->domains[1].name, "c.example");
	ck_assert_str_eq(loaded.config->domains[2].name, "b.example");
	unload(&loaded);
	write_file("main.conf", DOMAIN "\ninclude(\"none.conf\")\n");
	expect_load("@/main.conf:3: error: cannot read @/none.conf: No such file or directory\n",
		    false);
	write_file("main.conf", DOMAIN "include(\"a\", \"b\")\n");
	expect_load("@/main.conf:2: error: include takes one file name\n", false);
	write_file("main.conf", DOMAIN CERTIFICATE "include(\"main.conf\")\n");
	expect_load("@/main.conf:3: error: @/main.conf is read a second time\n", false);
	write_file("main.conf", DOMAIN CERTIFICATE "include(\"./more/../b.conf\")\n");
	write_file("b.conf", "include(\"more/../main.conf\")\n");
	expect_load("@/./more/../b.conf:1: error: @/./more/../more/../main.conf is read a second "
		    "time\n",
		    false);
	write_files(255);
	expect_load("", true);
	write_files(256);
	expect_load("@/main.conf:258: error: more than 256 files\n", false);
	remove_folder();
	expect_bad(DOMAIN CERTIFICATE "include(\"/etc/passwd\")\n",
		   "test.conf:3: error: include works in files only\n");
}
END_TEST

START_TEST(unreadable_files)
{
	make_folder();
	expect_load("error: cannot read @/main.conf: No such file or directory\n", false);
	make_subfolder("main.conf");
	expect_load("error: cannot read @/main.conf: Is a directory\n", false);
	remove_folder();
}
END_TEST

/* One mebioctet of text is the limit, over all files. */
START_TEST(size_limit)
{
	enum { LIMIT = 1 << 20 };
	static char text[LIMIT + 2];
	make_folder();
	memset(text, ' ', LIMIT + 1);
	memcpy(text, DOMAIN CERTIFICATE, sizeof(DOMAIN CERTIFICATE) - 1);
	text[LIMIT] = '\0';
	write_file("main.conf", text);
	expect_load("", true);
	text[LIMIT] = ' ';
	write_file("main.conf", text);
	expect_load("error: cannot read @/main.conf: File too large\n", false);
	remove_folder();
}
END_TEST

START_TEST(variables_in_quotes)
{
	setenv("CONFIG_TEST_NAME", "reg-7", 1);
	unsetenv("CONFIG_TEST_NONE");
	struct loaded loaded = load_text(
		DOMAIN CERTIFICATE "server { name = \"x-${CONFIG_TEST_NAME}\" server_header = "
				   "\"${CONFIG_TEST_NONE:-none}${CONFIG_TEST_NONE}\" }\n"
				   "admin { tokens_file = '${CONFIG_TEST_NAME}' socket = "
				   "\"\\${CONFIG_TEST_NAME}\" }\n");
	ck_assert_str_eq(loaded.messages, "");
	ck_assert_str_eq(loaded.config->server.name, "x-reg-7");
	ck_assert_str_eq(loaded.config->server.header, "none");
	ck_assert_str_eq(loaded.config->admin.tokens_file, "${CONFIG_TEST_NAME}");
	ck_assert_str_eq(loaded.config->admin.socket, "${CONFIG_TEST_NAME}");
	unload(&loaded);
}
END_TEST

SUITE(source, command_line_over_environment_over_file, overrides_are_explained, overrides_of_lists,
      no_file_gives_the_defaults, folder_is_read_in_order, broken_files_do_not_hide_others,
      includes, unreadable_files, size_limit, variables_in_quotes)
