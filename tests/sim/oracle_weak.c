/* SPDX-License-Identifier: MIT */
/*
 * Where the flushes of all disks lie nothing is ever durable.  Until power
 * fails for the first time, all is promised as ever.  After a power cut
 *
 *  - 512 bytes that were not written since have a value that they had some
 *    time: what a request wrote there, or zeros;
 *  - no sector is a mix: what it shows of a request, it shows wherever that
 *    request wrote in the sector and nothing came later;
 *  - what one read found in a run, all find until it is written;
 *  - what was written since the cut is exact, until the next.
 *
 * A granule has 512 bytes here, and none is written in part: of each the bytes
 * say by themselves who wrote them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "oracle_weak.h"
#include "pattern.h"

#define PIECE 512u
#define PIECES_MAX (ORACLE_BLOCK / PIECE)
#define ASKED_FIRST 4096u

/* A request that changes something, by its id. */
struct oracle_asked {
	enum raid_op op;
	uint64_t offset;
	uint64_t end;
	uint64_t issue; /* 0: it changes nothing */
	uint64_t done;  /* 0: in flight */
};

void
oracle_be_weak(struct oracle *o, uint32_t sector_bytes)
{
	CHECK(o->granule_bytes == PIECE && sector_bytes <= ORACLE_BLOCK);
	o->weak = true;
	o->sector_bytes = sector_bytes;
	o->asked_room = ASKED_FIRST;
	o->asked = calloc(o->asked_room, sizeof(*o->asked));
	CHECK(o->asked != NULL);
}

void
oracle_weak_fini(struct oracle *o)
{
	free(o->asked);
}

static void
oracle_weak_grow(struct oracle *o)
{
	uint64_t room = o->asked_room;

	o->asked = realloc(o->asked, 2 * room * sizeof(*o->asked));
	CHECK(o->asked != NULL);
	memset(o->asked + room, 0, room * sizeof(*o->asked));
	o->asked_room = 2 * room;
}

void
oracle_weak_ask(struct oracle *o, uint64_t id, const struct oracle_slot *s)
{
	struct oracle_asked *a;

	if (!o->weak || (s->writes[0] == NULL && s->writes[1] == NULL))
		return;
	while (id >= o->asked_room)
		oracle_weak_grow(o);
	a = &o->asked[id];
	*a = (struct oracle_asked){
		.op = s->op,
		.offset = s->offset,
		.end = s->offset + s->length,
		.issue = s->issue,
	};
	if (s->op != RAID_DISCARD)
		return;
	a->offset = (a->offset + ORACLE_BLOCK - 1) / ORACLE_BLOCK *
		    ORACLE_BLOCK;
	a->end -= a->end % ORACLE_BLOCK;
}

void
oracle_weak_over(struct oracle *o, uint64_t id)
{
	if (o->weak)
		o->asked[id].done = *o->seq;
}

/* What was taken unverified once may come back, and its sum with it. */
void
oracle_weak_cut(struct oracle *o, uint64_t blocks)
{
	o->power_lost = *o->seq;
	for (uint64_t b = 0; b < blocks; b++)
		if (o->unsure[b] != 0)
			o->unsure[b] = UINT64_MAX;
}

bool
oracle_weak_was_ever(uint64_t offset, uint64_t length, const uint8_t *data)
{
	for (uint64_t at = 0; at < length; at += PIECE) {
		uint64_t word;

		memcpy(&word, data + at, sizeof(word));
		if (!pattern_is_zero(data + at, PIECE) &&
		    !pattern_is(word & ~PATTERN_TAG, offset + at, PIECE,
				data + at))
			return false;
	}
	return true;
}

/* --- a sector that is no mix --- */

static bool
asked_covers(const struct oracle_asked *a, uint64_t at)
{
	return a->issue != 0 && a->offset <= at && at + PIECE <= a->end;
}

/* May `later` have been carried out after a? */
static bool
asked_may_follow(const struct oracle_asked *a,
		 const struct oracle_asked *later)
{
	return later->done == 0 || later->done >= a->issue;
}

/* May there be zeros where a wrote? */
static bool
asked_may_be_zeroed(const struct oracle *o, const struct oracle_asked *a,
		    uint64_t at)
{
	for (uint64_t id = 1; id < o->next_id && id < o->asked_room; id++) {
		const struct oracle_asked *z = &o->asked[id];

		if (z != a && z->op != RAID_WRITE && asked_covers(z, at) &&
		    asked_may_follow(a, z))
			return true;
	}
	return false;
}

/* Whose the 512 bytes are; 0: nobody's. */
static uint64_t
piece_id(const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return word & ~PATTERN_TAG;
}

/* Of one request in the sector: is it there as far as it may be? */
static bool
sector_shows_all_of(const struct oracle *o, uint64_t id, uint64_t at,
		    const uint8_t *data)
{
	const struct oracle_asked *a = &o->asked[id];

	for (uint64_t i = 0; i < o->sector_bytes; i += PIECE) {
		uint64_t other = piece_id(data + i);

		if (other == id || !asked_covers(a, at + i))
			continue;
		if (other == 0 ? !asked_may_be_zeroed(o, a, at + i) :
				 !asked_may_follow(a, &o->asked[other]))
			return false;
	}
	return true;
}

static bool
sector_is_no_mix(struct oracle *o, uint64_t at, const uint8_t *data)
{
	uint64_t seen = 0;

	for (uint64_t i = 0; i < o->sector_bytes; i += PIECE) {
		uint64_t id = piece_id(data + i);

		if (id == 0 || id == seen)
			continue;
		seen = id;
		if (sector_shows_all_of(o, id, at, data))
			continue;
		snprintf(o->reason, sizeof(o->reason),
			 "sector at %" PRIu64 " is a mix: of request %" PRIu64
			 " it shows a part", at, id);
		return false;
	}
	return true;
}

bool
oracle_weak_check(struct oracle *o, const struct oracle_slot *s,
		  const uint8_t *data)
{
	uint64_t size = o->sector_bytes;
	uint64_t at;

	if (!o->weak || size == PIECE)
		return true;
	for (at = (s->offset + size - 1) / size * size; at + size <= s->offset + s->length; at += size)
		if (!oracle_is_unsure(o, at, s->issue) &&
		    !sector_is_no_mix(o, at, data + (at - s->offset)))
			return false;
	return true;
}
