/* What representation a client wants (RFC 9110 §12.5.1). */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum media { MEDIA_NONE, MEDIA_JSON, MEDIA_NDJSON, MEDIA_CSV };

/*
 * The best that an Accept field leaves: JSON, or, of a list, NDJSON or CSV as well. The most
 * specific range that fits a type decides on it; with the same weight JSON comes first. No field at
 * all is JSON, MEDIA_NONE when nothing of ours is acceptable. Ranges that cannot be read count for
 * nothing.
 */
enum media accept_media(struct str field, bool is_list);
