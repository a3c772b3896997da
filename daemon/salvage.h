/* SPDX-License-Identifier: MIT */
/*
 * Salvage as people see it: what each set is read from and how old that is,
 * in JSON; and recovery, which writes down what it gave up.  Control thread.
 */
#ifndef RAIDD_SALVAGE_H
#define RAIDD_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "failure.h"

struct array;

/* Of an array that is served as a salvage, or was recovered in this run: a new
 * reference. */
json_t *salvage_report(const struct array *array);

/* Served as a salvage: is nothing missing, so that a start may serve it? */
bool salvage_is_whole(const struct array *array);

/* The lines of it that matter, to the log. */
void salvage_log(const struct array *array, const char *what);

/*
 * Go on from what is there.  dry_run: only look, members are not written to.
 * 0: the array is served (or, dry_run, is as it was before), and what was
 * given up is in *report; or -errno and f.
 */
int array_recover(struct array *array, bool dry_run, uint64_t wait_ns,
		  json_t **report, struct failure *f);

#endif
