/*
 * uthash as we use it: keyed with XXH3 under a secret drawn at start (attackers choose our keys),
 * and an allocation failure leaves the element out instead of ending the process: after HASH_ADD,
 * hh.tbl of the element is NULL then. Include this, never uthash.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Hash of octets under the process secret. */
unsigned table_hash(const void *key, size_t len);
/* Draws the secret; before the first table is filled, after each fork is not needed. */
void table_seed(void);

#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = table_hash((keyptr), (keylen)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
