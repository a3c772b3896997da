/* SPDX-License-Identifier: MIT */
/*
 * What the daemon is to the engine: turns it, stops it; and dies when told
 * to.  boot.c starts it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pool.h"
#include "sim.h"
#include "verdict.h"

/* Turns without time moving: more is a live-lock. */
#define TURNS_AT_ONCE_MAX 100000u

struct sim *sim_current;

void
sim_fail(struct sim *s, const char *invariant, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	verdict_fail(s, invariant, format, args);
	va_end(args);
	trace_print_tail(&s->trace, stdout);
	printf("FAILED %s%s seed %llu: %s: ",
	       s->scenario != NULL ? s->scenario : "",
	       s->branch ? " (branch)" : "", (unsigned long long)s->seed,
	       invariant);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	options_print(&s->options, stdout);
	fflush(stdout);
	exit(1);
}

void
check_failed(const char *expr, const char *file, int line, const char *func)
{
	struct sim *s = sim_current;

	verdict_check_failed(s, expr, file, line);
	if (s != NULL) {
		trace_print_tail(&s->trace, stdout);
		printf("FAILED %s seed %llu: ",
		       s->scenario != NULL ? s->scenario : "",
		       (unsigned long long)s->seed);
	}
	printf("check failed: %s, %s:%d, %s\n", expr, file, line, func);
	if (s != NULL)
		options_print(&s->options, stdout);
	fflush(stdout);
	abort();
}

static void
sim_init_members(struct sim *s)
{
	const struct options *o = &s->options;

	s->members = options_members(o);
	for (unsigned i = 0; i < s->members; i++) {
		struct sim_member *m = &s->member[i];
		struct rng r;

		disk_init(&m->disk, o->member_bytes, o->sector_bytes[i],
			  o->write_through[i], s->seed, i);
		rng_init(&r, s->seed, "disk-faults", i);
		m->fault_key = rng_u64(&r);
		rng_init(&r, s->seed, "uuid", i);
		for (unsigned k = 0; k < sizeof(m->uuid); k++)
			m->uuid[k] = (uint8_t)rng_u64(&r);
	}
	for (unsigned i = 0; i < o->geometry.sets; i++) {
		struct rng r;

		rng_init(&r, s->seed, "guard", i);
		s->guard[i] = (unsigned)rng_below(&r, o->geometry.legs);
	}
	faults_init(s);
}

void
sim_begin_run(struct sim *s, unsigned run)
{
	CHECK(run <= SIM_RUN_CALM);
	if (verdict_wanted != NULL)
		verdict_wanted->run = run;
	s->run = run;
	s->hits = 0;
	s->client.next = 0;
	rng_init(&s->storm, s->seed, "storm", run);
	rng_init(&s->pace, s->seed, "pace", run);
	rng_init(&s->engine, s->seed, "engine", run);
	for (unsigned i = 0; i < s->members; i++) {
		struct sim_member *m = &s->member[i];

		rng_init(&m->latency, s->seed, "latency", rng_index(run, i));
		rng_init(&m->disk.rng, s->seed, "fate", rng_index(run, i));
		memset(m->fault_draws, 0, sizeof(m->fault_draws));
	}
}

void
sim_init(struct sim *s, const struct options *options, uint64_t seed,
	 bool print)
{
	int res;

	*s = (struct sim){.seed = seed, .options = *options, .seq = 1};
	sim_current = s;
	s->trace.print = print;
	s->trace.sim = s;
	sim_io_init(s);
	res = layout_compute(&options->geometry, options->member_bytes,
			     options->journal_bytes, &s->layout);
	if (res != 0)
		sim_fail(s, "layout", "layout_compute: %d", res);
	sim_init_members(s);
	sim_begin_run(s, 0);
	oracle_init(&s->oracle,
		    layout_array_bytes(&options->geometry, &s->layout),
		    options_all_lie(options) ? 512 : options->granule_bytes,
		    &s->seq);
	if (options_all_lie(options))
		oracle_be_weak(&s->oracle, options->granule_bytes);
	client_init(s);
}

static void
sim_drop_engine(struct sim *s)
{
	pool_give_shared(s->raid_memory);
	s->raid_memory = NULL;
	s->raid = NULL;
	s->started = false;
	s->stopped = false;
	queue_clear(&s->queue);
}

