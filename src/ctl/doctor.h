/* What the parts of `rollcallctl doctor` share: findings, gathered first and printed at the end. */
#pragma once

#include "config/config.h"
#include "ctl.h"

#define DOCTOR_WAIT_MS 5000

struct finding {
	const char *check;
	enum ctl_colour mark;
	char *text;
	char *hint;  /* what to do; NULL: nothing */
	char *brief; /* how it stands among its like, on one line for all; NULL: alone */
};

struct doctor {
	const struct ctl_options *options;
	const struct config *config;
	json_t *stats; /* of the daemon; NULL: it did not answer */
	struct finding *findings;
	size_t count, room;
	size_t lost;	      /* findings that memory was too short for */
	struct finding *last; /* noted last; NULL: it was lost */
};

/* check is a fixed word ("certificates"); hint may be NULL and is copied. */
void doctor_note(struct doctor *doctor, const char *check, enum ctl_colour mark, const char *hint,
		 const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The finding noted last is good and one of several: for people it is this word in a line of them.
 */
void doctor_brief(struct doctor *doctor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* As the options ask: lines with marks, or JSON. CTL_UNHEALTHY when there is a problem, or may be:
 * when findings were lost. */
enum ctl_exit doctor_print(const struct doctor *doctor);
void doctor_clear(struct doctor *doctor);

/* Where to reach an address that was bound: any address is loopback. "127.0.0.1:5060" */
void doctor_address(const struct endpoint *bound, char *out, size_t cap);

/* True, after a warning, where [::] can be bound and is reached by nobody: IPv6 is switched off.
 * what is "udp", "health listener". */
bool doctor_lacks_ipv6(struct doctor *doctor, const char *check, const char *what,
		       const struct endpoint *bound);

/* doctor_database.c, doctor_host.c, doctor_sip.c */
void doctor_database(struct doctor *doctor);
void doctor_certificates(struct doctor *doctor);
void doctor_health(struct doctor *doctor);
void doctor_limits(struct doctor *doctor);
void doctor_registration(struct doctor *doctor);
