/* SPDX-License-Identifier: MIT */
/*
 * The bytes that write `id` puts at an offset of the array.  Every 512 bytes
 * of every write differ from all others, every 8 bytes from those around
 * them, so that what is in the wrong place, or another write's, shows.
 */
#ifndef SIM_PATTERN_H
#define SIM_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

/* The first 8 bytes of 512 are this and the id: a human can tell from a dump
 * whose they are. */
#define PATTERN_TAG UINT64_C(0x5eed000000000000)

void pattern_fill(uint64_t id, uint64_t offset, uint64_t length, void *buf);
/* Is that what buf holds? */
bool pattern_is(uint64_t id, uint64_t offset, uint64_t length,
		const void *buf);
bool pattern_is_zero(const void *buf, uint64_t length);

#endif
