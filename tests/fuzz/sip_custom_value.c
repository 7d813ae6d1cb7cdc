/* The custom functions of targets whose inputs are values of fields, one a line. Long ones are
 * slow, so few may grow beyond what a value has. */
#include "mutator.h"

#define VALUE_OCTETS 384u

static size_t
room_of(size_t size, size_t max, unsigned int seed)
{
	size_t wanted = size > VALUE_OCTETS ? size : VALUE_OCTETS;
	return seed % 32 == 0 || max < wanted ? max : wanted;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	return sip_mutate_value(data, size, room_of(size, max, seed), seed);
}

size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
			  uint8_t *out, size_t max, unsigned int seed)
{
	return sip_cross(a, a_size, b, b_size, out, room_of(a_size, max, seed), seed);
}
