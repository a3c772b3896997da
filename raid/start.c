/* SPDX-License-Identifier: MIT */
/*
 * The start of an array (R13, R16, R19): sets look at their legs side by
 * side, then the start's epoch, then each set makes its journals equal and
 * serves.
 *
 *   CREATING ------------------------.
 *   SCANNING -> MAP -> REPLAY -> READY -> COPY -> SERVING
 *        '-> UNUSABLE
 */
#include <errno.h>
#include <string.h>

#include "set.h"

#define START_BLOCKS 16u

static void start_read_map(struct set *set);
static void start_read_ring(struct set *set);

void
start_carve(struct set *set, struct arena *a)
{
	ARENA_TAKE(a, set, scans, SB_LEGS_MAX, 64);
	ARENA_TAKE_BUFFERS(a, set, scan_bufs, SB_LEGS_MAX * START_BLOCKS);
}

static struct scan *
start_reference(struct set *set)
{
	return &set->scans[set->reference];
}

static uint32_t
start_legs(const struct set *set)
{
	return set->raid->sb.geometry.legs;
}

/* --- after the epoch: equal journals (H4), then service --- */

static void
start_served(struct flush_wait *w, int res)
{
	struct set *set = container_of(w, struct set, stop_flush);

	if (res < 0)
		raid_note(set->raid, NOTE_WRITE_STOPPED, set, NULL, res,
			  CAUSE_FLUSH, 0);
	set->start = SET_SERVING;
}

static void
start_copied(struct fan *fan, int res)
{
	struct set *set = fan->set;

	if (res < 0)
		set->write_stopped = true;
	set->stop_flush.done = start_served;
	flush_request(set, &set->stop_flush);
}

static void
start_erased(struct fan *fan, int res)
{
	struct set *set = fan->set;

	if (res == 0 && set->erase_left > 0)
		tail_erase_last(set, start_erased);
	else
		start_copied(fan, res);
}

/* The last record to every leg: one may have missed it.  Not so if others
 * came behind it (R20). */
static void
start_copy(struct set *set)
{
	const struct journal *j = &set->journal;
	uint64_t count = 0;

	set->start = SET_COPY;
	if (set->erase_left > 0) {
		tail_erase_last(set, start_erased);
		return;
	}
	if (!set->raid->create && !PLANTED(GAP_APPENDED))
		count = start_reference(set)->last_count;
	fan_begin(&set->start_fan, set, CAUSE_APPEND, start_copied);
	journal_write_ring(set, &set->start_fan,
			   (j->head + j->ring_blocks - count) % j->ring_blocks,
			   count);
	fan_end(&set->start_fan);
}

void
start_epoch_done(struct raid *r, int res)
{
	if (res < 0) {
		r->phase = PHASE_STOPPED;
		r->start_failed = res;
		return;
	}
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		start_copy(&r->sets[i]);
}

/* --- replay --- */

/* Blocks from where this leg's replay begins to the end of the set's chain. */
static uint64_t
start_chain_blocks(const struct set *set, const struct scan *s)
{
	const struct scan *ref = &set->scans[set->reference];

	if (s == ref || s->sequence == ref->sequence)
		return s->blocks;
	if (s->sequence + 1 == ref->sequence) /* missed the last append */
		return s->blocks + ref->last_count;
	return s->kept.blocks;
}

/* A leg may have an older checkpoint: its replay begins earlier, and from
 * there on the ring is not free (R20) until it has the newest one too. */
static void
start_count_ring(struct set *set)
{
	struct journal *j = &set->journal;
	const struct scan *newest = start_reference(set);

	for (uint32_t i = 0; i < start_legs(set); i++) {
		const struct scan *s = &set->scans[i];

		if (!scan_is_good(s) ||
		    (PLANTED(OLDER_CHECKPOINT_OVERWRITTEN) && s != newest))
			continue;
		if (s->heads[s->copy].sequence >
		    newest->heads[newest->copy].sequence)
			newest = s;
		if (start_chain_blocks(set, s) > j->used)
			j->used = start_chain_blocks(set, s);
	}
	if (start_chain_blocks(set, newest) < j->used)
		checkpoint_resume(set, &newest->heads[newest->copy],
				  start_chain_blocks(set, newest));
}

