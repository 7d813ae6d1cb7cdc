/*
 * Non-INVITE server transactions (RFC 3261 §17.2.2, §17.2.3): a retransmission is absorbed while
 * its request is worked on and answered from memory for 64*T1 afterwards (UDP). Memory is bounded:
 * the oldest completed ones go first; those in progress are never evicted (TXN-KEY-1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"
#include "net/loop.h"
#include "sip/message.h"

#define TRANSACTION_KEEP_MS 32000  /* 64*T1 */
#define TRANSACTION_REPEATS_MAX 16 /* a client repeats a request ten times in that (§17.1.2.2) */
/* No client has more of one From tag, Call-ID and CSeq; each one more costs every search for them.
 * The oldest of more is found no longer. */
#define TRANSACTIONS_ALIKE_MAX 4u

struct transactions;
struct transaction;

/* NULL when memory is out. */
struct transactions *transactions_open(struct loop *loop, uint64_t memory_bytes);
/* Holds from the next transaction on. */
void transactions_configure(struct transactions *table, uint64_t memory_bytes);
void transactions_close(struct transactions *table);

/* Hashes of what a request is found by, made once for all that is asked about it. */
struct transaction_key {
	unsigned branch;      /* and sent-by: §17.2.3 */
	unsigned identity;    /* From tag, Call-ID and CSeq: §8.2.2.2 */
	unsigned credentials; /* where the branch has no cookie */
};
struct transaction_key transaction_key(const struct sip_message *request);

enum transaction_match {
	TRANSACTION_NEW, /* no such transaction: go on; transaction_open() when state is needed */
	TRANSACTION_PENDING,  /* being worked on: absorb */
	TRANSACTION_ANSWERED, /* *response, provisional or final, may be sent again */
};
/*
 * Looks the request up by §17.2.3, and without the cookie by its credentials besides, which nobody
 * else can have known before; for a CANCEL, the transaction that it would cancel. *response is
 * valid until the turn ends. A retransmission from another address than the original's is
 * TRANSACTION_PENDING whatever the state: what was decided for one host is sent to no other (D-18,
 * SEC-26.1.5-1). Not for ACK.
 */
enum transaction_match transaction_find(struct transactions *table, struct transaction_key key,
					const struct sip_message *request, const struct ip *source,
					struct transaction **found, struct str *response);
/* Counts what was found as a retransmission of so many octets. False when it is none that deserves
 * an answer: from another source, or shorter than the request, so that a short datagram with a
 * forged source cannot bring the answer to a long one, or one too many (SEC-26.1.5-1). */
bool transaction_repeat(struct transaction *transaction, const struct ip *source, size_t octets);
/* Whether one was counted. NULL: no. */
bool transaction_repeated(const struct transaction *transaction);
/* True when From tag, Call-ID, CSeq and the URI in To equal those of a live transaction that was
 * carried out, and To has no tag (D-21, ORD-25, docs/decisions/0035). Ask after transaction_find()
 * found nothing. */
bool transaction_merged(const struct transactions *table, struct transaction_key key,
			const struct sip_message *request);
/* octets: the length of the request. to_tag is the one that the answers will carry, copied as all
 * the rest. NULL when transactions in progress fill the memory: answer 503. */
struct transaction *transaction_open(struct transactions *table, struct transaction_key key,
				     const struct sip_message *request, size_t octets,
				     const struct ip *source, struct str to_tag);
/* Keeps a 100 for retransmissions that come before the final answer (§17.2.2, Proceeding). */
void transaction_proceeding(struct transactions *table, struct transaction *transaction,
			    struct str response);
/* Keeps the final response for retransmissions (unreliable transport) or forgets the transaction
 * (reliable, or nothing was sent). */
void transaction_answered(struct transactions *table, struct transaction *transaction,
			  struct str response, bool reliable);
/* Its request proved a password and did what it asked for: a copy of it would do so twice. Only
 * such a one makes others merged. Before transaction_answered(), once. */
void transaction_carried_out(struct transactions *table, struct transaction *transaction);
/* True when it was carried out. */
bool transaction_proved(const struct transaction *transaction);
/* To tag that the transaction's responses carry, for the 200 to a CANCEL (TXN-9.2-2). */
struct str transaction_to_tag(const struct transaction *transaction);
uint64_t transactions_count(const struct transactions *table);
/* Octets that the transactions hold now; never over the limit. */
uint64_t transactions_bytes(const struct transactions *table);
