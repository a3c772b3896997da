/* SPDX-License-Identifier: MIT */
/* How an array is, in one word, and what is to be done about it. */
#ifndef RAIDD_HEALTH_H
#define RAIDD_HEALTH_H

#include <jansson.h>

#include "attach.h"
#include "raid.h"

struct array;
struct candidate;

/* What is known of an array at one moment; made by health_look(). */
struct health {
	const struct array *array;
	bool serving;
	struct sb sb; /* valid if have_sb */
	bool have_sb;
	struct raid_status status; /* valid if serving */
	uint32_t connections;
	bool attached;
	struct attachment attachment;
};

void health_look(const struct array *array, struct health *out);

/* Of an array that is not served and has an assembly: how many of a set's legs
 * are here and in-sync. */
uint32_t health_present(const struct health *h, uint32_t set);

/* The disk of a leg that is out, failed or stale, if it is here and says so;
 * h->have_sb. */
const struct candidate *health_out_disk(const struct health *h, uint32_t set,
					uint32_t leg);

/* "optimal", "degraded", "failed", "unknown". */
const char *health_word(const struct health *h);
const char *health_set_word(const struct health *h, uint32_t set);
/* "idle", "resync". */
const char *health_activity(const struct health *h);

/* [{id, problem, risk, action}], the worst first; a new reference
 * (problems.c). */
json_t *health_problems(const struct health *h);

#endif
