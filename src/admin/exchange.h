/*
 * One HTTP request and its answer. A handler either answers at once or starts something with the
 * store and answers when it is done: the connection is suspended meanwhile and resumed by
 * exchange_answer().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <microhttpd.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"
#include "store/store.h"

struct admin;
struct route;
struct surface;

enum role { ROLE_NONE, ROLE_READ, ROLE_ADMIN };

struct exchange {
	struct admin *admin;
	struct surface *surface;
	struct MHD_Connection *connection;
	const struct route *route;
	enum role role;
	struct str method;
	struct str segments[4]; /* of the path behind the route's fixed part, percent-decoded, in
				   arena */
	unsigned segment_count;
	struct arena arena;
	char *body; /* whole, once complete */
	size_t body_len;
	bool refused; /* answered before its body was read */
	bool suspended;
	bool answered;
	struct MHD_Response *response;
	unsigned status;
	struct list link; /* among the suspended */
	struct store_query query;
	struct store_op op;
	void *work; /* the handler's own, in arena */
};

/* The value of a query argument, percent-decoded in the arena; empty when absent. */
struct str exchange_argument(struct exchange *x, const char *name);
/* Percent-decoded in the arena; a broken escape stays as it is. */
struct str exchange_decoded(struct exchange *x, struct str raw);
/* NUL-terminated copy in the arena. */
const char *exchange_z(struct exchange *x, struct str s);
/* The body as a JSON object; NULL when it was not one, and then it has been answered. */
json_t *exchange_object(struct exchange *x);

/* Starts sql/queries/NAME.sql with x->query.params set; done answers. */
void exchange_query(struct exchange *x, const char *name, int param_count,
		    void (*done)(struct store_query *, enum query_result,
				 const struct store_rows *));

/* The answer, with a JSON document (taken over; NULL: no body), or as problem+json (RFC 9457). */
void exchange_answer(struct exchange *x, unsigned status, json_t *document);
void exchange_problem(struct exchange *x, unsigned status, const char *reason, const char *title,
		      const char *detail, const char *field, const char *hint);
/* For a query that failed or could not be sent. */
void exchange_database_problem(struct exchange *x, enum query_result result, const char *sqlstate);
/* 201 with the document (taken over) and the Location of a user. */
void exchange_created(struct exchange *x, struct str key, json_t *document);

/* Network text as a JSON string: octets that are not UTF-8 become U+FFFD. */
json_t *json_octets(struct str octets);
/* The same for wire text of the database (D-12). */
json_t *json_wire(struct exchange *x, struct str wire);

/*
 * The canonical address in a path segment or document: "alice@example.com",
 * "sip:alice@example.com". False, and answered 400, when it is none.
 */
bool exchange_aor(struct exchange *x, struct str text, struct str *key, struct str *user,
		  struct str *domain);
/* The same without an answer; and from its two halves. */
bool exchange_aor_parse(struct exchange *x, struct str text, struct str *key, struct str *user,
			struct str *domain);
bool exchange_aor_join(struct exchange *x, struct str raw_user, struct str raw_domain,
		       struct str *key, struct str *user, struct str *domain);
/* page_size and page_token; false, and answered, when they are no good. *after is the last key of
 * the page before. */
bool exchange_page(struct exchange *x, unsigned *size, struct str *after, struct str *after_id);
/* The token for the page behind that key. */
json_t *exchange_page_token(struct exchange *x, struct str key, struct str id);
