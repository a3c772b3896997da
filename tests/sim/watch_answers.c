/* SPDX-License-Identifier: MIT */
/*
 * Epochs and answers.  An epoch is in force when its superblocks are durable
 * at both ends of every member that is in-sync in it; the legs in-sync in the
 * newest in force could win an assembly, so an answer must be true of each of
 * them (I10), and what it promises to be durable must be on their media.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "sim.h"

bool
watch_is_counted(const struct sim *s, unsigned member)
{
	return s->watch.in_force && (s->watch.counted >> member & 1) != 0;
}

static uint64_t
watch_in_sync(const struct sim *s, const struct sb *sb)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < s->members; i++)
		if (sb_place_const(sb, i / sb->geometry.legs,
				   i % sb->geometry.legs)->state == LEG_IN_SYNC)
			mask |= 1ull << i;
	return mask;
}

/* The epoch of this superblock; numbers grow, and one stands for one
 * membership (I15). */
static struct watch_epoch *
watch_epoch_of(struct sim *s, const struct sb *sb)
{
	struct watch *w = &s->watch;
	uint64_t number = sb->history[0].number;
	struct watch_epoch *e = NULL;

	for (unsigned i = 0; i < w->epoch_count; i++) {
		struct watch_epoch *old =
			&w->epochs[i % WATCH_EPOCHS_MAX];

		if (old->number == number)
			e = old;
		else if (i + 1 == w->epoch_count && old->number > number)
			sim_fail(s, "I15", "epoch %llu after %llu",
				 (unsigned long long)number,
				 (unsigned long long)old->number);
	}
	if (e == NULL) {
		e = &w->epochs[w->epoch_count++ % WATCH_EPOCHS_MAX];
		*e = (struct watch_epoch){
			.number = number, .nonce = sb->history[0].nonce,
			.in_sync = watch_in_sync(s, sb),
		};
	}
	if (e->nonce != sb->history[0].nonce ||
	    e->in_sync != watch_in_sync(s, sb))
		sim_fail(s, "I15", "epoch %llu is two memberships",
			 (unsigned long long)number);
	return e;
}

/* Which end of the member the superblock at this offset is at. */
static unsigned
watch_end_of(const struct sim *s, uint64_t offset)
{
	return offset >= s->options.member_bytes / 2;
}

void
watch_superblock(struct sim *s, struct sim_op *op)
{
	static const uint8_t zeros[512];
	static struct sb sb;
	struct sim_member *m = &s->member[op->member];
	int res;

	if (op->length % sizeof(zeros) == 0 &&
	    memcmp(op->data, zeros, sizeof(zeros)) == 0)
		return; /* what an earlier owner left is wiped */
	if (op->length != SB_BYTES)
		sim_fail(s, "I17", "a superblock of %llu bytes",
			 (unsigned long long)op->length);
	res = sb_decode(op->data, op->offset, &sb);
	if (res == -ENOENT && m->sb_sequence == 0)
		return; /* create takes away what stood there */
	if (res != 0)
		sim_fail(s, "I17", "a superblock that says %d", res);
	if (sb.sequence < m->sb_sequence)
		sim_fail(s, "I15", "member %u: superblock %llu after %llu",
			 op->member, (unsigned long long)sb.sequence,
			 (unsigned long long)m->sb_sequence);
	m->sb_sequence = sb.sequence;
	op->record = watch_epoch_of(s, &sb)->number;
}

void
watch_superblock_done(struct sim *s, const struct sim_op *op)
{
	struct watch *w = &s->watch;
	unsigned end = watch_end_of(s, op->offset);

	for (unsigned i = 0; i < w->epoch_count && i < WATCH_EPOCHS_MAX; i++) {
		struct watch_epoch *e = &w->epochs[i];

		if (op->record == 0 || e->number != op->record)
			continue;
		if (op->fua)
			e->done[end] |= 1ull << op->member;
		if ((e->in_sync & ~(e->done[0] & e->done[1])) == 0) {
			w->in_force = true;
			w->counted = e->in_sync;
		}
	}
}

/* What the last leg of a set fails stops its writes (R7). */
void
watch_failed(struct sim *s, const struct sim_op *op)
{
	unsigned legs = s->options.geometry.legs;
	unsigned set = op->member / legs;
	uint64_t set_mask = ((1ull << legs) - 1) << (set * legs);

	if (op->op == IO_READ || op->op == IO_DISCARD ||
	    op->area == AREA_DATA || op->area == AREA_SUPERBLOCK)
		return;
	if ((s->watch.counted & set_mask) == 1ull << op->member)
		s->watch.sets[set].stopped = ++s->seq;
}

/* --- answers --- */

