/* SPDX-License-Identifier: MIT */
/* Sizes as people write and read them. */
#ifndef RAIDCTL_SIZE_H
#define RAIDCTL_SIZE_H

#include <stdint.h>

#define SIZE_TEXT_MAX 32

/* "256K", "256KiB" (1024), "256kB" (1000), "512s" (sectors), "4096".  0 or
 * -EINVAL, -ERANGE. */
int size_parse(const char *text, uint64_t *out);

/* "1.75 TiB": three digits that count. */
void size_format(uint64_t bytes, char out[SIZE_TEXT_MAX]);

#endif