/* The new run goes on behind the set's chain. */
static void
start_replayed(struct set *set)
{
	const struct scan *s = start_reference(set);
	struct journal *j = &set->journal;

	j->head = s->index;
	start_count_ring(set);
	j->sequence = s->sequence + 1;
	j->before_crc = s->crc;
	j->nonce = set->raid->io->ops->random(set->raid->io);
	replay_end(set);
	set->start = SET_READY;
}

static void start_choose(struct set *set);

/* The reference could not be read again: without it, from the beginning. */
static void
start_choose_again(struct set *set, int err)
{
	start_reference(set)->res = err;
	tables_reset(set);
	start_choose(set);
}

static void
start_unusable(struct set *set, int err)
{
	set->start = SET_UNUSABLE;
	raid_note(set->raid, NOTE_SET_UNUSABLE, set, NULL, err, 0, 0);
}

static bool
start_replay_one(struct set *set, const uint8_t *block, uint64_t at)
{
	struct scan *s = start_reference(set);
	const struct layout *l = &set->raid->sb.layout;
	uint64_t index = (s->heads[s->copy].journal_index + at) %
			 set->journal.ring_blocks;
	struct record_head h;

	if (record_decode(block, &set->name, l->journal_offset + index * 4096,
			  &h) < 0)
		return false;
	/* Kept for the legs that may lack it. */
	if (h.sequence == s->sequence)
		memcpy(set->journal.buf + (size_t)h.index * 4096, block, 4096);
	return replay_block(set, block, &h);
}

static void
start_ring_done(struct op *op, int res)
{
	struct set *set = op->owner;
	struct scan *s = start_reference(set);

	for (uint32_t i = 0; i < s->buf_blocks && res == 0; i++)
		if (!start_replay_one(set, s->buf + (size_t)i * 4096,
				      set->at + i))
			res = -EUCLEAN;
	if (res < 0) {
		start_choose_again(set, res);
		return;
	}
	set->at += s->buf_blocks;
	start_read_ring(set);
}

static void
start_read_ring(struct set *set)
{
	struct scan *s = start_reference(set);
	uint64_t ring = set->journal.ring_blocks;
	uint64_t index = (s->heads[s->copy].journal_index + set->at) % ring;
	uint64_t blocks = s->blocks - set->at;

	set->start = SET_REPLAY;
	if (blocks == 0) {
		start_replayed(set);
		return;
	}
	if (blocks > START_BLOCKS)
		blocks = START_BLOCKS;
	if (blocks > ring - index)
		blocks = ring - index;
	s->buf_blocks = (uint32_t)blocks;
	op_submit(s->leg, IO_READ,
		  set->raid->sb.layout.journal_offset + index * 4096,
		  blocks * 4096, s->buf, false, start_ring_done, set, 0);
}

/* --- map --- */

static int
start_map_decode(struct set *set, struct scan *s)
{
	for (uint32_t i = 0; i < s->buf_blocks; i++) {
		uint64_t index = set->at + i;
		uint64_t first = index * MAP_ENTRIES;
		uint64_t count = set->regions - first;
		int res;

		if (count > MAP_ENTRIES)
			count = MAP_ENTRIES;
		res = map_block_decode(
			s->buf + (size_t)i * 4096, (uint32_t)count, index,
			&set->name,
			set->raid->sb.layout.map_offset[s->copy] +
				(1 + index) * 4096,
			&set->map[first]);
		if (res < 0)
			return res;
		s->map_crc = record_crc_more(
			s->map_crc,
			map_entries_crc(s->buf + (size_t)i * 4096));
	}
	return 0;
}

static void
start_map_done(struct op *op, int res)
{
	struct set *set = op->owner;
	struct scan *s = start_reference(set);

	if (res == 0)
		res = start_map_decode(set, s);
	if (res < 0) {
		start_choose_again(set, res);
		return;
	}
	set->at += s->buf_blocks;
	start_read_map(set);
}

