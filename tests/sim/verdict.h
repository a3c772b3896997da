/* SPDX-License-Identifier: MIT */
/*
 * How a simulation ends, told to a process that looks on: which invariant did
 * not hold, and where.
 */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include <stdarg.h>
#include <stdint.h>

#include "opset.h"

struct sim;

struct verdict {
	char invariant[80]; /* the name, or what else ended it; "": none */
	char text[200];
	unsigned run;
	uint64_t now_ns;
	uint64_t drawn[SIM_RUNS_MAX + 1]; /* of each run: sent or left out */
};

/* In memory that both see; NULL: nobody looks on. */
extern struct verdict *verdict_wanted;

void verdict_fail(const struct sim *s, const char *invariant,
		  const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
void verdict_check_failed(const struct sim *s, const char *expr,
			  const char *file, int line);

#endif
