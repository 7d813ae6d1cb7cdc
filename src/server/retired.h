/*
 * What reloads have replaced, until no request uses it any more. Most are gone at once; one whose
 * request waits for a database that is away is looked at again later.
 */
#pragma once

#include "base/list.h"
#include "net/loop.h"
#include "net/timer.h"
#include "server/request.h"

/* Embedded in whatever goes with the policy. */
struct retired {
	struct list link;
	const struct policy *policy;
	void (*release)(struct retired *retired); /* of all of it */
};

struct retirement {
	struct loop *loop;
	const struct requests *requests;
	struct list all;
	struct timer look;
};

void retirement_open(struct retirement *retirement, struct loop *loop,
		     const struct requests *requests);
/* After requests_configure() was given another policy; never from within a request. */
void retirement_add(struct retirement *retirement, struct retired *retired);
/* Releases all; the requests must have ended. */
void retirement_close(struct retirement *retirement);
