/* SPDX-License-Identifier: MIT */
/* The kernel's own NBD client, by way of nbd-client(8). */
#ifndef RAIDCTL_KERNEL_NBD_H
#define RAIDCTL_KERNEL_NBD_H

#include <stddef.h>

/* A device that is free.  0; -ENOENT: no module, or no nbd-client. */
int kernel_nbd_pick(char *device, size_t device_bytes);

/* 0 or -errno, and nbd-client's words in why. */
int kernel_nbd_add(const char *device, const char *socket,
		   const char *export_name, char *why, size_t why_bytes);
int kernel_nbd_remove(const char *device, char *why, size_t why_bytes);

#endif
