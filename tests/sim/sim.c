/* SPDX-License-Identifier: MIT */
/*
 * sim: the engine in a world of its own.  See doc/testing.md.
 *
 *	sim [--seeds N] [--from S] [--jobs N]   all scenarios, and seeds
 *	sim SEED [--trace]                      one, as before
 *	sim --shrink SEED                       one that fails, made shorter
 *	sim --scenario NAME [--trace], --list   written by hand
 *	sim --exhaustive [--programs N]         all of a small scope
 *	sim --exhaustive CASE [--trace]         one of it
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "exhaust.h"
#include "many.h"
#include "shrink.h"

#define SEEDS_DEFAULT 200u
#define SHRINK_SECONDS_DEFAULT 120u

enum action {
	ACTION_MANY,
	ACTION_ONE,
	ACTION_SHRINK,
	ACTION_LIST,
	ACTION_SCENARIO,
	ACTION_EXHAUST,
};

struct arguments {
	enum action action;
	struct many many;
	uint64_t seed;
	uint64_t seconds; /* to be spent on shrinking */
	const char *scenario;
	struct exhaust exhaust;
};

static void
usage(FILE *out)
{
	fprintf(out,
		"usage: sim [--seeds N] [--from SEED] [--jobs N] [OPTION...]\n"
		"           [--no-scenarios | --scenarios | --hashes]\n"
		"       sim SEED [--trace] [OPTION...]\n"
		"       sim --shrink SEED [--seconds N] [OPTION...]\n"
		"       sim --scenario NAME [--trace]\n"
		"       sim --exhaustive [--jobs N] [--programs N]\n"
		"       sim --exhaustive CASE [--trace]\n"
		"       sim --list\n"
		"options of a seed, else drawn:\n"
		"  --gentle            no fault but the ends of runs\n"
		"  --plain             one set, two legs, no fault\n"
		"  --set NAME=N,...    see tests/sim/setting.c\n"
		"  --faults KIND,...   only these kinds\n"
		"  --no-fault KIND,... not these\n"
		"  --only-ops RUN.N,...  send only these requests\n");
}

static uint64_t
number(const char *word)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(word, &end, 0);
	if (errno != 0 || *end != '\0' || end == word) {
		fprintf(stderr, "sim: not a number: %s\n", word);
		exit(2);
	}
	return n;
}

/* Options that change what a seed draws.  False: it is none of these. */
static bool
parse_plan(int c, struct plan *p)
{
	switch (c) {
	case 'p':
		p->plain = true;
		return true;
	case 'g':
		p->gentle = true;
		return true;
	case 's':
	case 'f':
	case 'n':
		if (p->count == PLAN_WORDS_MAX) {
			fprintf(stderr, "sim: too many options\n");
			exit(2);
		}
		p->kind[p->count] = (char)c;
		p->words[p->count++] = optarg;
		return true;
	case 'o':
		p->has_only_ops = true;
		if (opset_parse(&p->only_ops, optarg))
			return true;
		fprintf(stderr, "sim: not understood: %s\n", optarg);
		exit(2);
	default:
		return false;
	}
}

static void
parse_option(int c, struct arguments *a)
{
	switch (c) {
	case 'N':
		a->many.seeds = number(optarg);
		break;
	case 'F':
		a->many.from = number(optarg);
		break;
	case 'J':
		a->many.jobs = (unsigned)number(optarg);
		break;
	case 'T':
		a->seconds = number(optarg);
		break;
	case 'c':
		a->action = ACTION_SCENARIO;
		a->scenario = optarg;
		break;
	case 'C':
		a->many.seeds = 0;
		break;
	case 'P':
		a->exhaust.programs = number(optarg);
		break;
	case 'e':
		a->action = ACTION_EXHAUST;
		break;
	case 'H':
		a->many.hashes = true;
		a->many.scenarios = false;
		break;
	case 'S':
		a->many.scenarios = false;
		break;
	case 't':
		a->many.plan.trace = true;
		break;
	case 'l':
		a->action = ACTION_LIST;
		break;
	case 'x':
		a->action = ACTION_SHRINK;
		break;
	case 'h':
		usage(stdout);
		exit(0);
	default:
		if (parse_plan(c, &a->many.plan))
			break;
		usage(stderr);
		exit(2);
	}
}

