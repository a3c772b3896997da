/* SPDX-License-Identifier: MIT */
/*
 * A bounded list of extents, sorted, none touching another: which blocks, or
 * regions, are lost (lost.c).
 */
#ifndef RAID_EXTENTS_H
#define RAID_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"

struct extent {
	uint64_t start;
	uint64_t count;   /* not 0 */
	uint64_t since_s; /* of what was merged, the earliest; 0: not known */
};

struct extents {
	struct extent *all;
	uint32_t used;
	uint32_t max;
};

/* False: no room; nothing of it was added. */
MUST_USE bool extents_add(struct extents *x, uint64_t start, uint64_t count,
			  uint64_t since_s);
/* False: no room for what is left on both sides; what is behind is gone
 * too. */
bool extents_remove(struct extents *x, uint64_t start, uint64_t count);
/* Is any of it there? */
bool extents_touch(const struct extents *x, uint64_t start, uint64_t count);
/* The first that ends behind that; NULL: none. */
const struct extent *extents_from(const struct extents *x, uint64_t at);
/* Of all extents. */
uint64_t extents_sum(const struct extents *x);

/* The first stretch of a from *at on that is not in b; *at is moved behind
 * it.  False: no more. */
bool extents_minus(const struct extents *a, const struct extents *b,
		   uint64_t *at, struct extent *out);

void extents_check(const struct extents *x);

#endif
