/* SPDX-License-Identifier: MIT */
/*
 * A simulation that may fail, hang or crash, in a process of its own.
 */
#ifndef SIM_CANDIDATE_H
#define SIM_CANDIDATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "options.h"
#include "verdict.h"

struct candidate {
	struct options options; /* its only_ops is &ops or NULL */
	struct opset ops;
	uint64_t seed;
};

void candidate_copy(struct candidate *to, const struct candidate *from);
void candidate_fini(struct candidate *c);
/* Sends these requests only. */
void candidate_only(struct candidate *c, const uint64_t *ops, size_t count);

/* Shared memory for a verdict. */
struct verdict *verdict_new(void);

/* Runs it for so many seconds of processor time at most.  False: all went
 * well.  The trace goes to out, or nowhere. */
bool candidate_fails(const struct candidate *c, unsigned seconds,
		     struct verdict *v, FILE *out);

/* The requests it sent, by the verdict on it; free() them. */
uint64_t *candidate_sent(const struct candidate *c, const struct verdict *v,
			 size_t *count);

#endif
