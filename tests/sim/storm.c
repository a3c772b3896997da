/* SPDX-License-Identifier: MIT */
/*
 * The stormy phase: runs that end badly, and faults between.
 *
 * How much may go wrong at a time so that a correct engine loses nothing (the
 * fault atlas): in each set one leg is the guard.  It is in-sync, no fault was
 * ever injected on it and none is while it is the guard; power cuts and
 * crashes it has like all others.  Every other leg may suffer anything of
 * sim_disk.c.  A start may go without the guard when another leg can take its
 * part.  Two more limits:
 *
 *  - A rotten byte in a block whose newest value is in doubt when a crash
 *    comes is mended, and none rots there before its legs were made equal:
 *    torn on the guard and rotten elsewhere, nothing could tell what is right
 *    (R17's last resort).
 *  - Of a member's superblocks only those at the front rot.
 *
 * Some seeds are unbounded: guards suffer as well.  EIO is an answer then, and
 * a start may be refused until disks are healed; wrong data is as wrong.
 *
 * A flush that failed may have forgotten what was acknowledged; when the
 * daemon dies before the leg is out, a plain write may be lost as by a power
 * cut, since the sum that would tell is not durable.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sim.h"

/* Attempts to start that may be cut short, one after the other. */
#define STARTS_CUT_MAX 4u
/* Between faults while no client waits. */
#define STORM_IDLE_NS 50000000u

bool
storm_may_hit(const struct sim *s, unsigned member)
{
	unsigned legs = s->options.geometry.legs;

	return s->options.unbounded ||
	       s->guard[member / legs] != member % legs;
}

/* It suffered something: it can be nobody's guard any more. */
static void
storm_taint(struct sim *s, struct sim_member *m)
{
	m->tainted = true;
	if (s->options.unbounded)
		oracle_doubt(&s->oracle);
}

/* Below 1000000; by the member, the kind and how many there were before. */
static unsigned
storm_draw_ppm(struct sim *s, unsigned member, enum fault kind)
{
	struct sim_member *m = &s->member[member];
	uint64_t count = m->fault_draws[kind]++;

	return (unsigned)(rng_once(m->fault_key + kind,
				   rng_index(s->run, count)) % 1000000);
}

uint64_t
storm_draw_stall(struct sim *s, unsigned member)
{
	unsigned ppm = s->options.stall_ppm;
	unsigned draw = storm_draw_ppm(s, member, FAULT_STALL);

	if (!s->faults || !storm_may_hit(s, member) || draw >= ppm ||
	    !fault_is_on(&s->options, FAULT_STALL))
		return 0;
	/* The leg may fail by its deadline, and be left behind. */
	s->member[member].tainted = true;
	return (1 + draw * 30ull / ppm) * 1000000000;
}

int
storm_draw_fault(struct sim *s, const struct sim_op *op)
{
	static const enum fault kinds[] = {
		[IO_READ] = FAULT_READ_ERROR,
		[IO_WRITE] = FAULT_WRITE_ERROR,
		[IO_FLUSH] = FAULT_FLUSH_ERROR,
		[IO_DISCARD] = FAULT_DISCARD_ERROR,
	};
	const unsigned ppm[] = {
		[FAULT_READ_ERROR] = s->options.read_error_ppm,
		[FAULT_WRITE_ERROR] = s->options.write_error_ppm,
		[FAULT_FLUSH_ERROR] = s->options.flush_error_ppm,
		[FAULT_DISCARD_ERROR] = 200000,
	};
	enum fault kind = kinds[op->op];
	unsigned draw = storm_draw_ppm(s, op->member, kind);

	if (!s->faults || !storm_may_hit(s, op->member) || draw >= ppm[kind] ||
	    !fault_is_on(&s->options, kind))
		return 0;
	if (kind == FAULT_DISCARD_ERROR)
		return -EOPNOTSUPP;
	storm_taint(s, &s->member[op->member]);
	if (op->op == IO_FLUSH)
		s->flush_failed = true;
	return -EIO;
}

/* Somewhere in an area that matters, a sector's worth. */
static uint64_t
storm_draw_place(struct sim *s, struct rng *r, const struct disk *d)
{
	static const enum sim_area areas[] = {
		AREA_DATA, AREA_DATA, AREA_DATA, AREA_SUMS,
		AREA_JOURNAL, AREA_MAP, AREA_SUPERBLOCK,
	};
	enum sim_area area = areas[rng_below(r, ARRAY_SIZE(areas))];
	uint64_t offset, length, at;

	sim_area_range(s, area, &offset, &length);
	if (area == AREA_DATA && rng_percent(r, 70)) {
		uint32_t set;

		layout_locate(&s->options.geometry,
			      s->client.hot[0] % (s->oracle.granules *
						  s->oracle.granule_bytes),
			      &set, &at);
		at += rng_below(r, s->options.hot_bytes);
		if (at < length)
			return (offset + at) / d->sector_bytes *
			       d->sector_bytes;
	}
	at = offset + rng_below(r, length);
	return at / d->sector_bytes * d->sector_bytes;
}

