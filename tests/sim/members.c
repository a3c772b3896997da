/* SPDX-License-Identifier: MIT */
/*
 * After a clean stop: each in-sync member is read without the engine, and
 * what it says must be what clients were told (I14, I16): which blocks are
 * written, that each matches its sum, that no unit is left DIRTY, what legs
 * lack that are out.  Then the legs are compared.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "map.h"
#include "pool.h"
#include "reader.h"
#include "sim.h"

bool
sim_is_damaged(const struct sim *s, unsigned member, uint64_t offset,
	       uint64_t length)
{
	const struct disk *d = &s->member[member].disk;

	if (d->vanished || s->member[member].lies || s->member[member].stale ||
	    s->member[member].forgot)
		return true;
	if (disk_is_scarred(d, offset, length))
		return true;
	for (unsigned i = 0; d->flips_live > 0 && i < DISK_FLIPS_MAX; i++)
		if (d->flips[i].live && d->flips[i].offset >= offset &&
		    d->flips[i].offset < offset + length)
			return true;
	for (unsigned i = 0; d->bad_live > 0 && i < DISK_BAD_MAX; i++)
		if (d->bad[i].live && d->bad[i].offset < offset + length &&
		    offset < d->bad[i].offset + d->bad[i].length)
			return true;
	return false;
}

/* Damage outside of the data: what it says is not to be held against it. */
static bool
member_is_readable(const struct sim *s, unsigned member)
{
	uint64_t end = s->layout.data_offset + s->layout.data_bytes;

	return !sim_is_damaged(s, member, 0, s->layout.data_offset) &&
	       !sim_is_damaged(s, member, end,
			       s->options.member_bytes - end);
}

static void
member_check_block(struct sim *s, unsigned member, const struct reader *r,
		   uint64_t block)
{
	uint64_t offset = s->layout.data_offset + block * ORACLE_BLOCK;
	uint64_t at = layout_array_offset(&r->geometry, r->set,
					  block * ORACLE_BLOCK);
	uint32_t sum = r->sums[block];

	if (sum == SUM_UNWRITTEN) {
		if (oracle_block_written(&s->oracle, at))
			sim_fail(s, "I16", "member %u: block %llu of the set"
				 " is unwritten", member,
				 (unsigned long long)block);
		return;
	}
	if (oracle_block_unwritten(&s->oracle, at))
		sim_fail(s, "I6", "member %u: block %llu of the set is"
			 " written", member, (unsigned long long)block);
	if (sim_is_damaged(s, member, offset, ORACLE_BLOCK))
		return;
	if (watch_medium_sum(s, member, block) != sum)
		sim_fail(s, "I14", "member %u: block %llu of the set does not"
			 " match its sum", member, (unsigned long long)block);
}

/* A leg that is out lacks what the map says it does (R18).  What lost an
 * append, or its journal, is said to lack everything, but only from the first
 * checkpoint on: there a crash leaves less. */
static void
member_check_stale(struct sim *s, unsigned member, const struct reader *r,
		   unsigned out)
{
	struct disk *d = &s->member[member].disk;
	struct disk *o = &s->member[out].disk;

	if (s->last.legs[out].state == LEG_IN_SYNC || o->flips_live > 0 ||
	    o->scar_count > 0 || s->member[out].lies || s->member[out].stale ||
	    s->notes[NOTE_LEG_LAGGED] > 0 || s->notes[NOTE_LEG_DAMAGED] > 0)
		return;
	for (uint64_t b = 0; b < r->blocks; b++) {
		uint64_t region = b / r->geometry.region_blocks;
		uint64_t offset = s->layout.data_offset + b * ORACLE_BLOCK;

		if (r->sums[b] == SUM_UNWRITTEN ||
		    (map_stale(r->map[region]) >>
		     out % r->geometry.legs & 1) != 0 ||
		    sim_is_damaged(s, member, offset, ORACLE_BLOCK) ||
		    memcmp(disk_media(d, offset, ORACLE_BLOCK),
			   disk_media(o, offset, ORACLE_BLOCK),
			   ORACLE_BLOCK) == 0)
			continue;
		sim_fail(s, "R18", "member %u lacks block %llu of the set, and"
			 " region %llu is not stale for it", out,
			 (unsigned long long)b, (unsigned long long)region);
	}
}

const uint8_t *
sim_metadata(struct sim *s, unsigned member)
{
	static const enum sim_area areas[] = {AREA_JOURNAL, AREA_MAP,
					      AREA_SUMS};
	static uint8_t *copy;
	static uint64_t bytes;

	if (bytes < s->layout.data_offset) {
		pool_give(copy, bytes);
		bytes = s->layout.data_offset;
		copy = pool_take(bytes);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++) {
		uint64_t offset, length;

		sim_area_range(s, areas[i], &offset, &length);
		disk_get_media(&s->member[member].disk, offset, length,
			       copy + offset);
	}
	return copy;
}

static void
member_check(struct sim *s, unsigned member)
{
	unsigned legs = s->options.geometry.legs;
	struct sim_member *m = &s->member[member];
	struct reader r;

	if (!member_is_readable(s, member))
		return;
	if (m->disk.cached_count != 0)
		sim_fail(s, "stop", "member %u: %u writes not flushed", member,
			 m->disk.cached_count);
	if (!reader_read(&r, sim_metadata(s, member), &s->last_sb,
			 member / legs))
		sim_fail(s, "I14", "member %u: %s", member, r.reason);
	for (uint64_t i = 0; i < r.regions; i++)
		if (r.dirty[i] != 0)
			sim_fail(s, "R5", "member %u: region %llu is DIRTY"
				 " after a clean stop", member,
				 (unsigned long long)i);
	for (uint64_t b = 0; b < r.blocks; b++)
		member_check_block(s, member, &r, b);
	for (unsigned leg = 0; leg < legs; leg++)
		member_check_stale(s, member, &r, member / legs * legs + leg);
	reader_fini(&r);
}

static void
member_compare(struct sim *s, unsigned set, unsigned leg, uint64_t at)
{
	unsigned legs = s->options.geometry.legs;
	uint64_t offset = s->layout.data_offset + at;
	struct disk *guard = &s->member[set * legs + s->guard[set]].disk;
	struct disk *d = &s->member[set * legs + leg].disk;

	if (sim_is_damaged(s, set * legs + leg, offset, ORACLE_BLOCK))
		return;
	if (memcmp(disk_media(d, offset, ORACLE_BLOCK),
		   disk_media(guard, offset, ORACLE_BLOCK), ORACLE_BLOCK) != 0)
		sim_fail(s, "I14", "after a clean stop legs %u.%u and %u.%u "
			 "differ at %llu of the set", set, leg, set,
			 s->guard[set], (unsigned long long)at);
}

static void
members_compare(struct sim *s)
{
	const struct geometry *g = &s->options.geometry;
	uint64_t end = s->oracle.granules * s->oracle.granule_bytes;

	for (uint64_t at = 0; at < end; at += ORACLE_BLOCK) {
		uint32_t set;
		uint64_t set_offset;

		if (!oracle_block_written(&s->oracle, at))
			continue;
		layout_locate(g, at, &set, &set_offset);
		for (unsigned leg = 0; leg < g->legs; leg++)
			if (s->last.legs[set * g->legs + leg].state ==
			    LEG_IN_SYNC)
				member_compare(s, set, leg, set_offset);
	}
}

void
sim_check_members(struct sim *s)
{
	for (unsigned i = 0; i < s->members; i++)
		if (s->last.legs[i].state == LEG_IN_SYNC &&
		    s->member[i].present)
			member_check(s, i);
	members_compare(s);
}
