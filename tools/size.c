/* SPDX-License-Identifier: MIT */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *suffix;
	uint64_t bytes;
} suffixes[] = {
	{"", 1},
	{"B", 1},
	{"s", 512},
	{"K", 1ull << 10},
	{"KiB", 1ull << 10},
	{"kB", 1000},
	{"KB", 1000},
	{"M", 1ull << 20},
	{"MiB", 1ull << 20},
	{"MB", 1000000},
	{"G", 1ull << 30},
	{"GiB", 1ull << 30},
	{"GB", 1000000000},
	{"T", 1ull << 40},
	{"TiB", 1ull << 40},
	{"TB", 1000000000000},
};

int
size_parse(const char *text, uint64_t *out)
{
	unsigned long long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	for (unsigned i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strcmp(suffixes[i].suffix, end))
			continue;
		if (__builtin_mul_overflow(n, suffixes[i].bytes, out))
			return -ERANGE;
		return 0;
	}
	return -EINVAL;
}

void
size_format(uint64_t bytes, char out[SIZE_TEXT_MAX])
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	double n = (double)bytes;
	unsigned u = 0;
	int digits = 0;

	/* Not 1024 but what would be rounded up to it. */
	while (n >= 1023.5 && u < 6) {
		n /= 1024;
		u++;
	}
	if (u)
		digits = n < 9.995 ? 2 : n < 99.95 ? 1 : 0;
	snprintf(out, SIZE_TEXT_MAX, "%.*f %s", digits, n, units[u]);
}
