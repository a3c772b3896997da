/* SPDX-License-Identifier: MIT */
/*
 * Requests and what becomes of them.  A power cut makes a "maybe" of every
 * write that is not durable: it may be there and supersedes nothing, and what
 * is durable supersedes as before (I1, I2, I5).  The death of the daemon
 * alone does so with writes in flight only.
 */
#include <string.h>

#include "check.h"
#include "oracle_weak.h"
#include "pool.h"
#include "versions.h"

static uint64_t
oracle_blocks(const struct oracle *o)
{
	return o->granules * o->granule_bytes / ORACLE_BLOCK + 1;
}

void
oracle_unsure(struct oracle *o, uint64_t offset)
{
	o->unsure[offset / ORACLE_BLOCK] = UINT64_MAX;
}

/* Blocks that were written whole: to who asks from now on. */
static void
oracle_sure(struct oracle *o, const struct oracle_slot *s)
{
	uint64_t first = (s->offset + ORACLE_BLOCK - 1) / ORACLE_BLOCK;
	uint64_t end = (s->offset + s->length) / ORACLE_BLOCK;

	for (; first < end; first++)
		if (o->unsure[first] == UINT64_MAX)
			o->unsure[first] = *o->seq;
}

void
oracle_init(struct oracle *o, uint64_t bytes, uint32_t granule_bytes,
	    uint64_t *seq)
{
	*o = (struct oracle){
		.seq = seq,
		.granule_bytes = granule_bytes,
		.granules = bytes / granule_bytes,
		.genesis = {.done = 1, .ok = true, .durable = true, .refs = 1},
		.next_id = 1,
	};
	o->pending.next = &o->pending;
	o->pending.prev = &o->pending;
	o->newest = pool_take(o->granules * sizeof(o->newest[0]));
	o->unsure = pool_take(oracle_blocks(o) * sizeof(o->unsure[0]));
	memset(o->unsure, 0, oracle_blocks(o) * sizeof(o->unsure[0]));
	memset(o->newest, 0, o->granules * sizeof(o->newest[0]));
}

void
oracle_fini(struct oracle *o)
{
	for (uint64_t g = 0; g < o->granules; g++)
		while (o->newest[g] != NULL)
			version_drop(o, &o->newest[g]);
	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++)
		for (unsigned k = 0; k < 2; k++)
			if (o->slots[i].writes[k] != NULL)
				oracle_write_unref(o->slots[i].writes[k]);
	pool_give(o->newest, o->granules * sizeof(o->newest[0]));
	pool_give(o->unsure, oracle_blocks(o) * sizeof(o->unsure[0]));
	oracle_weak_fini(o);
}

bool
oracle_may_begin(const struct oracle *o, enum raid_op op, uint64_t offset,
		 uint64_t length)
{
	uint64_t end = offset + length;

	if (op != RAID_WRITE && op != RAID_DISCARD && op != RAID_ZEROES)
		return true;
	for (uint64_t g = offset / o->granule_bytes;
	     g * o->granule_bytes < end; g++) {
		uint64_t at = g * o->granule_bytes;
		bool whole = offset <= at && at + o->granule_bytes <= end;

		if (versions_are_busy(o, g, whole))
			return false;
	}
	return true;
}

static struct oracle_write *
oracle_write_new(struct oracle *o, bool durable_ack)
{
	struct oracle_write *w = pool_take(sizeof(*w));

	*w = (struct oracle_write){
		.id = o->next_id,
		.issue = *o->seq,
		.durable_ack = durable_ack,
		.refs = 1,
		.prev = o->pending.prev,
		.next = &o->pending,
	};
	w->prev->next = w;
	w->next->prev = w;
	return w;
}

/* Whole blocks become holes by a durable record (R22), edges are written. */
static void
oracle_begin_zeroes(struct oracle *o, struct oracle_slot *s)
{
	uint64_t end = s->offset + s->length;
	uint64_t in = (s->offset + ORACLE_BLOCK - 1) / ORACLE_BLOCK *
		      ORACLE_BLOCK;
	uint64_t out = end / ORACLE_BLOCK * ORACLE_BLOCK;
	bool fua = (s->flags & RAID_FUA) != 0;

	if (in >= out)
		in = out = end;
	if (in < out) {
		s->writes[0] = oracle_write_new(o, true);
		versions_add(o, s->writes[0], in, out,
				 s->op == RAID_DISCARD ? IMAGE_HOLE :
							 IMAGE_ZERO);
	}
	if (s->op == RAID_DISCARD)
		return;
	s->writes[1] = oracle_write_new(o, fua);
	versions_add(o, s->writes[1], s->offset, in, IMAGE_ZERO);
	versions_add(o, s->writes[1], out, end, IMAGE_ZERO);
}