void
sim_fini(struct sim *s)
{
	sim_drop_engine(s);
	for (unsigned i = 0; i < s->members; i++) {
		while (s->member[i].in_flight != NULL)
			sim_io_free(s, s->member[i].in_flight);
		disk_fini(&s->member[i].disk);
	}
	client_fini(s);
	watch_fini(s);
	witness_fini(s);
	faults_fini(s);
	oracle_fini(&s->oracle);
	queue_fini(&s->queue);
	sim_current = NULL;
}

uint32_t
sim_all_members(const struct sim *s)
{
	return (uint32_t)((1ull << s->members) - 1);
}

static void
sim_stopped_done(struct raid *r, int res, void *arg)
{
	struct sim *s = arg;

	if (r != s->raid)
		sim_fail(s, "seam", "stop's answer names another array");
	if (s->stopped)
		sim_fail(s, "seam", "stop was answered twice");
	s->stopped = true;
	s->io_at_progress = s->io_count;
	s->stop_res = res;
	trace_add(&s->trace, s->now_ns, TRACE_STOPPED, NULL,
		  (uint64_t)(int64_t)res, 0, 0, 0);
}

void
sim_carry_out_end(struct sim *s)
{
	bool power = s->end == END_CUT;

	if (s->end == END_NOT)
		return;
	s->ends[s->end]++;
	s->last_end = s->end;
	s->end = END_NOT;
	s->crashed = true;
	s->faults_met[power ? FAULT_CUT : FAULT_CRASH]++;
	trace_add(&s->trace, s->now_ns, power ? TRACE_CUT : TRACE_CRASH, NULL,
		  0, 0, 0, 0);
	if (s->raid != NULL)
		raid_status(s->raid, &s->last);
	sim_io_end(s, power);
	client_crash(s);
	oracle_crash(&s->oracle, power || s->flush_failed);
	if (power && s->oracle.weak)
		s->lenient = s->oracle.lenient = true;
	sim_drop_engine(s);
	rules_clear(s);
	faults_settle(s);
	s->cut_fate = FATE_DRAW;
	/* What was kept by a disk that comes back. */
	s->now_ns += 1000000000;
}

static void
sim_event(struct sim *s, const struct event *e)
{
	switch (e->kind) {
	case EVENT_LAND:
		sim_io_land(s, e->arg);
		break;
	case EVENT_DONE:
		sim_io_done(s, e->arg);
		break;
	case EVENT_CLIENT:
		client_event(s, e->arg);
		break;
	case EVENT_FAULT:
		faults_event(s);
		break;
	case EVENT_END:
		s->end = e->arg != NULL ? END_CUT : END_CRASH;
		break;
	}
}

static void
sim_check_engine(struct sim *s)
{
	uint64_t every = s->options.check_always ? 16 : 512;

	if (s->io_count - s->io_at_check < every)
		return;
	s->io_at_check = s->io_count;
	raid_check(s->raid);
}

bool
sim_turn(struct sim *s)
{
	uint64_t next = queue_next_ns(&s->queue);
	uint64_t due = raid_deadline(s->raid);

	if (due < next)
		next = due;
	if (s->called)
		next = s->now_ns;
	s->called = false;
	if (next == UINT64_MAX)
		return false;
	s->turns_at_once = next > s->now_ns ? 0 : s->turns_at_once + 1;
	if (s->turns_at_once > TURNS_AT_ONCE_MAX)
		sim_fail(s, "I30", "time stands still: queue %llu due %llu",
			 (unsigned long long)queue_next_ns(&s->queue),
			 (unsigned long long)due);
	if (next > s->now_ns)
		s->now_ns = next;
	/* A turn may find several completions. */
	if (!s->options.latency_fixed)
		s->now_ns += rng_below(&s->pace, 4) * s->options.latency_ns / 8;
	while (queue_next_ns(&s->queue) <= s->now_ns && s->end == END_NOT) {
		struct event e = queue_take(&s->queue);

		sim_event(s, &e);
	}
	if (s->end != END_NOT)
		return false;
	raid_tick(s->raid);
	sim_check_engine(s);
	return s->end == END_NOT;
}

