/* Bearer tokens: the file holds hashes only, comparison takes the same time wherever it fails. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"

static bool
parse_line(struct str line, struct token *token)
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

bool
tokens_load(struct admin *admin, const char *path, char *error, size_t error_cap)
{
	struct token tokens[TOKENS_MAX];
	size_t count = 0;
	char text[256];
	if (path[0] == '\0') {
		admin->token_count = 0;
		return true;
	}
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		snprintf(error, error_cap, "admin.tokens_file %s: %s", path, strerror(errno));
		return false;
	}
	for (unsigned number = 1; fgets(text, sizeof(text), file) != NULL; number++) {
		struct str line = str_of(text);
		while (line.len > 0 &&
		       (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
			line.len--;
		line = str_trim(line);
		if (str_empty(line) || line.p[0] == '#')
			continue;
		if (count == TOKENS_MAX || !parse_line(line, &tokens[count])) {
			snprintf(error, error_cap,
				 "%s:%u: error: expected \"read HASH\" or \"admin HASH\", HASH the "
				 "SHA-256 of a token "
				 "in hex; at most %u lines",
				 path, number, TOKENS_MAX);
			fclose(file);
			return false;
		}
		count++;
	}
	fclose(file);
	memcpy(admin->tokens, tokens, count * sizeof(*tokens));
	admin->token_count = count;
	return true;
}

enum role
tokens_role(const struct admin *admin, const char *authorization)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	enum role role = ROLE_NONE;
	struct str text = str_of(authorization);
	if (!str_istarts(text, STR("Bearer ")))
		return ROLE_NONE;
	struct str token = str_trim(str_slice(text, 7, text.len));
	SHA256((const unsigned char *)token.p, token.len, hash);
	for (size_t i = 0; i < admin->token_count; i++)
		if (CRYPTO_memcmp(hash, admin->tokens[i].hash, sizeof(hash)) == 0 &&
		    admin->tokens[i].role > role)
			role = admin->tokens[i].role;
	return role;
}
