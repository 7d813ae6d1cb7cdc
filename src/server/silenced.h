/*
 * The requests that got silence in a storm, by the To tag that an answer would have had. A client
 * that hears nothing sends the same again and again; whoever is let in at the third try waits for
 * seconds, while a fresh one that could have been served at once gets silence in its turn. So in a
 * storm what was silenced stays so.
 */
#pragma once

#include <stdbool.h>

#include "base/str.h"

struct silenced;

/* About 4 MB, untouched before the first storm. NULL when memory is out. */
struct silenced *silenced_open(void);
/* NULL is allowed. */
void silenced_close(struct silenced *silenced);
/* Another storm: what was silenced before may be served. */
void silenced_forget(struct silenced *silenced);
void silenced_note(struct silenced *silenced, struct str tag);
/* Wrong about one in thousands that were not; one that was may be forgotten for a later one. */
bool silenced_has(const struct silenced *silenced, struct str tag);
