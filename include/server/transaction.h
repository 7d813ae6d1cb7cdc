/*
 * Non-INVITE server transactions (RFC 3261 §17.2.2, §17.2.3): a retransmission is absorbed while
 * its request is worked on and answered from memory for 64*T1 afterwards (UDP). Memory is bounded:
 * the oldest completed ones go first; those in progress are never evicted (TXN-KEY-1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/loop.h"
#include "sip/message.h"

#define TRANSACTION_KEEP_MS 32000 /* 64*T1 */

struct transactions;
struct transaction;

struct transactions *transactions_open(struct loop *loop, uint64_t memory_bytes);
void transactions_close(struct transactions *table);

enum transaction_match {
	TRANSACTION_NEW, /* no such transaction: go on; transaction_open() when state is needed */
	TRANSACTION_PENDING,  /* being worked on: absorb */
	TRANSACTION_ANSWERED, /* *response is to be sent again */
};
/* Looks the request up by §17.2.3; for a CANCEL, the transaction that it would cancel. *response is
 * valid until the turn ends. */
enum transaction_match transaction_find(struct transactions *table,
					const struct sip_message *request,
					struct transaction **found, struct str *response);
/* True when From tag, Call-ID and CSeq equal those of a live transaction with another key, and To
 * has no tag (D-21, ORD-25). */
bool transaction_merged(const struct transactions *table, const struct sip_message *request);
/* NULL when transactions in progress fill the memory: answer 503. */
struct transaction *transaction_open(struct transactions *table, const struct sip_message *request);
/* Keeps the final response for retransmissions (unreliable transport) or forgets the transaction
 * (reliable). */
void transaction_answered(struct transactions *table, struct transaction *transaction,
			  struct str response, bool reliable);
/* To tag that the transaction's responses carry, for the 200 to a CANCEL (TXN-9.2-2). */
struct str transaction_to_tag(const struct transaction *transaction);
void transaction_set_to_tag(struct transaction *transaction, struct str tag);
uint64_t transactions_count(const struct transactions *table);
