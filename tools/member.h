/* SPDX-License-Identifier: MIT */
/*
 * A member as raidctl sees it: read-only, and only when no daemon holds it.
 * Only raidd writes members.
 */
#ifndef RAIDCTL_MEMBER_H
#define RAIDCTL_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "superblock.h"

struct member {
	int fd;
	uint64_t bytes; /* rounded down to 4096 */
	bool held;      /* a daemon, or something else, has it */
	int chosen;     /* index in copies, or -1 */
	int res;        /* why chosen is -1 */
	struct sb_copy copies[2 * SB_SLOTS];
};

/* 0 or -errno.  Reads the superblocks. */
int member_open(struct member *m, const char *path);
void member_close(struct member *m);
int member_read(const struct member *m, void *buf, uint64_t bytes,
		uint64_t offset);

/* What a superblock copy says; the map and the journal.  New references. */
json_t *member_superblocks(const struct member *m);
json_t *member_array(const struct member *m);
json_t *member_metadata(const struct member *m);

#endif
