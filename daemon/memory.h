/* SPDX-License-Identifier: MIT */
/* How much memory an array may take: all of it is taken when it starts. */
#ifndef RAIDD_MEMORY_H
#define RAIDD_MEMORY_H

#include <stdint.h>

#include "raid.h"

struct arrays;
struct config;

/*
 * Bytes of sums to keep in memory for an array of array_bytes: what the
 * configuration says; or, if it leaves that to us, all of them, but no more
 * than a quarter of the machine's memory together with taken_bytes, what other
 * arrays have.
 */
uint64_t memory_sums_cache(const struct config *c, uint64_t array_bytes,
			   uint64_t machine_bytes, uint64_t taken_bytes);

/* raidd.conf's limits for an array that is about to start beside others. */
struct raid_limits memory_limits(const struct arrays *a, const struct sb *sb);

/* Bytes of sums that an array of this configuration keeps. */
uint64_t memory_of_pages(const struct raid_config *cfg);

#endif
