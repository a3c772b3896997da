/* SPDX-License-Identifier: MIT */
#include "exhaust_oracle.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "rng.h"

#define XORACLE_TAG UINT64_C(0x5eed000000000000)

void
xoracle_init(struct xoracle *o)
{
	*o = (struct xoracle){.seq = 1, .count = 1};
	o->changes[0] = (struct xchange){
		.done = 1, .zeros = true, .ok = true, .durable = true,
	};
	for (unsigned s = 0; s < XORACLE_SECTORS; s++)
		o->alive[s] = 1;
}

/* Its place among the times of all changes: what comes of two oracles is the
 * same when the order is. */
static uint32_t
xoracle_rank(const struct xoracle *o, uint32_t time)
{
	uint32_t rank = 0;

	for (unsigned i = 0; i < o->count; i++)
		rank += (uint32_t)(o->changes[i].issue < time) +
			(uint32_t)(o->changes[i].done < time);
	return rank;
}

uint64_t
xoracle_hash(const struct xoracle *o)
{
	uint64_t hash = o->count;
	uint32_t used = 0;

	for (unsigned s = 0; s < XORACLE_SECTORS; s++) {
		used |= o->alive[s];
		hash = rng_mix(hash ^ o->alive[s] ^
			       (uint64_t)o->settled[s] << 32);
	}
	for (unsigned i = 0; i < o->count; i++) {
		const struct xchange *c = &o->changes[i];

		if ((used >> i & 1) == 0)
			continue;
		hash = rng_mix(hash ^ i ^
			       (uint64_t)xoracle_rank(o, c->issue) << 8 ^
			       (uint64_t)xoracle_rank(o, c->done) << 16);
		hash = rng_mix(hash + (c->zeros | c->ok << 1 | c->maybe << 2 |
				       c->durable << 3));
	}
	return hash;
}

static bool
xoracle_is_settled(const struct xoracle *o, unsigned sector, unsigned i)
{
	return (o->settled[sector] >> i & 1) != 0;
}

static bool
xoracle_is_firm(const struct xoracle *o, unsigned sector, unsigned i)
{
	return xoracle_is_settled(o, sector, i) ||
	       (o->changes[i].ok && !o->changes[i].maybe);
}

/* Was it answered before another was sent that was answered before `sent`? */
static bool
xoracle_is_behind(const struct xoracle *o, unsigned sector, unsigned i,
		  uint32_t sent, bool durable)
{
	uint32_t done = o->changes[i].done;

	if (done == 0)
		return false;
	for (unsigned by = 0; by < o->count; by++) {
		const struct xchange *c = &o->changes[by];

		if ((o->alive[sector] >> by & 1) == 0 || c->done == 0 ||
		    c->done >= sent || c->issue <= done)
			continue;
		if (!xoracle_is_firm(o, sector, by))
			continue;
		if (!durable || c->durable ||
		    xoracle_is_settled(o, sector, by))
			return true;
	}
	return false;
}

static uint32_t
xoracle_oldest_read(const struct xoracle *o)
{
	uint32_t oldest = UINT32_MAX;

	for (unsigned i = 0; i < XORACLE_READS_MAX; i++)
		if (o->reads[i] != 0 && o->reads[i] < oldest)
			oldest = o->reads[i];
	return oldest;
}

/* Forget what neither a read nor a crash can bring back. */
static void
xoracle_prune(struct xoracle *o)
{
	uint32_t reader = xoracle_oldest_read(o);

	for (unsigned s = 0; s < XORACLE_SECTORS; s++)
		for (unsigned i = 0; i < o->count; i++)
			if ((o->alive[s] >> i & 1) != 0 &&
			    xoracle_is_behind(o, s, i, reader, true))
				o->alive[s] &= (uint16_t)~(1u << i);
}

unsigned
xoracle_change(struct xoracle *o, unsigned sector, unsigned sectors,
	       bool zeros, bool durable_ack)
{
	unsigned i = o->count++;

	CHECK(o->count <= XORACLE_CHANGES_MAX);
	o->changes[i] = (struct xchange){
		.issue = ++o->seq,
		.zeros = zeros,
		.durable_ack = durable_ack,
	};
	for (unsigned s = sector; s < sector + sectors; s++)
		o->alive[s] |= (uint16_t)(1u << i);
	return i;
}

void
xoracle_changed(struct xoracle *o, unsigned change)
{
	struct xchange *c = &o->changes[change];

	c->done = ++o->seq;
	c->ok = true;
	c->durable |= c->durable_ack;
	xoracle_prune(o);
}

uint32_t
xoracle_sent(struct xoracle *o)
{
	return ++o->seq;
}

void
xoracle_flushed(struct xoracle *o, uint32_t sent)
{
	for (unsigned i = 0; i < o->count; i++) {
		struct xchange *c = &o->changes[i];

		if (c->ok && !c->maybe && c->done < sent)
			c->durable = true;
	}
	xoracle_prune(o);
}

unsigned
xoracle_read(struct xoracle *o)
{
	for (unsigned i = 0; i < XORACLE_READS_MAX; i++)
		if (o->reads[i] == 0) {
			o->reads[i] = ++o->seq;
			return i;
		}
	CHECK(!"a slot for a read");
}

