/* SPDX-License-Identifier: MIT */
/* What the unit tests share: superblocks to begin with. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <stdint.h>

#include "superblock.h"

#define SUPPORT_MEMBER_BYTES (64ull << 20)

/* A new array "messagebox", as create leaves it, seen from member 0.0. */
void support_sb(struct sb *sb, uint32_t sets, uint32_t legs);

/* The same table, seen from another member. */
void support_seat(struct sb *sb, uint32_t set, uint32_t leg);

/* Repeatable random numbers; the state is never 0. */
uint64_t support_random(uint64_t *state);

#endif
