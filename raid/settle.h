/* SPDX-License-Identifier: MIT */
/* What settle.c and evidence.c share. */
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

/* Fill in chosen, source and sum of block b, where there is an answer. */
void evidence_choose(struct settle *st, uint32_t b);
void evidence_by_sum(struct settle *st, uint32_t b);

#endif
