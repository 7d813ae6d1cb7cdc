/* Method, path, least role, handler: the whole API in one table. */
#include <string.h>

#include "admin_internal.h"

static const struct route routes[] = {
	{ "GET", "bindings", ROLE_READ, bindings_list },
	{ "GET", "aors/{}", ROLE_READ, aor_show },
	{ "DELETE", "aors/{}/bindings", ROLE_ADMIN, bindings_remove },
	{ "DELETE", "aors/{}/bindings/{}", ROLE_ADMIN, bindings_remove },
	{ "GET", "users", ROLE_READ, users_list },
	{ "POST", "users", ROLE_ADMIN, users_create },
	{ "POST", "users:batch", ROLE_ADMIN, users_batch },
	{ "GET", "users/{}", ROLE_READ, user_show },
	{ "PATCH", "users/{}", ROLE_ADMIN, user_change },
	{ "DELETE", "users/{}", ROLE_ADMIN, user_delete },
	{ "GET", "stats", ROLE_READ, stats_show },
};

static bool
path_fits(struct exchange *x, const char *pattern, struct str path)
{
	struct str wanted = str_of(pattern);
	bool more_wanted = true, more = true;
	x->segment_count = 0;
	while (more_wanted && more) {
		struct str want, have;
		more_wanted = str_cut(wanted, '/', &want, &wanted);
		more = str_cut(path, '/', &have, &path);
		if (str_eq(want, STR("{}")) && !str_empty(have))
			x->segments[x->segment_count++] = have;
		else if (!str_eq(want, have))
			return false;
	}
	return more_wanted == more;
}

const struct route *
route_find(struct exchange *x, struct str path, bool *other_method)
{
	*other_method = false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!path_fits(x, routes[i].path, path))
			continue;
		if (!str_eq(x->method, str_of(routes[i].method))) {
			*other_method = true;
			continue;
		}
		for (unsigned s = 0; s < x->segment_count; s++)
			x->segments[s] = exchange_decoded(x, x->segments[s]);
		return &routes[i];
	}
	return NULL;
}
