/* Where in the configuration the fault of a file or a port comes from. */
#pragma once

#include "config/config.h"

struct place_of {
	char file[256]; /* "" when no line of a file is to blame */
	char line[16];
};

/* The line that sets this key ("database.password_file", "listener.tls.bind"). */
struct place_of place_of_key(const struct config *config, const char *key);
/* The line whose certificate, key or other file of TLS the sentence is about. */
struct place_of place_of_tls(const struct config *config, const char *sentence);
