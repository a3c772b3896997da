/* SPDX-License-Identifier: MIT */
/*
 * The cache of a disk and its medium: sim_disk.c's own business.
 */
#ifndef SIM_CACHE_H
#define SIM_CACHE_H

#include "sim_disk.h"

#define DISK_GRAIN 512u
#define PIECE_BYTES 4096u

static inline bool
disk_overlaps(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

/* Of a range its beginning, within one piece. */
static inline uint64_t
piece_part(uint64_t offset, uint64_t length)
{
	uint64_t n = PIECE_BYTES - offset % PIECE_BYTES;

	return n < length ? n : length;
}

/* The piece of the medium that holds this byte, from its beginning. */
uint8_t *disk_medium(struct disk *d, uint64_t offset);
/* Bytes on the medium are new: what was wrong there is no more. */
void disk_store(struct disk *d, uint64_t offset, uint64_t length,
		const void *data);

void disk_clear_cache(struct disk *d);
/* From now on a read returns this. */
void disk_show(struct disk *d, uint64_t offset, uint64_t length,
	       const void *data);
/* Is a byte in the cache that may reach the medium yet? */
bool disk_is_cached(const struct disk *d, uint64_t offset);
/* A new entry; when there are too many the oldest goes to the medium. */
struct cached_write *disk_cache(struct disk *d, uint64_t offset,
				uint64_t length, const void *data);
/* Older cached writes lose what lies under [offset, offset + length). */
void disk_supersede(struct disk *d, uint64_t offset, uint64_t length);

#endif
