/* Lists of the API: see the header. */
#include "pages.h"

#include <stdio.h>

#define PAGE 1000u
#define TABLE_ROWS 1000u

struct walk {
	const struct ctl_options *options;
	const struct client_path *list;
	const struct listing *listing;
	json_t *items; /* those of a format that is printed whole */
	json_t *token; /* of the next page; NULL at the end */
	uint64_t left;
	uint64_t shown;
	bool begun;	  /* a page was printed, with the first line of CSV */
	json_int_t total; /* of all pages, about; 0: not told */
};

static bool
take_limit(struct walk *walk)
{
	const char *limit = walk->options->limit;
	walk->left = walk->options->format == CTL_TABLE ? TABLE_ROWS : UINT64_MAX;
	if (limit == NULL || (str_to_u64(str_of(limit), UINT32_MAX, &walk->left) && walk->left > 0))
		return true;
	ctl_error("--limit %s is no positive number", limit);
	return false;
}

static bool
streams(const struct walk *walk)
{
	return walk->options->format == CTL_CSV || walk->options->format == CTL_NDJSON;
}

static bool
all_ready(const struct walk *walk, json_t *items)
{
	size_t index;
	json_t *item;
	if (walk->listing->ready == NULL || walk->options->format != CTL_CSV)
		return true;
	json_array_foreach(items, index, item)
	{
		if (!walk->listing->ready(item))
			return false;
	}
	return true;
}

/* One page; false at the end or when *code is an error. */
static bool
next_page(struct walk *walk, enum ctl_exit *code)
{
	struct client_path path;
	char size[24];
	json_t *page;
	snprintf(size, sizeof(size), "%llu",
		 (unsigned long long)(walk->left < PAGE ? walk->left : PAGE));
	client_path_start(&path, "");
	writer_str(&path.writer, writer_text(&walk->list->writer));
	path.writer.failed = path.writer.failed || !writer_ok(&walk->list->writer);
	client_path_argument(&path, "page_size", size);
	client_path_argument(&path, "page_token", json_string_value(walk->token));
	*code = client_call(walk->options, "GET", &path, NULL, &page);
	if (*code != CTL_DONE)
		return false;
	json_t *items = json_object_get(page, "items");
	size_t count = json_array_size(items);
	if (!all_ready(walk, items)) {
		*code = CTL_FAILED;
		json_decref(page);
		return false;
	}
	if (streams(walk))
		output_rows(walk->options->format, items, walk->listing, !walk->begun);
	else
		json_array_extend(walk->items, items);
	walk->total = json_integer_value(json_object_get(page, "total_estimate"));
	json_decref(walk->token);
	walk->token = json_incref(json_object_get(page, "next_page_token"));
	walk->begun = true;
	walk->shown += count;
	walk->left -= count < walk->left ? count : walk->left;
	json_decref(page);
	return walk->token != NULL && walk->left > 0; /* a page may be empty and not the last */
}

static void
print_whole(const struct walk *walk, const char *empty)
{
	if (walk->options->format == CTL_JSON) {
		json_t *document = json_pack("{s:O}", "items", walk->items);
		if (walk->token != NULL)
			json_object_set(document, "next_page_token", walk->token);
		output_json(document);
		json_decref(document);
	} else if (walk->shown == 0) {
		ctl_say(walk->options, "%s", empty);
	} else {
		output_rows(walk->options->format, walk->items, walk->listing, true);
	}
}

static void
tell_more(const struct walk *walk)
{
	char shown[32], total[32] = "";
	bool known = walk->total > (json_int_t)walk->shown;
	fflush(stdout); /* the words come behind the rows also where both go to one file */
	output_count(shown, sizeof(shown), (int64_t)walk->shown);
	if (known)
		output_count(total, sizeof(total), walk->total);
	ctl_say(walk->options, "%s%s%s shown; more: --limit N or --page-token %s", shown,
		known ? " of " : "", total, json_string_value(walk->token));
}

enum ctl_exit
pages_print(const struct ctl_options *options, const struct client_path *list,
	    const struct listing *listing, const char *empty)
{
	struct walk walk = { .options = options, .list = list, .listing = listing };
	enum ctl_exit code;
	if (!take_limit(&walk))
		return CTL_USAGE;
	walk.items = json_array();
	walk.token = options->page_token == NULL ? NULL : json_string(options->page_token);
	while (next_page(&walk, &code))
		;
	if (code == CTL_DONE && !streams(&walk))
		print_whole(&walk, empty);
	if (code == CTL_DONE && walk.token != NULL)
		tell_more(&walk);
	json_decref(walk.items);
	json_decref(walk.token);
	return code;
}

enum ctl_exit
pages_print_whole(const struct ctl_options *options, const struct client_path *list,
		  const char *member, const struct listing *listing, const char *empty)
{
	json_t *answer;
	enum ctl_exit code = client_call(options, "GET", list, NULL, &answer);
	if (code != CTL_DONE)
		return code;
	json_t *items = json_object_get(answer, member);
	if (options->format == CTL_JSON)
		output_json(answer);
	else if (options->format == CTL_TABLE && json_array_size(items) == 0)
		ctl_say(options, "%s", empty);
	else
		output_rows(options->format, items, listing, true);
	json_decref(answer);
	return CTL_DONE;
}