/* The legs that could be all that is left have what was acknowledged. */
static void
watch_legs_hold(struct sim *s, uint64_t at)
{
	uint32_t set, sum = 0;
	uint64_t offset;

	layout_locate(&s->options.geometry, at, &set, &offset);
	/* By now another request may have made it unwritten. */
	if (!oracle_block_written(&s->oracle, at) ||
	    !watch_newest_sum(s, set, offset / ORACLE_BLOCK, &sum))
		return;
	/* Where a page is lost, all of its region counts as written (R24); what
	 * was taken unverified may be anything (R17). */
	if (s->lenient &&
	    (sum == 0 || oracle_is_unsure(&s->oracle, at, *s->oracle.seq)))
		return;
	if (sum == 0)
		sim_fail(s, "R4", "block %llu of set %u was acknowledged and"
			 " is unwritten by the records",
			 (unsigned long long)offset / ORACLE_BLOCK, set);
	offset += s->layout.data_offset;
	s->watch.checks++;
	for (unsigned leg = 0; leg < s->options.geometry.legs; leg++) {
		unsigned i = set * s->options.geometry.legs + leg;

		if (!watch_is_counted(s, i) ||
		    sim_is_damaged(s, i, offset, s->oracle.granule_bytes))
			continue;
		if (!oracle_may_be(&s->oracle, at,
				   disk_view(&s->member[i].disk, offset,
					     s->oracle.granule_bytes)))
			sim_fail(s, "I10", "leg %u.%u is in-sync and lacks"
				 " what was acknowledged: %s", set, leg,
				 s->oracle.reason);
	}
}

/* A block that no crash may change any more, by what clients were told, is on
 * the media with its sum (I1). */
static void
watch_is_durable(struct sim *s, uint64_t at)
{
	uint32_t set, sum;
	uint64_t offset;

	at -= at % ORACLE_BLOCK;
	layout_locate(&s->options.geometry, at, &set, &offset);
	if (oracle_in_doubt(&s->oracle, at, ORACLE_BLOCK) ||
	    !oracle_block_written(&s->oracle, at) ||
	    !watch_newest_sum(s, set, offset / ORACLE_BLOCK, &sum))
		return;
	s->watch.checks++;
	for (unsigned leg = 0; leg < s->options.geometry.legs; leg++) {
		unsigned i = set * s->options.geometry.legs + leg;
		uint64_t there = s->layout.data_offset + offset;

		if (!watch_is_counted(s, i) ||
		    sim_is_damaged(s, i, there, ORACLE_BLOCK))
			continue;
		if (watch_medium_sum(s, i, offset / ORACLE_BLOCK) != sum)
			sim_fail(s, "I1", "acknowledged as durable: block"
				 " %llu of leg %u.%u is not on its medium, or"
				 " its sum in no record",
				 (unsigned long long)offset / ORACLE_BLOCK,
				 set, leg);
	}
}

/* One granule of it, by chance. */
static void
watch_written(struct sim *s, const struct slot *slot)
{
	uint64_t grain = s->oracle.granule_bytes;
	uint64_t first = slot->ask->req.offset / grain;
	uint64_t last = (slot->ask->req.offset + slot->ask->req.length - 1) / grain;
	uint64_t at = (first + rng_once(slot->id, s->seed) %
		       (last - first + 1)) * grain;
	struct watch_set *ws;
	uint64_t offset;
	uint32_t set;

	layout_locate(&s->options.geometry, at, &set, &offset);
	ws = &s->watch.sets[set];
	if (ws->stopped != 0 &&
	    s->oracle.slots[slot->index].issue > ws->stopped)
		sim_fail(s, "R7", "a write was acknowledged by set %u, whose"
			 " last leg had failed", set);
	watch_legs_hold(s, at);
	if ((slot->ask->req.flags & RAID_FUA) != 0)
		watch_is_durable(s, at);
	else
		s->watch.recent[s->watch.recent_at++ % WATCH_RECENT] = at + 1;
}

static void
watch_flushed(struct sim *s, const struct slot *slot)
{
	for (unsigned set = 0; set < s->options.geometry.sets; set++)
		if (s->watch.sets[set].stopped != 0 &&
		    s->oracle.slots[slot->index].issue >
			    s->watch.sets[set].stopped)
			sim_fail(s, "R7", "a flush was acknowledged by set %u,"
				 " whose last leg had failed", set);
	for (unsigned i = 0; i < WATCH_RECENT; i++)
		if (s->watch.recent[i] != 0)
			watch_is_durable(s, s->watch.recent[i] - 1);
}

/* What became unwritten is so by a durable record (R22). */
static void
watch_unwritten(struct sim *s, const struct slot *slot)
{
	uint64_t at = (slot->ask->req.offset + ORACLE_BLOCK - 1) / ORACLE_BLOCK *
		      ORACLE_BLOCK;
	uint32_t set, sum;
	uint64_t offset;

	if (at + ORACLE_BLOCK > slot->ask->req.offset + slot->ask->req.length ||
	    !oracle_block_unwritten(&s->oracle, at))
		return;
	layout_locate(&s->options.geometry, at, &set, &offset);
	if (watch_newest_sum(s, set, offset / ORACLE_BLOCK, &sum) && sum != 0)
		sim_fail(s, "R22", "block %llu of set %u is written, and was"
			 " acknowledged not to be",
			 (unsigned long long)offset / ORACLE_BLOCK, set);
}

void
watch_answer(struct sim *s, const struct slot *slot)
{
	if (slot->ask->req.res != 0)
		return;
	if (!s->watch.in_force && !s->salvage)
		sim_fail(s, "R13", "an answer before the start's epoch is in"
			 " force");
	if (slot->ask->req.op == RAID_WRITE)
		watch_written(s, slot);
	else if (slot->ask->req.op == RAID_FLUSH)
		watch_flushed(s, slot);
	else if (slot->ask->req.op == RAID_DISCARD || slot->ask->req.op == RAID_ZEROES)
		watch_unwritten(s, slot);
}
