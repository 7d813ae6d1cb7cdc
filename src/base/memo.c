/* Written through stdio on a copy of the descriptor, read whole: both sides are bounded. */
#include "base/memo.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
memory_file(const char *name, FILE **out)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	int copy = fd < 0 ? -1 : dup(fd);
	*out = copy < 0 ? NULL : fdopen(copy, "w");
	if (*out != NULL)
		return fd;
	if (copy >= 0)
		close(copy);
	if (fd >= 0)
		close(fd);
	return -1;
}

void
memo_open(struct memo *memo)
{
	*memo = (struct memo){ 0 };
	memo->fd = memory_file("rollcall-memo", &memo->out);
}

static void
put(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		fputc(c < 0x20 || c == 0x7f ? ' ' : c, out);
	}
}

void
memo_line(struct memo *memo, const char *kind, ...)
{
	va_list args;
	const char *field;
	size_t bytes = strlen(kind) + 1;
	va_start(args, kind);
	while ((field = va_arg(args, const char *)) != NULL)
		bytes += strlen(field) + 1;
	va_end(args);
	if (memo->out == NULL || bytes > MEMO_BYTES_MAX - memo->bytes)
		return;
	memo->bytes += bytes;
	put(memo->out, kind);
	va_start(args, kind);
	while ((field = va_arg(args, const char *)) != NULL) {
		fputc('\t', memo->out);
		put(memo->out, field);
	}
	va_end(args);
	fputc('\n', memo->out);
}

int
memo_close(struct memo *memo)
{
	bool written = memo->out != NULL && fflush(memo->out) == 0 && !ferror(memo->out);
	int fd = memo->fd;
	if (memo->out != NULL)
		fclose(memo->out);
	if (!written && fd >= 0) {
		close(fd);
		fd = -1;
	}
	*memo = (struct memo){ .fd = -1 };
	return fd;
}

char *
memo_read(int fd, size_t *len)
{
	struct stat entry;
	char *text = NULL;
	*len = 0;
	if (fstat(fd, &entry) == 0 && entry.st_size <= MEMO_BYTES_MAX)
		text = malloc((size_t)entry.st_size + 1);
	while (text != NULL && *len < (size_t)entry.st_size) {
		ssize_t got = pread(fd, text + *len, (size_t)entry.st_size - *len, (off_t)*len);
		if (got <= 0) {
			free(text);
			text = NULL;
		} else {
			*len += (size_t)got;
		}
	}
	close(fd);
	return text;
}

bool
memo_next(struct str *rest, struct str fields[static MEMO_FIELDS_MAX])
{
	struct str line;
	bool more = true;
	if (str_empty(*rest))
		return false;
	str_cut(*rest, '\n', &line, rest);
	for (size_t i = 0; i < MEMO_FIELDS_MAX; i++) {
		fields[i] = STR("");
		if (more)
			more = str_cut(line, '\t', &fields[i], &line);
	}
	return true;
}
