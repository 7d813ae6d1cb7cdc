/* May new work be taken, and would /readyz say yes? (ORD-31) */
#pragma once

#include "base/str.h"
#include "registrar/inspect.h"

struct requests;

struct readiness readiness_now(struct requests *all);
/* True when a datagram is to be left unread: a REGISTER, and there is no room for any. */
bool readiness_sheds(struct requests *all, struct str octets);
