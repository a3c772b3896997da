/* SPDX-License-Identifier: MIT */
/*
 * A member's disk: opened once, exclusively, O_DIRECT, on the very descriptor
 * used for I/O (R10).
 */
#ifndef RAIDD_DEVICE_H
#define RAIDD_DEVICE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"

struct device {
	int fd; /* -1: not open */
	char path[PATH_MAX];
	struct identity identity; /* which disk, without its label */
	bool is_file;
	uint64_t bytes;        /* multiple of 4096, rounded down */
	uint32_t sector_bytes; /* logical: 512 or 4096 */
	bool write_through;    /* reports no volatile cache */
	bool may_block;        /* asking for I/O may wait for an answer */
	bool fua_by_flush;     /* FUA is a write, and then a flush */
	bool has_fua;          /* a block device: in itself */
	bool can_discard;
	char model[64];  /* "" if not known */
	char firmware[64];
	char serial[64]; /* for a file: its inode, as "file:DEV:INO" */
};

/* For messages. */
static inline const char *
device_serial(const struct device *d)
{
	return d->serial[0] ? d->serial : "unknown";
}

/*
 * O_DIRECT (buffered, with a log line, only where the file system refuses
 * O_DIRECT: tmpfs before 6.x), O_EXCL for block devices, flock(LOCK_EX|NB)
 * for files; waits up to wait_ns for one that is busy.  0; -EBUSY; -EINVAL
 * (neither file nor block device, or sector size over 4096); -errno.
 */
int device_open(struct device *d, const char *path, uint64_t wait_ns);
/* As exclusive, but nothing can be written to it. */
int device_open_readonly(struct device *d, const char *path, uint64_t wait_ns);
void device_close(struct device *d);

/* Does a commit cost it a flush of all its cache?  True: out says so, and what
 * can be done about it. */
bool device_commits_slowly(const struct device *d, char *out, size_t out_bytes);

/* Whole transfers or -errno.  Not for the I/O path: scanning and wiping. */
int device_read(const struct device *d, void *buf, uint64_t length,
		uint64_t offset);
int device_write(const struct device *d, const void *buf, uint64_t length,
		 uint64_t offset);
int device_flush(const struct device *d);

#endif
