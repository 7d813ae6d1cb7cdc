/* A stream with a write function of its own: what that refuses is an error of the stream. Among
 * what is exported are hashes of passwords, so what is outgrown is zeroed, and no realloc(). */
#include "base/textfile.h"

#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"

#define FIRST_BYTES 4096

static bool
make_room(struct textfile *textfile, size_t more)
{
	size_t cap = textfile->cap;
	while (cap - textfile->len <= more)
		cap *= 2;
	if (cap == textfile->cap)
		return true;
	char *moved = malloc(cap);
	if (moved == NULL)
		return false;
	memcpy(moved, textfile->text, textfile->len);
	wipe_free(textfile->text);
	textfile->text = moved;
	textfile->cap = cap;
	return true;
}

static ssize_t
take(void *cookie, const char *octets, size_t len)
{
	struct textfile *textfile = cookie;
	if (!make_room(textfile, len))
		return 0;
	memcpy(textfile->text + textfile->len, octets, len);
	textfile->len += len;
	textfile->text[textfile->len] = '\0';
	return (ssize_t)len;
}

FILE *
textfile_open(struct textfile *textfile)
{
	*textfile = (struct textfile){ .text = malloc(FIRST_BYTES), .cap = FIRST_BYTES };
	if (textfile->text == NULL)
		return NULL;
	textfile->text[0] = '\0';
	FILE *out = fopencookie(textfile, "w", (cookie_io_functions_t){ .write = take });
	if (out == NULL) {
		free(textfile->text);
		textfile->text = NULL;
		return NULL;
	}
	setvbuf(out, textfile->buffer, _IOFBF, sizeof(textfile->buffer)); /* ours, to be zeroed */
	return out;
}

bool
textfile_close(FILE *out, struct textfile *textfile)
{
	if (out == NULL)
		return false;
	bool whole = fflush(out) == 0 && !ferror(out);
	whole = fclose(out) == 0 && whole;
	explicit_bzero(textfile->buffer, sizeof(textfile->buffer));
	if (whole)
		return true;
	wipe_free(textfile->text);
	*textfile = (struct textfile){ 0 };
	return false;
}
