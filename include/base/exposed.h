/* Files that hold secrets, and whether everybody on the host may use them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True with "NAME PATH can be read by everybody; run: chmod o= PATH" in text; else text stays as it
 * was. */
bool exposed_say(const char *name, const char *path, char *text, size_t cap);
