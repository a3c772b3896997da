/* SPDX-License-Identifier: MIT */
/*
 * All scenarios, and many seeds on several processors: each in a process that
 * may fail.
 */
#ifndef SIM_MANY_H
#define SIM_MANY_H

#include "run.h"

#define JOBS_MAX 64u

struct many {
	struct plan plan;
	uint64_t from;
	uint64_t seeds;
	unsigned jobs;
	bool scenarios;
	bool hashes; /* a line for each seed, and nothing else */
};

/* The status to exit with. */
int many_run(const struct many *m);

#endif
