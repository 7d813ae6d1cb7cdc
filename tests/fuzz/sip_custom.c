/* The custom functions of targets whose inputs are messages, or lines much like them. */
#include "mutator.h"

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return sip_mutate(data, size, max, seed);
}

size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
			  uint8_t *out, size_t max, unsigned int seed)
{
	return sip_cross(a, a_size, b, b_size, out, max, seed);
}
