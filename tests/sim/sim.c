/* SPDX-License-Identifier: MIT */
/*
 * sim: the engine in a world of its own.  See doc/testing.md.
 *
 *	sim [--seeds N] [--from S] [--jobs N]   all scenarios, and seeds
 *	sim SEED [--trace]                      one, as before
 *	sim --scenario NAME [--trace], --list   written by hand
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sim.h"

#define SEEDS_DEFAULT 200u
#define JOBS_MAX 64u
/* Real seconds after which a seed hangs. */
#define SEED_SECONDS 300

struct arguments {
	uint64_t from;
	uint64_t seeds;
	uint64_t seed;
	bool one;
	bool trace;
	bool list;
	bool seeds_only;
	bool scenarios_only;
	unsigned jobs;
	const char *scenario;
	int gentle; /* -1: as drawn */
};

/* What the processes tell the first one. */
struct shared {
	uint64_t now[JOBS_MAX]; /* the seed being run */
	uint64_t passed[JOBS_MAX];
	uint64_t requests[JOBS_MAX];
	uint64_t notes[JOBS_MAX][NOTE_COUNT];
	uint64_t ends[JOBS_MAX][END_KINDS];
};

struct outcome {
	uint64_t hash;
	uint64_t requests;
	uint64_t notes[NOTE_COUNT];
	uint64_t ends[END_KINDS];
};

static struct outcome
run_seed(const struct arguments *a, uint64_t seed)
{
	static struct sim s;
	struct options o;
	struct outcome out;

	options_draw(&o, seed);
	if (a->gentle == 1)
		options_be_gentle(&o);
	if (a->trace)
		options_print(&o, stdout);
	sim_init(&s, &o, seed, a->trace);
	sim_storm(&s);
	sim_calm(&s);
	out.hash = s.trace.hash;
	out.requests = s.client.answered;
	memcpy(out.notes, s.notes, sizeof(out.notes));
	memcpy(out.ends, s.ends, sizeof(out.ends));
	sim_fini(&s);
	return out;
}

/* The same seed twice is the same (I34). */
static void
run_seed_twice(const struct arguments *a, uint64_t seed, uint64_t hash)
{
	uint64_t again = run_seed(a, seed).hash;

	if (again == hash)
		return;
	printf("FAILED seed %" PRIu64 ": I34: trace hash %016" PRIx64
	       ", then %016" PRIx64 "\n", seed, hash, again);
	fflush(stdout);
	exit(1);
}

static void
work(const struct arguments *a, struct shared *sh, unsigned job, uint64_t first)
{
	uint64_t end = a->from + a->seeds;

	for (uint64_t seed = first; seed < end; seed += a->jobs) {
		struct outcome out;

		sh->now[job] = seed;
		alarm(SEED_SECONDS);
		out = run_seed(a, seed);
		sh->requests[job] += out.requests;
		if (seed % 100 == 0) {
			run_seed_twice(a, seed, out.hash);
			sh->requests[job] += out.requests;
		}
		for (unsigned i = 0; i < NOTE_COUNT; i++)
			sh->notes[job][i] += out.notes[i];
		for (unsigned i = 0; i < END_KINDS; i++)
			sh->ends[job][i] += out.ends[i];
		sh->passed[job]++;
	}
	exit(0);
}

static pid_t
spawn(const struct arguments *a, struct shared *sh, unsigned job,
      uint64_t first)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		work(a, sh, job, first);
	CHECK(pid > 0);
	return pid;
}

/* One process a job; a seed that fails ends it, and a new one goes on. */
static uint64_t
run_many(const struct arguments *a, struct shared *sh)
{
	pid_t pids[JOBS_MAX];
	unsigned alive = a->jobs;
	uint64_t failed = 0;

	for (unsigned j = 0; j < a->jobs; j++)
		pids[j] = spawn(a, sh, j, a->from + j);
	while (alive > 0) {
		int status;
		pid_t pid = wait(&status);
		unsigned j = 0;

		while (j < a->jobs && pids[j] != pid)
			j++;
		if (j == a->jobs)
			continue;
		if (status == 0) {
			alive--;
			continue;
		}
		failed++;
		printf("seed %" PRIu64 " failed: %s %d; replay: sim %" PRIu64
		       " --trace\n\n", sh->now[j],
		       WIFSIGNALED(status) ? "signal" : "exit",
		       WIFSIGNALED(status) ? WTERMSIG(status) :
					     WEXITSTATUS(status), sh->now[j]);
		pids[j] = spawn(a, sh, j, sh->now[j] + a->jobs);
	}
	return failed;
}

