/* SPDX-License-Identifier: MIT */
/*
 * Taking members for good: opening them exclusively, reading them again,
 * wiping and letting go.  Each is a look (probe.h), so that a disk that hangs
 * keeps a thread, and not all who ask raidd for something else.
 * Control thread only.
 */
#ifndef RAIDD_TAKE_H
#define RAIDD_TAKE_H

#include <stdint.h>

#include "device.h"
#include "scan.h"

/* Open exclusively, waiting up to wait_ns for one that is busy.  0;
 * -ETIMEDOUT: it does not answer; device_open's others. */
int take_open(const char *path, uint64_t wait_ns, struct device *out);

/* The same, and read its superblocks again: c is brought up to date. */
int take_member(struct candidate *c, uint64_t wait_ns, struct device *out);
/* The same, for reading only. */
int take_member_readonly(struct candidate *c, uint64_t wait_ns,
			 struct device *out);

/* Zero every superblock slot, and flush.  0 or -errno; after -ETIMEDOUT d is
 * no longer ours, and is closed when it answers. */
int take_wipe(struct device *d);

/* Close them all, and free the array. */
void take_close(struct device *devices, unsigned count);
/* Close one, which may not be open. */
void take_close_one(struct device *d);

#endif
