/* SPDX-License-Identifier: MIT */
/*
 * Messages for people: to stderr, or the journal when it is there.  Every
 * line names the array (and leg) it is about.  Never from an engine thread's
 * I/O path: notes go through volume.c's ring to the control thread, which
 * logs them.
 */
#ifndef RAIDD_LOG_H
#define RAIDD_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG_ };

void log_open(enum log_level max, bool journal);

/* array may be NULL: about the daemon.  One line, no newline at its end. */
void log_line(enum log_level level, const char *array, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(array, ...) log_line(LOG_ERROR, array, __VA_ARGS__)
#define log_warning(array, ...) log_line(LOG_WARNING, array, __VA_ARGS__)
#define log_notice(array, ...) log_line(LOG_NOTICE, array, __VA_ARGS__)
#define log_info(array, ...) log_line(LOG_INFO, array, __VA_ARGS__)

#endif
