/* Input set against an unreadable page: any read past its end crashes, on any compiler. */
#pragma once

#include "base/str.h"

/* A writable copy whose last octet is the last readable one. guard_free() gives it back. */
struct str guard_copy(struct str s);
void guard_free(struct str s);
