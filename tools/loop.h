/* SPDX-License-Identifier: MIT */
/* Loop devices, and who uses a block device. */
#ifndef RAIDCTL_LOOP_H
#define RAIDCTL_LOOP_H

#include <stddef.h>

#define DEVICE_MAX 64

/*
 * Make one of a file: direct I/O, 4 KiB sectors.  0, or -errno with what
 * losetup said in why.
 */
int loop_add(const char *file, char device[DEVICE_MAX], char *why,
	     size_t why_bytes);

/* The next loop device of this file, after the last one found ("": the
 * first).  0 or -ENOENT. */
int loop_find(const char *file, char device[DEVICE_MAX]);

/* Flush and let go; waits until the file is free.  0, -EBUSY (somebody opened
 * it meanwhile), -errno. */
int loop_remove(const char *device);

/* "mounted at /srv, open by postgres (pid 12)"; "": nobody. */
void device_users(const char *device, char *out, size_t out_bytes);

/* Read its first block, past the page cache.  0 or -errno: it is dead. */
int device_try(const char *device);

#endif
