/* May new work be taken, and would /readyz say yes? (ORD-31) */
#pragma once

#include "base/str.h"
#include "registrar/inspect.h"

struct requests;

struct readiness readiness_now(struct requests *all);
/* Does the store keep requests waiting, so that their number matters? */
bool readiness_queue(const struct requests *all);
/* True when a REGISTER that came as this datagram is to get silence: there is no room for any, or
 * there was none for it before, and of those that may be told so enough have been. */
bool readiness_sheds(struct requests *all, struct str octets);
