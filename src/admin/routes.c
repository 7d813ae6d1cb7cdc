/* Method, path, least role, arguments, handler: the whole API in one table. */
#include <stdio.h>
#include <string.h>

#include "admin_internal.h"

static const struct route routes[] = {
	{ "GET", "bindings", ROLE_READ,
	  "domain user ip transport agent expires_before page_size page_token", bindings_list },
	{ "GET", "bindings:stats", ROLE_READ, "by", bindings_stats },
	{ "GET", "aors/{}", ROLE_READ, "", aor_show },
	{ "DELETE", "aors/{}/bindings", ROLE_ADMIN, "", bindings_remove },
	{ "DELETE", "aors/{}/bindings/{}", ROLE_ADMIN, "", bindings_remove },
	{ "GET", "users", ROLE_READ, "domain user algorithm include page_size page_token",
	  users_list },
	{ "POST", "users", ROLE_ADMIN, "", users_create },
	{ "POST", "users:batch", ROLE_ADMIN, "", users_batch },
	{ "GET", "users/{}", ROLE_READ, "", user_show },
	{ "PATCH", "users/{}", ROLE_ADMIN, "", user_change },
	{ "DELETE", "users/{}", ROLE_ADMIN, "", user_delete },
	{ "GET", "bans", ROLE_READ, "page_size page_token", bans_list },
	{ "POST", "bans", ROLE_ADMIN, "", bans_add },
	{ "DELETE", "bans/{}", ROLE_ADMIN, "", bans_remove },
	{ "GET", "nodes", ROLE_READ, "", nodes_list },
	{ "GET", "stats", ROLE_READ, "", stats_show },
	{ "GET", "certificates", ROLE_READ, "", certificates_list },
	{ "GET", "config", ROLE_ADMIN, "", config_show },
	{ "POST", "config:check", ROLE_ADMIN, "", config_check },
	{ "POST", "reload", ROLE_ADMIN, "", reload },
	{ "POST", "drain", ROLE_ADMIN, "", drain },
	{ "DELETE", "drain", ROLE_ADMIN, "", undrain },
	{ "GET", "log-level", ROLE_ADMIN, "", log_level_show },
	{ "PUT", "log-level", ROLE_ADMIN, "", log_level_change },
};

#define ROUTES (sizeof(routes) / sizeof(*routes))
_Static_assert(ROUTES <= ROUTE_NONE, "ROUTE_COUNT in base/stats.h");

unsigned
route_count(void)
{
	return ROUTES;
}

unsigned
route_index(const struct route *route)
{
	return (unsigned)(route - routes);
}

void
route_word(unsigned index, char *word, size_t cap)
{
	if (index < ROUTES)
		snprintf(word, cap, "%s /api/v1/%s", routes[index].method, routes[index].path);
	else
		snprintf(word, cap, "%s", index == ROUTE_HEALTH ? "health" : "none");
}

bool
route_streams(const struct route *route)
{
	return route->handle == bindings_list || route->handle == users_list;
}

static bool
path_fits(const char *pattern, struct str path, struct str *segments, unsigned *segment_count)
{
	struct str wanted = str_of(pattern);
	bool more_wanted = true, more = true;
	*segment_count = 0;
	while (more_wanted && more) {
		struct str want, have;
		more_wanted = str_cut(wanted, '/', &want, &wanted);
		more = str_cut(path, '/', &have, &path);
		if (str_eq(want, STR("{}")) && !str_empty(have))
			segments[(*segment_count)++] = have;
		else if (!str_eq(want, have))
			return false;
	}
	return more_wanted == more;
}

const struct route *
route_find(struct str method, struct str path, struct str *segments, unsigned *segment_count,
	   char allow[static ALLOW_BYTES])
{
	struct writer w = writer_on(allow, ALLOW_BYTES - 1);
	if (str_eq(method, STR("HEAD")))
		method = STR("GET");
	for (size_t i = 0; i < ROUTES; i++) {
		if (!path_fits(routes[i].path, path, segments, segment_count))
			continue;
		if (str_eq(method, str_of(routes[i].method)))
			return &routes[i];
		writer_printf(&w, "%s%s", w.len == 0 ? "" : ", ", routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0)
			writer_text_z(&w, ", HEAD");
	}
	allow[w.len] = '\0';
	return NULL;
}
