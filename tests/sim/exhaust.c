/* SPDX-License-Identifier: MIT */
/*
 * Processes take programs from a common counter and share one set of states
 * seen; a state that was seen is not looked at again.  A process that finds a
 * failure ends, and another goes on behind the program.
 */
#include "exhaust.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "many.h"

#define VISITED_SLOTS (1u << 24)
#define POOL_BYTES    (1ull << 30)
/* After so many the rest would tell nothing new. */
#define FAILURES_MAX 8u
/* Seconds of processor time after which a program hangs. */
#define PROGRAM_SECONDS 300

struct xshared {
	uint64_t next;
	uint64_t end;
	struct xpath paths[JOBS_MAX];
	struct xcounts counts[JOBS_MAX];
};

bool
xpath_enter(struct xexplorer *x, unsigned level, int64_t value)
{
	x->path->at[level] = value;
	for (unsigned i = level + 1; i < XPATH_COUNT; i++)
		x->path->at[i] = XPATH_ANY;
	return x->want.at[level] == XPATH_ANY || x->want.at[level] == value;
}

bool
xvisited_add(struct xexplorer *x, uint64_t hash)
{
	struct xvisited *v = x->visited;
	uint64_t at = hash % VISITED_SLOTS;

	if (hash == 0)
		hash = 1;
	if (x->replay)
		return true;
	for (;; at = (at + 1) % VISITED_SLOTS) {
		uint64_t found = 0;

		if (__atomic_compare_exchange_n(&v->slots[at], &found, hash,
						false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			break;
		if (found == hash)
			return false;
	}
	CHECK(__atomic_add_fetch(&v->used, 1, __ATOMIC_RELAXED) <
	      VISITED_SLOTS / 8 * 7);
	return true;
}

static void
explore_print_path(const struct xpath *path)
{
	printf("%" PRId64, path->at[0]);
	for (unsigned i = 1; i < XPATH_COUNT && path->at[i] != XPATH_ANY; i++)
		printf(".%" PRId64, path->at[i]);
}

/* "12.0.7": the rest is whatever there is. */
static bool
explore_parse_path(const char *word, struct xpath *path)
{
	for (unsigned i = 0; i < XPATH_COUNT; i++)
		path->at[i] = XPATH_ANY;
	for (unsigned i = 0; i < XPATH_COUNT && *word != '\0'; i++) {
		char *end;

		path->at[i] = strtoll(word, &end, 10);
		if (end == word || (*end != '\0' && *end != '.'))
			return false;
		word = *end == '.' ? end + 1 : end;
	}
	return *word == '\0';
}

static void
explore_init(struct xexplorer *x, struct xshared *sh, unsigned job,
	     struct xvisited *visited)
{
	memset(x, 0, sizeof(*x));
	x->visited = visited;
	x->path = &sh->paths[job];
	x->counts = &sh->counts[job];
	explore_parse_path("", &x->want);
	xpool_init(&x->run_pool, POOL_BYTES);
	xpool_init(&x->pool, POOL_BYTES);
	xworld_init(&x->world, &x->run_pool);
	for (unsigned i = 0; i < 2; i++)
		xworld_init(&x->after[i], &x->pool);
}

static void
explore_programs(struct xshared *sh, unsigned job, struct xvisited *visited)
{
	const struct itimerval limit = {.it_value.tv_sec = PROGRAM_SECONDS};
	static struct xexplorer x;
	uint64_t program;

	explore_init(&x, sh, job, visited);
	for (;;) {
		program = __atomic_fetch_add(&sh->next, 1, __ATOMIC_RELAXED);
		if (program >= sh->end)
			exit(0);
		setitimer(ITIMER_PROF, &limit, NULL);
		xpath_enter(&x, XPATH_PROGRAM, (int64_t)program);
		xprogram_run(&x, program);
	}
}

static pid_t
explore_spawn(struct xshared *sh, unsigned job, struct xvisited *visited)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* Not to go on alone when the first one is killed. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		explore_programs(sh, job, visited);
	}
	CHECK(pid > 0);
	return pid;
}

static void
explore_print_failure(const struct xpath *path, int status)
{
	printf("case ");
	explore_print_path(path);
	printf(" failed (%s %d): ", WIFSIGNALED(status) ? "signal" : "exit",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	xprogram_print((uint64_t)path->at[0]);
	printf("replay: sim --exhaustive ");
	explore_print_path(path);
	printf(" --trace\n\n");
}

static unsigned
explore_all(struct xshared *sh, unsigned jobs, struct xvisited *visited)
{
	pid_t pids[JOBS_MAX];
	unsigned alive = jobs, failed = 0;

	for (unsigned j = 0; j < jobs; j++)
		pids[j] = explore_spawn(sh, j, visited);
	while (alive > 0) {
		int status;
		pid_t pid = wait(&status);
		unsigned j = 0;

		while (j < jobs && pids[j] != pid)
			j++;
		if (j == jobs)
			continue;
		if (status != 0) {
			failed++;
			explore_print_failure(&sh->paths[j], status);
		}
		if (status != 0 && failed < FAILURES_MAX)
			pids[j] = explore_spawn(sh, j, visited);
		else
			alive--;
		if (failed >= FAILURES_MAX)
			sh->next = UINT64_MAX / 2;
	}
	return failed;
}

static void
explore_print_counts(const struct xshared *sh, unsigned jobs)
{
#define X(name, words)                                                         \
	do {                                                                   \
		uint64_t n = 0;                                                \
									       \
		for (unsigned j = 0; j < jobs; j++)                            \
			n += sh->counts[j].name;                               \
		printf("%12" PRIu64 " %s\n", n, words);                        \
	} while (0);
	XCOUNTS(X)
#undef X
}

static void *
explore_map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static int
explore_one(struct xshared *sh, const struct exhaust *e)
{
	static struct xexplorer x;

	explore_init(&x, sh, 0, NULL);
	x.replay = true;
	x.trace = e->trace;
	if (!explore_parse_path(e->want, &x.want) || x.want.at[0] < 0 ||
	    (uint64_t)x.want.at[0] >= xprogram_count()) {
		fprintf(stderr, "sim: no such case: %s\n", e->want);
		return 2;
	}
	xprogram_print((uint64_t)x.want.at[0]);
	xprogram_run(&x, (uint64_t)x.want.at[0]);
	explore_print_counts(sh, 1);
	return 0;
}

int
exhaust_main(const struct exhaust *e)
{
	struct xshared *sh = explore_map(sizeof(*sh));
	struct xvisited *visited;
	struct timespec t0, t1;
	unsigned failed;

	if (e->want != NULL)
		return explore_one(sh, e);
	sh->end = xprogram_count();
	if (e->programs != 0 && e->programs < sh->end)
		sh->end = e->programs;
	visited = explore_map(sizeof(*visited) +
			      VISITED_SLOTS * sizeof(visited->slots[0]));
	clock_gettime(CLOCK_MONOTONIC, &t0);
	failed = explore_all(sh, e->jobs, visited);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	explore_print_counts(sh, e->jobs);
	printf("%.1f s, %u failed\n",
	       (double)(t1.tv_sec - t0.tv_sec) +
		       (double)(t1.tv_nsec - t0.tv_nsec) / 1e9,
	       failed);
	return failed == 0 ? 0 : 1;
}