static void
start_read_map(struct set *set)
{
	struct scan *s = start_reference(set);
	uint64_t left = map_blocks(set->regions) - set->at;

	set->start = SET_MAP;
	if (set->at == 0)
		s->map_crc = 0;
	if (left == 0 && !scan_map_is_whole(s)) {
		start_choose_again(set, -EBADMSG);
		return;
	}
	if (left == 0) {
		set->at = 0;
		start_read_ring(set);
		return;
	}
	s->buf_blocks = left < START_BLOCKS ? (uint32_t)left : START_BLOCKS;
	op_submit(s->leg, IO_READ,
		  set->raid->sb.layout.map_offset[s->copy] +
			  (1 + set->at) * 4096,
		  (uint64_t)s->buf_blocks * 4096, s->buf, false, start_map_done,
		  set, 0);
}

/* --- which legs are good --- */

/* Behind the reference by one append at most, and the same (R19, H21). */
static bool
start_agrees(const struct scan *s, const struct scan *ref)
{
	if (PLANTED(LAGGING_LEG_ACCEPTED))
		return true;
	if (s->sequence == ref->sequence)
		return s->crc == ref->crc;
	return s->sequence + 1 == ref->sequence && s->crc == ref->crc_before;
}

/* Lost what it had acknowledged: out, and wholly stale.  That is made
 * durable with the start's epoch and the first checkpoint. */
static void
start_evict(struct set *set, struct leg *leg, enum raid_note_kind kind,
	    enum raid_cause cause, uint64_t a, uint64_t b)
{
	leg->why = cause;
	if (leg->run == RUN_IN)
		leg_set_run(leg, RUN_FAILING);
	set->wholly_stale |= leg->bit;
	raid_note(set->raid, kind, set, leg, 0, a, b);
}

static void
start_choose(struct set *set)
{
	struct scan *ref = NULL;

	for (uint32_t i = 0; i < start_legs(set); i++) {
		struct scan *s = &set->scans[i];

		if (s->leg && s->res == 0 &&
		    (!ref || (s->sequence > ref->sequence &&
			      !PLANTED(FIRST_CHAIN_WINS))))
			ref = s;
	}
	if (!ref) {
		start_unusable(set, -EUCLEAN);
		return;
	}
	set->reference = (int)(ref - set->scans);
	for (uint32_t i = 0; i < start_legs(set); i++) {
		struct scan *s = &set->scans[i];

		if (!s->leg)
			continue;
		if (s->res == -ETIMEDOUT && s->leg->run != RUN_IN)
			continue; /* given up, and said so (R10) */
		if (s->res < 0)
			start_evict(set, s->leg, NOTE_LEG_DAMAGED,
				    CAUSE_JOURNAL, 0, 0);
		else if (!start_agrees(s, ref))
			start_evict(set, s->leg, NOTE_LEG_LAGGED, CAUSE_LAG,
				    s->sequence, ref->sequence);
		s->leg->map_flip = s->copy;
		if (s->heads[s->copy].sequence > set->checkpoint.head_sequence)
			set->checkpoint.head_sequence =
				s->heads[s->copy].sequence;
	}
	tail_drop(set, ref);
	set->at = 0;
	start_read_map(set);
}

/* --- a new array --- */

static void
start_created(struct fan *fan, int res)
{
	struct set *set = fan->set;

	if (res < 0)
		start_unusable(set, res);
	else
		set->start = SET_READY;
}

static void
start_create_head(struct set *set)
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
	fan_begin(&set->start_fan, set, CAUSE_CHECKPOINT, start_created);
	fan_write(&set->start_fan, offset, 4096, set->scan_bufs, true);
	fan_end(&set->start_fan);
}

static void
start_create_flushed(struct flush_wait *w, int res)
{
	struct set *set = container_of(w, struct set, stop_flush);

	if (res < 0)
		start_unusable(set, res);
	else
		start_create_head(set);
}

static void start_create_map(struct set *set);

static void
start_create_map_done(struct fan *fan, int res)
{
	if (res < 0)
		start_unusable(fan->set, res);
	else
		start_create_map(fan->set);
}

