/* May new work be taken, and would /readyz say yes? (ORD-31) */
#pragma once

#include "base/str.h"
#include "registrar/inspect.h"

struct requests;

struct readiness readiness_now(struct requests *all);
/* Does the store keep requests waiting, so that their number matters? */
bool readiness_queue(struct requests *all);
/* What is said to a REGISTER over UDP that finds no room: true, 503; false, nothing, because of
 * those that may be told enough have been. datagram is the hash of its octets. */
bool readiness_tells(struct requests *all, unsigned datagram);
/* True when a REGISTER over UDP is to get silence: there is no room for any, or there was none for
 * it before, in the same storm. */
bool readiness_sheds(struct requests *all, unsigned datagram);
/* The same, while there is a storm, for octets of which nothing was read yet. False also when
 * reading them will show that it is so. */
bool readiness_ignores(struct requests *all, struct str octets, unsigned datagram);
