/*
 * One word for every outcome, the same in log, counter, API and documentation (shared by
 * `rollcallctl explain`). X(ID, word, "what it means and what to do")
 */
#pragma once

#include "base/str.h"

#define REASONS(X)                                                                                 \
	X(NONE, none, "No reason applies.")                                                        \
	X(REGISTERED, registered, "A new binding was stored and committed.")                       \
	X(REFRESHED, refreshed, "Bindings that existed were renewed and committed.")               \
	X(REMOVED, removed, "Bindings were removed and the removal committed.")                    \
	X(FETCHED, fetched, "The bindings were listed; nothing changed.")                          \
	X(CHALLENGED, challenged,                                                                  \
	  "A REGISTER came without credentials and was asked for them. Every log-in starts so.")   \
	X(NONCE_STALE, nonce_stale,                                                                \
	  "The nonce was genuine but too old; the phone repeats with a fresh one.")                \
	X(UNKNOWN_USER, unknown_user,                                                              \
	  "No account has this login in this domain. Add it or correct the phone's user name.")    \
	X(BAD_PASSWORD, bad_password,                                                              \
	  "The digest does not match the stored hash. Set a new password: rollcallctl user "       \
	  "passwd.")                                                                               \
	X(USER_DISABLED, user_disabled, "The account exists and is disabled.")                     \
	X(ALGORITHM_MISMATCH, algorithm_mismatch,                                                  \
	  "The account holds no hash for the algorithm that the phone used. Set its password "     \
	  "again.")                                                                                \
	X(REALM_MISMATCH, realm_mismatch,                                                          \
	  "The phone sent credentials for another realm. Delete the cached login on the phone.")   \
	X(NONCE_INVALID, nonce_invalid,                                                            \
	  "The nonce was not made here, is for another address, or its key is gone.")              \
	X(NONCE_REPLAYED, nonce_replayed,                                                          \
	  "The nonce count was used before: a repeated or captured request. The phone gets a "     \
	  "fresh nonce.")                                                                          \
	X(URI_MISMATCH, uri_mismatch, "The uri in the credentials names no domain served here.")   \
	X(IDENTITY_MISMATCH, identity_mismatch,                                                    \
	  "The login is right but may not register this address-of-record. See may_register of "   \
	  "the account.")                                                                          \
	X(MALFORMED, malformed,                                                                    \
	  "The request breaks the SIP grammar; the reason phrase of the 400 names the place.")     \
	X(VERSION_UNSUPPORTED, version_unsupported, "The SIP version is not 2.0.")                 \
	X(TOO_LARGE, too_large,                                                                    \
	  "The message or its body is over server.max_message_size or server.max_body_size.")      \
	X(URI_TOO_LONG, uri_too_long, "The Request-URI is longer than 2048 octets.")               \
	X(SCHEME_UNSUPPORTED, scheme_unsupported, "The Request-URI is neither sip: nor sips:.")    \
	X(DOMAIN_NOT_SERVED, domain_not_served,                                                    \
	  "No domain section or alias names this host. Check for a typing mistake in the phone.")  \
	X(AOR_UNKNOWN, aor_unknown,                                                                \
	  "The address-of-record has no account or does not belong to the domain that was asked.") \
	X(METHOD_NOT_ALLOWED, method_not_allowed,                                                  \
	  "Only REGISTER, OPTIONS, CANCEL and ACK are understood here.")                           \
	X(EXTENSION_UNSUPPORTED, extension_unsupported,                                            \
	  "Require names an option that this server does not support.")                            \
	X(BODY_UNSUPPORTED, body_unsupported,                                                      \
	  "The request carries a body that nobody here understands.")                              \
	X(MERGED, merged, "The same request arrived a second time over another path.")             \
	X(INTERVAL_TOO_BRIEF, interval_too_brief,                                                  \
	  "The requested expiry is below registration.expires_min.")                               \
	X(TOO_MANY_CONTACTS, too_many_contacts,                                                    \
	  "More contacts than registration.max_contacts, or a list too long to answer or store.")  \
	X(CONTACT_INVALID, contact_invalid,                                                        \
	  "A Contact is contradictory, is the address-of-record itself, or * is used wrongly.")    \
	X(SIPS_MISMATCH, sips_mismatch,                                                            \
	  "SIPS is used in one place and SIP in another (RFC 5630); contacts = compatible is "     \
	  "milder.")                                                                               \
	X(SIPS_REQUIRED, sips_required,                                                            \
	  "The domain is sips only (schemes = sips) and the request was for sip:.")                \
	X(SIPS_NOT_ALLOWED, sips_not_allowed,                                                      \
	  "The domain is sip only (schemes = sip) and the request was for sips:.")                 \
	X(TLS_REQUIRED, tls_required,                                                              \
	  "The domain demands TLS (require_tls = yes) and the request came without.")              \
	X(PATH_NOT_TRUSTED, path_not_trusted,                                                      \
	  "The request carries Path and came from nobody with a verified client certificate "      \
	  "(registration.path_requires_certificate = yes). Give the edge proxy a certificate of "  \
	  "tls.client_ca, and let it connect over TLS.")                                           \
	X(OUT_OF_ORDER, out_of_order,                                                              \
	  "CSeq is not higher than that of the request that made the binding, with the same "      \
	  "Call-ID.")                                                                              \
	X(RATE_LIMITED, rate_limited,                                                              \
	  "The source or the address-of-record is over its rate in section limits.")               \
	X(BANNED, banned,                                                                          \
	  "The source is banned: by an operator, or after limits.ban_after failures. "             \
	  "rollcallctl ban list shows until when, ban remove ends it.")                            \
	X(SCANNER, scanner,                                                                        \
	  "The User-Agent is one of limits.drop_agents; such requests get no answer.")             \
	X(POLICY_SILENCE, policy_silence,                                                          \
	  "The answer would have been more than three times its request; over UDP it is not "      \
	  "sent.")                                                                                 \
	X(OVERLOADED, overloaded,                                                                  \
	  "The server sheds load; the phone comes back after Retry-After.")                        \
	X(DRAINING, draining, "The node is being stopped.")                                        \
	X(DATABASE_UNAVAILABLE, database_unavailable,                                              \
	  "PostgreSQL cannot be reached. Nothing was changed.")                                    \
	X(DATABASE_TIMEOUT, database_timeout,                                                      \
	  "PostgreSQL did not answer within database.query_timeout.")                              \
	X(INTERNAL, internal,                                                                      \
	  "An error of the server itself, or a change that the database refused: no space, no "    \
	  "rights. Nothing is known to be stored; the log of the same second says more.")          \
	X(TLS_HANDSHAKE_FAILED, tls_handshake_failed,                                              \
	  "The TLS handshake failed, or key updates or renegotiation went on without end; the "    \
	  "log line carries the words. Or there is no certificate that can be used; see "          \
	  "tls.certificate in the log.")                                                           \
	X(TLS_NO_SHARED_CIPHER, tls_no_shared_cipher,                                              \
	  "Client and server share no cipher suite or version.")                                   \
	X(TLS_BAD_CLIENT_CERTIFICATE, tls_bad_client_certificate,                                  \
	  "tls.client_auth demands a certificate that the client did not show or that is not "     \
	  "trusted.")                                                                              \
	X(PROXY_HEADER_MISSING, proxy_header_missing,                                              \
	  "A listener with proxy_protocol or tls_offloaded was reached by somebody who is not in " \
	  "proxy_from, or without a header of that version.")                                      \
	X(FIRST_MESSAGE_TIMEOUT, first_message_timeout,                                            \
	  "A connection carried no request within connection.first_message_timeout.")              \
	X(CONNECTION_LIMIT, connection_limit,                                                      \
	  "server.max_connections or connection.max_per_ip is reached.")

enum reason {
#define X(id, word, text) REASON_##id,
	REASONS(X)
#undef X
		REASON_COUNT
};

/* "bad_password"; never NULL for a value of the enum. */
const char *reason_word(enum reason reason);
/* The paragraph that `rollcallctl explain` prints. */
const char *reason_text(enum reason reason);
/* REASON_NONE when the word is unknown. */
enum reason reason_from_word(struct str word);
