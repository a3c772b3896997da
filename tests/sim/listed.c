/* SPDX-License-Identifier: MIT */
/*
 * What is lost, seen without the engine: blocks of which no in-sync leg can
 * give data that their newest sum vouches for.  The engine's list holds these,
 * and no others (I20).
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "sim.h"

#define LISTED_MAX 4096u

static struct raid_lost listed[LISTED_MAX];

/* A byte for each block of the set: 1 where the list has it. */
static uint8_t *
listed_blocks(struct sim *s, uint32_t set, uint64_t blocks)
{
	uint32_t count = raid_lost(s->raid, set, listed, LISTED_MAX);
	uint8_t *map = calloc(blocks, 1);

	CHECK(map != NULL && count < LISTED_MAX);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t first = listed[i].offset / ORACLE_BLOCK;
		uint64_t end = first + listed[i].length / ORACLE_BLOCK;

		if (listed[i].page)
			continue;
		for (uint64_t b = first; b < end; b++) {
			if (b >= blocks || map[b] != 0)
				sim_fail(s, "I20", "the list of set %u has block"
					 " %llu twice, or there is none", set,
					 (unsigned long long)b);
			map[b] = 1;
		}
	}
	return map;
}

static bool
listed_can_be_read(struct sim *s, uint32_t set, uint64_t block, uint32_t sum)
{
	static uint8_t data[ORACLE_BLOCK];
	unsigned legs = s->options.geometry.legs;
	uint64_t at = s->layout.data_offset + block * ORACLE_BLOCK;

	for (unsigned leg = 0; leg < legs; leg++) {
		unsigned i = watch_first_member(s, set) + leg;
		struct sim_member *m = &s->member[i];

		if (s->last.legs[i].state == LEG_IN_SYNC && m->present &&
		    !m->disk.vanished &&
		    disk_read(&m->disk, at, ORACLE_BLOCK, data) &&
		    watch_sum(s, set, block, data) == sum)
			return true;
	}
	return false;
}

static void
listed_check_set(struct sim *s, uint32_t set, bool exactly)
{
	const struct watch_set *ws = &s->watch.sets[set];
	const struct raid_set_status *st = &s->last.sets[set];
	uint8_t *map;

	/* Of pages that are lost, and of a set that records nothing any more,
	 * nobody else knows. */
	if (!ws->active || st->write_stopped || st->lost_regions > 0 ||
	    st->resync_units > 0 || st->lost_more)
		return;
	map = listed_blocks(s, set, ws->blocks);
	for (uint64_t b = 0; b < ws->blocks; b++) {
		uint32_t sum;
		bool lost;

		if (!watch_newest_sum(s, set, b, &sum))
			continue;
		lost = sum != SUM_UNWRITTEN &&
		       !listed_can_be_read(s, set, b, sum);
		s->lost_seen += lost;
		if (map[b] != 0 && !lost)
			sim_fail(s, "I20", "block %llu of set %u is listed as"
				 " lost, and is not", (unsigned long long)b,
				 set);
		if (exactly && map[b] == 0 && lost)
			sim_fail(s, "I20", "block %llu of set %u is lost, and"
				 " not listed", (unsigned long long)b, set);
	}
	free(map);
}

void
sim_check_listed(struct sim *s, bool exactly)
{
	raid_status(s->raid, &s->last);
	for (uint32_t set = 0; set < s->options.geometry.sets; set++)
		listed_check_set(s, set, exactly);
}

bool
sim_is_listed(struct sim *s, uint32_t set, uint64_t block)
{
	uint64_t blocks = layout_regions(&s->options.geometry, &s->layout) *
			  s->options.geometry.region_blocks;
	uint8_t *map = listed_blocks(s, set, blocks);
	bool is = map[block] != 0;

	free(map);
	return is;
}