/* Each scenario in a process of its own. */
static uint64_t
run_scenarios(const struct arguments *a, uint64_t *passed)
{
	uint64_t failed = 0;

	for (unsigned i = 0; i < scenario_count(); i++) {
		int status;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			alarm(SEED_SECONDS);
			scenario_run(scenario_name(i), a->trace);
			exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		if (status == 0) {
			++*passed;
			continue;
		}
		failed++;
		printf("scenario %s failed\n\n", scenario_name(i));
	}
	return failed;
}

/* What the seeds met with: a thing never met is a thing not tested. */
static void
print_coverage(const struct shared *sh, unsigned jobs)
{
	static const char *const ends[END_KINDS] = {"stop", "crash", "cut"};

	for (unsigned i = 0; i < END_KINDS; i++) {
		uint64_t n = 0;

		for (unsigned j = 0; j < jobs; j++)
			n += sh->ends[j][i];
		printf("%s %" PRIu64 ", ", ends[i], n);
	}
	for (unsigned i = 0; i < NOTE_COUNT; i++) {
		uint64_t n = 0;

		for (unsigned j = 0; j < jobs; j++)
			n += sh->notes[j][i];
		printf("%s %" PRIu64 "%s", note_word((enum raid_note_kind)i),
		       n, i + 1 < NOTE_COUNT ? ", " : "\n");
	}
}

/* Of all children so far: a busy machine does not change it much. */
static double
processor_seconds(void)
{
	struct rusage ru;

	CHECK(getrusage(RUSAGE_CHILDREN, &ru) == 0);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static int
run_all(const struct arguments *a)
{
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t passed = 0, requests = 0, failed;
	double seconds;

	CHECK(sh != MAP_FAILED);
	failed = a->seeds_only ? 0 : run_scenarios(a, &passed);
	seconds = processor_seconds();
	if (!a->scenarios_only)
		failed += run_many(a, sh);
	seconds = processor_seconds() - seconds;
	for (unsigned j = 0; j < a->jobs; j++) {
		passed += sh->passed[j];
		requests += sh->requests[j];
	}
	print_coverage(sh, a->jobs);
	if (!a->scenarios_only)
		printf("%" PRIu64 " operations in %.1f s, %.0f a second a"
		       " core\n", requests, seconds,
		       (double)requests / seconds);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}

static void
usage(FILE *out)
{
	fprintf(out, "usage: sim [--seeds N] [--from SEED] [--jobs N]"
		" [--gentle] [--no-scenarios]\n"
		"       sim SEED [--trace]\n"
		"       sim --scenarios | --list\n"
		"       sim --scenario NAME [--trace]\n");
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

static void
parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{"seeds", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'f'},
		{"jobs", required_argument, NULL, 'j'},
		{"scenario", required_argument, NULL, 's'},
		{"scenarios", no_argument, NULL, 'S'},
		{"no-scenarios", no_argument, NULL, 'N'},
		{"trace", no_argument, NULL, 't'},
		{"list", no_argument, NULL, 'l'},
		{"gentle", no_argument, NULL, 'g'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	*a = (struct arguments){.from = 1, .seeds = SEEDS_DEFAULT, .jobs = 1};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			a->seeds = number(optarg);
			break;
		case 'f':
			a->from = number(optarg);
			break;
		case 'j':
			a->jobs = (unsigned)number(optarg);
			break;
		case 's':
			a->scenario = optarg;
			break;
		case 'N':
			a->seeds_only = true;
			break;
		case 'S':
			a->scenarios_only = true;
			break;
		case 't':
			a->trace = true;
			break;
		case 'l':
			a->list = true;
			break;
		case 'g':
			a->gentle = 1;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		a->one = true;
		a->seed = number(argv[optind]);
	}
	if (a->jobs < 1 || a->jobs > JOBS_MAX) {
		fprintf(stderr, "sim: 1 to %u jobs\n", JOBS_MAX);
		exit(2);
	}
}

static int
run_one(const struct arguments *a)
{
	struct outcome out = run_seed(a, a->seed);

	run_seed_twice(&(struct arguments){.gentle = a->gentle}, a->seed,
		       out.hash);
	printf("seed %" PRIu64 " passed: %" PRIu64 " requests, trace %016"
	       PRIx64 "\n", a->seed, out.requests, out.hash);
	return 0;
}

int
main(int argc, char **argv)
{
	struct arguments a;

	parse(argc, argv, &a);
	if (a.list) {
		for (unsigned i = 0; i < scenario_count(); i++)
			printf("%-36s %s\n", scenario_name(i),
			       scenario_hole(i));
		return 0;
	}
	if (a.scenario != NULL) {
		if (!scenario_run(a.scenario, a.trace)) {
			fprintf(stderr, "sim: no scenario %s; see --list\n",
				a.scenario);
			return 2;
		}
		printf("scenario %s passed\n", a.scenario);
		return 0;
	}
	if (a.one)
		return run_one(&a);
	return run_all(&a);
}
