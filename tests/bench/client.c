/* REGISTER from pieces, digest by EVP, and of the answers only what the load needs to know. */
#include "client.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CNONCE "0a4f113b"
#define VIA_MAX 256 /* octets of an answer in which our branch must come */

/* Pieces in the order of the message; what comes between two of them is the client's. */
enum {
	REQUEST_LINE, /* to Via's sent-by */
	VIA_BRANCH,
	VIA_END, /* to the number in From */
	FROM_TAG,
	TO,	 /* to its number */
	CALL_ID, /* to its number */
	CALL_COUNT,
	CSEQ,
	CONTACT, /* to its number */
	CONTACT_EXPIRES,
	CONTACT_REMOVED,
	USERNAME, /* to its number */
	NONCE,
	RESPONSE,
	NC,
	CREDENTIALS_END
};
_Static_assert(CREDENTIALS_END < CLIENT_PIECES, "room for every piece");
static const char last_line[] = "Content-Length: 0\r\n\r\n";

/* --- writing ------------------------------------------------------------------------------ */

static char *
put(char *at, const void *octets, size_t len)
{
	memcpy(at, octets, len);
	return at + len;
}

static char *
put_piece(char *at, const struct piece *piece)
{
	return put(at, piece->text, piece->len);
}

static char *
put_number(char *at, uint32_t number)
{
	char digits[10];
	size_t len = 0;
	do
		digits[sizeof(digits) - ++len] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return put(at, digits + sizeof(digits) - len, len);
}

static const char hex_digits[] = "0123456789abcdef";

static char *
put_hex32(char *at, uint32_t number)
{
	for (int shift = 28; shift >= 0; shift -= 4)
		*at++ = hex_digits[number >> shift & 15];
	return at;
}

/* --- digest ------------------------------------------------------------------------------- */

static void
hash(EVP_MD_CTX *context, const char *text, size_t len, char hex[static CLIENT_HEX_MAX])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned raw_len = 0;
	EVP_DigestInit_ex2(context, NULL, NULL); /* the same algorithm again */
	EVP_DigestUpdate(context, text, len);
	EVP_DigestFinal_ex(context, raw, &raw_len);
	for (unsigned i = 0; i < raw_len && 2 * i + 1 < CLIENT_HEX_MAX; i++) {
		hex[2 * i] = hex_digits[raw[i] >> 4];
		hex[2 * i + 1] = hex_digits[raw[i] & 15];
	}
}

static void
find_ha1(const struct clients *all, struct client *client)
{
	char text[4 * CLIENT_WORD_MAX];
	int len = snprintf(text, sizeof(text), "%s%u:%s:%s", all->prefix, client->number,
			   all->domain, all->password);
	hash(all->hash, text, (size_t)len, client->ha1);
	client->has_ha1 = true;
}

/* RFC 7616 §3.4.1 with qop=auth: H(HA1:nonce:nc:cnonce:auth:HA2) */
static char *
put_response(char *at, const struct clients *all, const struct client *client)
{
	static const char middle[] = ":" CNONCE ":auth:";
	char text[2 * CLIENT_HEX_MAX + CLIENT_NONCE_MAX + 64], *end = text;
	end = put(end, client->ha1, all->hex_len);
	*end++ = ':';
	end = put(end, client->nonce, client->nonce_len);
	*end++ = ':';
	end = put_hex32(end, client->nc);
	end = put(end, middle, sizeof(middle) - 1);
	end = put(end, all->ha2, all->hex_len);
	hash(all->hash, text, (size_t)(end - text), at);
	return at + all->hex_len;
}

static char *
put_credentials(char *at, const struct clients *all, struct client *client, const char *number,
		size_t number_len)
{
	if (!client->has_ha1)
		find_ha1(all, client);
	at = put_piece(at, &all->pieces[USERNAME]);
	at = put(at, number, number_len);
	at = put_piece(at, &all->pieces[NONCE]);
	at = put(at, client->nonce, client->nonce_len);
	at = put_piece(at, &all->pieces[RESPONSE]);
	at = put_response(at, all, client);
	at = put_piece(at, &all->pieces[NC]);
	at = put_hex32(at, client->nc);
	return put_piece(at, &all->pieces[CREDENTIALS_END]);
}

/* --- requests ----------------------------------------------------------------------------- */

void
client_next(struct client *client, bool credentials)
{
	client->cseq++;
	client->nc += credentials;
}

