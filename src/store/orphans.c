/*
 * What a lost connection leaves behind. A backend that waits for a synchronous standby does not
 * notice that its client has gone, so with a standby that is away each silence would cost another
 * connection of the server, until it has none left for anybody. So who connects next ends it. What
 * it was about is settled as if somebody had cancelled the wait: the outcome is unknown already,
 * and a sure look-up waits itself.
 *
 * Behind a pooler no session has a name, nor with unnamed statements: there those are ended that
 * have waited for longer than we do.
 */
#include <stdio.h>

#include "inside.h"

void
orphans_add(const struct lane *lane)
{
	struct orphans *orphans = &lane->store->orphans;
	if (lane->session[0] == '\0') {
		orphans->nameless = true;
		return;
	}
	str_copy(orphans->sessions[orphans->next], SESSION_BYTES, str_of(lane->session));
	orphans->next = (orphans->next + 1) % ORPHANS_MAX;
	if (orphans->count < ORPHANS_MAX)
		orphans->count++;
}

static bool
end_nameless(struct lane *lane)
{
	char longest[24];
	const char *const values[] = { longest };
	if (!lane->store->orphans.nameless)
		return true;
	snprintf(longest, sizeof(longest), "%llums",
		 (unsigned long long)lane->store->settings.query_timeout_ms);
	return setup_send_text(lane, STATEMENT_END_NAMELESS, 1, values);
}

static bool
end_named(struct lane *lane)
{
	const struct orphans *orphans = &lane->store->orphans;
	char text[ORPHANS_MAX * SESSION_BYTES + sizeof("{}")];
	const char *const sessions[] = { text };
	struct writer w = writer_on(text, sizeof(text) - 1);
	if (orphans->count == 0)
		return true;
	for (uint32_t i = 0; i < orphans->count; i++) {
		writer_char(&w, i == 0 ? '{' : ',');
		writer_text_z(&w, orphans->sessions[i]);
	}
	writer_char(&w, '}');
	text[w.len] = '\0';
	return setup_send_text(lane, STATEMENT_END_SESSIONS, 1, sessions);
}

bool
orphans_end(struct lane *lane)
{
	return end_named(lane) && end_nameless(lane);
}
