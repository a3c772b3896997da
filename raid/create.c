/* SPDX-License-Identifier: MIT */
/*
 * What the members of a new array begin with: no superblock of an earlier
 * one, an empty map, and then, once that is durable, the header that says so.
 */
#include "set.h"
#include "start.h"

static void
create_done(struct fan *fan, int res)
{
	struct set *set = fan->set;

	if (res < 0)
		start_unusable(set, res);
	else
		set->start = SET_READY;
}

static void
create_head(struct set *set)
{
	struct raid *r = set->raid;
	uint64_t offset = r->sb.layout.map_offset[0];
	struct map_head head = {
		.sequence = 1,
		.journal_sequence = 1,
		.entries_crc = checkpoint_entries_crc(set, 0),
		.regions = set->regions,
	};

	set->checkpoint.head_sequence = 1;
	map_head_encode(&head, &set->name, offset, set->scan_bufs);
	fan_begin(&set->start_fan, set, CAUSE_CHECKPOINT, create_done);
	fan_write(&set->start_fan, offset, 4096, set->scan_bufs, true);
	fan_end(&set->start_fan);
}

static void
create_flushed(struct flush_wait *w, int res)
{
	struct set *set = container_of(w, struct set, stop_flush);

	if (res < 0)
		start_unusable(set, res);
	else
		create_head(set);
}

static void create_map(struct set *set);

static void
create_map_done(struct fan *fan, int res)
{
	if (res < 0)
		start_unusable(fan->set, res);
	else
		create_map(fan->set);
}

static void
create_map(struct set *set)
{
	static const map_entry none[1];
	uint64_t base = set->raid->sb.layout.map_offset[0] + 4096;
	uint64_t left = map_blocks(set->regions) - set->at;
	uint32_t count = left < START_BLOCKS ? (uint32_t)left : START_BLOCKS;

	if (count == 0) {
		set->stop_flush.done = create_flushed;
		flush_request(set, &set->stop_flush);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *buf = set->scan_bufs + (size_t)i * 4096;

		map_block_encode(none, 0, set->at + i, &set->name,
				 base + (set->at + i) * 4096, buf);
		set->map_crcs[set->at + i] = map_entries_crc(buf);
	}
	fan_begin(&set->start_fan, set, CAUSE_CHECKPOINT, create_map_done);
	fan_write(&set->start_fan, base + set->at * 4096,
		  (uint64_t)count * 4096, set->scan_bufs, false);
	fan_end(&set->start_fan);
	set->at += count;
}

/* First, superblocks that an earlier array left there are taken away, map
 * headers too. */
void
create_begin(struct set *set)
{
	struct raid *r = set->raid;

	set->start = SET_CREATING;
	set->journal.sequence = 1;
	set->journal.nonce = r->io->ops->random(r->io);
	fan_begin(&set->start_fan, set, CAUSE_SUPERBLOCK, create_map_done);
	for (uint32_t i = 0; i < start_legs(set); i++)
		for (unsigned end = 0; end < 2; end++)
			for (unsigned slot = 0; slot < SB_SLOTS; slot++)
				fan_write_leg(&set->start_fan, &set->legs[i],
					      sb_offset(set->legs[i].bytes, end,
							slot),
					      SB_BYTES, r->zeros, false);
	fan_write(&set->start_fan, r->sb.layout.map_offset[1], 4096, r->zeros,
		  false);
	fan_end(&set->start_fan);
}
