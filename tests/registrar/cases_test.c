/* Runs the cases of tests/cases/, each case as a check of its own. The language is described in
 * tests/cases/README.md. */
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "registrar/case_text.h"
#include "registrar/rig.h"
#include "support/check_main.h"

#define CASES_MAX 1000
#define NONCE_NAMES_MAX 8

struct source {
	const char *file;
	int line; /* of the first line of text */
	struct str text;
	char title[200];
	TTest test;
};

struct run {
	struct rig rig;
	const struct source *source;
	int line;
	struct stats before;
	struct str names[NONCE_NAMES_MAX];
	struct str nonces[NONCE_NAMES_MAX];
	struct str unchanged; /* the bindings before the last request */
};

static struct source sources[CASES_MAX];
static size_t source_count;
static glob_t paths; /* the names in it are those of the test cases */

static void broken(const struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

static void
broken(const struct run *run, const char *format, ...)
{
	char text[4096];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	ck_abort_msg("%s:%d: %s", run->source->file, run->line, text);
	abort();
}

static uint64_t
number(const struct run *run, struct str text)
{
	uint64_t value;
	if (!str_to_u64(text, UINT32_MAX, &value))
		broken(run, "not a number: %.*s", STR_ARG(text));
	return value;
}

/* --- what is given --- */

static void
set_policy(struct run *run, struct str rest)
{
	struct policy *policy = &run->rig.policy;
	struct str key, value;
	while (case_take_word(&rest, &key, &value)) {
		if (str_eq(key, STR("full"))) {
			policy->replace_oldest = str_eq(value, STR("replace_oldest"));
			continue;
		}
		if (str_eq(key, STR("path"))) {
			policy->path = str_eq(value, STR("no")) ? PATH_OFF : PATH_LENIENT;
			continue;
		}
		if (str_eq(key, STR("path-certificate"))) {
			policy->path_requires_certificate = str_eq(value, STR("yes"));
			continue;
		}
		uint32_t amount = (uint32_t)number(run, value);
		if (str_eq(key, STR("min")))
			policy->expires_min_s = amount;
		else if (str_eq(key, STR("default")))
			policy->expires_default_s = amount;
		else if (str_eq(key, STR("max")))
			policy->expires_max_s = amount;
		else if (str_eq(key, STR("jitter")))
			policy->expires_jitter_percent = amount;
		else if (str_eq(key, STR("contacts")))
			policy->max_contacts = amount;
		else if (str_eq(key, STR("per-request")))
			policy->max_contacts_per_request = amount;
		else if (str_eq(key, STR("retries")))
			run->rig.retries = amount;
		else
			broken(run, "unknown policy %.*s", STR_ARG(key));
	}
}

static void
set_domain(struct run *run, struct str rest)
{
	struct domain *domain = &run->rig.domains[0];
	struct str key, value;
	while (case_take_word(&rest, &key, &value)) {
		if (str_eq(key, STR("contacts")))
			domain->contacts = DOMAIN_CONTACTS_COMPATIBLE;
		else if (str_eq(key, STR("schemes")))
			domain->schemes = str_eq(value, STR("sips")) ? DOMAIN_SCHEMES_SIPS
								     : DOMAIN_SCHEMES_SIP;
		else if (str_eq(key, STR("tls")))
			domain->require_tls = true;
		else if (str_eq(key, STR("route")))
			domain->service_route = value;
		else
			broken(run, "unknown domain %.*s", STR_ARG(key));
	}
}

static void
set_allowed(struct run *run, struct account *account, struct str list)
{
	if (str_eq(list, STR("own"))) {
		account->may_register = MAY_REGISTER_OWN;
		return;
	}
	if (str_eq(list, STR("domain"))) {
		account->may_register = MAY_REGISTER_DOMAIN;
		return;
	}
	account->may_register = MAY_REGISTER_LIST;
	account->allowed = arena_array(&run->rig.arena, 8, sizeof(*account->allowed));
	for (struct str tail = list; !str_empty(list); list = tail) {
		if (!str_cut(list, ',', &account->allowed[account->allowed_count++], &tail))
			tail = STR("");
		ck_assert_uint_le(account->allowed_count, 8);
	}
}

static void
set_account(struct run *run, struct str rest)
{
	struct str login, key, value;
	struct account *account = NULL;
	(void)case_take_word(&rest, &login, &value);
	for (uint32_t i = 0; i < run->rig.account_count; i++)
		if (str_eq(run->rig.logins[i], login))
			account = &run->rig.accounts[i];
	if (account == NULL)
		broken(run, "no account %.*s", STR_ARG(login));
	while (case_take_word(&rest, &key, &value)) {
		enum digest_algorithm only;
		if (str_eq(key, STR("enabled")))
			account->enabled = false;
		else if (str_eq(key, STR("may")))
			set_allowed(run, account, value);
		else if (str_eq(key, STR("only")) && digest_algorithm_parse(value, &only))
			for (unsigned i = 0; i < DIGEST_ALGORITHM_COUNT; i++)
				account->ha1[i] = i == only ? account->ha1[i] : STR("");
		else
			broken(run, "unknown account %.*s", STR_ARG(key));
	}
}

static void
set_record(struct run *run, struct str rest)
{
	struct record *record = &run->rig.record;
	struct str key, value;
	while (case_take_word(&rest, &key, &value)) {
		if (str_eq(key, STR("exists")))
			record->exists = false;
		else if (str_eq(key, STR("contacts")))
			record->max_contacts = (uint32_t)number(run, value);
		else if (str_eq(key, STR("floor")))
			record->mark_floor_s =
				(uint32_t)(run->rig.now_ms / 1000 - (int64_t)number(run, value));
		else
			broken(run, "unknown record %.*s", STR_ARG(key));
	}
}

static void
give_binding(struct run *run, struct str rest)
{
	struct str contact = case_cut_contact(&rest);
	struct binding *binding = rig_given(&run->rig, contact);
	struct str key, value;
	while (case_take_word(&rest, &key, &value)) {
		if (str_eq(key, STR("call-id")))
			binding->call_id = value;
		else if (str_eq(key, STR("cseq")))
			binding->cseq = (uint32_t)number(run, value);
		else if (str_eq(key, STR("left")))
			binding->expires_ms = run->rig.now_ms + (int64_t)number(run, value) * 1000;
		else if (str_eq(key, STR("requested")))
			binding->requested_s = (uint32_t)number(run, value);
		else if (str_eq(key, STR("path")))
			binding->path = value;
		else if (str_eq(key, STR("age")))
			binding->updated_ms = run->rig.now_ms - (int64_t)number(run, value) * 1000;
		else
			broken(run, "unknown %.*s", STR_ARG(key));
	}
}

/* --- the request --- */

static struct str
named_nonce(struct run *run, struct str name, int *index)
{
	for (*index = 0; *index < NONCE_NAMES_MAX; ++*index) {
		if (str_eq(run->names[*index], name))
			return run->nonces[*index];
		if (str_empty(run->names[*index])) {
			run->names[*index] = name;
			return (struct str){ NULL, 0 };
		}
	}
	broken(run, "too many nonces");
}

static void
set_script(struct run *run, struct str key, struct str list)
{
	static const char *const commits[] = { "done",	  "conflict", "failed", "unavailable",
					       "overdue", "lost",     "landed" };
	static const char *const lookups[] = { "found", "unavailable", "timeout", "overdue",
					       "failed" };
	bool is_commit = str_eq(key, STR("commit"));
	const char *const *words = is_commit ? commits : lookups;
	size_t count = is_commit ? 7 : 5;
	for (struct str word, tail = list; !str_empty(list); list = tail) {
		if (!str_cut(list, ',', &word, &tail))
			tail = STR("");
		size_t i = 0;
		while (i < count && !str_eq(word, str_of(words[i])))
			i++;
		if (i == count)
			broken(run, "unknown %.*s", STR_ARG(word));
		if (is_commit)
			run->rig.commits[run->rig.commit_count++] = (enum rig_commit)i;
		else
			run->rig.lookups[run->rig.lookup_count++] = (enum lookup_result)i;
	}
}

static bool
set_text_key(struct rig_request *request, struct str key, struct str value)
{
	const struct {
		const char *key;
		struct str *value;
	} texts[] = {
		{ "uri", &request->uri },
		{ "to", &request->to },
		{ "call-id", &request->call_id },
		{ "cseq", &request->cseq },
		{ "login", &request->login },
		{ "password", &request->password },
		{ "realm", &request->realm },
		{ "digest-uri", &request->digest_uri },
		{ "method", &request->method },
		{ "nonce-aor", &request->nonce_aor },
		{ "nonce-realm", &request->nonce_realm },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (str_eq(key, str_of(texts[i].key))) {
			*texts[i].value = value;
			return true;
		}
	return false;
}

static void
set_request_key(struct run *run, struct rig_request *request, struct str key, struct str value,
		int *nonce_index)
{
	if (set_text_key(request, key, value))
		return;
	if (str_eq(key, STR("transport")))
		request->transport = str_eq(value, STR("tls"))	 ? TRANSPORT_TLS
				     : str_eq(value, STR("tcp")) ? TRANSPORT_TCP
								 : TRANSPORT_UDP;
	else if (str_eq(key, STR("algorithm")) &&
		 digest_algorithm_parse(value, &request->algorithm))
		return;
	else if (str_eq(key, STR("certificate")))
		request->certificate = true;
	else if (str_eq(key, STR("qop")))
		request->no_qop = true;
	else if (str_eq(key, STR("credentials")))
		request->no_credentials = true;
	else if (str_eq(key, STR("nonce")))
		request->nonce = named_nonce(run, value, nonce_index);
	else if (str_eq(key, STR("nonce-age")))
		request->nonce_age_s = (int64_t)number(run, value);
	else if (str_eq(key, STR("nc")))
		request->nc = (uint32_t)number(run, value);
	else if (str_eq(key, STR("commit")) || str_eq(key, STR("lookup")))
		set_script(run, key, value);
	else
		broken(run, "unknown %.*s", STR_ARG(key));
}

static struct str
header_lines(struct run *run, struct str lines)
{
	size_t room = 2 * lines.len + 2;
	char *buf = arena_alloc(&run->rig.arena, room);
	ck_assert_ptr_nonnull(buf);
	struct writer w = writer_on(buf, room);
	while (!str_empty(lines)) {
		struct str line = str_trim(case_take_line(&lines));
		if (str_empty(line))
			continue;
		writer_str(&w, line);
		writer_str(&w, STR("\r\n"));
	}
	return writer_text(&w);
}

static struct str
live_bindings(struct run *run)
{
	static const size_t room = 1 << 20;
	char *buf = arena_alloc(&run->rig.arena, room);
	ck_assert_ptr_nonnull(buf);
	struct writer w = writer_on(buf, room);
	for (uint32_t i = 0; i < run->rig.record.binding_count; i++) {
		const struct binding *b = &run->rig.record.bindings[i];
		if (b->expires_ms <= run->rig.now_ms)
			continue;
		writer_printf(&w, "\n  %.*s%s<", STR_ARG(b->display),
			      str_empty(b->display) ? "" : " ");
		writer_str(&w, b->uri);
		writer_str(&w, STR(">"));
		writer_str(&w, b->params);
		writer_printf(&w, " call-id=%.*s cseq=%u left=%lld requested=%u path=%.*s id=%.*s",
			      STR_ARG(b->call_id), b->cseq,
			      (long long)(b->expires_ms - run->rig.now_ms) / 1000, b->requested_s,
			      STR_ARG(b->path), STR_ARG(b->id));
	}
	ck_assert(writer_ok(&w));
	return writer_text(&w);
}

static void
send_register(struct run *run, const struct case_line *directive)
{
	struct rig_request request = { .fields = header_lines(run, directive->more) };
	struct str rest = directive->rest, key, value;
	int nonce_index = -1;
	while (case_take_word(&rest, &key, &value))
		set_request_key(run, &request, key, value, &nonce_index);
	run->unchanged = live_bindings(run);
	run->before = *stats;
	rig_register(&run->rig, &request);
	if (nonce_index >= 0)
		run->nonces[nonce_index] = run->rig.nonce;
}

/* --- what comes back --- */

static bool
response_has_line(struct str response, struct str wanted)
{
	while (!str_empty(response)) {
		struct str line = case_take_line(&response);
		if (line.len > 0 && str_eq(str_slice(line, 0, line.len - 1), wanted))
			return true;
	}
	return false;
}

static bool
response_has_field(struct str response, struct str name)
{
	while (!str_empty(response)) {
		struct str line = case_take_line(&response);
		if (str_istarts(line, name) && line.len > name.len && line.p[name.len] == ':')
			return true;
	}
	return false;
}

static void
check_answer(struct run *run, const struct case_line *directive)
{
	const struct answer *answer = &run->rig.answer;
	struct str rest = directive->rest, status, reason, nothing;
	(void)case_take_word(&rest, &status, &nothing);
	if ((uint64_t)answer->status != number(run, status))
		broken(run, "answered %d %s, not %.*s", answer->status, reason_word(answer->reason),
		       STR_ARG(status));
	if (case_take_word(&rest, &reason, &nothing) &&
	    !str_eq(reason, str_of(reason_word(answer->reason))))
		broken(run, "reason is %s, not %.*s", reason_word(answer->reason), STR_ARG(reason));
	for (struct str lines = directive->more; !str_empty(lines);) {
		struct str line = str_trim(case_take_line(&lines));
		bool absent = str_starts(line, STR("no "));
		if (absent ? response_has_field(run->rig.response, str_slice(line, 3, line.len))
			   : !response_has_line(run->rig.response, line))
			broken(run, "\"%.*s\" is not true of\n%.*s", STR_ARG(line),
			       STR_ARG(run->rig.response));
	}
	struct str now = live_bindings(run);
	if (answer->status != 200 && !str_eq(now, run->unchanged))
		broken(run, "refused, and yet the bindings changed from%.*s\nto%.*s",
		       STR_ARG(run->unchanged), STR_ARG(now));
}

static bool
binding_fits(const struct run *run, const struct binding *binding, struct str rest)
{
	char text[8192];
	struct writer w = writer_on(text, sizeof(text));
	struct str contact = case_cut_contact(&rest), key, value;
	writer_str(&w, binding->display);
	writer_str(&w, str_empty(binding->display) ? STR("<") : STR(" <"));
	writer_str(&w, binding->uri);
	writer_char(&w, '>');
	writer_str(&w, binding->params);
	bool fits = str_eq(writer_text(&w), contact);
	while (fits && case_take_word(&rest, &key, &value)) {
		char id[32];
		if (str_eq(key, STR("call-id")))
			fits = str_eq(binding->call_id, value);
		else if (str_eq(key, STR("cseq")))
			fits = binding->cseq == number(run, value);
		else if (str_eq(key, STR("left")))
			fits = (uint64_t)(binding->expires_ms - run->rig.now_ms) / 1000 ==
			       number(run, value);
		else if (str_eq(key, STR("requested")))
			fits = binding->requested_s == number(run, value);
		else if (str_eq(key, STR("path")))
			fits = str_eq(binding->path, value);
		else if (str_eq(key, STR("like"))) {
			snprintf(id, sizeof(id), "given-%.*s", STR_ARG(value));
			fits = str_eq(binding->id, str_of(id));
		} else
			broken(run, "unknown %.*s", STR_ARG(key));
	}
	return fits;
}

static bool
some_binding_fits(struct run *run, struct str line)
{
	const struct record *record = &run->rig.record;
	for (uint32_t i = 0; i < record->binding_count; i++)
		if (record->bindings[i].expires_ms > run->rig.now_ms &&
		    binding_fits(run, &record->bindings[i], line))
			return true;
	return false;
}

static void
check_bindings(struct run *run, const struct case_line *directive)
{
	uint32_t live = 0, expected = 0;
	for (uint32_t i = 0; i < run->rig.record.binding_count; i++)
		live += run->rig.record.bindings[i].expires_ms > run->rig.now_ms;
	struct str line = directive->rest;
	for (struct str lines = directive->more;; line = str_trim(case_take_line(&lines))) {
		bool named = !str_empty(line) && !str_eq(line, STR("none"));
		expected += named;
		if (named && !some_binding_fits(run, line))
			broken(run, "no binding %.*s; there are%.*s", STR_ARG(line),
			       STR_ARG(live_bindings(run)));
		if (str_empty(lines))
			break;
	}
	if (live != expected)
		broken(run, "%u bindings, not %u:%.*s", live, expected,
		       STR_ARG(live_bindings(run)));
}

static uint64_t
counter(const struct stats *page, struct str name)
{
#define X(id, text, help)               \
	if (str_eq(name, str_of(text))) \
		return page->id;
	COUNTERS(X)
#undef X
	return 0;
}

static void
check_counted(struct run *run, struct str name)
{
	if (counter(stats, name) != counter(&run->before, name) + 1)
		broken(run, "%.*s was not counted", STR_ARG(name));
}

/* --- the whole case --- */

static void
follow(struct run *run, const struct case_line *directive)
{
	struct str word = directive->word, rest = directive->rest;
	run->line = directive->line;
	if (str_eq(word, STR("rows")))
		return;
	else if (str_eq(word, STR("policy")))
		set_policy(run, rest);
	else if (str_eq(word, STR("domain")))
		set_domain(run, rest);
	else if (str_eq(word, STR("account")))
		set_account(run, rest);
	else if (str_eq(word, STR("record")))
		set_record(run, rest);
	else if (str_eq(word, STR("given")))
		give_binding(run, rest);
	else if (str_eq(word, STR("time")))
		run->rig.now_ms += (int64_t)number(run, rest) * 1000;
	else if (str_eq(word, STR("register")))
		send_register(run, directive);
	else if (str_eq(word, STR("answer")))
		check_answer(run, directive);
	else if (str_eq(word, STR("bindings")))
		check_bindings(run, directive);
	else if (str_eq(word, STR("counted")))
		check_counted(run, rest);
	else
		broken(run, "unknown line \"%.*s:\"", STR_ARG(word));
}

START_TEST(run_case)
{
	struct run run = { .source = &sources[_i] };
	rig_open(&run.rig);
	struct str rest = run.source->text;
	int line = run.source->line;
	struct case_line directive;
	while (case_take_directive(&rest, &line, &directive))
		follow(&run, &directive);
	rig_close(&run.rig);
}
END_TEST

static void
add_source(const char *file, int line, struct str title)
{
	if (source_count == CASES_MAX)
		abort();
	struct source *source = &sources[source_count++];
	source->file = strrchr(file, '/') + 1;
	source->line = line;
	struct str words, cited;
	(void)str_cut(title, '#', &words, &cited);
	str_copy(source->title, sizeof(source->title), str_trim(words));
}

/* Splits a file at "case:"; the text stays in memory as long as the tests run. */
static void
load(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;
	if (file == NULL || getdelim(&text, &room, '\0', file) < 0)
		abort();
	fclose(file);
	struct str rest = str_of(text);
	size_t first = source_count;
	for (int line = 1; !str_empty(rest); line++) {
		struct str here = case_take_line(&rest);
		if (str_starts(here, STR("case:"))) {
			add_source(path, line + 1, str_slice(here, 5, here.len));
			sources[source_count - 1].text = (struct str){ rest.p, 0 };
		} else if (source_count > first) {
			struct source *source = &sources[source_count - 1];
			source->text.len = (size_t)(rest.p - source->text.p);
		}
	}
}

static Suite *
make_cases(void)
{
	Suite *suite = suite_create("cases");
	if (glob(TEST_DATA "/cases/*.case", 0, NULL, &paths) != 0)
		abort();
	for (size_t i = 0; i < paths.gl_pathc; i++) {
		size_t first = source_count;
		load(paths.gl_pathv[i]);
		TCase *tcase = tcase_create(strrchr(paths.gl_pathv[i], '/') + 1);
		for (; first < source_count; first++) {
			struct source *source = &sources[first];
			source->test = *run_case;
			source->test.name = source->title;
			tcase_add_loop_test(tcase, &source->test, (int)first, (int)first + 1);
		}
		suite_add_tcase(suite, tcase);
	}
	return suite;
}

__attribute__((constructor)) static void
register_cases(void)
{
	static struct suite_entry entry = { "cases", make_cases, NULL };
	suite_register(&entry);
}