static void
storm_operator(struct sim *s, unsigned set, unsigned leg)
{
	int res = raid_member_fail(s->raid, set, leg);

	s->called = true;
	trace_add(&s->trace, s->now_ns, TRACE_OPERATOR, NULL, set, leg,
		  (uint64_t)(int64_t)res, 0);
	if (res != 0 && res != -EALREADY && res != -EBUSY)
		sim_fail(s, "I36", "raid_member_fail: %d", res);
}

/* A crash left several values possible there, and the legs are not made
 * equal yet. */
static bool
storm_is_undecided(struct sim *s, unsigned member, uint64_t at)
{
	static struct raid_status st;
	unsigned set = member / s->options.geometry.legs;
	uint64_t block = (at - s->layout.data_offset) / ORACLE_BLOCK;

	if (s->options.unbounded || sim_area(s, at) != AREA_DATA)
		return false;
	raid_status(s->raid, &st);
	return (!s->started || st.sets[set].resync_units != 0) &&
	       oracle_in_doubt(&s->oracle,
			       layout_array_offset(&s->options.geometry, set,
						   block * ORACLE_BLOCK),
			       ORACLE_BLOCK);
}

static void
storm_hit(struct sim *s, struct rng *r, unsigned member)
{
	const struct options *o = &s->options;
	struct sim_member *m = &s->member[member];
	unsigned total = o->flip_weight + o->bad_weight + o->vanish_weight +
			 o->operator_weight;
	uint64_t draw = total == 0 ? 0 : rng_below(r, total);
	uint64_t at = storm_draw_place(s, r, &m->disk);
	unsigned byte = (unsigned)rng_below(r, 512);

	if (total == 0 || storm_is_undecided(s, member, at))
		return;
	trace_add(&s->trace, s->now_ns, TRACE_FAULT,
		  sim_area_word(sim_area(s, at)), member, at, draw, byte);
	if (draw < o->flip_weight) {
		if (fault_is_on(o, FAULT_ROT) &&
		    disk_flip(&m->disk, at + byte,
			      (uint8_t)(1u << rng_below(r, 8))))
			storm_taint(s, m);
	} else if (draw < o->flip_weight + o->bad_weight) {
		if (fault_is_on(o, FAULT_BAD_SECTOR) &&
		    disk_make_bad(&m->disk, at, m->disk.sector_bytes))
			storm_taint(s, m);
	} else if (draw < total - o->operator_weight) {
		if (!fault_is_on(o, FAULT_VANISH))
			return;
		storm_taint(s, m);
		m->disk.vanished = true;
	} else if (s->started && fault_is_on(o, FAULT_OPERATOR)) {
		m->tainted = true;
		storm_operator(s, member / o->geometry.legs,
			       member % o->geometry.legs);
	}
}

void
storm_event(struct sim *s)
{
	uint64_t every = s->options.fault_every_ns;
	struct rng r;
	unsigned member;

	if (!s->faults || every == 0)
		return;
	/* While nobody asks for anything little happens. */
	if (s->client.busy == 0 && every < STORM_IDLE_NS)
		every = STORM_IDLE_NS;
	rng_init(&r, s->seed, "hit", rng_index(s->run, s->hits++));
	queue_add(&s->queue, s->now_ns + rng_between(&r, 1, every),
		  EVENT_FAULT, NULL);
	member = (unsigned)rng_below(&r, s->members);
	if (storm_may_hit(s, member))
		storm_hit(s, &r, member);
}

void
storm_settle_flips(struct sim *s)
{
	const struct layout *l = &s->layout;
	unsigned legs = s->options.geometry.legs;

	for (unsigned i = 0; i < s->members; i++) {
		struct disk *d = &s->member[i].disk;

		for (unsigned k = 0; k < DISK_FLIPS_MAX; k++) {
			uint64_t at = d->flips[k].offset - l->data_offset;

			if (!d->flips[k].live || at >= l->data_bytes)
				continue;
			at = layout_array_offset(&s->options.geometry,
						 i / legs,
						 at - at % ORACLE_BLOCK);
			if (oracle_in_doubt(&s->oracle, at, ORACLE_BLOCK))
				disk_unflip(d, &d->flips[k]);
		}
	}
}

