/* SPDX-License-Identifier: MIT */
/*
 * A seed that fails, made shorter: fewer runs, kinds of faults, requests and
 * less of everything else, as long as the same invariant breaks.  This works
 * because each decision is drawn by its own number (rng.h): what is left out
 * does not change the rest.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "run.h"

/* Prints the report; seconds: not to be passed by much.  The status to exit
 * with: 1 when the seed does not fail. */
int shrink_seed(const struct plan *p, uint64_t seed, uint64_t seconds);

#endif
