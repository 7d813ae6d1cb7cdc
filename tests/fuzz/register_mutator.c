/*
 * The custom functions of register_fuzz.c, which know where the steps of an input are: one comes
 * once more, goes, or changes places; its octets change; or its lines do, as those of a message.
 */
#include <string.h>

#include "mutator.h"
#include "register_world.h"

#define PARTS_MAX 12u
#define PART_BYTES_MAX 8192u

/* The scene with what is stored, or a step; the end octet is the last of it. */
struct part {
	size_t at, len, head;
};

static size_t
parts_of(const uint8_t *data, size_t size, struct part *parts)
{
	size_t count = 0, at = 0;
	while (at < size && count < PARTS_MAX) {
		size_t head = count == 0 ? WORLD_SCENE_OCTETS : WORLD_STEP_OCTETS;
		size_t text = head < size - at ? head : size - at;
		const uint8_t *end = memchr(data + at + text, (uint8_t)WORLD_END, size - at - text);
		size_t next = end == NULL ? size : (size_t)(end - data) + 1;
		parts[count++] = (struct part){ at, next - at, text };
		at = next;
	}
	return count;
}

/* A whole step behind another, or none of it any more. */
static size_t
move_step(uint8_t *data, size_t size, size_t max, const struct part *parts, size_t count,
	  struct dice *dice)
{
	uint8_t piece[PART_BYTES_MAX];
	const struct part *from = &parts[1 + dice_roll(dice, count - 1)];
	const struct part *to = &parts[dice_roll(dice, count)];
	if (from->len > sizeof(piece))
		return size;
	memcpy(piece, data + from->at, from->len);
	if (dice_roll(dice, 4) > 0)
		return insert_octets(data, size, max, to->at + to->len, piece, from->len);
	memmove(data + from->at, data + from->at + from->len, size - from->at - from->len);
	return size - from->len;
}

static size_t
change_text(uint8_t *data, size_t size, size_t max, const struct part *part, struct dice *dice)
{
	uint8_t piece[PART_BYTES_MAX];
	size_t at = part->at + part->head, end = part->at + part->len;
	size_t len = end - at;
	if (len > 0 && data[end - 1] == (uint8_t)WORLD_END)
		len--;
	if (len > sizeof(piece) / 2)
		return size;
	memcpy(piece, data + at, len);
	size_t room = max - size + len < sizeof(piece) ? max - size + len : sizeof(piece);
	size_t new_len = sip_mutate(piece, len, room, dice_roll(dice, UINT32_MAX));
	memmove(data + at, data + at + len, size - at - len);
	return insert_octets(data, size - len, max, at, piece, new_len);
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct dice dice = { (uint64_t)seed * 2 + 1 };
	struct part parts[PARTS_MAX];
	size_t count = parts_of(data, size, parts);
	if (count < 2 || size > max)
		return LLVMFuzzerMutate(data, size, max);
	const struct part *part = &parts[dice_roll(&dice, count)];
	uint32_t what = dice_roll(&dice, 16);
	if (what < 6 && part->head > 0) {
		uint8_t *octet = &data[part->at + dice_roll(&dice, part->head)];
		if (what < 3)
			*octet = (uint8_t)dice_roll(&dice, 255);
		else
			*octet = (uint8_t)(*octet ^ (1u << dice_roll(&dice, 8)));
		return size;
	}
	if (what < 9)
		return move_step(data, size, max, parts, count, &dice);
	if (what < 15)
		return change_text(data, size, max, part, &dice);
	return LLVMFuzzerMutate(data, size, max);
}

/* The scene of one with steps of both. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
			  uint8_t *out, size_t max, unsigned int seed)
{
	struct dice dice = { (uint64_t)seed * 2 + 1 };
	struct part parts[PARTS_MAX], other[PARTS_MAX];
	size_t size = a_size < max ? a_size : max;
	memcpy(out, a, size);
	size_t count = parts_of(out, size, parts), other_count = parts_of(b, b_size, other);
	if (count == 0 || other_count < 2)
		return size;
	const struct part *to = &parts[dice_roll(&dice, count)];
	const struct part *from = &other[1 + dice_roll(&dice, other_count - 1)];
	return insert_octets(out, size, max, to->at + to->len, b + from->at, from->len);
}