/* An I/O chosen by its kind, at which the run ends. */
static void
storm_arm_end(struct sim *s, enum rule_act act, uint64_t within)
{
	struct rng *r = &s->storm;
	struct rule rule = {.member = RULE_ANY, .area = RULE_ANY, .act = act};

	rule.op = (int)RNG_PICK(r, IO_WRITE, IO_WRITE, IO_WRITE, IO_FLUSH);
	if (rng_percent(r, 50))
		rule.member = (int)rng_below(r, s->members);
	rule.when = (enum rule_when)rng_between(r, RULE_SUBMIT, RULE_DONE);
	rule.skip = rng_below(r, rng_between(r, 1, within));
	if (rule.op == IO_WRITE && rng_percent(r, 80))
		rule.area = (int)RNG_PICK(r, AREA_JOURNAL, AREA_JOURNAL,
					  AREA_MAP, AREA_SUMS, AREA_DATA,
					  AREA_SUPERBLOCK);
	if (rule.area == AREA_SUPERBLOCK || rule.area == AREA_MAP ||
	    rule.area == AREA_SUMS)
		rule.skip /= 16;
	rule_arm(s, &rule);
}

static bool
storm_all_sent(struct sim *s, void *arg)
{
	(void)arg;
	return s->client.left == 0;
}

static uint64_t
storm_first_hit(const struct sim *s)
{
	struct rng r;

	rng_init(&r, s->seed, "first-hit", s->run);
	return rng_below(&r, s->options.fault_every_ns);
}

/* The clients' part of a run.  False: the run has ended within. */
static bool
storm_work(struct sim *s)
{
	struct rng *r = &s->storm;
	uint64_t requests = rng_between(r, 1, s->options.requests_per_run);

	client_run(s, requests);
	if (s->options.fault_every_ns != 0 && s->faults)
		queue_add(&s->queue, s->now_ns + storm_first_hit(s),
			  EVENT_FAULT, NULL);
	if (!sim_run_until(s, storm_all_sent, NULL, SIM_ANSWER_NS * 100))
		return false;
	switch (rng_below(r, 4)) {
	case 0:
		return sim_wait_idle(s);
	case 1:
		return sim_wait_idle(s) &&
		       sim_pass_time(s, rng_below(r, 20000000000));
	case 2:
		return sim_pass_time(s, rng_below(r, 5 * s->options.latency_ns));
	default:
		return true;
	}
}

/* A cut or a crash as drawn; the other, when this one is switched off. */
static bool
storm_draw_cut(struct sim *s)
{
	bool cut = rng_percent(&s->storm, s->options.cut_percent);

	return fault_is_on(&s->options, cut ? FAULT_CUT : FAULT_CRASH) ?
		cut : !cut;
}

static void
storm_run(struct sim *s)
{
	struct rng *r = &s->storm;
	bool stop = rng_percent(r, s->options.stop_percent);
	bool cut = storm_draw_cut(s);
	bool rule = rng_percent(r, s->options.rule_percent);

	if (!fault_is_on(&s->options, FAULT_CUT) &&
	    !fault_is_on(&s->options, FAULT_CRASH)) {
		stop = true;
		rule = false;
	}

	s->faults = !s->options.gentle;
	s->flush_failed = false;
	if (rule && (!stop || rng_percent(r, 30)))
		storm_arm_end(s, cut ? RULE_CUT : RULE_CRASH,
			      s->options.requests_per_run * 4);
	if (storm_work(s)) {
		if (stop && sim_stop(s))
			return;
		if (s->end == END_NOT)
			s->end = cut ? END_CUT : END_CRASH;
	}
	if (s->raid != NULL)
		sim_carry_out_end(s);
}

static bool
storm_can_guard(const struct sim *s, const struct assembly *a, unsigned set,
		unsigned leg)
{
	unsigned i = set * s->options.geometry.legs + leg;

	return a->place[set * SB_PLACES_MAX + leg] == (int)i &&
	       !s->member[i].tainted && !s->member[i].disk.vanished &&
	       sim_found_in_sync(s, a, set, leg);
}

/* Is there a leg in each set that can be its guard?  Makes it so. */
static bool
storm_choose_guards(struct sim *s, const struct assembly *a)
{
	unsigned chosen[SB_SETS_MAX];

	if (s->options.unbounded)
		return true;
	for (unsigned set = 0; set < s->options.geometry.sets; set++) {
		unsigned leg = s->guard[set];

		if (!storm_can_guard(s, a, set, leg))
			for (leg = 0; leg < s->options.geometry.legs; leg++)
				if (storm_can_guard(s, a, set, leg))
					break;
		if (leg == s->options.geometry.legs)
			return false;
		chosen[set] = leg;
	}
	for (unsigned set = 0; set < s->options.geometry.sets; set++)
		s->guard[set] = chosen[set];
	return true;
}

