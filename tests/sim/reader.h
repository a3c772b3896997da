/* SPDX-License-Identifier: MIT */
/*
 * What a member says, read without the engine: map, journal, pages of sums.
 */
#ifndef SIM_READER_H
#define SIM_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "raid.h"

#define READER_REASON_MAX 200u

struct reader {
	const uint8_t *media;
	struct geometry geometry;
	struct layout layout;
	uint8_t array_uuid[16];
	uint32_t set;
	uint64_t regions;
	uint64_t blocks;
	uint64_t *map;     /* entries */
	uint32_t *sums;    /* by block; SUM_UNWRITTEN */
	uint8_t *by_journal; /* by block: the journal says more than the page */
	uint64_t *dirty;   /* by region: mask of units */
	uint64_t records;  /* followed */
	uint64_t sequence; /* of the last */
	uint64_t nonce;    /* of its run */
	uint64_t kept;     /* of the last that does not only repeat */
	uint64_t kept_nonce;
	char reason[READER_REASON_MAX];
};

/* False: not readable (reason). */
bool reader_read(struct reader *r, const uint8_t *media, const struct sb *sb,
		 uint32_t set);
void reader_fini(struct reader *r);

#endif
