/* SPDX-License-Identifier: MIT */
/*
 * Each kind draws from a stream of its own: of I/O by its member and how many
 * of its kind there were, of others by their number in the run.  What is
 * switched off is drawn all the same.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "sim.h"

/* Between faults while no client waits. */
#define FAULTS_IDLE_NS 50000000u

void
faults_init(struct sim *s)
{
	for (unsigned i = 0; i < s->members; i++) {
		struct sim_member *m = &s->member[i];
		bool guard = s->guard[i / s->options.geometry.legs] ==
			     i % s->options.geometry.legs;
		struct rng r;

		rng_init(&r, s->seed, "weak-end", i);
		m->weak_end = rng_percent(&r, 50);
		m->lies = fault_is_on(&s->options, FAULT_LYING_FLUSH) &&
			  (s->options.lies == LIES_ALL ||
			   (s->options.lies == LIES_SOME && !guard &&
			    rng_percent(&r, 70)));
		if (!m->lies)
			continue;
		m->tainted = true;
		s->faults_met[FAULT_LYING_FLUSH]++;
	}
}

void
faults_fini(struct sim *s)
{
	if (s->has_image)
		disk_fini(&s->image);
	s->has_image = false;
}

bool
faults_may_hit(const struct sim *s, unsigned member)
{
	unsigned legs = s->options.geometry.legs;

	return s->options.unbounded ||
	       s->guard[member / legs] != member % legs;
}

/* It suffered something: it can be nobody's guard any more. */
void
faults_taint(struct sim *s, unsigned member)
{
	s->member[member].tainted = true;
	if (s->options.unbounded)
		oracle_doubt(&s->oracle);
}

void
faults_note(struct sim *s, enum fault kind, unsigned member, uint64_t offset,
	    uint64_t more)
{
	s->faults_met[kind]++;
	trace_add(&s->trace, s->now_ns, TRACE_FAULT, fault_word(kind), member,
		  offset, more, 0);
}

/* --- with an I/O --- */

/* Below 1000000; by the member, the kind and how many there were before. */
static unsigned
faults_draw_ppm(struct sim *s, unsigned member, enum fault kind)
{
	struct sim_member *m = &s->member[member];
	uint64_t count = m->fault_draws[kind]++;

	return (unsigned)(rng_once(m->fault_key + kind,
				   rng_index(s->run, count)) % 1000000);
}

static bool
faults_happens(struct sim *s, unsigned member, enum fault kind)
{
	unsigned draw = faults_draw_ppm(s, member, kind);

	return draw < s->options.rate[kind] && s->faults &&
	       fault_is_on(&s->options, kind) && faults_may_hit(s, member);
}

uint64_t
faults_draw_stall(struct sim *s, unsigned member)
{
	uint64_t count = s->member[member].fault_draws[FAULT_STALL];

	if (!faults_happens(s, member, FAULT_STALL))
		return 0;
	s->faults_met[FAULT_STALL]++;
	/* The leg may fail by its deadline, and be left behind. */
	s->member[member].tainted = true;
	return (1 + rng_once(s->seed, count) % 30) * 1000000000;
}

static bool
faults_is_stuck(const struct sim *s, const struct sim_op *op)
{
	const struct sim_member *m = &s->member[op->member];

	for (unsigned i = 0; i < m->stuck_count; i++)
		if (op->offset <= m->stuck[i] &&
		    m->stuck[i] < op->offset + op->length)
			return true;
	return false;
}

int
faults_draw_error(struct sim *s, const struct sim_op *op)
{
	static const enum fault kinds[] = {
		[IO_READ] = FAULT_READ_ERROR,
		[IO_WRITE] = FAULT_WRITE_ERROR,
		[IO_FLUSH] = FAULT_FLUSH_ERROR,
		[IO_DISCARD] = FAULT_DISCARD_ERROR,
	};
	enum fault kind = kinds[op->op];

	if (op->op == IO_WRITE && faults_is_stuck(s, op))
		return -EIO;
	if (!faults_happens(s, op->member, kind))
		return 0;
	s->faults_met[kind]++;
	if (kind == FAULT_DISCARD_ERROR)
		return -EOPNOTSUPP;
	faults_taint(s, op->member);
	witness_deed(s, op->member, kind, op->offset, op->length, 0);
	if (op->op == IO_FLUSH)
		s->flush_failed = true;
	return -EIO;
}

/* A crash left several values possible there, and the legs are not made
 * equal yet. */
static bool
faults_is_undecided(struct sim *s, unsigned member, uint64_t at)
{
	static struct raid_status st;
	unsigned set = member / s->options.geometry.legs;
	uint64_t block;

	if (s->options.unbounded || sim_area(s, at) != AREA_DATA)
		return false;
	block = (at - s->layout.data_offset) / ORACLE_BLOCK;
	raid_status(s->raid, &st);
	return (!s->started || st.sets[set].resync_units != 0) &&
	       oracle_in_doubt(&s->oracle,
			       layout_array_offset(&s->options.geometry, set,
						   block * ORACLE_BLOCK),
			       ORACLE_BLOCK);
}

