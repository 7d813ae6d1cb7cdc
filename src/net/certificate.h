/* A certificate of ours with its key: read, checked, and the names it is good for. */
#pragma once

#include <openssl/types.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/str.h"
#include "base/writer.h"
#include "net/tls.h"

/* One sentence for the operator, cut if need be. */
struct complaint {
	char *text;
	size_t cap;
};
/* Always false, so that it can be returned. */
bool certificate_complain(struct complaint *complaint, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* fopen() that complains as section 10 of operators.md words it. */
FILE *open_for_tls(const char *path, struct complaint *complaint);

enum certificate_name_kind { NAME_DNS, NAME_SIP_URI, NAME_COMMON };
struct certificate_name {
	enum certificate_name_kind kind;
	char text[256];
};

struct certificate {
	char *section; /* of the configuration */
	X509 *leaf;
	STACK_OF(X509) * chain; /* what follows the leaf in the file */
	EVP_PKEY *key;
	struct certificate_name *names;
	size_t name_count;
};

/* False with a complaint; what was read is in certificate all the same, to be cleared. any_date:
 * be it expired. */
bool certificate_read(struct certificate *certificate,
		      const struct tls_certificate_settings *settings, bool any_date, int64_t now_s,
		      struct complaint *complaint);
void certificate_clear(struct certificate *certificate);
/* False without memory; what was copied is to be cleared all the same. */
bool certificate_copy(struct certificate *copy, const struct certificate *certificate);
/* What there is to say of it. */
void certificate_describe(const struct certificate *certificate, struct tls_certificate_info *info);

/* --- names.c --- */

/* Fills names from subjectAltName, or the common name of a certificate that has none. */
bool certificate_collect_names(struct certificate *certificate);
/* Is it the one to show to a client that asks for host? A wildcard stands for one label. */
bool certificate_names_host(const struct certificate *certificate, struct str host, bool wildcard);
/* Does a SIP client accept it for the domain (RFC 5922 §7.1, §7.2: no wildcards, and URIs, where
 * there are any, hide the DNS names)? */
bool certificate_identifies(const struct certificate *certificate, struct str domain);
/* The n-th name, each once whatever kinds it is of; NULL behind the last. */
const char *certificate_name_shown(const struct certificate *certificate, size_t n);
/* "reg.example.com, *.example.net": those that clients go by. */
void certificate_write_identities(const struct certificate *certificate, struct writer *w);
