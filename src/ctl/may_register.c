/* See the header. */
#include "may_register.h"

#include <string.h>

#include "base/str.h"

json_t *
may_register_json(const char *text)
{
	if (strcmp(text, "own") == 0 || strcmp(text, "domain") == 0)
		return json_string(text);
	json_t *list = json_array();
	struct str rest = str_of(text), item;
	for (bool more = true; more;) {
		more = str_cut(rest, ',', &item, &rest);
		item = str_trim(item);
		if (str_empty(item))
			continue;
		if (json_array_append_new(list, json_stringn(item.p, item.len)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}