static bool
faults_any_undecided(struct sim *s, unsigned member, uint64_t at,
		     uint64_t length)
{
	uint64_t end = at + length;

	for (at -= at % ORACLE_BLOCK; at < end; at += ORACLE_BLOCK)
		if (faults_is_undecided(s, member, at))
			return true;
	return false;
}

/* Another place of the same area, for as many bytes; false: there is none. */
static bool
faults_draw_elsewhere(struct sim *s, const struct sim_op *op, uint64_t *at)
{
	uint64_t sector = s->member[op->member].disk.sector_bytes;
	uint64_t offset, length;

	sim_area_range(s, op->area, &offset, &length);
	if (length <= op->length || op->area == AREA_NONE ||
	    op->area == AREA_FRONT)
		return false;
	*at = offset + rng_once(op->id, s->seed) % (length - op->length) /
		sector * sector;
	return *at + op->length <= op->offset || op->offset + op->length <= *at;
}

bool
faults_divert(struct sim *s, struct sim_op *op)
{
	struct disk *d = &s->member[op->member].disk;
	bool lost = faults_happens(s, op->member, FAULT_LOST_WRITE);
	bool astray = faults_happens(s, op->member, FAULT_MISDIRECTED);
	uint64_t at = 0;

	if ((!lost && !astray) ||
	    faults_any_undecided(s, op->member, op->offset, op->length))
		return false;
	if (astray && (!faults_draw_elsewhere(s, op, &at) ||
		       faults_any_undecided(s, op->member, at, op->length)))
		return false;
	if (!disk_lose(d, op->offset, op->length, op->data))
		return false;
	witness_deed(s, op->member, FAULT_LOST_WRITE, op->offset, op->length,
		     0);
	if (astray && disk_spoil(d, at, op->length, op->data))
		witness_deed(s, op->member, FAULT_MISDIRECTED, at, op->length,
			     op->offset);
	faults_note(s, astray ? FAULT_MISDIRECTED : FAULT_LOST_WRITE,
		    op->member, op->offset, at);
	faults_taint(s, op->member);
	return true;
}

void
faults_misread(struct sim *s, struct sim_op *op)
{
	struct disk *d = &s->member[op->member].disk;
	uint64_t at = op->offset;

	if (!faults_happens(s, op->member, FAULT_MISREAD) ||
	    faults_any_undecided(s, op->member, op->offset, op->length))
		return;
	/* What the medium has, be there newer in the cache or not. */
	if (op->id % 2 == 0)
		disk_get_media(d, at, op->length, op->req->buf);
	else if (!faults_draw_elsewhere(s, op, &at) ||
		 !disk_read(d, at, op->length, op->req->buf))
		return;
	witness_deed(s, op->member, FAULT_MISREAD, op->offset, op->length, at);
	faults_note(s, FAULT_MISREAD, op->member, op->offset, at);
	faults_taint(s, op->member);
}

/* --- now and then --- */

/* Somewhere in an area that matters, a sector's worth. */
static uint64_t
faults_draw_place(struct sim *s, struct rng *r, unsigned member)
{
	static const enum sim_area areas[] = {
		AREA_DATA, AREA_DATA, AREA_DATA, AREA_SUMS,
		AREA_MAP, AREA_SUPERBLOCK, AREA_JOURNAL,
	};
	const struct sim_member *m = &s->member[member];
	uint64_t sector = m->disk.sector_bytes;
	/* The newest record of a last leg, rotten, looks torn (design.md, 9). */
	enum sim_area area = areas[rng_below(r, ARRAY_SIZE(areas) -
					     s->options.unbounded)];
	uint64_t offset, length, at;

	sim_area_range(s, area, &offset, &length);
	if (area == AREA_SUPERBLOCK)
		offset = sb_offset(m->disk.bytes, m->weak_end, 0);
	if (area == AREA_DATA && rng_percent(r, 70)) {
		uint32_t set;

		layout_locate(&s->options.geometry,
			      s->client.hot[0] % (s->oracle.granules *
						  s->oracle.granule_bytes),
			      &set, &at);
		at += rng_below(r, s->options.hot_bytes);
		if (at < length)
			return (offset + at) / sector * sector;
	}
	at = offset + rng_below(r, length);
	return at / sector * sector;
}

/* Any leg of any set, and sometimes one that is not there (I36). */
static void
faults_operator(struct sim *s, struct rng *r, unsigned member)
{
	unsigned legs = s->options.geometry.legs;
	unsigned set = member / legs;
	unsigned leg = member % legs;
	int res;

	if (rng_percent(r, 10))
		leg = legs + (unsigned)rng_below(r, 5);
	if (rng_percent(r, 10))
		set = s->options.geometry.sets;
	res = raid_member_fail(s->raid, set, leg);
	s->called = true;
	if (res == 0)
		s->member[member].tainted = true;
	trace_add(&s->trace, s->now_ns, TRACE_OPERATOR, NULL, set, leg,
		  (uint64_t)(int64_t)res, 0);
	if ((set >= s->options.geometry.sets || leg >= legs) ?
		    res != -ENOENT :
		    res != 0 && res != -EALREADY && res != -EBUSY)
		sim_fail(s, "I36", "raid_member_fail(%u.%u): %d", set, leg,
			 res);
}

