/* Which path is whose. */
#include <stdio.h>

#include "admin/admin_internal.h"
#include "support/check_main.h"

START_TEST(paths_find_their_route)
{
	const struct {
		const char *method, *path, *route, *segments;
	} cases[] = {
		{ "GET", "bindings", "bindings", "" },
		{ "HEAD", "bindings", "bindings", "" },
		{ "GET", "bindings:stats", "bindings:stats", "" },
		{ "GET", "aors/a@x", "aors/{}", "a@x" },
		{ "GET", "aors/a%2Fb@x", "aors/{}", "a%2Fb@x" },
		{ "DELETE", "aors/a@x/bindings", "aors/{}/bindings", "a@x" },
		{ "DELETE", "aors/a@x/bindings/1", "aors/{}/bindings/{}", "a@x 1" },
		{ "POST", "users", "users", "" },
		{ "POST", "users:batch", "users:batch", "" },
		{ "PATCH", "users/a@x", "users/{}", "a@x" },
		{ "DELETE", "users/users:batch", "users/{}", "users:batch" },
		{ "GET", "stats", "stats", "" },
		{ "POST", "config:check", "config:check", "" },
		{ "DELETE", "drain", "drain", "" },
		{ "PUT", "log-level", "log-level", "" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct str segments[SEGMENTS_MAX];
		unsigned count;
		char allow[ALLOW_BYTES], found[64] = "";
		const struct route *route = route_find(
			str_of(cases[i].method), str_of(cases[i].path), segments, &count, allow);
		ck_assert_ptr_nonnull(route);
		ck_assert_str_eq(route->path, cases[i].route);
		if (count == 1)
			snprintf(found, sizeof(found), "%.*s", STR_ARG(segments[0]));
		else if (count == 2)
			snprintf(found, sizeof(found), "%.*s %.*s", STR_ARG(segments[0]),
				 STR_ARG(segments[1]));
		ck_assert_str_eq(found, cases[i].segments);
	}
}
END_TEST

START_TEST(other_paths_have_none)
{
	const struct {
		const char *method, *path, *allow;
	} cases[] = {
		{ "GET", "", "" },
		{ "GET", "binding", "" },
		{ "GET", "bindings/", "" },
		{ "GET", "/bindings", "" },
		{ "GET", "users/", "" },
		{ "GET", "users/a/b", "" },
		{ "DELETE", "aors//bindings", "" },
		{ "DELETE", "aors/a@x/bindings/", "" },
		{ "DELETE", "aors/a@x/bindings/1/2", "" },
		{ "GET", "aors/{}/bindings/{}/x", "" },
		{ "PUT", "bindings", "GET, HEAD" },
		{ "get", "bindings", "GET, HEAD" },
		{ "GET", "users:batch", "POST" },
		{ "PUT", "users", "GET, HEAD, POST" },
		{ "POST", "users/a@x", "GET, HEAD, PATCH, DELETE" },
		{ "GET", "aors/a@x/bindings", "DELETE" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct str segments[SEGMENTS_MAX];
		unsigned count;
		char allow[ALLOW_BYTES];
		ck_assert_ptr_null(route_find(str_of(cases[i].method), str_of(cases[i].path),
					      segments, &count, allow));
		ck_assert_str_eq(allow, cases[i].allow);
	}
}
END_TEST

SUITE(routes, paths_find_their_route, other_paths_have_none)
