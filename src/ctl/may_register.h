/* --may-register and the CSV column: "own", "domain", or a list of addresses with commas between.
 */
#pragma once

#include <jansson.h>

/* As the API wants it; NULL when it is not UTF-8. */
json_t *may_register_json(const char *text);
