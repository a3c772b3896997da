/* SPDX-License-Identifier: MIT */
/*
 * Of 512 bytes the first word is the id's, the others a progression whose
 * start is drawn from id and place: cheap, and no two words alike.
 */
#include <string.h>

#include "pattern.h"
#include "rng.h"

#define PATTERN_BYTES 512u
#define PATTERN_WORDS (PATTERN_BYTES / 8u)
#define PATTERN_STEP 0x9e3779b97f4a7c15ull

static uint64_t
pattern_start(uint64_t id, uint64_t sector)
{
	return rng_mix(rng_mix(id) + sector);
}

/* The 512 bytes with this number. */
static void
pattern_sector(uint64_t id, uint64_t sector, uint64_t *words)
{
	uint64_t word = pattern_start(id, sector);

	for (unsigned i = 0; i < PATTERN_WORDS; i++)
		words[i] = word + i * PATTERN_STEP;
	words[0] = PATTERN_TAG | id;
}

/* Part of 512 bytes, or all of them. */
static uint64_t
pattern_part(uint64_t offset, uint64_t end)
{
	uint64_t next = (offset / PATTERN_BYTES + 1) * PATTERN_BYTES;

	return (next < end ? next : end) - offset;
}

void
pattern_fill(uint64_t id, uint64_t offset, uint64_t length, void *buf)
{
	uint64_t words[PATTERN_WORDS];
	uint64_t end = offset + length;
	uint8_t *out = buf;

	while (offset < end) {
		uint64_t n = pattern_part(offset, end);

		pattern_sector(id, offset / PATTERN_BYTES, words);
		memcpy(out, (const uint8_t *)words + offset % PATTERN_BYTES, n);
		out += n;
		offset += n;
	}
}

static bool
pattern_is_part(uint64_t id, uint64_t offset, uint64_t length,
		const uint8_t *at)
{
	uint64_t words[PATTERN_WORDS];

	pattern_sector(id, offset / PATTERN_BYTES, words);
	return memcmp(at, (const uint8_t *)words + offset % PATTERN_BYTES,
		      length) == 0;
}

/* All 512 bytes, without making them. */
static bool
pattern_is_sector(uint64_t id, uint64_t sector, const uint8_t *at)
{
	uint64_t words[PATTERN_WORDS];
	uint64_t start = pattern_start(id, sector);
	uint64_t differ = 0;

	memcpy(words, at, sizeof(words));
	if (words[0] != (PATTERN_TAG | id))
		return false;
	words[0] = start;
	for (unsigned i = 0; i < PATTERN_WORDS; i++)
		differ |= words[i] ^ (start + i * PATTERN_STEP);
	return differ == 0;
}

bool
pattern_is(uint64_t id, uint64_t offset, uint64_t length, const void *buf)
{
	uint64_t end = offset + length;
	const uint8_t *at = buf;

	while (offset < end) {
		uint64_t n = pattern_part(offset, end);
		bool is = n == PATTERN_BYTES ?
			pattern_is_sector(id, offset / PATTERN_BYTES, at) :
			pattern_is_part(id, offset, n, at);

		if (!is)
			return false;
		at += n;
		offset += n;
	}
	return true;
}

bool
pattern_is_zero(const void *buf, uint64_t length)
{
	const uint8_t *at = buf;

	/* All the same, and the first is zero. */
	return length == 0 ||
	       (at[0] == 0 && memcmp(at, at + 1, length - 1) == 0);
}
