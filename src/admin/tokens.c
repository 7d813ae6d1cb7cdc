/* Bearer tokens: the file holds hashes only, comparison takes the same time wherever it fails. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_internal.h"
#include "base/exposed.h"
#include "base/log.h"

#define SENTENCE_BYTES 512

static bool
parse_token(struct str line, struct token *token)
{
	struct str role, hex;
	if (!str_cut(line, ' ', &role, &hex))
		return false;
	hex = str_trim(hex);
	if (hex.len != sizeof(token->hash) * 2)
		return false;
	for (size_t i = 0; i < sizeof(token->hash); i++) {
		int high = ascii_hex(hex.p[2 * i]), low = ascii_hex(hex.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		token->hash[i] = (unsigned char)(high << 4 | low);
	}
	token->role = str_eq(role, STR("admin"))  ? ROLE_ADMIN
		      : str_eq(role, STR("read")) ? ROLE_READ
						  : ROLE_NONE;
	return token->role != ROLE_NONE;
}

static bool
read_tokens(struct tokens *tokens, FILE *file, const char *path, char *error, size_t error_cap)
{
	char *text = NULL;
	size_t cap = 0;
	bool good = true;
	ssize_t len;
	for (unsigned number = 1; good && (len = getline(&text, &cap, file)) >= 0; number++) {
		struct str line = { text, (size_t)len };
		while (line.len > 0 &&
		       (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
			line.len--;
		line = str_trim(line);
		if (str_empty(line) || line.p[0] == '#')
			continue;
		good = tokens->count < TOKENS_MAX &&
		       parse_token(line, &tokens->items[tokens->count]);
		if (good)
			tokens->count++;
		else
			snprintf(error, error_cap,
				 "%s:%u: expected \"read HASH\" or \"admin HASH\", HASH the "
				 "SHA-256 of a token in hex; at most %u lines",
				 path, number, TOKENS_MAX);
	}
	free(text);
	return good;
}

/* strangers stays as it is, or gets a sentence about who may use the file: the hashes of long
 * random tokens tell nobody the tokens, but whoever may write makes new ones. */
static bool
load(struct tokens *tokens, const char *path, char *error, size_t error_cap, char *strangers,
     size_t strangers_cap)
{
	tokens->count = 0;
	if (path[0] == '\0')
		return true;
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		snprintf(error, error_cap, "admin.tokens_file %s: %s", path, strerror(errno));
		return false;
	}
	exposed_say("admin.tokens_file", path, strangers, strangers_cap);
	bool good = read_tokens(tokens, file, path, error, error_cap);
	fclose(file);
	return good;
}

bool
tokens_load(struct tokens *tokens, const char *path, char *error, size_t error_cap)
{
	struct tokens fresh;
	char strangers[SENTENCE_BYTES] = "";
	bool good = load(&fresh, path, error, error_cap, strangers, sizeof(strangers));
	if (strangers[0] != '\0')
		log_message(LOG_LEVEL_WARNING, "admin.tokens", "%s", strangers);
	if (good)
		*tokens = fresh;
	return good;
}

void
admin_tokens_judge(const struct config *config, const char *otherwise,
		   void (*warn)(const char *sentence, void *arg), void *arg)
{
	struct tokens tokens;
	char error[SENTENCE_BYTES], strangers[SENTENCE_BYTES] = "", sentence[2 * SENTENCE_BYTES];
	if (!config->admin.listen_on)
		return;
	if (!load(&tokens, config->admin.tokens_file, error, sizeof(error), strangers,
		  sizeof(strangers))) {
		snprintf(sentence, sizeof(sentence), "%s; %s", error, otherwise);
		warn(sentence, arg);
	}
	if (strangers[0] != '\0')
		warn(strangers, arg);
}

enum role
tokens_role(const struct tokens *tokens, const char *authorization)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	enum role role = ROLE_NONE;
	struct str text = str_of(authorization);
	if (!str_istarts(text, STR("Bearer ")))
		return ROLE_NONE;
	struct str token = str_trim(str_slice(text, 7, text.len));
	if (str_empty(token)) /* even if the file has the hash of nothing */
		return ROLE_NONE;
	SHA256((const unsigned char *)token.p, token.len, hash);
	for (size_t i = 0; i < tokens->count; i++)
		if (CRYPTO_memcmp(hash, tokens->items[i].hash, sizeof(hash)) == 0 &&
		    tokens->items[i].role > role)
			role = tokens->items[i].role;
	return role;
}
