/* SPDX-License-Identifier: MIT */
#include "run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "setting.h"

static bool
plan_apply(const struct plan *p, unsigned i, struct options *o)
{
	if (p->kind[i] == 's')
		return options_set(o, p->words[i]);
	return options_set_faults(o, p->words[i], p->kind[i] == 'f');
}

void
plan_options(const struct plan *p, uint64_t seed, struct options *o)
{
	if (p->plain)
		options_plain(o);
	else
		options_draw(o, seed);
	if (p->gentle)
		options_be_gentle(o);
	for (unsigned i = 0; i < p->count; i++) {
		if (plan_apply(p, i, o))
			continue;
		fprintf(stderr, "sim: not understood: %s\n", p->words[i]);
		exit(2);
	}
	if (p->has_only_ops)
		o->only_ops = &p->only_ops;
	if (o->runs > SIM_RUNS_MAX || !options_are_sound(o)) {
		fprintf(stderr, "sim: these options do not go together\n");
		exit(2);
	}
}

void
plan_print(const struct plan *p, FILE *out)
{
	if (p->plain)
		fprintf(out, " --plain");
	if (p->gentle)
		fprintf(out, " --gentle");
	for (unsigned i = 0; i < p->count; i++)
		fprintf(out, " --%s %s", p->kind[i] == 's' ? "set" :
			p->kind[i] == 'f' ? "faults" : "no-fault",
			p->words[i]);
	if (p->has_only_ops) {
		fprintf(out, " --only-ops ");
		opset_print(&p->only_ops, out);
	}
}

struct outcome
run_options(const struct options *o, uint64_t seed, bool trace)
{
	static struct sim s;
	struct outcome out;

	sim_init(&s, o, seed, trace);
	if (sim_storm(&s))
		sim_calm(&s);
	out.hash = s.trace.hash;
	out.requests = s.client.answered;
	memcpy(out.notes, s.notes, sizeof(out.notes));
	memcpy(out.ends, s.ends, sizeof(out.ends));
	memcpy(out.faults, s.faults_met, sizeof(out.faults));
	out.lagged = s.watch.lagged;
	sim_fini(&s);
	return out;
}

struct outcome
run_seed(const struct plan *p, uint64_t seed)
{
	struct options o;

	plan_options(p, seed, &o);
	if (p->trace)
		options_print(&o, stdout);
	return run_options(&o, seed, p->trace);
}

void
run_again(const struct plan *p, uint64_t seed, uint64_t hash)
{
	struct options o;
	uint64_t again;

	plan_options(p, seed, &o);
	again = run_options(&o, seed, false).hash;
	if (again == hash)
		return;
	printf("FAILED seed %" PRIu64 ": I34: trace hash %016" PRIx64
	       ", then %016" PRIx64 "\n", seed, hash, again);
	fflush(stdout);
	exit(1);
}
