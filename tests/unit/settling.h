/* SPDX-License-Identifier: MIT */
/*
 * What the tests of settling share: one set on memio, gates before its
 * members, and blocks written, read and looked at.
 */
#ifndef TESTS_SETTLING_H
#define TESTS_SETTLING_H

#include <stdint.h>

#include "memio.h"
#include "set.h"

extern struct memio rig;
extern uint8_t *rig_buf; /* 64 blocks */

void settling_begin(void);
void settling_end(void);
/* One set; few sums are kept in memory, as many errors as come. */
void rig_create(uint32_t legs);
int rig_write(uint64_t block, int value, uint32_t flags);
int rig_read(uint64_t block);
struct memio_req *rig_ask(enum raid_op op, uint64_t block, unsigned at);
uint8_t *rig_member_block(uint32_t member, uint64_t block);
struct set *rig_set(void);
void rig_gate(unsigned i, unsigned members, enum io_op op, enum memio_area area,
	  int res);
void rig_open_gates(void);
/* Without leg 1 from now on. */
void rig_on_the_last_leg(void);

#endif
