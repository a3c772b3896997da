/* SPDX-License-Identifier: MIT */
/* Making a new array: check everything, say the plan, do it. */
#ifndef RAIDD_CREATE_H
#define RAIDD_CREATE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "failure.h"

struct arrays;

/* Refusals an operator may override, each by its name. */
enum create_force {
	FORCE_SIGNATURE = 1 << 0, /* "foreign-signature" */
	FORCE_OURS = 1 << 1,      /* "own-superblock" */
	FORCE_SECTORS = 1 << 2,   /* "mixed-sectors" */
};

/* 0: there is no such check. */
unsigned create_force_of(const char *word);

struct create_request {
	const char *name;
	uint32_t legs;
	uint32_t chunk_bytes;
	unsigned force;
	/* Consecutive members mirror each other: set 0's legs come first. */
	const char *const *members;
	unsigned member_count;
	bool dry_run; /* the plan only */
};

/* 0, and the plan as doc/protocol.md has it (a new reference); or -errno and
 * f. */
int create_array(struct arrays *a, const struct create_request *req,
		 json_t **plan, struct failure *f);

#endif
