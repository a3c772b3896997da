/* SPDX-License-Identifier: MIT */
#include "many.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

/* After which a seed hangs: of processor time when it spins, real ones when
 * it waits. */
#define SPIN_SECONDS 60
#define SEED_SECONDS 600
#define PROGRESS_SECONDS 10
/* Failures told again at the end. */
#define FAILED_MAX 50u

/* What the processes tell the first one. */
struct shared {
	uint64_t next;          /* seed to be run */
	uint64_t now[JOBS_MAX]; /* being run */
	uint64_t passed;
	uint64_t operations;
	uint64_t notes[NOTE_COUNT];
	uint64_t ends[END_KINDS];
	uint64_t faults[FAULT_COUNT];
	uint64_t lagged;
};

struct tally {
	uint64_t passed;
	uint64_t failed; /* scenarios and seeds */
	uint64_t seeds_failed;
	uint64_t failed_seed[FAILED_MAX];
	time_t began;
};

static void
add(uint64_t *to, uint64_t n)
{
	__atomic_fetch_add(to, n, __ATOMIC_RELAXED);
}

static void
work_account(struct shared *sh, const struct outcome *out)
{
	add(&sh->operations, out->requests);
	for (unsigned i = 0; i < NOTE_COUNT; i++)
		add(&sh->notes[i], out->notes[i]);
	for (unsigned i = 0; i < END_KINDS; i++)
		add(&sh->ends[i], out->ends[i]);
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		add(&sh->faults[i], out->faults[i]);
	add(&sh->lagged, out->lagged);
}

static void
limit_time(void)
{
	struct itimerval spin = {.it_value.tv_sec = SPIN_SECONDS};

	CHECK(setitimer(ITIMER_PROF, &spin, NULL) == 0);
	alarm(SEED_SECONDS);
}

_Noreturn static void
work(const struct many *m, struct shared *sh, unsigned job)
{
	for (;;) {
		uint64_t seed = __atomic_fetch_add(&sh->next, 1,
						   __ATOMIC_RELAXED);
		struct outcome out;

		if (seed >= m->from + m->seeds)
			exit(0);
		sh->now[job] = seed;
		limit_time();
		out = run_seed(&m->plan, seed);
		if (m->hashes)
			printf("%" PRIu64 " %016" PRIx64 "\n", seed, out.hash);
		work_account(sh, &out);
		if (seed % 100 == 0) {
			run_again(&m->plan, seed, out.hash);
			add(&sh->operations, out.requests);
		}
		add(&sh->passed, 1);
	}
}

static pid_t
spawn(const struct many *m, struct shared *sh, unsigned job)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		work(m, sh, job);
	}
	CHECK(pid > 0);
	return pid;
}

static void
progress_due(int number)
{
	(void)number;
}

static void
progress_begin(void)
{
	struct sigaction sa = {.sa_handler = progress_due};
	struct itimerval each = {
		.it_interval.tv_sec = PROGRESS_SECONDS,
		.it_value.tv_sec = PROGRESS_SECONDS,
	};

	/* Without SA_RESTART: it is to interrupt the waiting. */
	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &each, NULL) == 0);
}

static void
progress_print(const struct many *m, const struct shared *sh,
	       const struct tally *t)
{
	uint64_t done = sh->passed + t->seeds_failed;
	uint64_t seconds = (uint64_t)(time(NULL) - t->began);

	fprintf(stderr, "%" PRIu64 " of %" PRIu64 " seeds in %" PRIu64 " s, %"
		PRIu64 " failed", done, m->seeds, seconds, t->failed);
	if (done != 0 && done < m->seeds)
		fprintf(stderr, ", %" PRIu64 " s to go",
			seconds * (m->seeds - done) / done);
	fprintf(stderr, "\n");
}

static void
tally_failed(struct tally *t, uint64_t seed, int status)
{
	if (t->seeds_failed < FAILED_MAX)
		t->failed_seed[t->seeds_failed] = seed;
	t->seeds_failed++;
	t->failed++;
	printf("seed %" PRIu64 " failed: %s %d\n\n", seed,
	       WIFSIGNALED(status) ? "signal" : "exit",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* One process a job; a seed that fails ends it, and a new one goes on. */
static void
run_seeds(const struct many *m, struct shared *sh, struct tally *t)
{
	pid_t pids[JOBS_MAX];
	unsigned alive = m->jobs;

	for (unsigned j = 0; j < m->jobs; j++)
		pids[j] = spawn(m, sh, j);
	progress_begin();
	while (alive > 0) {
		int status;
		pid_t pid = wait(&status);
		unsigned j = 0;

		if (pid < 0 && errno == EINTR) {
			progress_print(m, sh, t);
			continue;
		}
		while (j < m->jobs && pids[j] != pid)
			j++;
		if (j == m->jobs)
			continue;
		if (status == 0) {
			alive--;
			continue;
		}
		tally_failed(t, sh->now[j], status);
		pids[j] = spawn(m, sh, j);
	}
	alarm(0);
}

static void
run_scenarios(const struct many *m, struct tally *t)
{
	for (unsigned i = 0; i < scenario_count(); i++) {
		int status;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			limit_time();
			scenario_run(scenario_name(i), m->plan.trace);
			exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		if (status == 0) {
			t->passed++;
			continue;
		}
		t->failed++;
		printf("scenario %s failed\n\n", scenario_name(i));
	}
}

/* What the seeds met with: a thing never met is a thing not tested. */
static void
print_coverage(const struct shared *sh)
{
	static const char *const ends[END_KINDS] = {"stop", "crash", "cut"};

	for (unsigned i = 0; i < END_KINDS; i++)
		printf("%s %" PRIu64 ", ", ends[i], sh->ends[i]);
	for (unsigned i = 0; i < NOTE_COUNT; i++)
		printf("%s %" PRIu64 "%s", note_word((enum raid_note_kind)i),
		       sh->notes[i], i + 1 < NOTE_COUNT ? ", " : "\n");
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		printf("%s %" PRIu64 ", ", fault_word((enum fault)i),
		       sh->faults[i]);
	printf("lagged %" PRIu64 "\n", sh->lagged);
}

static void
print_failed(const struct many *m, const struct tally *t)
{
	for (uint64_t i = 0; i < t->seeds_failed && i < FAILED_MAX; i++) {
		printf("failed: sim %" PRIu64, t->failed_seed[i]);
		plan_print(&m->plan, stdout);
		printf(" --trace; shorter: sim --shrink %" PRIu64,
		       t->failed_seed[i]);
		plan_print(&m->plan, stdout);
		printf("\n");
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

int
many_run(const struct many *m)
{
	struct shared *sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct tally t = {.began = time(NULL)};
	struct options o;
	double seconds;

	CHECK(sh != MAP_FAILED);
	/* Here it is told once if the options make no sense. */
	plan_options(&m->plan, m->from, &o);
	sh->next = m->from;
	if (m->scenarios)
		run_scenarios(m, &t);
	seconds = processor_seconds();
	if (m->seeds != 0)
		run_seeds(m, sh, &t);
	seconds = processor_seconds() - seconds;
	if (m->hashes)
		return t.failed == 0 ? 0 : 1;
	print_coverage(sh);
	if (m->seeds != 0)
		printf("%" PRIu64 " operations in %.1f s, %.0f a second a"
		       " core\n", sh->operations, seconds,
		       (double)sh->operations / seconds);
	print_failed(m, &t);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n",
	       t.passed + sh->passed, t.failed);
	return t.failed == 0 ? 0 : 1;
}
