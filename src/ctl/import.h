/* The state of one import, and how far it is. */
#pragma once

#include "csv.h"
#include "ctl.h"
#include "fingerprint.h"
#include "import_row.h"

#define IMPORT_BATCH 1000u

/* progress.c: a bar on a terminal, elsewhere a line for each tenth, all on stderr. */
struct progress {
	size_t whole;
	size_t before; /* done by an earlier run */
	double started;
	unsigned last_step;
	bool quiet;
};
void progress_start(struct progress *progress, size_t whole, bool quiet);
void progress_show(struct progress *progress, size_t done);
void progress_end(const struct progress *progress);
double progress_seconds(const struct progress *progress);

struct import {
	const struct ctl_options *options;
	const char *path;
	const char *rule; /* for duplicates */
	FILE *rejects;
	char *rejects_path;
	bool rejects_failed;
	char *resume_path; /* says how far the file was sent, until all of it was */
	uint64_t size;	   /* of the file */
	char fingerprint[FINGERPRINT_LEN + 1]; /* of what it held when it was opened */
	size_t done_line; /* rows up to here were sent, by this run or an earlier one */
	bool uncertain;	  /* the next batch may have been stored already, its answer lost */
	struct csv_reader reader;
	struct import_columns columns;
	size_t sent;
	size_t added, updated, skipped;
	size_t good;	   /* rows that are good as they stand */
	size_t read_again; /* of those the second pass came upon so many */
	size_t bad;	   /* rows that are no good as they stand */
	size_t rejected;   /* those, and what the daemon refused; in an earlier run too */
	char problems[88]; /* the first ones, for people */
	bool problems_full;
	char *domain; /* of the first row that the daemon took for an account */
	json_t *batch;
	size_t batch_bytes;
	size_t lines[IMPORT_BATCH]; /* of the rows of batch */
	struct progress progress;
};
