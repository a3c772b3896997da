/* SPDX-License-Identifier: MIT */
/*
 * What disks did, against what the engine says they did: a verdict is true,
 * and given once.
 */
#ifndef SIM_WITNESS_H
#define SIM_WITNESS_H

#include <stdint.h>

#include "note.h"
#include "options.h"

struct sim;

/* What a member did at a place, and with bytes of which other. */
struct deed {
	enum fault kind;
	uint64_t offset;
	uint64_t length;
	uint64_t from;
	uint64_t seq;
};

struct witness {
	struct deed *deeds;
	unsigned count;
	unsigned room;
	uint64_t *told; /* by block of data: when a verdict was, in this run */
};

void witness_deed(struct sim *s, unsigned member, enum fault kind,
		  uint64_t offset, uint64_t length, uint64_t from);
/* All of it. */
void witness_deed_all(struct sim *s, unsigned member, enum fault kind);
/* A run begins. */
void witness_start(struct sim *s);
void witness_fini(struct sim *s);
/* Is what it says true? */
void witness_note(struct sim *s, const struct raid_note *note);
/* At a clean stop: what was told in this run is healed. */
void witness_check(struct sim *s);

#endif
