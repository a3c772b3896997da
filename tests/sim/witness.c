/* SPDX-License-Identifier: MIT */
#include "witness.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sim.h"

#define KIND(name) (1u << FAULT_##name)
/* Something older may be there, or a part of it. */
#define KINDS_OLDER                                                        \
	(KIND(LOST_WRITE) | KIND(MISREAD) | KIND(STALE) | KIND(REVERT) |   \
	 KIND(FLUSH_ERROR) | KIND(WRITE_ERROR))
#define KINDS_ELSEWHERE (KIND(MISDIRECTED) | KIND(MISREAD))
#define KINDS_OTHER     (KINDS_OLDER | KINDS_ELSEWHERE | KIND(ROT))
#define KINDS_ERROR     (KIND(READ_ERROR) | KIND(BAD_SECTOR) | KIND(VANISH))

void
witness_deed(struct sim *s, unsigned member, enum fault kind, uint64_t offset,
	     uint64_t length, uint64_t from)
{
	struct witness *w = &s->member[member].witness;

	if (w->count == w->room) {
		w->room = w->room * 2 + 64;
		w->deeds = realloc(w->deeds, w->room * sizeof(*w->deeds));
		CHECK(w->deeds != NULL);
	}
	w->deeds[w->count++] = (struct deed){
		.kind = kind,
		.offset = offset,
		.length = length,
		.from = from,
		.seq = ++s->seq,
	};
}

void
witness_deed_all(struct sim *s, unsigned member, enum fault kind)
{
	witness_deed(s, member, kind, 0, s->options.member_bytes, 0);
}

void
witness_start(struct sim *s)
{
	uint64_t blocks = s->layout.data_bytes / ORACLE_BLOCK;

	for (unsigned i = 0; i < s->members; i++) {
		free(s->member[i].witness.told);
		s->member[i].witness.told = calloc(blocks, sizeof(uint64_t));
		CHECK(s->member[i].witness.told != NULL);
	}
}

void
witness_fini(struct sim *s)
{
	for (unsigned i = 0; i < s->members; i++) {
		free(s->member[i].witness.told);
		free(s->member[i].witness.deeds);
		s->member[i].witness = (struct witness){0};
	}
}

static bool
deed_is_of(const struct deed *d, unsigned kinds, uint64_t offset,
	   uint64_t length)
{
	return (kinds >> d->kind & 1) != 0 && d->offset < offset + length &&
	       offset < d->offset + d->length;
}

static bool
witness_has(const struct sim_member *m, unsigned kinds, uint64_t offset,
	    uint64_t length)
{
	for (unsigned i = 0; i < m->witness.count; i++)
		if (deed_is_of(&m->witness.deeds[i], kinds, offset, length))
			return true;
	/* What a disk that lies has forgotten, nobody knows. */
	return m->lies && (kinds & KINDS_OLDER) != 0;
}

/* One of a deed that no verdict was given on. */
static bool
witness_is_new(const struct sim *s, const struct sim_member *m, unsigned kinds,
	       uint64_t offset, uint64_t length)
{
	for (unsigned i = 0; i < m->witness.count; i++) {
		const struct deed *d = &m->witness.deeds[i];
		uint64_t at = d->offset > offset ? d->offset : offset;

		if (deed_is_of(d, kinds, offset, length) &&
		    d->seq > m->witness.told[(at - s->layout.data_offset) /
					     ORACLE_BLOCK])
			return true;
	}
	return false;
}

/* It has the bytes of that other place of the device. */
static bool
witness_has_from(const struct sim *s, const struct sim_member *m,
		 uint64_t offset, uint64_t device_offset)
{
	uint64_t at;
	uint32_t set;

	layout_locate(&s->options.geometry, device_offset, &set, &at);
	at += s->layout.data_offset;
	for (unsigned i = 0; i < m->witness.count; i++) {
		const struct deed *d = &m->witness.deeds[i];

		if (deed_is_of(d, KINDS_ELSEWHERE, offset, ORACLE_BLOCK) &&
		    d->from < at + ORACLE_BLOCK && at < d->from + d->length)
			return true;
	}
	return false;
}

/* Where nothing can be healed it may be told again and again. */
static bool
witness_can_heal(struct sim *s, unsigned member)
{
	static struct raid_status st;
	uint32_t set = member / s->options.geometry.legs;

	if (s->member[member].lies || s->member[member].disk.vanished)
		return false;
	raid_status(s->raid, &st);
	return st.sets[set].in_sync > 1 && !st.sets[set].write_stopped;
}

