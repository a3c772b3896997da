/* SPDX-License-Identifier: MIT */
#include "shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "candidate.h"
#include "check.h"
#include "setting.h"

/* Of processor time, for the seed itself; and for what is made of it. */
#define SEED_SECONDS 60u
#define CANDIDATE_SECONDS_MIN 2u
/* Requests that a report should have at most: else other seeds are looked at
 * with what was found to matter. */
#define OPS_WANTED 8u
/* So many are left out one by one only when other seeds do not help. */
#define OPS_MANY 40u
#define SEEDS_TRIED 400u
#define TRACE_LINES 200u

struct shrink {
	struct candidate best;
	struct verdict found; /* on the best */
	uint64_t *ops;        /* that it sends */
	size_t count;
	struct candidate next; /* being tried */
	struct verdict *verdict;
	unsigned seconds; /* for one */
	uint64_t other;   /* the last other seed looked at */
	unsigned tries;
	unsigned accepted;
	time_t began;
	time_t until;
};

static bool
shrink_is_over(const struct shrink *sh)
{
	return time(NULL) >= sh->until;
}

static void
shrink_accept(struct shrink *sh)
{
	free(sh->ops);
	candidate_copy(&sh->best, &sh->next);
	sh->found = *sh->verdict;
	sh->ops = candidate_sent(&sh->best, &sh->found, &sh->count);
	sh->accepted++;
}

/* Does what is in next break the same? */
static bool
shrink_breaks(struct shrink *sh)
{
	if (shrink_is_over(sh) || !options_are_sound(&sh->next.options))
		return false;
	sh->tries++;
	return candidate_fails(&sh->next, sh->seconds, sh->verdict, NULL) &&
	       strcmp(sh->verdict->invariant, sh->found.invariant) == 0;
}

/* Then it is the best now; else next is as the best again. */
static bool
shrink_try(struct shrink *sh)
{
	bool breaks = shrink_breaks(sh);

	if (breaks)
		shrink_accept(sh);
	else
		candidate_copy(&sh->next, &sh->best);
	return breaks;
}

static void
shrink_runs(struct shrink *sh)
{
	struct options *o = &sh->next.options;

	if (sh->found.run < SIM_RUN_CALM && o->runs > sh->found.run + 1) {
		o->runs = sh->found.run + 1;
		shrink_try(sh);
	}
	for (unsigned run = 0; run < sh->best.options.runs; run++) {
		if (o->runs_off >> run & 1)
			continue;
		o->runs_off |= 1ull << run;
		shrink_try(sh);
	}
}

static void
shrink_faults(struct shrink *sh)
{
	struct options *o = &sh->next.options;

	for (enum fault f = 0; f < FAULT_COUNT; f++) {
		if (!fault_is_on(o, f))
			continue;
		o->fault_off |= 1ull << f;
		shrink_try(sh);
	}
}

/* The simplest value that will do; those behind the present one in the list
 * are no improvement. */
static void
shrink_setting(struct shrink *sh, const struct setting *set)
{
	struct options *o = &sh->next.options;

	for (unsigned i = 0; i < set->simpler_count; i++) {
		if (setting_is_all(set, o, set->simpler[i]))
			return;
		if (set->less && setting_get(set, o, 0) < set->simpler[i])
			continue;
		setting_put(set, o, set->simpler[i]);
		if (shrink_try(sh))
			return;
	}
}

static void
shrink_settings(struct shrink *sh)
{
	for (unsigned i = 0; i < setting_count(); i++)
		shrink_setting(sh, setting_at(i));
}

/* Without ops [first, first + length). */
static bool
shrink_without(struct shrink *sh, size_t first, size_t length)
{
	size_t left = sh->count - length;
	uint64_t *ops = calloc(left + 1, sizeof(*ops));

	CHECK(ops != NULL);
	memcpy(ops, sh->ops, first * sizeof(*ops));
	memcpy(ops + first, sh->ops + first + length,
	       (left - first) * sizeof(*ops));
	candidate_only(&sh->next, ops, left);
	free(ops);
	return shrink_try(sh);
}

/* Leave out halves, then quarters, down to single requests. */
static void
shrink_ops(struct shrink *sh)
{
	size_t length = sh->count;

	while (length > 0 && !shrink_is_over(sh)) {
		bool any = false;

		for (size_t at = 0; at < sh->count && !shrink_is_over(sh);) {
			size_t n = length < sh->count - at ?
				length : sh->count - at;

			if (shrink_without(sh, at, n))
				any = true;
			else
				at += n;
		}
		if (length > 1)
			length = (length + 1) / 2;
		else if (!any)
			break;
		if (length > sh->count)
			length = sh->count;
	}
}

static unsigned
shrink_runs_on(const struct options *o)
{
	unsigned on = 0;

	for (unsigned run = 0; run < o->runs; run++)
		on += (o->runs_off >> run & 1) == 0;
	return on;
}