/* What the member holds now may come back later. */
static void
faults_take_image(struct sim *s, unsigned member)
{
	/* One a run is enough; it is a whole disk. */
	if (s->options.unbounded || (s->has_image && s->image_run == s->run))
		return;
	faults_fini(s);
	s->image_run = s->run;
	disk_copy_media(&s->image, &s->member[member].disk);
	s->image_of = member;
	s->has_image = true;
}

static enum fault
faults_draw_kind(struct sim *s, struct rng *r)
{
	static const enum fault kinds[] = {
		FAULT_ROT, FAULT_BAD_SECTOR, FAULT_STUCK_SECTOR, FAULT_VANISH,
		FAULT_OPERATOR, FAULT_STALE, FAULT_REVERT,
	};
	unsigned total = 0;
	uint64_t draw;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		total += s->options.rate[kinds[i]];
	if (total == 0)
		return FAULT_COUNT;
	draw = rng_below(r, total);
	for (unsigned i = 0;; i++) {
		if (draw < s->options.rate[kinds[i]])
			return kinds[i];
		draw -= s->options.rate[kinds[i]];
	}
}

/* Where nobody is spared, often the same place on all legs: it is lost. */
static void
faults_rot(struct sim *s, struct rng *r, unsigned member, uint64_t at)
{
	unsigned legs = s->options.geometry.legs;
	uint8_t mask = (uint8_t)(1u << rng_below(r, 8));

	(void)disk_flip(&s->member[member].disk, at, mask);
	if (!s->options.unbounded || sim_area(s, at) != AREA_DATA ||
	    rng_percent(r, 60))
		return;
	for (unsigned i = member / legs * legs; i < member / legs * legs + legs;
	     i++) {
		if (i == member)
			continue;
		(void)disk_flip(&s->member[i].disk, at, mask);
		witness_deed(s, i, FAULT_ROT, at, 1, 0);
		faults_taint(s, i);
	}
}

/* But for what is undecided; of an image that there is, else it is made. */
static void
faults_revert(struct sim *s, unsigned member)
{
	struct sim_member *m = &s->member[member];

	if (!s->has_image || s->image_of != member) {
		faults_take_image(s, member);
		return;
	}
	faults_taint(s, member);
	m->reverted = true;
	witness_deed_all(s, member, FAULT_REVERT);
	for (uint64_t at = 0; at < m->disk.bytes; at += ORACLE_BLOCK)
		if (!faults_is_undecided(s, member, at) &&
		    !disk_piece_back(&m->disk, &s->image, at))
			return;
}

static void
faults_vanish(struct sim *s, unsigned member)
{
	s->member[member].disk.vanished = true;
	witness_deed_all(s, member, FAULT_VANISH);
}

static void
faults_hit(struct sim *s, struct rng *r, enum fault kind, unsigned member)
{
	struct sim_member *m = &s->member[member];
	uint64_t at = faults_draw_place(s, r, member);
	unsigned byte = (unsigned)rng_below(r, 512);

	if (faults_is_undecided(s, member, at))
		return;
	faults_note(s, kind, member, at, byte);
	if (kind == FAULT_OPERATOR) {
		faults_operator(s, r, member);
		return;
	}
	if (kind == FAULT_STALE || kind == FAULT_REVERT) {
		if (kind == FAULT_STALE)
			faults_take_image(s, member);
		else
			faults_revert(s, member);
		return;
	}
	faults_taint(s, member);
	witness_deed(s, member, kind, at, m->disk.sector_bytes, 0);
	if (kind == FAULT_ROT)
		faults_rot(s, r, member, at + byte);
	else if (kind == FAULT_BAD_SECTOR)
		(void)disk_make_bad(&m->disk, at, m->disk.sector_bytes);
	else if (kind == FAULT_VANISH)
		faults_vanish(s, member);
	else if (m->stuck_count < ARRAY_SIZE(m->stuck))
		m->stuck[m->stuck_count++] = at;
}

void
faults_event(struct sim *s)
{
	uint64_t every = s->options.fault_every_ns;
	enum fault kind;
	struct rng r;
	unsigned member;

	if (!s->faults || every == 0)
		return;
	/* Little happens while there is no I/O, nor when one is stalled. */
	if (s->io_count == s->io_at_hit && every < FAULTS_IDLE_NS)
		every = FAULTS_IDLE_NS;
	s->io_at_hit = s->io_count;
	rng_init(&r, s->seed, "hit", rng_index(s->run, s->hits++));
	queue_add(&s->queue, s->now_ns + rng_between(&r, 1, every),
		  EVENT_FAULT, NULL);
	member = (unsigned)rng_below(&r, s->members);
	kind = faults_draw_kind(s, &r);
	if (kind != FAULT_COUNT && fault_is_on(&s->options, kind) &&
	    faults_may_hit(s, member))
		faults_hit(s, &r, kind, member);
}
