/*
 * How inputs are changed. libFuzzer calls the custom functions where a target has them
 * (sip_mutator.c) and brings LLVMFuzzerMutate() itself; whoever mutates without libFuzzer, that is
 * the ordinary suite and the generator on the wire, takes that one from octet_mutator.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Each changes size octets in place, at most to max, and returns how many there are then. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
/* Makes a third input of two. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
				 uint8_t *out, size_t max, unsigned int seed);
/* sip_mutator.c: the same of messages, or of values, which the custom functions of most targets
 * are. */
size_t sip_mutate(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t sip_mutate_value(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t sip_cross(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *out,
		 size_t max, unsigned int seed);

/* Numbers that look random and come again with their seed. */
struct dice {
	uint64_t state;
};
static inline uint32_t
dice_roll(struct dice *dice, size_t sides)
{
	dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
	uint64_t high = dice->state >> 32;
	return sides == 0 ? 0 : (uint32_t)(high % sides);
}

/* The octets at a place; nothing when there is no room for them. */
static inline size_t
insert_octets(uint8_t *data, size_t size, size_t max, size_t at, const void *octets, size_t len)
{
	if (size + len > max)
		return size;
	memmove(data + at + len, data + at, size - at);
	memcpy(data + at, octets, len);
	return size + len;
}

/* Of octet_mutator.c: what LLVMFuzzerMutate() does from here on. */
void octet_mutator_seed(uint64_t seed);