static void
start_create_map(struct set *set)
{
	static const map_entry none[1];
	uint64_t base = set->raid->sb.layout.map_offset[0] + 4096;
	uint64_t left = map_blocks(set->regions) - set->at;
	uint32_t count = left < START_BLOCKS ? (uint32_t)left : START_BLOCKS;

	if (count == 0) {
		set->stop_flush.done = start_create_flushed;
		flush_request(set, &set->stop_flush);
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *buf = set->scan_bufs + (size_t)i * 4096;

		map_block_encode(none, 0, set->at + i, &set->name,
				 base + (set->at + i) * 4096, buf);
		set->map_crcs[set->at + i] = map_entries_crc(buf);
	}
	fan_begin(&set->start_fan, set, CAUSE_CHECKPOINT,
		  start_create_map_done);
	fan_write(&set->start_fan, base + set->at * 4096,
		  (uint64_t)count * 4096, set->scan_bufs, false);
	fan_end(&set->start_fan);
	set->at += count;
}

/* Superblocks that an earlier array left there, map headers too. */
static void
start_create(struct set *set)
{
	struct raid *r = set->raid;

	set->start = SET_CREATING;
	set->journal.sequence = 1;
	set->journal.nonce = r->io->ops->random(r->io);
	fan_begin(&set->start_fan, set, CAUSE_SUPERBLOCK,
		  start_create_map_done);
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

/* --- all sets --- */

void
start_begin(struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		struct set *set = &r->sets[i];

		if (r->create) {
			start_create(set);
			continue;
		}
		set->start = SET_SCANNING;
		for (uint32_t l = 0; l < start_legs(set); l++) {
			set->scans[l].buf = set->scan_bufs +
					    (size_t)l * START_BLOCKS * 4096;
			if (set->legs[l].run == RUN_IN)
				scan_start(&set->scans[l], &set->legs[l]);
		}
	}
}

static bool
start_scans_are_done(const struct set *set)
{
	for (uint32_t i = 0; i < start_legs(set); i++)
		if (set->scans[i].leg && set->scans[i].step != SCAN_DONE)
			return false;
	return true;
}

/* Legs that lost what they acknowledged miss every written region (R18). */
static void
start_mark_wholly_stale(struct set *set)
{
	if (!set->wholly_stale || PLANTED(EVICTED_LEG_NOT_STALE))
		return;
	for (uint64_t i = 0; i < set->regions; i++)
		if (map_slot(set->map[i]) != SLOT_NONE ||
		    set->sums.per_region[i] > 0)
			map_add_stale(set, i, set->wholly_stale);
	checkpoint_want(set);
}

/* A leg in-sync in all epochs since the one in force (R13)? */
static bool
start_set_has_kept_leg(const struct set *set)
{
	for (uint32_t i = 0; i < start_legs(set); i++)
		if (set->legs[i].run == RUN_IN &&
		    sb_place_const(&set->raid->sb, set->index, i)->kept)
			return true;
	return false;
}

static void
start_epoch(struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		struct set *set = &r->sets[i];

		start_mark_wholly_stale(set);
		if (!start_set_has_kept_leg(set)) {
			start_unusable(set, -EUCLEAN);
			r->phase = PHASE_STOPPED;
			r->start_failed = -EUCLEAN;
			return;
		}
	}
	r->epoch_begun = true;
	if (PLANTED(START_WITHOUT_EPOCH) && !r->create) {
		r->meta.started = true;
		start_epoch_done(r, 0);
		return;
	}
	if (r->create)
		meta_create(r);
	else
		meta_change(r);
}

void
start_tick(struct raid *r)
{
	bool ready = true;
	bool serving = true;
	bool unusable = false;

	for (uint32_t i = 0; i < r->sb.geometry.sets; i++) {
		struct set *set = &r->sets[i];

		if (set->start == SET_SCANNING && start_scans_are_done(set))
			start_choose(set);
		ready &= set->start == SET_READY;
		serving &= set->start == SET_SERVING;
		unusable |= set->start == SET_UNUSABLE;
	}
	if (unusable && !r->epoch_begun && r->ops_busy == 0) {
		r->phase = PHASE_STOPPED;
		r->start_failed = -EUCLEAN;
	} else if (ready && !r->epoch_begun) {
		start_epoch(r);
	} else if (serving) {
		r->phase = PHASE_SERVING;
		raid_note(r, NOTE_STARTED, NULL, NULL, 0,
			  r->sb.history[0].number, 0);
		r->start_done(r, 0, r->start_arg);
	}
}
