/* LLVMFuzzerMutate() for those who run without libFuzzer: octets, runs of octets, and words of SIP.
 */
#include <string.h>

#include "mutator.h"

static struct dice dice = { 1 };

static const char *const words[] = {
	"\r\n",	   "\r\n\r\n",	 "\r\n ",    ";",	   ",",		 "<",	  ">",
	"\"",	   "%00",	 "%3B",	     "sip:",	   "sips:",	 "*",	  "=",
	";tag=",   ";expires=0", ";q=1.000", "4294967295", "4294967296", "[::1]", "\\",
	"z9hG4bK", "\t",	 ":",	     "@",
};

void
octet_mutator_seed(uint64_t seed)
{
	dice.state = seed * 2 + 1;
}

static size_t
insert_copy(uint8_t *data, size_t size, size_t max)
{
	uint8_t piece[64];
	size_t from = dice_roll(&dice, size), len = 1 + dice_roll(&dice, sizeof(piece));
	if (len > size - from)
		len = size - from;
	memcpy(piece, data + from, len);
	return insert_octets(data, size, max, dice_roll(&dice, size + 1), piece, len);
}

static size_t
erase(uint8_t *data, size_t size)
{
	size_t from = dice_roll(&dice, size), len = 1 + dice_roll(&dice, 16);
	if (len > size - from)
		len = size - from;
	memmove(data + from, data + from + len, size - from - len);
	return size - len;
}

size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	uint8_t octet = (uint8_t)dice_roll(&dice, 256);
	if (size == 0)
		return insert_octets(data, size, max, 0, &octet, 1);
	size_t at = dice_roll(&dice, size);
	const char *word = words[dice_roll(&dice, sizeof(words) / sizeof(*words))];
	switch (dice_roll(&dice, 6)) {
	case 0:
		data[at] ^= (uint8_t)(1u << dice_roll(&dice, 8));
		return size;
	case 1:
		data[at] = octet;
		return size;
	case 2:
		return insert_octets(data, size, max, at, &octet, 1);
	case 3:
		return insert_octets(data, size, max, at, word, strlen(word));
	case 4:
		return insert_copy(data, size, max);
	default:
		return erase(data, size);
	}
}
