/* SPDX-License-Identifier: MIT */
/*
 * What happens to disks while no engine runs: at the moment when one ends,
 * and before the next begins.
 */
#include <string.h>

#include "check.h"
#include "sim.h"

/* The array's address of a place in the data of a member. */
static uint64_t
faults_array_offset(const struct sim *s, unsigned member, uint64_t at)
{
	uint64_t set_offset = at - s->layout.data_offset;

	return layout_array_offset(&s->options.geometry,
				   member / s->options.geometry.legs,
				   set_offset - set_offset % ORACLE_BLOCK);
}

static bool
faults_in_doubt(const struct sim *s, unsigned member, uint64_t at)
{
	return sim_area(s, at) == AREA_DATA &&
	       oracle_in_doubt(&s->oracle, faults_array_offset(s, member, at),
			       ORACLE_BLOCK);
}

void
faults_pay(struct sim *s, unsigned member)
{
	struct disk *d = &s->member[member].disk;
	uint64_t end = s->layout.data_offset + s->layout.data_bytes;

	if (s->options.lies != LIES_SOME || d->cached_count == 0)
		return;
	for (uint64_t at = s->layout.data_offset; at < end; at += ORACLE_BLOCK)
		if (faults_in_doubt(s, member, at))
			disk_pay(d, at, ORACLE_BLOCK);
}

static void
faults_settle_scars(struct sim *s, unsigned member)
{
	struct disk *d = &s->member[member].disk;
	const struct scar *scar = d->scars;

	while (scar != NULL) {
		uint64_t at = scar->offset - scar->offset % ORACLE_BLOCK;

		if (!faults_in_doubt(s, member, at)) {
			scar = scar->next;
			continue;
		}
		disk_mend(d, at, ORACLE_BLOCK);
		scar = d->scars;
	}
}

void
faults_settle(struct sim *s)
{
	for (unsigned i = 0; i < s->members; i++) {
		struct disk *d = &s->member[i].disk;

		if (s->options.unbounded)
			return;
		for (unsigned k = 0; k < DISK_FLIPS_MAX; k++)
			if (d->flips[k].live &&
			    faults_in_doubt(s, i, d->flips[k].offset))
				disk_unflip(d, &d->flips[k]);
		/* A scenario that loses a write says when. */
		if (s->scenario == NULL)
			faults_settle_scars(s, i);
	}
}

/* But for what is in doubt: see storm.c. */
static void
faults_put_image(struct sim *s)
{
	unsigned i = s->image_of;
	struct disk *d = &s->member[i].disk;

	disk_power_cut(d, FATE_KEEP);
	for (uint64_t at = 0; at < d->bytes; at += ORACLE_BLOCK)
		if (!faults_in_doubt(s, i, at))
			disk_put_back(d, &s->image, at);
	s->member[i].stale = true;
	witness_deed_all(s, i, FAULT_STALE);
	faults_note(s, FAULT_STALE, i, 0, 0);
	faults_taint(s, i);
	faults_fini(s);
}

static void
faults_lose_end(struct sim *s, unsigned member)
{
	static uint8_t noise[SB_BYTES];
	struct sim_member *m = &s->member[member];

	for (unsigned slot = 0; slot < SB_SLOTS; slot++)
		(void)disk_spoil(&m->disk,
				 sb_offset(m->disk.bytes, m->weak_end, slot),
				 SB_BYTES, noise);
	faults_note(s, FAULT_END_LOST, member, m->weak_end, 0);
}

void
faults_between_runs(struct sim *s)
{
	const struct options *o = &s->options;

	if (o->gentle)
		return;
	for (unsigned i = 0; i < s->members; i++) {
		struct sim_member *m = &s->member[i];
		struct rng r;

		rng_init(&r, s->seed, "between", rng_index(s->run, i));
		if (m->disk.vanished && rng_percent(&r, 50)) {
			disk_power_cut(&m->disk, FATE_KEEP);
			m->disk.vanished = false;
		}
		if (rng_percent(&r, o->rate[FAULT_END_LOST]) &&
		    fault_is_on(o, FAULT_END_LOST) && !m->disk.vanished)
			faults_lose_end(s, i);
		/* A crash of the daemon takes no disk away. */
		if (rng_percent(&r, 50) && s->has_image && s->image_of == i &&
		    faults_may_hit(s, i) && s->last_end != END_CRASH &&
		    !m->disk.vanished)
			faults_put_image(s);
	}
}

void
faults_heal(struct sim *s)
{
	for (unsigned i = 0; i < s->members; i++) {
		disk_heal(&s->member[i].disk);
		s->member[i].stuck_count = 0;
	}
	s->plain_offers = true;
}

/* --- what is offered at a start --- */

static void
faults_swap(const struct sb **sbs, unsigned *index, unsigned a, unsigned b)
{
	const struct sb *sb = sbs[a];
	unsigned i = index[a];

	sbs[a] = sbs[b];
	index[a] = index[b];
	sbs[b] = sb;
	index[b] = i;
}

/* One that says it is of the array and is not, or is there twice. */
static bool
faults_stranger(struct sim *s, struct rng *r, struct sb *sb, unsigned like)
{
	unsigned kind = (unsigned)rng_below(r, 3);

	if (kind == 0) { /* another life of these disks */
		sb->geometry.chunk_bytes *= 2;
		sb->history[0].number += rng_below(r, 3);
		sb->history[0].nonce++;
	}
	if (kind == 1) { /* who had the place before */
		memmove(&sb->history[0], &sb->history[1],
			SB_HISTORY * sizeof(sb->history[0]));
		memset(&sb->history[SB_HISTORY], 0, sizeof(sb->history[0]));
		sb->member_uuid[0] ^= 1;
	}
	/* Of one that is there twice neither is used. */
	return sb->history[0].number != 0 &&
	       (kind != 2 || faults_may_hit(s, like));
}

void
faults_offer(struct sim *s, const struct sb **sbs, unsigned *index,
	     unsigned *count)
{
	const struct options *o = &s->options;
	static struct sb stranger;
	struct rng r;

	rng_init(&r, s->seed, "offer", rng_index(s->run, s->offers++));
	if (*count == 0 || s->plain_offers || o->gentle)
		return;
	if (rng_percent(&r, o->rate[FAULT_FOREIGN]) &&
	    fault_is_on(o, FAULT_FOREIGN) && *count > 2) {
		unsigned like = (unsigned)rng_below(&r, *count);

		stranger = *sbs[like];
		if (faults_stranger(s, &r, &stranger, index[like])) {
			s->faults_met[FAULT_FOREIGN]++;
			index[*count] = FAULTS_STRANGER;
			sbs[(*count)++] = &stranger;
		}
	}
	if (!rng_percent(&r, o->rate[FAULT_CABLES]) ||
	    !fault_is_on(o, FAULT_CABLES))
		return;
	s->faults_met[FAULT_CABLES]++;
	for (unsigned i = *count; i > 1; i--)
		faults_swap(sbs, index, i - 1, (unsigned)rng_below(&r, i));
}
