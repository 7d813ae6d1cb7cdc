/* Keys and certificates made on the spot, in a directory of their own that goes with the test. */
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/writer.h"
#include "net/tls.h"
#include "support/check_main.h"

struct pki {
	char dir[64];
	char paths[48][128];
	size_t path_count;
	long serial;
};

struct identity {
	EVP_PKEY *key;
	X509 *x;
};

/* What a certificate is to be like; zero is a plain one for a year, signed by itself. */
struct wish {
	const char *name;  /* common name */
	const char *names; /* subjectAltName as OpenSSL writes it, or NULL */
	const struct identity *issuer;
	int rsa_bits;		   /* 0: EC P-256 */
	int from_days, until_days; /* from now; 0 and 0: yesterday and a year */
	const EVP_MD *digest;
	bool ca;
};

static inline void
pki_open(struct pki *pki)
{
	*pki = (struct pki){ .dir = "/tmp/rollcall-pki-XXXXXX" };
	ck_assert_ptr_nonnull(mkdtemp(pki->dir));
}

static inline void
pki_close(struct pki *pki)
{
	for (size_t i = 0; i < pki->path_count; i++)
		unlink(pki->paths[i]);
	rmdir(pki->dir);
}

static inline FILE *
pki_file(struct pki *pki, const char **path)
{
	char *text = pki->paths[pki->path_count];
	struct writer w = writer_on(text, sizeof(pki->paths[0]) - 1); /* zeroed: ends with NUL */
	writer_text_z(&w, pki->dir);
	writer_char(&w, '/');
	writer_u64(&w, pki->path_count);
	writer_text_z(&w, ".pem");
	pki->path_count++;
	ck_assert_uint_le(pki->path_count, sizeof(pki->paths) / sizeof(pki->paths[0]));
	FILE *file = fopen(text, "w");
	ck_assert_ptr_nonnull(file);
	*path = text;
	return file;
}

/* The certificates up to a NULL, in this order. */
static inline const char *
pki_chain(struct pki *pki, X509 *const *chain)
{
	const char *path;
	FILE *file = pki_file(pki, &path);
	for (; *chain != NULL; chain++)
		ck_assert_int_eq(PEM_write_X509(file, *chain), 1);
	fclose(file);
	return path;
}
#define PKI_CHAIN(pki, ...) pki_chain(pki, (X509 *const[]){ __VA_ARGS__, NULL })

static inline const char *
pki_key(struct pki *pki, EVP_PKEY *key)
{
	const char *path;
	FILE *file = pki_file(pki, &path);
	ck_assert_int_eq(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	return path;
}

static inline void
add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ck_assert_ptr_nonnull(extension);
	X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
}

static inline struct identity
pki_issue(struct pki *pki, struct wish wish)
{
	struct identity made = { .x = X509_new() };
	long day = 86400;
	made.key = wish.rsa_bits > 0 ? EVP_RSA_gen((size_t)wish.rsa_bits) : EVP_EC_gen("P-256");
	ck_assert_ptr_nonnull(made.key);
	if (wish.until_days == 0 && wish.from_days == 0) {
		wish.from_days = -1;
		wish.until_days = 365;
	}
	X509_set_version(made.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.x), ++pki->serial);
	X509_gmtime_adj(X509_getm_notBefore(made.x), wish.from_days * day);
	X509_gmtime_adj(X509_getm_notAfter(made.x), wish.until_days * day);
	X509_set_pubkey(made.x, made.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(made.x), "CN", MBSTRING_UTF8,
				   (const unsigned char *)wish.name, -1, -1, 0);
	X509 *issuer = wish.issuer != NULL ? wish.issuer->x : made.x;
	X509_set_issuer_name(made.x, X509_get_subject_name(issuer));
	add_extension(made.x, issuer, NID_basic_constraints, wish.ca ? "CA:TRUE" : "CA:FALSE");
	if (wish.names != NULL)
		add_extension(made.x, issuer, NID_subject_alt_name, wish.names);
	ck_assert_int_gt(X509_sign(made.x, wish.issuer != NULL ? wish.issuer->key : made.key,
				   wish.digest != NULL ? wish.digest : EVP_sha256()),
			 0);
	return made;
}

static inline void
identity_free(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->x);
}

/* The settings of a server as the default configuration gives them. */
static inline struct tls_settings
usual_tls(const struct tls_certificate_settings *certificates, size_t count)
{
	return (struct tls_settings){
		.certificates = certificates,
		.certificate_count = count,
		.ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20",
		.tickets = true,
		.ticket_rotation_s = 86400,
	};
}

static inline struct tls_server *
tls_opened(const struct tls_settings *settings)
{
	char error[512] = "";
	struct tls_server *server = tls_server_open(settings, error, sizeof(error), NULL, NULL);
	ck_assert_msg(server != NULL, "%s", error);
	return server;
}
