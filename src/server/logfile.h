/* log.file: opened by the master alone, which hands the descriptor to its children, so that all of
 * them write to the same file whatever has become of its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "children.h"

/* A descriptor for log_output(): that of stderr when path is empty; -1 with the error. */
int logfile_open(const char *path, char *error, size_t error_cap);
/* Whether logfile_open() would work; nothing is created. */
bool logfile_check(const char *path, char *error, size_t error_cap);
/* This process and all children log to fd from now on; it becomes the log's. */
void logfile_use(struct children *children, int fd);
/* USR1: the file was moved away. When there can be no new one the old one goes on. */
void logfile_reopen(struct children *children, const char *path);