size_t
client_write(const struct clients *all, struct client *client, const struct request *request,
	     char out[static CLIENT_MESSAGE_MAX])
{
	const struct piece *pieces = all->pieces;
	char number[10], *at = out;
	size_t number_len = (size_t)(put_number(number, client->number) - number);
	at = put_piece(at, &pieces[REQUEST_LINE]);
	at = put(at, request->local, request->local_len);
	at = put_piece(at, &pieces[VIA_BRANCH]);
	at = put_hex32(at, request->slot);
	at = put_hex32(at, request->serial);
	at = put_piece(at, &pieces[VIA_END]);
	at = put(at, number, number_len);
	at = put_piece(at, &pieces[FROM_TAG]);
	at = put_hex32(at, request->slot);
	at = put_piece(at, &pieces[TO]);
	at = put(at, number, number_len);
	at = put_piece(at, &pieces[CALL_ID]);
	at = put(at, number, number_len);
	at = put_piece(at, &pieces[CALL_COUNT]);
	at = put_number(at, client->call);
	at = put_piece(at, &pieces[CSEQ]);
	at = put_number(at, client->cseq);
	at = put_piece(at, &pieces[CONTACT]);
	at = put(at, number, number_len);
	at = put_piece(at, &pieces[request->removal ? CONTACT_REMOVED : CONTACT_EXPIRES]);
	if (request->credentials)
		at = put_credentials(at, all, client, number, number_len);
	at = put(at, last_line, sizeof(last_line) - 1);
	return (size_t)(at - out);
}

static bool __attribute__((format(printf, 2, 3)))
set_piece(struct piece *piece, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(piece->text, sizeof(piece->text), format, arguments);
	va_end(arguments);
	piece->len = (size_t)len;
	return len > 0 && (size_t)len < sizeof(piece->text);
}

static bool
set_pieces(struct clients *all)
{
	static const char contact[] = "@%s>\r\nExpires: %u\r\nUser-Agent: rollcall-load\r\n";
	struct piece *p = all->pieces;
	return set_piece(&p[REQUEST_LINE], "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/%s ",
			 all->domain, all->transport) &&
	       set_piece(&p[VIA_BRANCH], ";branch=z9hG4bK%08x", all->run) &&
	       set_piece(&p[VIA_END], ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s", all->prefix) &&
	       set_piece(&p[FROM_TAG], "@%s>;tag=%08x", all->domain, all->run) &&
	       set_piece(&p[TO], "\r\nTo: <sip:%s", all->prefix) &&
	       set_piece(&p[CALL_ID], "@%s>\r\nCall-ID: %08x-", all->domain, all->run) &&
	       set_piece(&p[CALL_COUNT], "-") && set_piece(&p[CSEQ], "\r\nCSeq: ") &&
	       set_piece(&p[CONTACT], " REGISTER\r\nContact: <sip:%s", all->prefix) &&
	       set_piece(&p[CONTACT_EXPIRES], contact, all->contact, all->expires_s) &&
	       set_piece(&p[CONTACT_REMOVED], contact, all->contact, 0) &&
	       set_piece(&p[USERNAME], "Authorization: Digest username=\"%s", all->prefix) &&
	       set_piece(&p[NONCE], "\", realm=\"%s\", nonce=\"", all->domain) &&
	       set_piece(&p[RESPONSE], "\", uri=\"sip:%s\", response=\"", all->domain) &&
	       set_piece(&p[NC],
			 "\", algorithm=%s, qop=auth, nc=", all->sha256 ? "SHA-256" : "MD5") &&
	       set_piece(&p[CREDENTIALS_END], ", cnonce=\"" CNONCE "\"\r\n");
}

/* What is longest in a message, once more with room for all that is not a piece. */
static bool
fits(const struct clients *all)
{
	size_t most =
		sizeof(last_line) + CLIENT_LOCAL_MAX + CLIENT_NONCE_MAX + CLIENT_HEX_MAX + 128;
	for (unsigned i = 0; i < CLIENT_PIECES; i++)
		most += all->pieces[i].len;
	return most <= CLIENT_MESSAGE_MAX;
}

static bool
words_fit(const struct clients *all)
{
	const char *words[] = { all->domain, all->password, all->prefix, all->contact };
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) >= CLIENT_WORD_MAX)
			return false;
	return true;
}

bool
clients_init(struct clients *all)
{
	char text[CLIENT_WORD_MAX + 32];
	EVP_MD *md = EVP_MD_fetch(NULL, all->sha256 ? "SHA256" : "MD5", NULL);
	all->hash = EVP_MD_CTX_new();
	bool good = md != NULL && all->hash != NULL && EVP_DigestInit_ex2(all->hash, md, NULL) == 1;
	EVP_MD_free(md); /* the context keeps it */
	if (!good || !words_fit(all) || !set_pieces(all) || !fits(all)) {
		clients_clear(all);
		return false;
	}
	all->hex_len = all->sha256 ? 64 : 32;
	int len = snprintf(text, sizeof(text), "REGISTER:sip:%s", all->domain);
	hash(all->hash, text, (size_t)len, all->ha2);
	return true;
}

