/* REGISTER as text, digest by EVP, and of the answers only what the load needs to know. */
#include "client.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRANCH "z9hG4bKload"
#define CNONCE "0a4f113b"
#define CONTACT "192.0.2.10:5062" /* whatever socket asks: one binding an account, refreshed */

static EVP_MD *md;
static EVP_MD_CTX *context;

static void
hash(const char *text, char hex[static CLIENT_HEX_MAX])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	EVP_DigestInit_ex2(context, md, NULL);
	EVP_DigestUpdate(context, text, strlen(text));
	EVP_DigestFinal_ex(context, raw, &len);
	for (unsigned i = 0; i < len && 2 * i + 2 < CLIENT_HEX_MAX; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

bool
clients_init(struct clients *all)
{
	char text[512];
	md = EVP_MD_fetch(NULL, all->sha256 ? "SHA256" : "MD5", NULL);
	context = EVP_MD_CTX_new();
	if (md == NULL || context == NULL)
		return false;
	snprintf(text, sizeof(text), "REGISTER:sip:%s", all->domain);
	hash(text, all->ha2);
	return true;
}

static int
write_authorization(const struct clients *all, struct client *client, char *out, size_t cap)
{
	char text[512], response[CLIENT_HEX_MAX];
	if (client->nonce[0] == '\0')
		return 0;
	if (client->ha1[0] == '\0') {
		snprintf(text, sizeof(text), "%s%u:%s:%s", all->prefix, client->number, all->domain,
			 all->password);
		hash(text, client->ha1);
	}
	client->nc++;
	snprintf(text, sizeof(text), "%s:%s:%08x:" CNONCE ":auth:%s", client->ha1, client->nonce,
		 client->nc, all->ha2);
	hash(text, response);
	return snprintf(out, cap,
			"Authorization: Digest username=\"%s%u\", realm=\"%s\", nonce=\"%s\", "
			"uri=\"sip:%s\", response=\"%s\", algorithm=%s, qop=auth, nc=%08x, "
			"cnonce=\"" CNONCE "\"\r\n",
			all->prefix, client->number, all->domain, client->nonce, all->domain,
			response, all->sha256 ? "SHA-256" : "MD5", client->nc);
}

size_t
client_register(const struct clients *all, struct client *client, const char *local, uint32_t slot,
		uint32_t serial, char out[static CLIENT_MESSAGE_MAX])
{
	char authorization[768] = "";
	write_authorization(all, client, authorization, sizeof(authorization));
	int len = snprintf(out, CLIENT_MESSAGE_MAX,
			   "REGISTER sip:%s SIP/2.0\r\n"
			   "Via: SIP/2.0/UDP %s;rport;branch=" BRANCH "%08x%08x\r\n"
			   "Max-Forwards: 70\r\n"
			   "From: <sip:%s%u@%s>;tag=%08x\r\n"
			   "To: <sip:%s%u@%s>\r\n"
			   "Call-ID: load-%u\r\n"
			   "CSeq: %u REGISTER\r\n"
			   "Contact: <sip:%s%u@" CONTACT ">\r\n"
			   "Expires: %u\r\n"
			   "User-Agent: rollcall-load\r\n"
			   "%sContent-Length: 0\r\n\r\n",
			   all->domain, local, slot, serial, all->prefix, client->number,
			   all->domain, client->number, all->prefix, client->number, all->domain,
			   client->number, ++client->cseq, all->prefix, client->number,
			   all->expires_s, authorization);
	return len > 0 && len < CLIENT_MESSAGE_MAX ? (size_t)len : 0;
}

struct answer
client_answer_read(const char *octets, size_t len)
{
	struct answer answer = { 0 };
	const char *branch = strstr(octets, BRANCH);
	if (len < 12 || memcmp(octets, "SIP/2.0 ", 8) != 0 || branch == NULL)
		return answer;
	char hex[17] = "";
	snprintf(hex, sizeof(hex), "%.16s", branch + strlen(BRANCH));
	unsigned long long both = strtoull(hex, NULL, 16);
	answer.slot = (uint32_t)(both >> 32);
	answer.serial = (uint32_t)both;
	answer.status = (unsigned)strtoul(octets + 8, NULL, 10);
	return answer;
}

bool
client_challenged(const struct clients *all, struct client *client, const char *octets)
{
	const char *wanted = all->sha256 ? "algorithm=SHA-256" : "algorithm=MD5";
	const char *line = octets;
	while ((line = strstr(line, "\r\nWWW-Authenticate:")) != NULL) {
		line += 2;
		const char *end = strstr(line, "\r\n"), *algorithm = strstr(line, wanted),
			   *nonce = strstr(line, "nonce=\"");
		if (end == NULL || algorithm == NULL || algorithm > end || nonce == NULL ||
		    nonce > end)
			continue;
		nonce += strlen("nonce=\"");
		size_t len = strcspn(nonce, "\"");
		if (len == 0 || len >= sizeof(client->nonce))
			return false;
		memcpy(client->nonce, nonce, len);
		client->nonce[len] = '\0';
		client->nc = 0;
		return true;
	}
	return false;
}