void
xoracle_fill(unsigned change, unsigned sector, unsigned sectors, uint8_t *buf)
{
	uint64_t words[XORACLE_SECTOR / 8];

	for (unsigned s = sector; s < sector + sectors; s++) {
		words[0] = XORACLE_TAG | change << 8 | s;
		for (unsigned i = 1; i < XORACLE_SECTOR / 8; i++)
			words[i] = words[0] * (2 * i + 1);
		memcpy(buf, words, sizeof(words));
		buf += sizeof(words);
	}
}

static bool
xoracle_matches(const struct xoracle *o, unsigned sector, unsigned i,
		const uint8_t *data)
{
	uint8_t want[XORACLE_SECTOR] = {0};

	if (!o->changes[i].zeros)
		xoracle_fill(i, sector, 1, want);
	return memcmp(want, data, sizeof(want)) == 0;
}

/* A read returned change `seen`: which others never will be again (I3)? */
static void
xoracle_settle(struct xoracle *o, unsigned sector, unsigned seen)
{
	const struct xchange *v = &o->changes[seen];
	uint32_t reader = xoracle_oldest_read(o);
	bool settled = xoracle_is_settled(o, sector, seen);
	bool doubt = v->maybe && !settled && v->done != 0 &&
		     v->done <= o->crashed;
	bool alike = false; /* another looks the same: zeros */

	if (!doubt && !v->durable && !settled)
		return;
	for (unsigned i = 0; i < o->count; i++) {
		const struct xchange *c = &o->changes[i];
		bool before = c->done != 0 && c->done <= o->crashed &&
			      v->done != 0 && v->done <= o->crashed;

		if (i == seen || (o->alive[sector] >> i & 1) == 0)
			continue;
		if (c->done != 0 && c->done < reader && v->done != 0 &&
		    v->done < reader &&
		    (!c->maybe || xoracle_is_settled(o, sector, i)))
			before = true;
		if (doubt && c->zeros && v->zeros)
			alike = true;
		else if (before)
			o->alive[sector] &= (uint16_t)~(1u << i);
	}
	if (doubt && !alike)
		o->settled[sector] |= (uint16_t)(1u << seen);
}

static const char *
xoracle_explain(const struct xoracle *o, unsigned sector, uint32_t sent,
		const uint8_t *data)
{
	static char reason[400];
	char *at = reason;
	char *end = reason + sizeof(reason);
	uint64_t first;

	memcpy(&first, data, sizeof(first));
	at += snprintf(at, (size_t)(end - at), "sector %u of block %u: ",
		       sector % XORACLE_BLOCK, sector / XORACLE_BLOCK);
	if ((first & 0xffff000000000000) == XORACLE_TAG)
		at += snprintf(at, (size_t)(end - at), "got change %u;",
			       (unsigned)(first >> 8 & 0xff));
	else
		at += snprintf(at, (size_t)(end - at), "got %016llx;",
			       (unsigned long long)first);
	at += snprintf(at, (size_t)(end - at), " it may be");
	for (unsigned i = 0; i < o->count && end - at > 60; i++) {
		const struct xchange *c = &o->changes[i];

		if ((o->alive[sector] >> i & 1) == 0 ||
		    xoracle_is_behind(o, sector, i, sent, false))
			continue;
		at += snprintf(at, (size_t)(end - at), " %u%s%s%s%s%s", i,
			       c->zeros ? " zeros" : "",
			       c->ok ? " answered" : "",
			       c->durable ? " durable" : "",
			       c->maybe ? " in-doubt" : "",
			       xoracle_is_settled(o, sector, i) ? " seen" : "");
	}
	return reason;
}

static bool
xoracle_check_sector(struct xoracle *o, unsigned sector, uint32_t sent,
		     const uint8_t *data)
{
	for (unsigned i = o->count; i-- > 0;) {
		if ((o->alive[sector] >> i & 1) == 0 ||
		    !xoracle_matches(o, sector, i, data) ||
		    xoracle_is_behind(o, sector, i, sent, false))
			continue;
		xoracle_settle(o, sector, i);
		return true;
	}
	return false;
}

const char *
xoracle_answered(struct xoracle *o, unsigned read, unsigned sector,
		 unsigned sectors, const uint8_t *data)
{
	uint32_t sent = o->reads[read];

	++o->seq;
	for (unsigned i = 0; i < sectors; i++)
		if (!xoracle_check_sector(o, sector + i, sent,
					  data + i * XORACLE_SECTOR))
			return xoracle_explain(o, sector + i, sent,
					       data + i * XORACLE_SECTOR);
	o->reads[read] = 0;
	xoracle_prune(o);
	return NULL;
}

void
xoracle_crash(struct xoracle *o, bool power)
{
	o->crashed = ++o->seq;
	for (unsigned i = 0; i < o->count; i++) {
		struct xchange *c = &o->changes[i];

		if (c->durable)
			continue;
		c->maybe |= power || c->done == 0;
		if (c->done == 0)
			c->done = o->crashed;
	}
	memset(o->reads, 0, sizeof(o->reads));
	xoracle_prune(o);
}

void
xoracle_all_durable(struct xoracle *o)
{
	xoracle_flushed(o, UINT32_MAX);
}
