/* Edit distance in three rows; longer words are not compared: nobody misspells a name of that
 * length. */
#include "base/distance.h"

#define WORD_MAX 48

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
str_distance(struct str a, struct str b)
{
	size_t rows[3][WORD_MAX + 1];
	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return SIZE_MAX;
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *recycled = before;
		before = above;
		above = row;
		row = recycled;
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t changed = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);
			row[j] = least(changed, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[b.len];
}
