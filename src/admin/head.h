/*
 * The head of an HTTP request, judged a second time: libmicrohttpd is lenient where a proxy in
 * front of us may read the same octets as another request, and whoever can make the two disagree
 * smuggles one. What it does not tell is for the proxy to refuse: it takes a NUL for the end of a
 * value or target and a field without name for the end of the head, and drops a field with a folded
 * value.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

struct head {
	bool http_1_0; /* needs no Host, and has no chunks */
	unsigned lengths, encodings, hosts, authorizations;
	struct str host, encoding;
	const char *flaw; /* of a single field, a sentence */
};

/* Takes note of one field. */
void head_field(struct head *head, struct str name, struct str value);
/* Behind the last field: what is wrong, a sentence; NULL when nothing is. */
const char *head_flaw(const struct head *head, struct str method, struct str target);
/* The path of a target in origin-form or absolute-form ("http://host/path"); others as they are. */
const char *head_path(const char *target);