static void
parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{"seeds", required_argument, NULL, 'N'},
		{"from", required_argument, NULL, 'F'},
		{"jobs", required_argument, NULL, 'J'},
		{"seconds", required_argument, NULL, 'T'},
		{"scenario", required_argument, NULL, 'c'},
		{"scenarios", no_argument, NULL, 'C'},
		{"no-scenarios", no_argument, NULL, 'S'},
		{"hashes", no_argument, NULL, 'H'},
		{"exhaustive", no_argument, NULL, 'e'},
		{"programs", required_argument, NULL, 'P'},
		{"trace", no_argument, NULL, 't'},
		{"list", no_argument, NULL, 'l'},
		{"shrink", no_argument, NULL, 'x'},
		{"plain", no_argument, NULL, 'p'},
		{"gentle", no_argument, NULL, 'g'},
		{"set", required_argument, NULL, 's'},
		{"faults", required_argument, NULL, 'f'},
		{"no-fault", required_argument, NULL, 'n'},
		{"only-ops", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*a = (struct arguments){
		.seconds = SHRINK_SECONDS_DEFAULT,
		.many = {.from = 1, .seeds = SEEDS_DEFAULT, .jobs = 1,
			 .scenarios = true},
	};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		parse_option(c, a);
	if (a->many.jobs < 1 || a->many.jobs > JOBS_MAX) {
		fprintf(stderr, "sim: 1 to %u jobs\n", JOBS_MAX);
		exit(2);
	}
	if (optind < argc && a->action == ACTION_EXHAUST) {
		a->exhaust.want = argv[optind];
	} else if (optind < argc) {
		a->seed = number(argv[optind]);
		if (a->action == ACTION_MANY)
			a->action = ACTION_ONE;
	} else if (a->action == ACTION_SHRINK) {
		usage(stderr);
		exit(2);
	}
}

static int
list(void)
{
	for (unsigned i = 0; i < scenario_count(); i++)
		printf("%-36s %s\n", scenario_name(i), scenario_hole(i));
	return 0;
}

static int
run_one(const struct plan *p, uint64_t seed)
{
	struct outcome out = run_seed(p, seed);

	run_again(p, seed, out.hash);
	printf("seed %" PRIu64 " passed: %" PRIu64 " requests, trace %016"
	       PRIx64 "\n", seed, out.requests, out.hash);
	return 0;
}

static int
run_scenario(const char *name, bool trace)
{
	if (!scenario_run(name, trace)) {
		fprintf(stderr, "sim: no scenario %s; see --list\n", name);
		return 2;
	}
	printf("scenario %s passed\n", name);
	return 0;
}

int
main(int argc, char **argv)
{
	struct arguments a;

	parse(argc, argv, &a);
	switch (a.action) {
	case ACTION_MANY:
		break;
	case ACTION_ONE:
		return run_one(&a.many.plan, a.seed);
	case ACTION_SHRINK:
		return shrink_seed(&a.many.plan, a.seed, a.seconds);
	case ACTION_LIST:
		return list();
	case ACTION_SCENARIO:
		return run_scenario(a.scenario, a.many.plan.trace);
	case ACTION_EXHAUST:
		if (exhaust_main == NULL) {
			fprintf(stderr, "sim: built without it\n");
			return 2;
		}
		a.exhaust.jobs = a.many.jobs;
		a.exhaust.trace = a.many.plan.trace;
		return exhaust_main(&a.exhaust);
	}
	return many_run(&a.many);
}
