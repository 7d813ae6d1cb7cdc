/*
 * A reload: read, judged, compared with what runs, and only then applied. A check is the same
 * without the last step. What was found is a memo (base/memo.h), one line each:
 *
 *   error, file, line, sentence    any of these: nothing is applied; file and line may be empty
 *   warning, sentence              with file and line before it when it has a place
 *   applied, sentence
 *   needs_restart, key
 */
#pragma once

#include <stdbool.h>

#include "base/memo.h"
#include "closing.h"
#include "config/config.h"
#include "net/tls.h"
#include "sockets.h"

/* The certificates that were last read, to tell which of them a reload changes. */
struct certificate_mark {
	char name[128];
	int64_t not_after;
	unsigned char fingerprint[TLS_FINGERPRINT_BYTES];
};
struct certificate_marks {
	struct certificate_mark *items;
	size_t count;
};

/* What runs, for comparison. */
struct running {
	const struct config *config;
	const struct sockets *sockets;
	const struct closing *closing;
	const struct certificate_marks *marks;
	uint32_t workers;
};

struct reload {
	struct config *config; /* the new one; it borrows values of the running one */
	struct sockets plan;   /* with its sockets open */
	struct certificate_marks marks;
	int text; /* the effective configuration as a file in memory, for the children */
	int log;  /* what log.file names; -1: not opened */
	bool good;
};

/* Files that children need: certificates, the password of the database. Each mistake and each
 * warning is a line of the memo. */
bool files_judge(const struct config *config, struct certificate_marks *marks, struct memo *memo);
void certificate_marks_free(struct certificate_marks *marks);

/* Takes a configuration that was read. check: nothing is opened. When it is not good
 * everything is given up again. */
void reload_prepare(struct reload *reload, struct config *config, const struct running *running,
		    bool check, struct memo *memo);
/* Of one that is good and shall not be applied after all. */
void reload_forget(struct reload *reload);

/* config_load() into a memo. */
struct launch;
struct config *config_load_memo(const struct launch *launch, struct memo *memo);

/* The memo as lines of the log. */
void reload_log(const char *text, size_t len, bool good);
