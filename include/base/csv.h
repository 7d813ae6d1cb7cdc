/* Cells of CSV files (RFC 4180). */
#pragma once

#include <stdio.h>

/*
 * Quoted where it must be. A text that a spreadsheet would run as a formula gets an apostrophe in
 * front; so does one that looks as if it had one already, so that csv_plain() gives back what was
 * written.
 */
void csv_write_cell(FILE *out, const char *text);
/* The text of a cell that csv_write_cell() wrote, without that apostrophe. */
const char *csv_plain(const char *text);
