/* SPDX-License-Identifier: MIT */
/* What settler.c, settle.c, judge.c and evidence.c share. */
#ifndef RAID_SETTLE_H
#define RAID_SETTLE_H

#include "set.h"

#define UNIT_BYTES (UNIT_BLOCKS * BLOCK_BYTES)

static inline uint32_t
settle_legs(const struct settle *st)
{
	return st->set->raid->sb.geometry.legs;
}

/* Block b of the unit as that leg has it. */
static inline uint8_t *
settle_block(const struct settle *st, uint32_t leg, uint32_t b)
{
	return st->bufs + (size_t)leg * UNIT_BYTES + (size_t)b * BLOCK_BYTES;
}

static inline bool
settle_is_readable(const struct settle *st, uint32_t leg, uint32_t b)
{
	return st->readable[leg] >> b & 1;
}

/* settler.c */
/* Those that waited for the unit look again; of one that cannot be settled
 * they get EIO. */
void settler_wake(struct set *set, uint64_t unit, int res);

/* settle.c */
void settle_start(struct set *set, uint64_t unit);
/* True: its part of the buffers is not ours until it is back.  The leg is
 * out: what the others have decides. */
bool settle_is_abandoned(struct settle *st, struct op *op);
/* What there is to be known of the legs' copies is known. */
void settle_decide(struct settle *st);

/* judge.c */
/* The legs were read; goes on with settle_decide(). */
void judge_begin(struct settle *st);
/* Verdicts by sum, and of what reads saw before. */
void judge_tell(struct settle *st);
/* Verdicts by evidence, on block b. */
void judge_evidence(struct settle *st, uint32_t b);

/* evidence.c */
/* Fill in chosen, source and sum of block b, where there is an answer. */
void evidence_choose(struct settle *st, uint32_t b);
void evidence_by_sum(struct settle *st, uint32_t b);

#endif