/* Another seed with these options, and fewer requests. */
static bool
shrink_other_seed(struct shrink *sh, uint64_t seed)
{
	struct candidate *c = &sh->next;
	unsigned on = shrink_runs_on(&c->options);
	size_t count = SIZE_MAX;

	c->seed = seed;
	c->options.only_ops = NULL;
	c->options.requests_per_run = (unsigned)sh->count / (on + 1) + 2;
	if (shrink_breaks(sh))
		free(candidate_sent(c, sh->verdict, &count));
	if (count < sh->count) {
		shrink_accept(sh);
		return true;
	}
	candidate_copy(&sh->next, &sh->best);
	return false;
}

/* Until the report is short or that many seeds in a row are no better. */
static bool
shrink_search(struct shrink *sh, size_t wanted, unsigned tries)
{
	unsigned failed = 0;
	bool any = false;

	while (sh->count > wanted && failed < tries && !shrink_is_over(sh)) {
		if (shrink_other_seed(sh, ++sh->other)) {
			failed = 0;
			any = true;
			shrink_runs(sh);
		} else {
			failed++;
		}
	}
	return any;
}

/* All there is to leave out, until nothing more can be. */
static void
shrink_all(struct shrink *sh)
{
	unsigned before;

	do {
		before = sh->accepted;
		shrink_runs(sh);
		shrink_faults(sh);
		shrink_settings(sh);
		shrink_search(sh, OPS_MANY, SEEDS_TRIED / 4);
		shrink_ops(sh);
	} while (sh->accepted != before && !shrink_is_over(sh));
}

/* The last lines, and those before that say what clients asked. */
static void
report_trace(FILE *trace)
{
	char *line = NULL;
	size_t room = 0;
	unsigned lines = 0, at = 0;

	rewind(trace);
	printf("requests:\n");
	while (getline(&line, &room, trace) > 0) {
		lines++;
		if (strstr(line, " client ") != NULL)
			fputs(line, stdout);
	}
	printf("trace%s:\n", lines > TRACE_LINES ? ", the end of it" : "");
	rewind(trace);
	while (getline(&line, &room, trace) > 0)
		if (++at + TRACE_LINES > lines)
			fputs(line, stdout);
	free(line);
}

static void
report(struct shrink *sh, uint64_t seed)
{
	FILE *trace = tmpfile();

	CHECK(trace != NULL);
	candidate_fails(&sh->best, SEED_SECONDS, sh->verdict, trace);
	printf("seed %" PRIu64 ": %s: %s\n", seed, sh->found.invariant,
	       sh->found.text);
	printf("shrunk: %zu requests in %u runs, %u candidates in %u s\n",
	       sh->count, shrink_runs_on(&sh->best.options), sh->tries,
	       (unsigned)(time(NULL) - sh->began));
	printf("replay: sim %" PRIu64, sh->best.seed);
	options_print_line(&sh->best.options, stdout);
	printf("\n");
	report_trace(trace);
	fclose(trace);
}

/* The name of what breaks, and how long a candidate may take. */
static bool
shrink_begin(struct shrink *sh, const struct plan *p, uint64_t seed)
{
	size_t unknown;

	plan_options(p, seed, &sh->next.options);
	if (p->has_only_ops) {
		opset_copy(&sh->next.ops, &p->only_ops);
		sh->next.options.only_ops = &sh->next.ops;
	}
	unknown = options_unknown(&sh->next.options);
	if (unknown != SIZE_MAX) {
		fprintf(stderr, "sim: setting.c does not know what is %zu"
			" bytes within struct options\n", unknown);
		exit(2);
	}
	sh->next.seed = seed;
	sh->verdict = verdict_new();
	if (!candidate_fails(&sh->next, SEED_SECONDS, sh->verdict, NULL))
		return false;
	shrink_accept(sh);
	return true;
}

int
shrink_seed(const struct plan *p, uint64_t seed, uint64_t seconds)
{
	static struct shrink sh;

	sh.began = time(NULL);
	sh.until = sh.began + (time_t)seconds;
	if (!shrink_begin(&sh, p, seed)) {
		printf("seed %" PRIu64 " does not fail\n", seed);
		return 1;
	}
	/* One that hangs is no reason to wait long for each. */
	sh.seconds = CANDIDATE_SECONDS_MIN;
	if (time(NULL) - sh.began < SEED_SECONDS)
		sh.seconds += 2 * (unsigned)(time(NULL) - sh.began);
	do {
		shrink_all(&sh);
	} while (shrink_search(&sh, OPS_WANTED, SEEDS_TRIED));
	report(&sh, seed);
	candidate_fini(&sh.best);
	candidate_fini(&sh.next);
	free(sh.ops);
	return 0;
}
