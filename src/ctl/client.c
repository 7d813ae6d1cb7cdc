/* libcurl over the Unix socket or HTTP; errors become sentences and exit codes. */
#include "client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

#define DEFAULT_SOCKET "/run/rollcall/admin.sock"
#define ANSWER_BYTES_MAX (64u * 1024 * 1024)

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

struct target {
	char socket[256]; /* empty: none */
	char base[512];
};

/* --url, else ROLLCALL_URL, else the socket that the configuration names, else the packaged path.
 */
static void
find_target(struct target *target, const struct ctl_options *options)
{
	const char *url = options->url != NULL ? options->url : getenv("ROLLCALL_URL");
	*target = (struct target){ .base = "http://localhost/api/v1/" };
	if (url == NULL && options->config != NULL) {
		struct config *config = config_load(options->config, NULL, 0, stderr);
		snprintf(target->socket, sizeof(target->socket), "%s",
			 config == NULL ? DEFAULT_SOCKET : config->admin.socket);
		if (config != NULL)
			config_free(config);
	} else if (url == NULL) {
		snprintf(target->socket, sizeof(target->socket), "%s", DEFAULT_SOCKET);
	} else if (strncmp(url, "unix:", 5) == 0) {
		snprintf(target->socket, sizeof(target->socket), "%s", url + 5);
	} else {
		size_t len = strlen(url);
		snprintf(target->base, sizeof(target->base), "%.*s/api/v1/",
			 (int)(len > 0 && url[len - 1] == '/' ? len - 1 : len), url);
	}
}

static bool
add_token(struct curl_slist **headers, const struct ctl_options *options)
{
	const char *path =
		options->token_file != NULL ? options->token_file : getenv("ROLLCALL_TOKEN_FILE");
	char token[256], header[300];
	if (path == NULL)
		return true;
	FILE *file = fopen(path, "re");
	if (file == NULL || fgets(token, sizeof(token), file) == NULL) {
		ctl_error("cannot read a token from %s", path);
		if (file != NULL)
			fclose(file);
		return false;
	}
	fclose(file);
	token[strcspn(token, "\r\n")] = '\0';
	snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	*headers = curl_slist_append(*headers, header);
	return true;
}

static enum ctl_exit
explain_failure(const struct target *target, CURLcode code)
{
	const char *where = target->socket[0] != '\0' ? target->socket : target->base;
	if (target->socket[0] != '\0' && access(target->socket, W_OK) != 0 &&
	    access(target->socket, F_OK) == 0) {
		ctl_error("%s: permission denied; join group rollcall or use sudo", where);
		return CTL_NOT_ALLOWED;
	}
	if (code == CURLE_COULDNT_CONNECT)
		ctl_error("no rollcalld at %s; start it: systemctl start rollcalld", where);
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
	default:
		return status < 300 ? CTL_DONE : CTL_FAILED;
	}
}

static void
print_problem(json_t *problem, long status)
{
	const char *title = json_string_value(json_object_get(problem, "title"));
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *reason = json_string_value(json_object_get(problem, "reason"));
	const char *hint = json_string_value(json_object_get(problem, "hint"));
	if (title == NULL) {
		ctl_error("the daemon answered %ld", status);
		return;
	}
	ctl_error("%s: %s (%s)%s%s", title, detail == NULL ? "" : detail,
		  reason == NULL ? "" : reason, hint == NULL ? "" : "\n       ",
		  hint == NULL ? "" : hint);
}

static CURLcode
perform(CURL *curl, const struct target *target, const char *method, const char *path,
	struct curl_slist *headers, const char *body, struct answer_buffer *buffer)
{
	char url[4096];
	snprintf(url, sizeof(url), "%s%s", target->base, path);
	if (target->socket[0] != '\0')
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, target->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, buffer);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	}
	return curl_easy_perform(curl);
}

static enum ctl_exit
read_answer(CURL *curl, const struct answer_buffer *buffer, json_t **answer)
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
	print_problem(document, status);
	json_decref(document);
	return code;
}

enum ctl_exit
client_call(const struct ctl_options *options, const char *method, const char *path, json_t *body,
	    json_t **answer)
{
	struct target target;
	struct answer_buffer buffer = { NULL, 0 };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	CURL *curl = curl_easy_init();
	enum ctl_exit code = CTL_FAILED;
	*answer = NULL;
	find_target(&target, options);
	headers = curl_slist_append(headers, "Expect:");
	if (curl != NULL && add_token(&headers, options)) {
		CURLcode done = perform(curl, &target, method, path, headers, text, &buffer);
		code = done == CURLE_OK ? read_answer(curl, &buffer, answer)
					: explain_failure(&target, done);
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	free(buffer.text);
	return code;
}

void
client_escape(char *out, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    strchr("-._~@", c) != NULL) {
			*out++ = (char)c;
		} else {
			*out++ = '%';
			*out++ = digits[c >> 4];
			*out++ = digits[c & 15];
		}
	}
	*out = '\0';
}

/* The one domain that is served; NULL with an error when there are several. The document holds the
 * name. */
static const char *
only_domain(const struct ctl_options *options, json_t **document)
{
	if (client_call(options, "GET", "stats", NULL, document) != CTL_DONE)
		return NULL;
	json_t *domains = json_object_get(*document, "domains");
	if (json_array_size(domains) == 1)
		return json_string_value(json_array_get(domains, 0));
	ctl_error("several domains are served; write the user as name@domain");
	return NULL;
}

bool
client_user(const struct ctl_options *options, const char *user, char *segment, size_t cap)
{
	char whole[1024];
	json_t *document = NULL;
	const char *bare = strncmp(user, "sip:", 4) == 0    ? user + 4
			   : strncmp(user, "sips:", 5) == 0 ? user + 5
							    : user;
	const char *domain = strchr(bare, '@') == NULL ? only_domain(options, &document) : "";
	if (domain != NULL)
		snprintf(whole, sizeof(whole), "%s%s%s", bare, *domain == '\0' ? "" : "@", domain);
	json_decref(document);
	if (domain == NULL)
		return false;
	if (3 * strlen(whole) + 1 > cap) {
		ctl_error("the user's name is too long");
		return false;
	}
	client_escape(segment, whole);
	return true;
}
