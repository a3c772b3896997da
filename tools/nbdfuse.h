/* SPDX-License-Identifier: MIT */
/*
 * nbdfuse (libnbd): an NBD export as a file, for kernels with neither ublk
 * nor an NBD client of their own.
 */
#ifndef RAIDCTL_NBDFUSE_H
#define RAIDCTL_NBDFUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What belongs to one attachment; all paths. */
struct nbdfuse {
	char mount[512];
	char file[640]; /* in it, named like the export */
	char pid_file[512];
	char log[512];
};

/* Mounts it, and waits until it serves.  0, or -errno with its last words in
 * why. */
int nbdfuse_start(const struct nbdfuse *f, const char *socket,
		  const char *export_name, char *why, size_t why_bytes);

/* Unmount, by force if need be, and see the process out.  Nothing there: 0. */
int nbdfuse_stop(const struct nbdfuse *f);

bool nbdfuse_is_mounted(const struct nbdfuse *f);

#endif