static void
witness_data(struct sim *s, const struct raid_note *n, unsigned member,
	     unsigned kinds)
{
	struct sim_member *m = &s->member[member];
	uint64_t length = n->kind == NOTE_MISDIRECTED ? ORACLE_BLOCK : n->b;
	uint64_t offset = s->layout.data_offset + n->a;

	if (!witness_has(m, kinds, offset, length))
		sim_fail(s, "I7", "%s is said of member %u at %llu of the set,"
			 " and it did no such thing", note_word(n->kind),
			 member, (unsigned long long)n->a);
	if (n->kind == NOTE_MISDIRECTED &&
	    !witness_has_from(s, m, offset, n->b))
		sim_fail(s, "I7", "member %u is said to have data of %llu at"
			 " %llu of the set", member, (unsigned long long)n->b,
			 (unsigned long long)n->a);
	if (!witness_is_new(s, m, kinds, offset, length) &&
	    witness_can_heal(s, member))
		sim_fail(s, "I7", "%s is said of member %u at %llu of the set"
			 " again", note_word(n->kind), member,
			 (unsigned long long)n->a);
	for (uint64_t at = 0; at < length; at += ORACLE_BLOCK)
		m->witness.told[(n->a + at) / ORACLE_BLOCK] = ++s->seq;
}

/* Of a copy of a page, in either slot; of all else that is no data. */
static void
witness_metadata(struct sim *s, const struct raid_note *n, unsigned member,
		 unsigned kinds)
{
	const struct layout *l = &s->layout;
	uint64_t end = l->data_offset + l->data_bytes;
	uint64_t offset = 0, length = l->data_offset;

	if (n->kind == NOTE_PAGE_BAD) {
		offset = l->sums_offset + n->a / n->b * 2 * ORACLE_BLOCK;
		length = 2 * ORACLE_BLOCK;
	}
	if (!witness_has(&s->member[member], kinds, offset, length) &&
	    (n->kind == NOTE_PAGE_BAD ||
	     !witness_has(&s->member[member], kinds, end,
			  s->options.member_bytes - end)))
		sim_fail(s, "I7", "%s is said of the metadata of member %u,"
			 " and it did no such thing", note_word(n->kind),
			 member);
}

void
witness_note(struct sim *s, const struct raid_note *n)
{
	unsigned member = n->set * s->options.geometry.legs + n->leg;

	/* Scenarios know what they do. */
	if (s->scenario != NULL || s->lenient || n->leg == NOTE_NO_LEG)
		return;
	if (n->kind == NOTE_READ_ERROR && n->a == NOTE_NO_PLACE)
		witness_metadata(s, n, member, KINDS_ERROR);
	else if (n->kind == NOTE_READ_ERROR)
		witness_data(s, n, member, KINDS_ERROR);
	else if (n->kind == NOTE_MISMATCH && n->a == NOTE_NO_PLACE)
		witness_metadata(s, n, member, KINDS_OTHER);
	else if (n->kind == NOTE_MISMATCH)
		witness_data(s, n, member, KINDS_OTHER);
	else if (n->kind == NOTE_LOST_WRITE)
		witness_data(s, n, member, KINDS_OLDER);
	else if (n->kind == NOTE_MISDIRECTED)
		witness_data(s, n, member, KINDS_ELSEWHERE);
	else if (n->kind == NOTE_PAGE_BAD)
		witness_metadata(s, n, member,
				 n->err < 0 ? KINDS_ERROR : KINDS_OTHER);
	else if (n->kind == NOTE_WENT_BACK)
		witness_metadata(s, n, member, KINDS_OTHER & ~KIND(ROT));
}

void
witness_check(struct sim *s)
{
	uint64_t blocks = s->layout.data_bytes / ORACLE_BLOCK;

	if (s->lenient || s->scenario != NULL)
		return;
	for (unsigned i = 0; i < s->members; i++) {
		const struct sim_member *m = &s->member[i];

		if (s->last.legs[i].state != LEG_IN_SYNC || m->lies ||
		    m->stale || m->forgot)
			continue;
		for (uint64_t b = 0; b < blocks; b++)
			if (m->witness.told[b] != 0 &&
			    sim_is_damaged(s, i,
					   s->layout.data_offset +
						   b * ORACLE_BLOCK,
					   ORACLE_BLOCK))
				sim_fail(s, "I20", "member %u: block %llu was"
					 " told, and is not healed", i,
					 (unsigned long long)b);
	}
}
