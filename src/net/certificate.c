/*
 * Certificates are judged when they are read, not when the first phone refuses them: key and chain
 * must belong together, the issuer must be in the file, nothing may be expired or weak (RFC 9325
 * §4.5). Every refusal says what to do.
 */
#include "certificate.h"

#include <errno.h>
#include <grp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define DAY_S 86400
#define SECURITY_BITS 112 /* EC P-224, SHA-224 */
#define RSA_BITS 2048
#define CHAIN_MAX 16

bool
certificate_complain(struct complaint *complaint, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(complaint->text, complaint->cap, format, args);
	va_end(args);
	return false;
}

FILE *
open_for_tls(const char *path, struct complaint *complaint)
{
	FILE *file = fopen(path, "re");
	if (file != NULL)
		return file;
	int error = errno;
	const struct passwd *user = getpwuid(geteuid());
	const struct group *group = getgrgid(getegid());
	const char *group_name = group != NULL ? group->gr_name : "GROUP";
	if (error == EACCES) {
		certificate_complain(
			complaint,
			"%s: permission denied for user %s; run: chgrp %s %s && chmod 0640 %s",
			path, user != NULL ? user->pw_name : "of this process", group_name, path,
			path);
	} else {
		char text[128];
		const char *words = strerror_r(error, text, sizeof(text));
		certificate_complain(complaint, "%s: %c%s", path, ascii_lower(words[0]), words + 1);
	}
	return NULL;
}

static bool
read_chain(struct certificate *c, const char *path, struct complaint *complaint)
{
	FILE *file = open_for_tls(path, complaint);
	if (file == NULL)
		return false;
	c->leaf = PEM_read_X509(file, NULL, NULL, NULL);
	c->chain = sk_X509_new_null();
	X509 *next = NULL;
	while (c->leaf != NULL && c->chain != NULL && sk_X509_num(c->chain) < CHAIN_MAX &&
	       (next = PEM_read_X509(file, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(c->chain, next) <= 0)
			X509_free(next);
	fclose(file);
	ERR_clear_error();
	return (c->leaf != NULL && c->chain != NULL) ||
	       certificate_complain(complaint, "%s: holds no certificate in PEM form", path);
}

/* A daemon has nobody to ask for a passphrase. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static bool
read_key(struct certificate *c, const char *path, struct complaint *complaint)
{
	FILE *file = open_for_tls(path, complaint);
	if (file == NULL)
		return false;
	c->key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
	fclose(file);
	ERR_clear_error();
	return c->key != NULL ||
	       certificate_complain(complaint,
				    "%s: holds no private key in PEM form without a passphrase",
				    path);
}

static void
common_name(X509_NAME *name, char *text, size_t cap)
{
	if (X509_NAME_get_text_by_NID(name, NID_commonName, text, (int)cap) < 0)
		X509_NAME_oneline(name, text, (int)cap);
}

static bool
self_signed(X509 *x)
{
	return X509_check_issued(x, x) == X509_V_OK;
}

/* The certificate in the file that signed x, or NULL. */
static X509 *
issuer_in_file(const struct certificate *c, X509 *x)
{
	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		X509 *candidate = sk_X509_value(c->chain, i);
		if (X509_check_issued(candidate, x) == X509_V_OK &&
		    X509_verify(x, X509_get0_pubkey(candidate)) == 1)
			return candidate;
	}
	return NULL;
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
	struct tm tm;
	return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* who is "" for the certificate itself. */
static bool
check_dates(const char *section, const char *who, X509 *x, int64_t now_s,
	    struct complaint *complaint)
{
	char date[25];
	int64_t from = seconds_of(X509_get0_notBefore(x));
	int64_t until = seconds_of(X509_get0_notAfter(x));
	if (now_s < from) {
		clock_rfc3339(from * 1000, date);
		return certificate_complain(
			complaint, "certificate %s: %snot valid before %.10s; check the clock",
			section, who, date);
	}
	if (now_s <= until)
		return true;
	clock_rfc3339(until * 1000, date);
	long long days = (now_s - until) / DAY_S;
	if (days == 0)
		return certificate_complain(complaint, "certificate %s: %sexpired today (%.10s)",
					    section, who, date);
	return certificate_complain(complaint, "certificate %s: %sexpired %lld day%s ago (%.10s)",
				    section, who, days, days == 1 ? "" : "s", date);
}

/* OpenSSL rounds: it counts RSA with 2040 bits as 112 bits of security too. */
static bool
strong_key(EVP_PKEY *key)
{
	return key != NULL && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS &&
	       (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) >= RSA_BITS);
}

static bool
check_strength(const char *section, const char *who, X509 *x, struct complaint *complaint)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	int digest, bits;
	if (!strong_key(key))
		return certificate_complain(
			complaint,
			"certificate %s: %skey is too weak (%s, %d bits); use RSA with "
			"2048 bits or more, or EC P-256",
			section, who, key == NULL ? "unknown" : OBJ_nid2sn(EVP_PKEY_id(key)),
			key == NULL ? 0 : EVP_PKEY_get_bits(key));
	if (X509_get_signature_info(x, &digest, NULL, &bits, NULL) != 1 || bits < SECURITY_BITS)
		return certificate_complain(
			complaint,
			"certificate %s: %ssignature is too weak (%s); have it issued "
			"again with SHA-256",
			section, who, OBJ_nid2sn(X509_get_signature_nid(x)));
	return true;
}

