/* What a file holds, in a few letters. */
#pragma once

#include <stdbool.h>

#define FINGERPRINT_LEN 64u

/* SHA-256 of all that the file has now, in hex, wherever a reader of it stands. False, with errno,
 * when it cannot be read. */
bool fingerprint_of(int fd, char text[static FINGERPRINT_LEN + 1]);
