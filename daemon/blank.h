/* SPDX-License-Identifier: MIT */
/*
 * Is a disk blank?  What a new array must not be laid over by mistake.
 */
#ifndef RAIDD_BLANK_H
#define RAIDD_BLANK_H

#include <stddef.h>

#include "identity.h"

/*
 * Looks for file systems, RAID members, partition tables (libblkid).  found:
 * "ext4 (label data)", or "" if there is none.  0 or -errno.
 */
int blank_probe(const char *path, char *found, size_t found_bytes);

/*
 * Who uses the disk: "mounted at /srv", "part of dm-3", "backs /dev/loop4",
 * "swap".  "": nobody that could be found.
 */
void blank_users(const struct identity *id, const char *path, char *users,
		 size_t users_bytes);

#endif
