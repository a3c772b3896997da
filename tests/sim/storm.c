/* SPDX-License-Identifier: MIT */
/*
 * The stormy phase: runs that end badly, and faults between.
 *
 * How much may go wrong at a time so that a correct engine loses nothing (the
 * fault atlas): in each set one leg is the guard.  It is in-sync, no fault was
 * ever injected on it and none is while it is the guard; power cuts and
 * crashes it has like all others, and it may lose the superblocks at one end.
 * Every other leg may suffer anything of options.h.  A start may go without
 * the guard when another leg can take its part.  Some limits more:
 *
 *  - Nothing is wrong on any leg with a block whose newest value is in doubt
 *    when a crash comes, or between the crash and its being made equal: rot is
 *    mended, lost and misdirected writes are made good, what a lying flush
 *    owes is paid, an old image does not bring it back (faults_settle()).
 *    Torn on the guard and wrong elsewhere, nothing could tell what is right:
 *    R17's last resort takes the lowest leg.
 *  - Superblocks rot, and are lost, at one end of a member only: which, is
 *    drawn for each.  What is the newest on the other end must do.
 *  - An old image comes back after a stop or a power cut, not when the daemon
 *    alone dies: nobody changes disks in that time.
 *  - A flush that failed may have forgotten what was acknowledged; when the
 *    daemon dies before the leg is out, a plain write may be lost as by a
 *    power cut, since the sum that would tell is not durable.
 *  - What a dead daemon had in flight lands before the next start: a start
 *    opens members exclusively and waits until they are free (R10).
 *
 * A member whose superblock or journal a fault has put back is not in-sync any
 * more.  Where R15 then waits, what disks suffered is healed, and in the end
 * the operator starts by force.
 *
 * Some seeds are unbounded: guards suffer as well, from what can be noticed:
 * errors, rot (but of the journal: doc/design.md, 9), sectors and disks that
 * are gone.  EIO is an answer then, and a start may be refused until disks are
 * healed; wrong data is as wrong, but for blocks that the engine said it took
 * unverified (R17).
 *
 * In some seeds disks lie: flushes and FUA do nothing.  If guards do not lie,
 * nothing is lost.  If all do, nothing was ever durable: see oracle_weak.c for
 * what may be read after a power cut.  Every request is answered; a start
 * comes to serve or is refused.
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
	s->plain_offers = false;
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

	/* If all lie there is none; nor else any damage. */
	if (s->lenient || s->oracle.weak)
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
		else
			s->faults_met[FAULT_ABSENT]++;
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

/* Not by itself, and rightly: some are gone for good, or lost what they had
 * acknowledged. */
static bool
storm_must_force(const struct sim *s, uint32_t living)
{
	for (unsigned i = 0; i < s->members; i++)
		if (s->member[i].stale || s->member[i].reverted ||
		    s->member[i].lies)
			return true;
	return living != sim_all_members(s);
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
		s->faults_met[FAULT_FORCE]++;
		storm_bury(s, mask);
		return mask;
	}
	if (storm_try(s, living, false, a))
		return living;
	faults_heal(s);
	if (storm_try(s, living, false, a))
		return living;
	if (storm_must_force(s, living) && storm_try(s, living, true, a)) {
		*force = s->has_forced = true;
		return living;
	}
	if (s->oracle.weak && s->lenient)
		return 0;
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

/* False: never again, and nobody could expect it (all disks lied). */
static bool
storm_restart(struct sim *s)
{
	static struct assembly a;
	bool force;

	faults_between_runs(s);
	rng_init(&s->storm, s->seed, "branch", s->run);
	storm_branch(s);
	rng_init(&s->storm, s->seed, "salvage", s->run);
	sim_salvage(s);
	for (unsigned attempt = 0;; attempt++) {
		uint32_t mask;

		rng_init(&s->storm, s->seed, "start",
			 rng_index(s->run, attempt));
		mask = storm_gather(s, &a, &force);
		if (mask == 0)
			return false;
		if (attempt < STARTS_CUT_MAX &&
		    rng_percent(&s->storm, s->options.cut_in_start_percent) &&
		    fault_is_on(&s->options, FAULT_START_ENDED))
			storm_arm_end(s, storm_draw_cut(s) ? RULE_CUT :
							     RULE_CRASH, 16);
		sim_start(s, &a, mask, force);
		if (sim_wait_started(s))
			break;
		s->faults_met[FAULT_START_ENDED] += s->end != END_NOT;
		/* Unbounded: it may not have come to serve. */
		if (s->end == END_NOT) {
			s->faults = false;
			s->end = END_CRASH;
			faults_heal(s);
		}
		if (attempt > 4 * STARTS_CUT_MAX &&
		    s->oracle.weak && s->lenient)
			return false;
		if (attempt > 4 * STARTS_CUT_MAX)
			sim_fail(s, "R19", "no start of healed disks");
		sim_carry_out_end(s);
	}
	return true;
}

bool
sim_storm(struct sim *s)
{
	s->lenient = s->oracle.lenient = s->options.unbounded;
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
		if (!storm_restart(s))
			return false;
	}
	s->faults = false;
	s->plain_offers = true;
	rules_clear(s);
	return true;
}