/* NO_HOLE: zeros that are data. */
static void
oracle_begin_allocated(struct oracle *o, struct oracle_slot *s)
{
	s->writes[0] = oracle_write_new(o, (s->flags & RAID_FUA) != 0);
	s->writes[0]->zeros = true;
	versions_add(o, s->writes[0], s->offset, s->offset + s->length,
			 IMAGE_DATA);
}

uint64_t
oracle_begin(struct oracle *o, unsigned slot, enum raid_op op, uint32_t flags,
	     uint64_t offset, uint64_t length)
{
	struct oracle_slot *s = &o->slots[slot];

	CHECK(slot < ORACLE_SLOTS_MAX);
	CHECK((o->slots_used >> slot & 1) == 0);
	o->slots_used |= 1ull << slot;
	*s = (struct oracle_slot){
		.op = op,
		.flags = flags,
		.offset = offset,
		.length = length,
		.issue = ++*o->seq,
	};
	if (op == RAID_WRITE) {
		s->writes[0] = oracle_write_new(o, (flags & RAID_FUA) != 0);
		versions_add(o, s->writes[0], offset, offset + length,
				 IMAGE_DATA);
	} else if (op == RAID_ZEROES && (flags & RAID_NO_HOLE) != 0) {
		oracle_begin_allocated(o, s);
	} else if (op == RAID_ZEROES || op == RAID_DISCARD) {
		oracle_begin_zeroes(o, s);
	}
	oracle_weak_ask(o, o->next_id, s);
	return o->next_id++;
}

static void
oracle_unlink(struct oracle_write *w)
{
	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->next = NULL;
	w->prev = NULL;
}

static void
oracle_make_durable(struct oracle_write *w)
{
	w->durable = true;
	oracle_unlink(w);
}

/* It stays so: no flush makes it certain. */
static void
oracle_make_maybe(struct oracle_write *w)
{
	w->maybe = true;
	oracle_unlink(w);
}

static void
oracle_flushed(struct oracle *o, uint64_t issue)
{
	struct oracle_write *w = o->pending.next;

	while (w != &o->pending) {
		struct oracle_write *next = w->next;

		if (w->ok && w->done < issue)
			oracle_make_durable(w);
		w = next;
	}
}

static void
oracle_end_write(struct oracle *o, struct oracle_write *w, int res)
{
	w->done = *o->seq;
	w->ok = res == 0;
	oracle_weak_over(o, w->id);
	if (!w->ok || (w->issue <= o->doubted && !w->durable_ack))
		oracle_make_maybe(w);
	else if (w->durable_ack)
		oracle_make_durable(w);
	oracle_write_unref(w);
}

bool
oracle_end(struct oracle *o, unsigned slot, int res, const void *buf)
{
	struct oracle_slot *s = &o->slots[slot];
	bool good = true;

	CHECK((o->slots_used >> slot & 1) != 0);
	++*o->seq;
	if (res == 0 && s->op == RAID_READ)
		good = oracle_check_read(o, s, buf);
	if (res == 0 && s->op == RAID_MAP)
		good = oracle_check_map(o, s, buf);
	if (res == 0 && s->op == RAID_FLUSH)
		oracle_flushed(o, s->issue);
	if (res == 0 && s->writes[0] != NULL)
		oracle_sure(o, s);
	o->slots_used &= ~(1ull << slot);
	for (unsigned i = 0; i < 2; i++)
		if (s->writes[i] != NULL) {
			oracle_end_write(o, s->writes[i], res);
			s->writes[i] = NULL;
		}
	return good;
}

void
oracle_crash(struct oracle *o, bool with_power)
{
	uint64_t seq = ++*o->seq;
	struct oracle_write *w = o->pending.next;

	o->crashed = seq;
	if (with_power && o->weak)
		oracle_weak_cut(o, oracle_blocks(o));
	while (w != &o->pending) {
		struct oracle_write *next = w->next;
		bool in_flight = w->done == 0;

		if (with_power || in_flight)
			oracle_make_maybe(w);
		if (in_flight) {
			w->done = seq;
			oracle_weak_over(o, w->id);
			oracle_write_unref(w);
		}
		w = next;
	}
	for (unsigned i = 0; i < ORACLE_SLOTS_MAX; i++)
		o->slots[i] = (struct oracle_slot){0};
	o->slots_used = 0;
}

void
oracle_all_durable(struct oracle *o)
{
	oracle_flushed(o, UINT64_MAX);
}

void
oracle_doubt(struct oracle *o)
{
	struct oracle_write *w = o->pending.next;

	o->doubted = *o->seq;
	while (w != &o->pending) {
		struct oracle_write *next = w->next;

		if (w->done != 0)
			oracle_make_maybe(w);
		w = next;
	}
}
