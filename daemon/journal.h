/* SPDX-License-Identifier: MIT */
/*
 * The system journal.  Apart from log.c because <syslog.h>, which comes with
 * its header, has other ideas of what LOG_WARNING is.
 */
#ifndef RAIDD_JOURNAL_H
#define RAIDD_JOURNAL_H

/* priority: syslog's number.  array: NULL, or sent as the field RAIDD_ARRAY. */
void journal_send(int priority, const char *array, const char *text);

#endif
