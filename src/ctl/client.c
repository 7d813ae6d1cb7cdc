/* libcurl over the Unix socket or HTTP; errors become sentences and exit codes. */
#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"

#define DEFAULT_SOCKET "/run/rollcall/admin.sock"
#define ANSWER_BYTES_MAX (64u * 1024 * 1024)
#define PATIENCE_MS 60000L

/* --- paths ---------------------------------------------------------------------------- */

void
client_path_start(struct client_path *path, const char *fixed)
{
	path->writer = writer_on(path->text, sizeof(path->text) - 1);
	writer_text_z(&path->writer, fixed);
}

static void
escape(struct writer *w, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    strchr("-._~@", c) != NULL)
			writer_char(w, (char)c);
		else
			writer_printf(w, "%%%02X", c);
	}
}

void
client_path_segment(struct client_path *path, const char *segment)
{
	writer_char(&path->writer, '/');
	escape(&path->writer, segment);
}

void
client_path_argument(struct client_path *path, const char *name, const char *value)
{
	struct writer *w = &path->writer;
	if (value == NULL)
		return;
	writer_char(w, memchr(path->text, '?', w->len) == NULL ? '?' : '&');
	writer_text_z(w, name);
	writer_char(w, '=');
	escape(w, value);
}

/* --- where to ------------------------------------------------------------------------- */

struct target {
	char *socket; /* NULL: none */
	char *base;
};

static void
target_clear(struct target *target)
{
	free(target->socket);
	free(target->base);
}

static bool
target_set(struct target *target, const char *socket, const char *base)
{
	size_t len = strlen(base);
	*target = (struct target){ NULL, NULL };
	if (socket != NULL)
		target->socket = strdup(socket);
	if (asprintf(&target->base, "%.*s/api/v1/",
		     (int)(len > 0 && base[len - 1] == '/' ? len - 1 : len), base) < 0)
		target->base = NULL;
	return target->base != NULL && (socket == NULL || target->socket != NULL);
}

/* --url, else the socket of -c FILE, else ROLLCALL_URL, else the packaged path. */
static bool
find_target(struct target *target, const struct ctl_options *options)
{
	const char *url = options->url;
	if (url == NULL && options->config != NULL) {
		struct config *config = config_load(options->config, NULL, 0, stderr);
		bool found = config != NULL &&
			     target_set(target, config->admin.socket, "http://localhost");
		if (config != NULL)
			config_free(config);
		return found;
	}
	if (url == NULL)
		url = getenv("ROLLCALL_URL");
	if (url == NULL)
		return target_set(target, DEFAULT_SOCKET, "http://localhost");
	if (strncmp(url, "unix:", 5) == 0)
		return target_set(target, url + 5, "http://localhost");
	if (strstr(url, "://") != NULL && strncasecmp(url, "http", 4) != 0) {
		ctl_error("the daemon has no address like %.*s…; use unix:PATH or http://HOST:PORT",
			  (int)(strstr(url, "://") - url) + 3, url);
		return false;
	}
	return target_set(target, NULL, url);
}

/* --- one call ------------------------------------------------------------------------- */

struct answer_buffer {
	char *text;
	size_t len;
};

static size_t
collect(char *octets, size_t size, size_t count, void *arg)
{
	struct answer_buffer *buffer = arg;
	size_t len = size * count;
	if (buffer->len + len > ANSWER_BYTES_MAX)
		return 0;
	char *grown = realloc(buffer->text, buffer->len + len + 1);
	if (grown == NULL)
		return 0;
	memcpy(grown + buffer->len, octets, len);
	buffer->text = grown;
	buffer->len += len;
	buffer->text[buffer->len] = '\0';
	return len;
}

