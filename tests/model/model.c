/* SPDX-License-Identifier: MIT */
/*
 * Models of the rules, searched whole (doc/testing.md, "Models").
 *
 *   model                  everything; fails if a right model is violated, a
 *                          planted mistake is not found, or a search is cut
 *   model block TRIM       a mistake, with the steps that show it
 *   model block 3          the right model, in its third bounds
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "model.h"

#define STATES_MAX 40000000u
#define RUNS_MAX   256u

static const struct model *const models[] = {&block_table, &members_table};

/* One search, in a process of its own. */
struct run {
	const struct model *model;
	const void *arg;
	struct plant plant; /* name NULL: none */
	bool first;         /* of its model, for the headline */
	/* Of the run that is to hold within the same bounds. */
	bool beside;

	pid_t pid;
	bool done;
	enum search_result result;
	uint32_t states;
	double seconds;
	char what[200];
};

static struct run *runs; /* shared with the processes that search */
static unsigned run_count;

_Noreturn void
check_failed(const char *expr, const char *file, int line, const char *func)
{
	fprintf(stderr, "%s:%d: %s: check failed: %s\n", file, line, func,
		expr);
	abort();
}

static struct run *
run_new(const struct model *m, const void *arg)
{
	struct run *r = &runs[run_count++];

	CHECK(run_count <= RUNS_MAX);
	r->model = m;
	r->arg = arg;
	return r;
}

static void
runs_list(const struct model *m)
{
	const void *arg, *with, *without;
	struct plant plant;
	struct run *r;

	for (size_t i = 0; (arg = m->right(i)) != NULL; i++) {
		r = run_new(m, arg);
		r->first = i == 0;
	}
	for (size_t i = 0; m->planted(i, &plant, &with, &without); i++) {
		r = run_new(m, with);
		r->plant = plant;
		r = run_new(m, without);
		r->beside = true;
	}
}

static bool
run_is_right(const struct run *r)
{
	return r->result == (r->plant.name ? SEARCH_VIOLATED : SEARCH_HOLDS);
}

/* In the child. */
static void
run_search(struct run *r, bool trace)
{
	struct search s = {
		.model = r->model->search,
		.arg = r->arg,
		.limit = STATES_MAX,
	};
	struct timespec t;

	r->result = search_run(&s);
	r->states = s.count;
	snprintf(r->what, sizeof(r->what), "%s", s.what);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	r->seconds = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	r->done = true;
	if (r->result == SEARCH_VIOLATED && (trace || !run_is_right(r)))
		search_trace(&s);
	search_free(&s);
}

static void
run_start(struct run *r)
{
	fflush(stdout);
	r->pid = fork();
	CHECK(r->pid >= 0);
	if (r->pid > 0)
		return;
	run_search(r, false);
	fflush(stdout);
	_exit(0);
}

/* --- the table --- */

static void
print_head(const struct model *m)
{
	printf("\n%s: bounds are %s, and what there is\n\n", m->name,
	       m->columns);
	printf("| variant | rule | hole | bounds | states | result |\n"
	       "| --- | --- | --- | --- | --- | --- |\n");
}

static void
print_run(const struct run *r, const struct run *beside)
{
	char bounds[120], result[260];

	if (r->first)
		print_head(r->model);
	r->model->describe(r->arg, bounds, sizeof(bounds));
	if (!r->done)
		snprintf(result, sizeof(result), "DIED");
	else if (r->result == SEARCH_CUT)
		snprintf(result, sizeof(result), "CUT SHORT");
	else if (r->result == SEARCH_VIOLATED)
		snprintf(result, sizeof(result), "%s%.5s",
			 r->plant.name ? "found by " : "VIOLATED ", r->what);
	else
		snprintf(result, sizeof(result), "%s",
			 r->plant.name ? "NOT FOUND" : "holds");
	result[strcspn(result, ":")] = '\0';
	if (beside)
		snprintf(result + strlen(result),
			 sizeof(result) - strlen(result), "; else %s: %u",
			 run_is_right(beside) ? "holds" : "FAILS",
			 beside->states);
	printf("| %s | %s | %s | %s | %u | %s |\n",
	       r->plant.name ? r->plant.text : "right",
	       r->plant.name ? r->plant.rule : "",
	       r->plant.name ? r->plant.hole : "", bounds, r->states, result);
}

/* Rows in order, as far as they are known. */
static unsigned
print_ready(unsigned from)
{
	while (from < run_count && runs[from].pid == 0 && runs[from].done) {
		const struct run *beside = NULL;

		if (runs[from].plant.name) {
			beside = &runs[from + 1];
			if (beside->pid != 0 || !beside->done)
				break;
		}
		print_run(&runs[from], beside);
		from += beside ? 2 : 1;
	}
	fflush(stdout);
	return from;
}

static void
runs_reap(void)
{
	int status;
	pid_t pid = wait(&status);

	CHECK(pid > 0);
	for (unsigned i = 0; i < run_count; i++)
		if (runs[i].pid == pid) {
			runs[i].pid = 0;
			if (status != 0 || !runs[i].done) {
				runs[i].result = SEARCH_CUT;
				runs[i].done = true;
			}
		}
}

static int
all(unsigned jobs)
{
	unsigned next = 0, busy = 0, printed = 0, wrong = 0;
	double seconds = 0;
	uint64_t states = 0;

	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		runs_list(models[i]);
	while (next < run_count || busy > 0) {
		if (next < run_count && busy < jobs) {
			run_start(&runs[next++]);
			busy++;
			continue;
		}
		runs_reap();
		busy--;
		printed = print_ready(printed);
	}
	for (unsigned i = 0; i < run_count; i++) {
		wrong += !run_is_right(&runs[i]);
		seconds += runs[i].seconds;
		states += runs[i].states;
	}
	printf("\n%u searches, %u wrong; %llu states, %.0f s of a processor\n",
	       run_count, wrong, (unsigned long long)states, seconds);
	return wrong > 0;
}

static int
one(const char *name, const char *which)
{
	size_t number = strtoul(which, NULL, 10);

	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (strcmp(models[i]->name, name) == 0)
			runs_list(models[i]);
	for (unsigned i = 0; i < run_count; i++) {
		struct run *r = &runs[i];
		bool wanted = r->plant.name ? strcmp(r->plant.name, which) == 0
					    : number > 0 && i + 1 == number;

		if (!wanted)
			continue;
		run_search(r, true);
		print_head(r->model);
		r->first = false;
		print_run(r, NULL);
		printf("%.1f s\n", r->seconds);
		return !run_is_right(r);
	}
	fprintf(stderr, "no such model or variant: %s %s\n", name, which);
	return 2;
}

int
main(int argc, char **argv)
{
	const char *jobs = getenv("JOBS");

	runs = mmap(NULL, RUNS_MAX * sizeof(runs[0]), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(runs != MAP_FAILED);
	if (argc == 3)
		return one(argv[1], argv[2]);
	if (argc != 1) {
		fprintf(stderr, "usage: model [block|members VARIANT]\n");
		return 2;
	}
	return all(jobs ? (unsigned)atoi(jobs) : 2);
}
