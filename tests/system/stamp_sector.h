/* SPDX-License-Identifier: MIT */
/*
 * What is written into a sector: who wrote it, where, and which version it
 * is, with a sum over all of it.  So a sector that is read tells whether it is
 * whole, whether it lies where it belongs, and how old it is.
 */
#ifndef TESTS_STAMP_SECTOR_H
#define TESTS_STAMP_SECTOR_H

#include <stdint.h>

#define STAMP_SECTOR_BYTES 512u
/* What zeros read as: never written, discarded, or written as zeros. */
#define STAMP_ZEROS	   0u

struct stamp {
	uint64_t place;	  /* sector of the device */
	uint64_t version; /* one for each request that writes; not 0 */
	uint32_t writer;  /* connection */
	uint32_t run;	  /* one for each life of an array */
};

void stamp_fill(uint8_t *sector, const struct stamp *st);

/* What a sector holds that was read at this place in this run: NULL, and its
 * version (STAMP_ZEROS: zeros) and writer in out; or what is wrong with it. */
const char *stamp_examine(const uint8_t *sector, uint64_t place, uint32_t run,
			  struct stamp *out);

#endif
