/*
 * The TLS side of a server as one replaceable value: certificates by SNI, versions, suites, client
 * certificates, tickets. A new one is built and checked beside the old one; connections keep the
 * one they began with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_server;

struct tls_certificate_settings {
	const char *name;  /* of the certificate section, for messages */
	const char *chain; /* PEM files */
	const char *key;
};
enum tls_client_auth { TLS_CLIENT_AUTH_OFF, TLS_CLIENT_AUTH_REQUEST, TLS_CLIENT_AUTH_REQUIRE };
struct tls_settings {
	const struct tls_certificate_settings *certificates; /* the first is the default */
	size_t certificate_count;
	/* Of a certificate whose files are no good, what this one has read before is good enough;
	 * may be NULL. */
	const struct tls_server *previous;
	bool any_date; /* those that have expired, or are not valid yet, are good enough */
	const char *const
		*domains; /* served domains, to warn about those that no certificate covers */
	size_t domain_count;
	bool min_tls13;
	const char *ciphers; /* of TLS 1.2, in OpenSSL's words */
	enum tls_client_auth client_auth;
	const char *client_ca;
	bool tickets;
	uint32_t ticket_rotation_s;
	bool sni_strict;
};

/*
 * Reads and checks everything (section 10 of operators.md); NULL with a sentence in error.
 * Otherwise error is empty, or tells what is wrong with the first of those that previous had to
 * help out with. warnings, one call each, may be NULL. References: tls_server_retain/release;
 * connections hold one.
 */
struct tls_server *tls_server_open(const struct tls_settings *settings, char *error,
				   size_t error_cap, void (*warn)(const char *sentence, void *arg),
				   void *arg);
struct tls_server *tls_server_retain(struct tls_server *server);
void tls_server_release(struct tls_server *server);
/* For who only tells of the certificates: it serves nobody any more, nor does a later one that gets
 * one from here. */
void tls_server_forget_keys(struct tls_server *server);
/* Secret of the cluster for session tickets; until it is given no tickets are issued. Connections
 * accepted from then on get them. */
void tls_server_ticket_secret(struct tls_server *server, const uint8_t secret[static 32]);

/* One row for each certificate, the default first. */
#define TLS_NAME_BYTES 256
#define TLS_FINGERPRINT_BYTES 32
struct tls_certificate_info {
	const char *name;	      /* of the section; lives as long as the server */
	char subject[TLS_NAME_BYTES]; /* common names, or the whole name where there is none */
	char issuer[TLS_NAME_BYTES];
	int64_t not_before, not_after; /* seconds since 1970 */
	size_t chain_length;	       /* certificates in the file, itself included */
	unsigned char fingerprint[TLS_FINGERPRINT_BYTES]; /* SHA-256 of all of them */
};
/* At most capacity rows; returns how many there are. */
size_t tls_server_certificates(const struct tls_server *server, struct tls_certificate_info *info,
			       size_t capacity);
/* The n-th name that a certificate is good for; NULL behind the last. */
const char *tls_server_certificate_name(const struct tls_server *server, size_t certificate,
					size_t n);