/* The socket asks for none. */
static bool
add_token(struct curl_slist **headers, const struct ctl_options *options,
	  const struct target *target)
{
	const char *path =
		options->token_file != NULL ? options->token_file : getenv("ROLLCALL_TOKEN_FILE");
	char token[512], header[600];
	if (path == NULL || target->socket != NULL)
		return true;
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		ctl_error("%s: %s", path, strerror(errno));
		return false;
	}
	bool read = fgets(token, sizeof(token), file) != NULL;
	fclose(file);
	if (!read || strcspn(token, "\r\n") + 1 == sizeof(token) || token[0] == '\n') {
		ctl_error("%s: the first line is no token", path);
		return false;
	}
	token[strcspn(token, "\r\n")] = '\0';
	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	*headers = curl_slist_append(*headers, header);
	explicit_bzero(token, sizeof(token));
	explicit_bzero(header, sizeof(header));
	return true;
}

/* The journal of this machine says why, when the daemon was to be on it. */
static void
explain_absence(const char *where, bool here)
{
	char line[LAST_LOG_BYTES];
	bool known = here && last_log(line);
	ctl_error("no rollcalld at %s; start it: systemctl start rollcalld; %s%s", where,
		  known ? "last log: " : "its log: journalctl -u rollcalld", known ? line : "");
}

static enum ctl_exit
explain_failure(const struct ctl_options *options, CURL *curl, const struct target *target,
		CURLcode code)
{
	const char *where = target->socket != NULL ? target->socket : target->base;
	long reason = 0;
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &reason);
	if (code == CURLE_COULDNT_CONNECT && reason == EACCES) {
		ctl_error("%s: permission denied; join group rollcall or use sudo", where);
		return CTL_NOT_ALLOWED;
	}
	if (options->silent)
		return CTL_UNREACHABLE;
	if (code == CURLE_COULDNT_CONNECT)
		explain_absence(where, target->socket != NULL);
	else
		ctl_error("%s: %s", where, curl_easy_strerror(code));
	return CTL_UNREACHABLE;
}

static enum ctl_exit
exit_for(long status)
{
	switch (status) {
	case 401:
	case 403:
		return CTL_NOT_ALLOWED;
	case 404:
		return CTL_NOT_FOUND;
	case 409:
		return CTL_CONFLICT;
	case 503:
		return CTL_UNHEALTHY;
	default:
		return status >= 200 && status < 300 ? CTL_DONE : CTL_FAILED;
	}
}

void
client_print_error(FILE *out, json_t *error)
{
	const char *file = json_string_value(json_object_get(error, "file"));
	const char *message = json_string_value(json_object_get(error, "message"));
	long long line = json_integer_value(json_object_get(error, "line"));
	if (file != NULL && line > 0)
		fprintf(out, "%s:%lld: ", file, line);
	fprintf(out, "error: %s\n", message == NULL ? "?" : message);
}