static uint32_t
storm_draw_members(struct sim *s)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < s->members; i++) {
		struct sim_member *m = &s->member[i];

		bool absent = rng_percent(&s->storm,
					  s->options.absent_percent) ||
			      (m->dead && rng_percent(&s->storm, 50));

		if (!absent || !fault_is_on(&s->options, FAULT_ABSENT))
			mask |= 1u << i;
	}
	return mask;
}

/* Assemble so that the atlas is kept. */
static bool
storm_try(struct sim *s, uint32_t mask, bool force, struct assembly *a)
{
	return sim_assemble(s, mask, force, a) && storm_choose_guards(s, a);
}

static void
storm_bury(struct sim *s, uint32_t mask)
{
	for (unsigned i = 0; i < s->members; i++)
		if ((mask >> i & 1) == 0)
			s->member[i].dead = true;
}

static uint32_t
storm_living(const struct sim *s)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < s->members; i++)
		if (!s->member[i].dead)
			mask |= 1u << i;
	return mask;
}

/* Which members come, and who decides; in the end a start must be possible. */
static uint32_t
storm_gather(struct sim *s, struct assembly *a, bool *force)
{
	uint32_t mask = storm_draw_members(s);
	uint32_t living = storm_living(s);

	*force = false;
	if (storm_try(s, mask, false, a))
		return mask;
	mask &= living;
	if (rng_percent(&s->storm, s->options.force_percent) &&
	    fault_is_on(&s->options, FAULT_FORCE) &&
	    storm_try(s, mask, true, a)) {
		*force = s->has_forced = true;
		storm_bury(s, mask);
		return mask;
	}
	if (storm_try(s, living, false, a))
		return living;
	for (unsigned i = 0; i < s->members; i++)
		disk_heal(&s->member[i].disk);
	if (storm_try(s, living, false, a))
		return living;
	if (living != sim_all_members(s) && storm_try(s, living, true, a)) {
		*force = s->has_forced = true;
		return living;
	}
	sim_fail(s, "R15", "no start with all members: verdict %d",
		 (int)a->verdict);
}

/* Look what another choice of members would give (I16), and come back. */
static void
storm_branch(struct sim *s)
{
	uint32_t mask = (uint32_t)rng_between(&s->storm, 1,
					      sim_all_members(s));
	int status = 0;
	pid_t child;

	if (!rng_percent(&s->storm, s->options.branch_percent) ||
	    storm_living(s) != sim_all_members(s))
		return;
	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		static struct assembly a;

		s->branch = true;
		s->faults = false;
		if (storm_try(s, mask, false, &a)) {
			sim_start(s, &a, mask, false);
			if (sim_wait_started(s))
				sim_read_all(s);
		}
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child);
	if (status != 0)
		exit(1);
}

static void
storm_restart(struct sim *s)
{
	static struct assembly a;
	bool force;

	rng_init(&s->storm, s->seed, "branch", s->run);
	storm_branch(s);
	for (unsigned attempt = 0;; attempt++) {
		uint32_t mask;

		rng_init(&s->storm, s->seed, "start",
			 rng_index(s->run, attempt));
		mask = storm_gather(s, &a, &force);
		if (attempt < STARTS_CUT_MAX &&
		    rng_percent(&s->storm, s->options.cut_in_start_percent) &&
		    fault_is_on(&s->options, FAULT_START_ENDED))
			storm_arm_end(s, storm_draw_cut(s) ? RULE_CUT :
							     RULE_CRASH, 16);
		sim_start(s, &a, mask, force);
		if (sim_wait_started(s))
			break;
		/* Unbounded: it may not have come to serve. */
		if (s->end == END_NOT) {
			s->faults = false;
			s->end = END_CRASH;
			for (unsigned i = 0; i < s->members; i++)
				disk_heal(&s->member[i].disk);
		}
		if (attempt > 4 * STARTS_CUT_MAX)
			sim_fail(s, "R19", "no start of healed disks");
		sim_carry_out_end(s);
	}
}

void
sim_storm(struct sim *s)
{
	s->lenient = s->options.unbounded;
	s->oracle.lenient = s->lenient;
	sim_create(s);
	if (!sim_wait_started(s))
		sim_fail(s, "create", "ended");
	for (unsigned run = 0; run < s->options.runs; run++) {
		if (s->options.runs_off >> run & 1)
			continue;
		sim_begin_run(s, run);
		trace_add(&s->trace, s->now_ns, TRACE_PHASE, "run", run, 0, 0,
			  0);
		storm_run(s);
		storm_restart(s);
	}
	s->faults = false;
	rules_clear(s);
}