void
clients_clear(struct clients *all)
{
	EVP_MD_CTX_free(all->hash);
	all->hash = NULL;
}

/* --- answers ------------------------------------------------------------------------------ */

static bool
read_hex32(const char *octets, uint32_t *number)
{
	*number = 0;
	for (unsigned i = 0; i < 8; i++) {
		char c = octets[i];
		if (c >= '0' && c <= '9')
			*number = *number << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*number = *number << 4 | (uint32_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

/* Our branch, which is near the start: Via comes first and ours is the only one. */
static const char *
find_branch(const struct piece *wanted, const char *octets, size_t len)
{
	size_t within = len < VIA_MAX ? len : VIA_MAX;
	const char *at = memchr(octets, ';', within);
	if (at == NULL || (size_t)(octets + len - at) < wanted->len + 16)
		return NULL;
	if (memcmp(at, wanted->text, wanted->len) != 0)
		at = memmem(octets, within, wanted->text, wanted->len);
	if (at == NULL || (size_t)(octets + len - at) < wanted->len + 16)
		return NULL;
	return at + wanted->len;
}

struct answer
client_answer_read(const struct clients *all, const char *octets, size_t len)
{
	struct answer answer = { 0 };
	const char *branch =
		len > 12 ? find_branch(&all->pieces[VIA_BRANCH], octets + 12, len - 12) : NULL;
	if (branch == NULL || memcmp(octets, "SIP/2.0 ", 8) != 0 ||
	    !read_hex32(branch, &answer.slot) || !read_hex32(branch + 8, &answer.serial))
		return answer;
	for (unsigned i = 8; i < 11; i++) {
		if (octets[i] < '0' || octets[i] > '9')
			return (struct answer){ 0 };
		answer.status = answer.status * 10 + (unsigned)(octets[i] - '0');
	}
	return answer;
}

/* A challenge that names no algorithm means MD5 (RFC 7616 §3.3). */
static bool
challenge_fits(const struct clients *all, const char *line, size_t len)
{
	static const char sha256[] = "algorithm=SHA-256", md5[] = "algorithm=MD5";
	if (all->sha256)
		return memmem(line, len, sha256, sizeof(sha256) - 1) != NULL;
	return memmem(line, len, md5, sizeof(md5) - 1) != NULL ||
	       memmem(line, len, "algorithm=", 10) == NULL;
}

static bool
take_nonce(struct client *client, const char *line, size_t len)
{
	const char *nonce = memmem(line, len, " nonce=\"", 8);
	if (nonce == NULL && (nonce = memmem(line, len, ",nonce=\"", 8)) == NULL)
		return false;
	nonce += 8;
	const char *end = memchr(nonce, '"', (size_t)(line + len - nonce));
	if (end == NULL || end == nonce || (size_t)(end - nonce) > sizeof(client->nonce))
		return false;
	client->nonce_len = (uint16_t)(end - nonce);
	memcpy(client->nonce, nonce, client->nonce_len);
	client->nc = 0;
	return true;
}

bool
client_challenged(const struct clients *all, struct client *client, const char *octets, size_t len)
{
	static const char header[] = "\nWWW-Authenticate:";
	const char *end = octets + len, *line = octets;
	while ((line = memmem(line, (size_t)(end - line), header, sizeof(header) - 1)) != NULL) {
		line += sizeof(header) - 1;
		const char *line_end = memchr(line, '\n', (size_t)(end - line));
		if (line_end == NULL)
			return false;
		if (challenge_fits(all, line, (size_t)(line_end - line)))
			return take_nonce(client, line, (size_t)(line_end - line));
		line = line_end;
	}
	return false;
}

size_t
client_frame(const char *octets, size_t len)
{
	static const char header[] = "\nContent-Length:";
	const char *end = memmem(octets, len, "\r\n\r\n", 4);
	if (end == NULL)
		return 0;
	size_t head = (size_t)(end - octets) + 4, body = 0;
	const char *at = memmem(octets, head, header, sizeof(header) - 1);
	if (at != NULL) {
		at += sizeof(header) - 1;
		while (*at == ' ')
			at++;
		while (*at >= '0' && *at <= '9')
			body = body * 10 + (size_t)(*at++ - '0');
	}
	return body > len || head + body > len ? 0 : head + body;
}
