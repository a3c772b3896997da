/* SPDX-License-Identifier: MIT */
/*
 * Membership: epochs, and the superblocks that carry them (R13).
 *
 *   IDLE --- change wanted ---> WRITING --- durable on all in-sync ---> IDLE
 *                                  |  ^                             (in force)
 *                                  |  '--- a leg failed: child epoch
 *                                  '--- the last leg of a set failed: STUCK
 *
 * One round of superblock writes at a time.  An epoch is in force when it is
 * durable at both ends of every member in-sync in it; then a round of its own
 * marks it so, unless a newer change is waiting, whose superblocks say it.
 * What waits for an epoch waits as fans (fan.c).
 */
#include <errno.h>
#include <string.h>

#include "set.h"

void
meta_carve(struct raid *r, struct arena *a, uint32_t legs)
{
	struct meta *m = r ? &r->meta : NULL;

	ARENA_TAKE(a, m, bufs, (size_t)legs * 2 * SB_BYTES, 4096);
	ARENA_TAKE(a, m, failed, legs, 8);
	ARENA_TAKE(a, m, written, legs, 8);
}

void
meta_change(struct raid *r)
{
	r->meta.wanted = true;
}

static struct sb_place *
meta_place(struct raid *r, const struct leg *leg)
{
	return sb_place(&r->sb, leg->set->index, leg->index);
}

/* The place's state follows what its leg did. */
static void
meta_place_follow(struct raid *r, const struct leg *leg, uint64_t number)
{
	struct sb_place *p = meta_place(r, leg);
	enum sb_leg_state was = p->state;

	if (r->recover && !r->meta.started && leg->run == RUN_IN) {
		p->kept &= leg->behind_epoch == 0;
		p->state = LEG_IN_SYNC; /* the operator's word */
	}
	if (p->state == LEG_IN_SYNC && leg->run == RUN_FAILING)
		p->state = LEG_FAILED;
	else if (p->state == LEG_IN_SYNC && leg->run == RUN_OUT)
		p->state = LEG_STALE; /* absent at the start */
	if (p->state != was)
		p->changed_s = r->wall_s + (r->now - r->init_ns) / 1000000000;
	if (p->state == LEG_IN_SYNC)
		p->last_in_sync = number;
	if (PLANTED(ONLY_NEWEST_EPOCH_COUNTS))
		p->counted = false;
	p->counted |= p->state == LEG_IN_SYNC;
	p->kept &= p->state == LEG_IN_SYNC;
}

/* A child of the newest epoch submitted. */
static void
meta_compose(struct raid *r)
{
	struct sb *sb = &r->sb;
	uint64_t number = sb->history[0].number + 1;
	enum sb_how how = HOW_CHANGE;

	if (!r->meta.started)
		how = r->force ? HOW_FORCE : HOW_START;
	memmove(&sb->history[1], &sb->history[0],
		SB_HISTORY * sizeof(sb->history[0]));
	sb->history[0] = (struct sb_epoch){
		.number = number,
		.nonce = r->io->ops->random(r->io),
		.in_force_number = sb->in_force_number,
		.how = how,
	};
	for (uint32_t i = 0; i < r->leg_count; i++)
		meta_place_follow(r, &r->legs[i], number);
	if (PLANTED(EPOCH_MARKED_EARLY)) {
		sb->in_force_number = number;
		sb->in_force_nonce = sb->history[0].nonce;
	}
}

static void meta_round_done(struct raid *r);

static void
meta_write_done(struct op *op, int res)
{
	struct raid *r = op->leg->raid;

	if (res < 0)
		r->meta.failed[op->leg->member] = true;
	if (--r->meta.pending == 0)
		meta_round_done(r);
}

static void
meta_write_leg(struct raid *r, struct leg *leg)
{
	struct sb *sb = &r->sb;
	uint8_t slot = leg->sb_slot ^ 1;

	sb->set = leg->set->index;
	sb->leg = leg->index;
	memcpy(sb->member_uuid, meta_place(r, leg)->member_uuid, 16);
	sb->sequence = ++leg->sb_sequence;
	r->meta.written[leg->member] = true;
	for (unsigned end = 0; end < (PLANTED(SUPERBLOCKS_ONE_END) ? 1 : 2);
	     end++) {
		uint64_t offset = sb_offset(leg->bytes, end, slot);
		uint8_t *buf = r->meta.bufs +
			       ((size_t)leg->member * 2 + end) * SB_BYTES;

		sb_encode(sb, offset, buf);
		r->meta.pending++;
		op_submit(leg, IO_WRITE, offset, SB_BYTES, buf,
			  !PLANTED(SUPERBLOCK_WITHOUT_FUA), meta_write_done, r,
			  0);
	}
}

