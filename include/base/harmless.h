/* Texts of the network for whoever reads them on a terminal. */
#pragma once

#include <stdbool.h>

/* What commands a terminal becomes '?', in place: C0, DEL, and C1 in UTF-8. */
void harmless(char *text, bool tabs_stay);
