/* SPDX-License-Identifier: MIT */
/*
 * One simulation from beginning to end, with what the command line says of
 * it.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "sim.h"

#define PLAN_WORDS_MAX 16u

/* What the options of a seed are to be. */
struct plan {
	bool plain;  /* not drawn: those of options_plain() */
	bool gentle;
	/* "--set" and the like, in order: 's', 'f' (only these faults) or
	 * 'n' (not these). */
	char kind[PLAN_WORDS_MAX];
	const char *words[PLAN_WORDS_MAX];
	unsigned count;
	struct opset only_ops;
	bool has_only_ops;
	bool trace;
};

/* What a simulation came to. */
struct outcome {
	uint64_t hash;
	uint64_t requests;
	uint64_t notes[NOTE_COUNT];
	uint64_t ends[END_KINDS];
	uint64_t faults[FAULT_COUNT];
	uint64_t lagged; /* legs an append behind at a start */
};

/* Ends the process when the plan cannot be followed. */
void plan_options(const struct plan *p, uint64_t seed, struct options *o);
/* "--plain --set ..." as given, for telling how to do it again. */
void plan_print(const struct plan *p, FILE *out);

/* Does not come back when an invariant does not hold. */
struct outcome run_options(const struct options *o, uint64_t seed, bool trace);
struct outcome run_seed(const struct plan *p, uint64_t seed);
/* It gave this hash; ends the process when it does not again (I34). */
void run_again(const struct plan *p, uint64_t seed, uint64_t hash);

#endif
