/* SPDX-License-Identifier: MIT */
/*
 * What is out there: disks that carry a superblock of ours, whatever its
 * state.  Scanning only reads and holds nothing; what it says of a member is
 * a hint until the member has been opened exclusively and read again.
 */
#ifndef RAIDD_SCAN_H
#define RAIDD_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "identity.h"
#include "superblock.h"

struct config;
struct device;

/* A disk that was offered. */
struct candidate {
	struct candidate *next;
	char *path;
	struct identity identity;
	uint64_t bytes; /* rounded down to 4096 */
	uint32_t sector_bytes;
	/* 0: sb is good.  Else why there is none (sb_choose), or -errno. */
	int res;
	unsigned bad_copies; /* of four: ours, but damaged or unreadable */
	struct sb sb;
	uint8_t slot;      /* sb was in */
	uint64_t sequence; /* of the newest valid copy */
	int index;         /* in its array's assembly; -1: not offered */
};

struct scan {
	struct candidate *first;
	unsigned count;
	uint64_t end_ns;
};

/* True: leave this disk alone (it is being served). */
typedef bool scan_skip_f(const struct identity *id, void *arg);

/*
 * Look at everything the globs match, and at the extra paths (NULL ended, may
 * be NULL).  Disks without a superblock of ours are not listed, nor are those
 * that do not answer until end_ns (probe.h).  0 or -ENOMEM.
 */
int scan_disks(struct scan *s, const struct config *c, const char *const *extra,
	       uint64_t end_ns, scan_skip_f *skip, void *arg);
void scan_free(struct scan *s);

/* Look at one path, whatever it is.  NULL: no memory. */
struct candidate *candidate_new(const char *path, uint64_t end_ns);
void candidate_free(struct candidate *c);
/* Without looking. */
struct candidate *candidate_of(const char *path);
/* In no list.  NULL: no memory. */
struct candidate *candidate_copy(const struct candidate *c);
/* What was read of it, but neither list nor path. */
void candidate_update(struct candidate *c, const struct candidate *from);

/* Read the superblocks again through an opened device.  May hang with it
 * (take.h). */
void candidate_read(struct candidate *c, const struct device *d);
/* True: sb says which array it belongs to, though it may not be usable. */
bool candidate_has_array(const struct candidate *c);

/* "its superblock is damaged": for messages; res is not 0. */
const char *candidate_trouble(int res);

#endif