static void
meta_write(struct raid *r, bool marking)
{
	struct meta *m = &r->meta;

	CHECK(m->state == META_IDLE);
	m->state = META_WRITING;
	m->marking = marking;
	m->pending = 1;
	for (uint32_t i = 0; i < r->leg_count; i++) {
		struct leg *leg = &r->legs[i];

		m->failed[i] = false;
		m->written[i] = false;
		if (leg->run == RUN_IN)
			meta_write_leg(r, leg);
		else if (meta_place(r, leg)->state == LEG_IN_SYNC)
			m->failed[i] = true; /* failed before we got there */
	}
	m->pending--;
	CHECK(m->pending > 0);
}

static void
meta_recheck(struct raid *r)
{
	for (uint32_t i = 0; i < r->sb.geometry.sets; i++)
		fan_recheck(&r->sets[i]);
}

static void
meta_stuck(struct raid *r)
{
	r->meta.state = META_STUCK;
	raid_note(r, NOTE_EPOCH_STUCK, NULL, NULL, -EIO,
		  r->sb.history[0].number, 0);
	meta_recheck(r);
	if (!r->meta.started)
		start_epoch_done(r, -EIO);
}

static void
meta_in_force(struct raid *r)
{
	struct sb *sb = &r->sb;
	bool first = !r->meta.started;

	sb->in_force_number = sb->history[0].number;
	sb->in_force_nonce = sb->history[0].nonce;
	for (uint32_t i = 0; i < r->leg_count; i++) {
		struct leg *leg = &r->legs[i];
		struct sb_place *p = meta_place(r, leg);

		p->counted = p->state == LEG_IN_SYNC;
		p->kept = p->counted;
		if (!p->counted && leg->run == RUN_FAILING)
			leg_set_run(leg, RUN_OUT);
	}
	r->meta.started = true;
	raid_note(r, NOTE_EPOCH_IN_FORCE, NULL, NULL, 0, sb->in_force_number,
		  0);
	meta_recheck(r);
	if (first)
		start_epoch_done(r, 0);
	if (!r->meta.wanted)
		meta_write(r, true);
}

/* All superblock writes of the round have completed. */
static void
meta_round_done(struct raid *r)
{
	struct meta *m = &r->meta;
	bool stuck = false;
	bool failed = false;

	m->state = META_IDLE;
	for (uint32_t i = 0; i < r->leg_count; i++) {
		struct leg *leg = &r->legs[i];

		if (m->written[i] && !m->failed[i]) {
			leg->sb_slot ^= !PLANTED(SUPERBLOCK_IN_PLACE);
			leg->sb_durable[leg->sb_slot] = leg->sb_sequence;
		}
		if (!m->failed[i])
			continue;
		failed = true;
		if (!leg_fail(leg, CAUSE_SUPERBLOCK, -EIO))
			stuck = true;
		m->wanted = true;
	}
	if (failed && PLANTED(EPOCH_TAKEN_BACK))
		memmove(&r->sb.history[0], &r->sb.history[1],
			SB_HISTORY * sizeof(r->sb.history[0]));
	if (stuck)
		meta_stuck(r);
	else if (!failed && !m->marking)
		meta_in_force(r);
}

void
meta_create(struct raid *r)
{
	meta_write(r, false);
}

void
meta_tick(struct raid *r)
{
	struct meta *m = &r->meta;

	if (m->state == META_IDLE && !m->wanted && m->marks > 0) {
		m->marks--;
		meta_write(r, true);
	}
	if (m->state != META_IDLE || !m->wanted)
		return;
	m->wanted = false;
	meta_compose(r);
	meta_write(r, false);
	if (PLANTED(SERVED_BEFORE_EPOCH) && !m->started) {
		m->started = true;
		start_epoch_done(r, 0);
	}
}
