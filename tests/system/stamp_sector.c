/* SPDX-License-Identifier: MIT */
#include "stamp_sector.h"

#include <endian.h>
#include <isa-l.h>
#include <stdbool.h>
#include <string.h>

#include "rng.h"

#define MAGIC	   0x70616d6174736472ull
#define FILL_WORDS 59u

struct stamp_disk {
	uint64_t magic;
	uint64_t place;
	uint64_t version;
	uint32_t writer;
	uint32_t run;
	uint64_t fill[FILL_WORDS]; /* differs from version to version */
	uint32_t unused;
	uint32_t crc;
};

_Static_assert(sizeof(struct stamp_disk) == STAMP_SECTOR_BYTES, "a sector");

static uint32_t
crc_of(const uint8_t *sector)
{
	uint8_t copy[STAMP_SECTOR_BYTES];

	/* ISA-L does not promise to leave what it reads. */
	memcpy(copy, sector, sizeof(copy));
	return crc32_iscsi(copy, STAMP_SECTOR_BYTES - 4, ~0u);
}

void
stamp_fill(uint8_t *sector, const struct stamp *st)
{
	struct stamp_disk d = {
		.magic = htole64(MAGIC),
		.place = htole64(st->place),
		.version = htole64(st->version),
		.writer = htole32(st->writer),
		.run = htole32(st->run),
	};
	uint64_t x = st->version * 0x9e3779b97f4a7c15ull + st->place;

	for (unsigned i = 0; i < FILL_WORDS; i++)
		d.fill[i] = rng_mix(x + i);
	memcpy(sector, &d, sizeof(d));
	d.crc = htole32(crc_of(sector));
	memcpy(sector, &d, sizeof(d));
}

static bool
all_zeros(const uint8_t *sector)
{
	return sector[0] == 0 &&
	       memcmp(sector, sector + 1, STAMP_SECTOR_BYTES - 1) == 0;
}

const char *
stamp_examine(const uint8_t *sector, uint64_t place, uint32_t run,
	      struct stamp *out)
{
	struct stamp_disk d;

	*out = (struct stamp){.place = place, .run = run};
	if (all_zeros(sector))
		return NULL;
	memcpy(&d, sector, sizeof(d));
	*out = (struct stamp){
		.place = le64toh(d.place),
		.version = le64toh(d.version),
		.writer = le32toh(d.writer),
		.run = le32toh(d.run),
	};
	if (le64toh(d.magic) != MAGIC)
		return "not what anybody wrote";
	if (le32toh(d.crc) != crc_of(sector))
		return "torn or damaged";
	if (out->run != run)
		return "of another array";
	if (out->place != place)
		return "of another place";
	return out->version == STAMP_ZEROS ? "no version" : NULL;
}
