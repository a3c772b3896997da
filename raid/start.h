/* SPDX-License-Identifier: MIT */
/* What the files of a start share: start.c, create.c, reference.c. */
#ifndef RAID_START_H
#define RAID_START_H

#include "set.h"

#define START_BLOCKS 16u /* read or written at once */

static inline uint32_t
start_legs(const struct set *set)
{
	return set->raid->sb.geometry.legs;
}

/* start.c */
/* The reference could not be read again: without it, from the beginning. */
void start_choose_again(struct set *set, int err);
void start_unusable(struct set *set, int err);

/* create.c: up to SET_READY, or unusable */
void create_begin(struct set *set);

/* reference.c */
struct scan *reference_of(struct set *set);
/* From block set->at of its map on, then its ring: up to SET_READY, or
 * start_choose_again(). */
void reference_read_map(struct set *set);

#endif
