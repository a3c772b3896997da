/* SPDX-License-Identifier: MIT */
/*
 * One array on trial: what each of its first blocks holds is kept in mind, and
 * one request to one member is made to fail.  Every line of the tests that use
 * it is about these, so their names are short.
 */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "memio.h"

#define BLOCKS 512u /* of the array that are used */

/* The one request that is to fail. */
struct fault {
	uint16_t member;
	enum io_op op;
	enum memio_area area; /* READ, WRITE */
	unsigned skip;        /* so many of them pass before */
	bool for_ever;
	unsigned hits;
	unsigned seen; /* requests of any kind to the member */
};

extern struct memio m;
extern struct fault fault;
extern uint8_t *block; /* one, aligned: what is written or was read */
extern uint8_t value[BLOCKS];

void trial_create(uint32_t sets, uint32_t legs);
/* 1 set of 2 legs, small limits: little work makes pages and checkpoints. */
void trial_begin(void);
void trial_end(void);

void fail_at(uint16_t member, enum io_op op, enum memio_area area);
int fault_hook(struct memio *mem, const struct io_req *req);

/* The answers. */
int write_block(uint64_t b, uint8_t v, uint32_t flags);
int read_block(uint64_t b);
int flush(void);
/* First writes, rewrites, FUA, FLUSH; more sums than fit, more records than
 * the ring holds.  The first answer that is not 0. */
int work(uint8_t v);

bool block_is(uint8_t v);
/* Reads all from here on; the first that is not its value, or BLOCKS. */
uint64_t first_wrong(uint64_t from);
/* Where a member has its copy. */
uint8_t *member_block(uint32_t member, uint64_t b);
struct raid_status status(void);

#endif
