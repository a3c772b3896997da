/* SPDX-License-Identifier: MIT */
/*
 * All that a seed draws before its simulation begins: the shape of the array,
 * what clients do, how fast disks are, and what goes wrong how often.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "raid.h"

#define SIM_LEGS_MAX (3u * SB_LEGS_MAX)

struct options {
	struct geometry geometry;
	uint64_t member_bytes;
	uint64_t journal_bytes;
	uint32_t sector_bytes[SIM_LEGS_MAX];
	bool write_through[SIM_LEGS_MAX];
	struct raid_limits limits;
	uint32_t granule_bytes; /* what the disks write atomically */

	/* Clients. */
	unsigned slots;
	unsigned weights[RAID_MAP + 1];
	uint64_t length_max;
	unsigned hot_percent;
	uint64_t hot_bytes;
	unsigned hot_spots;
	unsigned fua_percent;
	unsigned block_percent; /* aligned to 4 KiB */
	unsigned byte_percent;  /* to nothing */
	unsigned nested_percent; /* sent from within an answer */
	uint64_t think_ns;

	/* Runs. */
	unsigned runs;
	unsigned requests_per_run;
	unsigned stop_percent; /* a run's end: stop, else cut, else crash */
	unsigned cut_percent;
	unsigned cut_in_start_percent;
	unsigned rule_percent; /* ends at a chosen I/O, not at a chosen time */
	unsigned absent_percent;
	unsigned force_percent;
	unsigned branch_percent; /* look at what other members would give */

	/* Disks. */
	uint64_t latency_ns;
	unsigned tail_percent;

	/* What goes wrong, on disks that are not the guard of their set. */
	unsigned read_error_ppm;
	unsigned write_error_ppm;
	unsigned flush_error_ppm;
	unsigned stall_ppm;
	uint64_t fault_every_ns; /* 0: none of the following */
	unsigned flip_weight;
	unsigned bad_weight;
	unsigned vanish_weight;
	unsigned operator_weight;

	bool unbounded; /* guards suffer too: EIO is an answer, never wrong data */
	bool check_always; /* raid_check() each turn */
	bool gentle;       /* no fault at all but the ends of runs */
};

void options_draw(struct options *o, uint64_t seed);
/* No fault but the ends of runs, all members always there. */
void options_be_gentle(struct options *o);
void options_print(const struct options *o, FILE *out);
unsigned options_members(const struct options *o);

#endif
