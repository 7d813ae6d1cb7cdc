/* Nonce counts: each is accepted once, whichever worker of whichever node it reaches (D-03). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/arena.h"
#include "registrar/record.h"

enum mark_verdict {
	MARK_FRESH,
	MARK_EQUAL, /* the very count that was accepted last */
	MARK_USED,
};

/* The count that credentials use up: all of them without qop, which makes the nonce one-time
 * (D-11). */
uint32_t marks_count(const struct credentials *credentials);
enum mark_verdict marks_judge(const struct record *record, const struct nonce *nonce, uint32_t nc);
/* A clock that was wrong for a while has left the floor in the future: no nonce of today is good
 * without a mark. */
bool marks_floor_ahead(const struct record *record, int64_t now_ms);
/*
 * Copies the marks of record to after, that of nonce raised to nc at least. Expired ones are left
 * out, and the oldest when there would be more than MARKS_MAX. False when the arena is exhausted.
 */
bool marks_raise(struct record *after, const struct record *record, const struct nonce *nonce,
		 uint32_t nc, int64_t now_ms, uint32_t ttl_s, struct arena *arena);