static void
print_problem(json_t *problem, long status)
{
	size_t index;
	json_t *error;
	json_array_foreach(json_object_get(problem, "errors"), index, error)
		client_print_error(stderr, error);
	const char *title = json_string_value(json_object_get(problem, "title"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *field = json_string_value(json_object_get(problem, "field"));
	const char *reason = json_string_value(json_object_get(problem, "reason"));
	const char *hint = json_string_value(json_object_get(problem, "hint"));
	if (title == NULL || detail == NULL || reason == NULL) {
		ctl_error("the daemon answered %ld; is this a rollcalld?", status);
		return;
	}
	ctl_error("%s: %s%s%s (%s)%s%s", title, field == NULL ? "" : field,
		  field == NULL ? "" : ": ", detail, reason, hint == NULL ? "" : "\n       ",
		  hint == NULL ? "" : hint);
}

static CURLcode
perform(CURL *curl, const struct ctl_options *options, const struct target *target,
	const char *method, const char *url, struct curl_slist *headers, const char *body,
	struct answer_buffer *buffer)
{
	if (target->socket != NULL)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
			 options->patience_ms > 0 ? options->patience_ms : PATIENCE_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, buffer);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	return curl_easy_perform(curl);
}

static enum ctl_exit
read_answer(const struct ctl_options *options, CURL *curl, const struct answer_buffer *buffer,
	    json_t **answer)
{
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	json_t *document = buffer->len == 0 ? NULL : json_loadb(buffer->text, buffer->len, 0, NULL);
	enum ctl_exit code = exit_for(status);
	if (code == CTL_DONE && buffer->len > 0 && document == NULL) {
		ctl_error("the answer is not JSON; is this a rollcalld?");
		return CTL_FAILED;
	}
	if (code == CTL_DONE) {
		*answer = document;
		return CTL_DONE;
	}
	if (!options->silent || code != CTL_UNHEALTHY)
		print_problem(document, status);
	json_decref(document);
	return code;
}

static enum ctl_exit
call(const struct ctl_options *options, const struct target *target, const char *method,
     const char *url, const char *body, json_t **answer)
{
	struct answer_buffer buffer = { NULL, 0 };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	enum ctl_exit code = CTL_FAILED;
	headers = curl_slist_append(headers, "Expect:");
	if (curl != NULL && add_token(&headers, options, target)) {
		CURLcode done = perform(curl, options, target, method, url, headers, body, &buffer);
		code = done == CURLE_OK ? read_answer(options, curl, &buffer, answer)
					: explain_failure(options, curl, target, done);
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(buffer.text);
	return code;
}

enum ctl_exit
client_call(const struct ctl_options *options, const char *method, const struct client_path *path,
	    json_t *body, json_t **answer)
{
	struct target target;
	char *url;
	enum ctl_exit code = CTL_FAILED;
	*answer = NULL;
	if (!writer_ok(&path->writer)) {
		ctl_error("what was asked for is too long");
		return CTL_USAGE;
	}
	if (!find_target(&target, options))
		return CTL_USAGE;
	if (asprintf(&url, "%s%.*s", target.base, STR_ARG(writer_text(&path->writer))) >= 0) {
		char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
		code = call(options, &target, method, url, text, answer);
		if (text != NULL)
			explicit_bzero(text, strlen(text));
		free(text);
		free(url);
	}
	target_clear(&target);
	return code;
}

/* --- USER ----------------------------------------------------------------------------- */

/* The one domain that is served, malloc'd; NULL, with *code and an error, when there are several.
 */
static char *
only_domain(const struct ctl_options *options, enum ctl_exit *code)
{
	struct client_path path;
	json_t *document;
	char *domain = NULL;
	client_path_start(&path, "stats");
	*code = client_call(options, "GET", &path, NULL, &document);
	if (*code != CTL_DONE)
		return NULL;
	json_t *domains = json_object_get(document, "domains");
	const char *first = json_string_value(json_array_get(domains, 0));
	if (json_array_size(domains) == 1 && first != NULL) {
		domain = strdup(first);
	} else {
		ctl_error("several domains are served; write the user as name@domain");
		*code = CTL_USAGE;
	}
	json_decref(document);
	return domain;
}

enum ctl_exit
client_user(const struct ctl_options *options, char **user)
{
	const char *given = options->arguments[0];
	const char *bare = strncasecmp(given, "sip:", 4) == 0	 ? given + 4
			   : strncasecmp(given, "sips:", 5) == 0 ? given + 5
								 : given;
	enum ctl_exit code = CTL_DONE;
	char *domain = strchr(bare, '@') == NULL ? only_domain(options, &code) : NULL;
	if (code != CTL_DONE)
		return code;
	if (asprintf(user, "%s%s%s", bare, domain == NULL ? "" : "@",
		     domain == NULL ? "" : domain) < 0)
		code = CTL_FAILED;
	free(domain);
	return code;
}

enum ctl_exit
client_user_path(const struct ctl_options *options, const char *fixed, struct client_path *path)
{
	char *user;
	enum ctl_exit code = client_user(options, &user);
	if (code != CTL_DONE)
		return code;
	client_path_start(path, fixed);
	client_path_segment(path, user);
	free(user);
	return CTL_DONE;
}

enum ctl_exit
client_user_call(const struct ctl_options *options, const char *method, const char *fixed,
		 json_t *body, json_t **answer)
{
	struct client_path path;
	enum ctl_exit code = client_user_path(options, fixed, &path);
	*answer = NULL;
	return code == CTL_DONE ? client_call(options, method, &path, body, answer) : code;
}
