/* SPDX-License-Identifier: MIT */
/*
 * Which client requests are sent: a set of numbers, in ranges.  A request is
 * named by its run and its number in it: "0.17"; those of the calm phase are
 * "calm.3".
 */
#ifndef SIM_OPSET_H
#define SIM_OPSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Runs a simulation may have; the number after them is the calm phase. */
#define SIM_RUNS_MAX 64u
#define SIM_RUN_CALM SIM_RUNS_MAX

struct op_range {
	uint64_t first; /* rng_index() of run and number */
	uint64_t last;
};

struct opset {
	struct op_range *ranges; /* in order */
	size_t count;
	size_t room;
};

bool opset_has(const struct opset *set, uint64_t op);
/* op is greater than all that are in it. */
void opset_append(struct opset *set, uint64_t op);
/* "0.3,0.17-19,calm.2"; false: it is not of this form, or not in order. */
bool opset_parse(struct opset *set, const char *words);
void opset_print(const struct opset *set, FILE *out);
void opset_print_op(uint64_t op, FILE *out);
void opset_copy(struct opset *to, const struct opset *from);
void opset_fini(struct opset *set);

#endif