bool
sim_run_until(struct sim *s, bool (*met)(struct sim *s, void *arg), void *arg,
	      uint64_t within_ns)
{
	uint64_t until = s->now_ns + within_ns;

	while (s->end == END_NOT) {
		if (met(s, arg))
			return true;
		if (s->now_ns > until)
			sim_fail(s, "I30", "not reached in %llu s: %u requests"
				 " in flight, %u I/O",
				 (unsigned long long)(within_ns / 1000000000),
				 s->client.busy, sim_io_in_flight(s));
		if (!sim_turn(s) && s->end == END_NOT && !met(s, arg))
			sim_fail(s, "I30", "nothing will ever happen again:"
				 " %u requests in flight, %u I/O",
				 s->client.busy, sim_io_in_flight(s));
	}
	return false;
}

static bool
sim_is_started(struct sim *s, void *arg)
{
	(void)arg;
	return s->started;
}

bool
sim_wait_started(struct sim *s)
{
	if (!sim_run_until(s, sim_is_started, NULL, SIM_ANSWER_NS))
		return false;
	if (s->start_res != 0 && !s->lenient)
		sim_fail(s, "R19", "start: %d", s->start_res);
	if (s->start_res == 0 && raid_size(s->raid) !=
	    s->oracle.granules * s->oracle.granule_bytes)
		sim_fail(s, "layout", "size is %llu",
			 (unsigned long long)raid_size(s->raid));
	return s->start_res == 0;
}

static bool
sim_is_idle(struct sim *s, void *arg)
{
	(void)arg;
	return s->client.busy == 0 && s->client.left == 0;
}

bool
sim_wait_idle(struct sim *s)
{
	return sim_run_until(s, sim_is_idle, NULL, SIM_ANSWER_NS * 100);
}

static bool
sim_is_later(struct sim *s, void *arg)
{
	return s->now_ns >= *(uint64_t *)arg ||
	       (queue_next_ns(&s->queue) == UINT64_MAX &&
		raid_deadline(s->raid) == UINT64_MAX);
}

bool
sim_pass_time(struct sim *s, uint64_t ns)
{
	uint64_t until = s->now_ns + ns;

	return sim_run_until(s, sim_is_later, &until, UINT64_MAX - s->now_ns);
}

static bool
sim_is_stopped(struct sim *s, void *arg)
{
	(void)arg;
	return s->stopped;
}

/* All that was taken has been given back (I33). */
static void
sim_check_at_rest(struct sim *s)
{
	uint64_t ios = 0;

	for (unsigned i = 0; i < s->members; i++)
		ios += s->last.legs[i].in_flight;
	if (s->last.requests != 0 || ios != 0)
		sim_fail(s, "I33", "at rest with %u requests and %llu I/O",
			 s->last.requests, (unsigned long long)ios);
	raid_check(s->raid);
}

bool
sim_stop(struct sim *s)
{
	client_pause(s);
	trace_add(&s->trace, s->now_ns, TRACE_STOP, NULL, 0, 0, 0, 0);
	raid_stop(s->raid, sim_stopped_done, s);
	s->called = true;
	if (!sim_run_until(s, sim_is_stopped, NULL, SIM_ANSWER_NS))
		return false;
	if (s->stop_res != 0 && !s->lenient)
		sim_fail(s, "stop", "raid_stop: %d", s->stop_res);
	if (s->client.busy != 0)
		sim_fail(s, "I30", "stopped with %u requests in flight",
			 s->client.busy);
	/* What a leg that is out has still, the daemon leaves to it. */
	if (sim_io_in_flight(s) != raid_abandoned(s->raid))
		sim_fail(s, "I33", "stopped with %u I/O in flight",
			 sim_io_in_flight(s));
	sim_io_end(s, false);
	client_crash(s);
	if (s->stop_res == 0)
		oracle_all_durable(&s->oracle);
	s->ends[END_NOT]++;
	s->last_end = END_NOT;
	raid_status(s->raid, &s->last);
	sim_check_at_rest(s);
	s->last_sb = *raid_superblock(s->raid);
	sim_drop_engine(s);
	rules_clear(s);
	return true;
}
