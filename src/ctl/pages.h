/* Lists of the API, page by page. */
#pragma once

#include "client.h"
#include "output.h"

/*
 * Walks through the pages of a list and prints the items as the format asks: CSV and NDJSON as they
 * come, all of them unless --limit says otherwise; a table is as long as a person reads. Says how
 * to go on when something is left. empty is said of a table without rows.
 */
enum ctl_exit pages_print(const struct ctl_options *options, const struct client_path *list,
			  const struct listing *listing, const char *empty);
/* A list that comes whole, as a member of its document, which --json prints as it is. */
enum ctl_exit pages_print_whole(const struct ctl_options *options, const struct client_path *list,
				const char *member, const struct listing *listing,
				const char *empty);
