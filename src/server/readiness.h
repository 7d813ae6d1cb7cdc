/* May new work be taken, and would /readyz say yes? (ORD-31) */
#pragma once

#include "registrar/inspect.h"

struct requests;

struct readiness readiness_now(struct requests *all);