static bool
check_chain(const struct certificate *c, bool any_date, int64_t now_s, struct complaint *complaint)
{
	char name[128], who[160];
	if (self_signed(c->leaf))
		return true;
	common_name(X509_get_issuer_name(c->leaf), name, sizeof(name));
	X509 *issuer = issuer_in_file(c, c->leaf);
	if (issuer == NULL)
		return certificate_complain(
			complaint,
			"certificate %s: issuer \"%s\" is not in the file; use the full "
			"chain",
			c->section, name);
	snprintf(who, sizeof(who), "issuer \"%s\" ", name);
	if (!any_date && !check_dates(c->section, who, issuer, now_s, complaint))
		return false;
	return self_signed(issuer) || check_strength(c->section, who, issuer, complaint);
}

bool
certificate_read(struct certificate *c, const struct tls_certificate_settings *settings,
		 bool any_date, int64_t now_s, struct complaint *complaint)
{
	*c = (struct certificate){ .section = strdup(settings->name) };
	if (c->section == NULL)
		return certificate_complain(complaint, "out of memory");
	if (!read_chain(c, settings->chain, complaint) || !read_key(c, settings->key, complaint))
		return false;
	if (X509_check_private_key(c->leaf, c->key) != 1)
		return certificate_complain(
			complaint,
			"certificate %s: private key does not belong to chain (public keys "
			"differ); check key = %s",
			c->section, settings->key);
	if (!any_date && !check_dates(c->section, "", c->leaf, now_s, complaint))
		return false;
	if (!check_strength(c->section, "", c->leaf, complaint) ||
	    !check_chain(c, any_date, now_s, complaint))
		return false;
	return certificate_collect_names(c) || certificate_complain(complaint, "out of memory");
}

void
certificate_clear(struct certificate *c)
{
	free(c->section);
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c->names);
	*c = (struct certificate){ 0 };
}

bool
certificate_copy(struct certificate *copy, const struct certificate *c)
{
	*copy = (struct certificate){ .section = strdup(c->section),
				      .leaf = c->leaf,
				      .key = c->key,
				      .name_count = c->name_count };
	X509_up_ref(c->leaf);
	if (c->key != NULL)
		EVP_PKEY_up_ref(c->key);
	copy->chain = X509_chain_up_ref(c->chain);
	copy->names = calloc(c->name_count + 1, sizeof(*c->names));
	if (copy->names != NULL && c->name_count > 0)
		memcpy(copy->names, c->names, c->name_count * sizeof(*c->names));
	return copy->section != NULL && copy->chain != NULL && copy->names != NULL;
}

/* The digest of the digests: each certificate counts, and their order. */
static void
fingerprint(const struct certificate *c, unsigned char out[static TLS_FINGERPRINT_BYTES])
{
	unsigned char both[2 * TLS_FINGERPRINT_BYTES] = { 0 };
	for (int i = -1; i < sk_X509_num(c->chain); i++) {
		const X509 *x = i < 0 ? c->leaf : sk_X509_value(c->chain, i);
		X509_digest(x, EVP_sha256(), both + TLS_FINGERPRINT_BYTES, NULL);
		EVP_Digest(both, sizeof(both), both, NULL, EVP_sha256(), NULL);
	}
	memcpy(out, both, TLS_FINGERPRINT_BYTES);
}

void
certificate_describe(const struct certificate *c, struct tls_certificate_info *info)
{
	*info = (struct tls_certificate_info){
		.name = c->section,
		.not_before = seconds_of(X509_get0_notBefore(c->leaf)),
		.not_after = seconds_of(X509_get0_notAfter(c->leaf)),
		.chain_length = 1 + (size_t)sk_X509_num(c->chain),
	};
	common_name(X509_get_subject_name(c->leaf), info->subject, sizeof(info->subject));
	common_name(X509_get_issuer_name(c->leaf), info->issuer, sizeof(info->issuer));
	fingerprint(c, info->fingerprint);
}
