/* What is written to stdout or stderr between capture() and captured(). */
#pragma once

#include <stdio.h>
#include <unistd.h>

struct capture {
	FILE *stream;
	FILE *file;
	int saved;
	char text[16384];
};

static inline void
capture_start(struct capture *capture, FILE *stream)
{
	fflush(stream);
	capture->stream = stream;
	capture->file = tmpfile();
	capture->saved = dup(fileno(stream));
	dup2(fileno(capture->file), fileno(stream));
}

static inline const char *
capture_end(struct capture *capture)
{
	fflush(capture->stream);
	dup2(capture->saved, fileno(capture->stream));
	close(capture->saved);
	rewind(capture->file);
	size_t len = fread(capture->text, 1, sizeof(capture->text) - 1, capture->file);
	capture->text[len] = '\0';
	fclose(capture->file);
	return capture->text;
}
