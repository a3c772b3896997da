/* SPDX-License-Identifier: MIT */
#include "map.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "crc.h"
#include "le.h"
#include "plant.h"

#define MAP_HEAD_MAGIC  0x484d4452u /* "RDMH" */
#define MAP_BLOCK_MAGIC 0x424d4452u /* "RDMB" */

/* What all map blocks begin with. */
struct map_name_disk {
	le32 magic;
	le32 crc; /* CRC-32C of the block with this field zero */
	uint8_t array_uuid[16];
	le32 set;
	le32 reserved;
	le64 offset; /* own, on the member */
	le64 index;  /* entries: which block; header: 0 */
	uint8_t pad[16];
};
_Static_assert(sizeof(struct map_name_disk) == 64, "map block header");

struct map_block_disk {
	struct map_name_disk name;
	le64 entries[MAP_ENTRIES];
};
_Static_assert(sizeof(struct map_block_disk) == 4096, "map block");

struct map_head_disk {
	struct map_name_disk name;
	le64 sequence;
	le64 journal_sequence;
	le64 journal_index;
	le32 before_crc;
	le32 entries_crc;
	le64 regions;
	le64 journal_said;
	uint8_t reserved[4096 - 64 - 48];
};
_Static_assert(sizeof(struct map_head_disk) == 4096, "map header");

static void
map_name_encode(struct map_name_disk *d, uint32_t magic, uint64_t index,
		const struct record_name *name, uint64_t offset)
{
	*d = (struct map_name_disk){
		.magic = le32_of(magic),
		.set = le32_of(name->set),
		.offset = le64_of(offset),
		.index = le64_of(index),
	};
	memcpy(d->array_uuid, name->array_uuid, 16);
}

/* With crc still zero in the block. */
static void
map_seal(struct map_name_disk *d)
{
	d->crc = le32_of(crc32c(d, 4096));
}

static int
map_name_decode(const void *block, uint32_t magic, uint64_t index,
		const struct record_name *name, uint64_t offset)
{
	static const uint8_t zero[4];
	struct map_name_disk d;

	memcpy(&d, block, sizeof(d));
	if (le32_get(d.magic) != magic ||
	    memcmp(d.array_uuid, name->array_uuid, 16) != 0 ||
	    le32_get(d.set) != name->set)
		return -ENOENT;
	const uint8_t *p = block;
	uint32_t crc = crc32c(p, 4);

	crc = crc32c_more(crc, zero, 4);
	crc = crc32c_more(crc, p + 8, 4096 - 8);
	if ((crc != le32_get(d.crc) && !PLANTED(MAP_NOT_VERIFIED)) ||
	    le64_get(d.offset) != offset || le64_get(d.index) != index)
		return -EBADMSG;
	return 0;
}

void
map_head_encode(const struct map_head *head, const struct record_name *name,
		uint64_t offset, void *block)
{
	struct map_head_disk *d = block;

	memset(d, 0, sizeof(*d));
	map_name_encode(&d->name, MAP_HEAD_MAGIC, 0, name, offset);
	d->sequence = le64_of(head->sequence);
	d->journal_sequence = le64_of(head->journal_sequence);
	d->journal_index = le64_of(head->journal_index);
	d->before_crc = le32_of(head->before_crc);
	d->entries_crc = le32_of(head->entries_crc);
	d->regions = le64_of(head->regions);
	d->journal_said = le64_of(head->journal_said);
	map_seal(&d->name);
}

int
map_head_decode(const void *block, const struct record_name *name,
		uint64_t offset, struct map_head *out)
{
	struct map_head_disk d;
	int res = map_name_decode(block, MAP_HEAD_MAGIC, 0, name, offset);

	if (res < 0)
		return res;
	memcpy(&d, block, sizeof(d));
	*out = (struct map_head){
		.sequence = le64_get(d.sequence),
		.journal_sequence = le64_get(d.journal_sequence),
		.journal_index = le64_get(d.journal_index),
		.before_crc = le32_get(d.before_crc),
		.entries_crc = le32_get(d.entries_crc),
		.regions = le64_get(d.regions),
		.journal_said = le64_get(d.journal_said),
	};
	return 0;
}

void
map_block_encode(const map_entry *entries, uint32_t count, uint64_t index,
		 const struct record_name *name, uint64_t offset, void *block)
{
	struct map_block_disk *d = block;

	CHECK(count <= MAP_ENTRIES);
	map_name_encode(&d->name, MAP_BLOCK_MAGIC, index, name, offset);
	for (uint32_t i = 0; i < MAP_ENTRIES; i++)
		d->entries[i] = le64_of(i < count ? entries[i] : 0);
	map_seal(&d->name);
}

int
map_block_decode(const void *block, uint32_t count, uint64_t index,
		 const struct record_name *name, uint64_t offset,
		 map_entry *entries)
{
	const uint8_t *p = block;
	int res = map_name_decode(block, MAP_BLOCK_MAGIC, index, name, offset);

	if (res < 0)
		return res;
	for (uint32_t i = 0; i < count; i++) {
		le64 v;

		memcpy(&v, p + sizeof(struct map_name_disk) + 8 * (size_t)i,
		       sizeof(v));
		entries[i] = le64_get(v);
	}
	return 0;
}

uint32_t
map_entries_crc(const void *block)
{
	const uint8_t *p = block;

	return crc32c(p + offsetof(struct map_block_disk, entries),
		      sizeof(((struct map_block_disk *)NULL)->entries));
}

uint32_t
page_crc(const struct record_name *name, uint64_t region, uint32_t slot,
	 const void *page)
{
	struct {
		uint8_t array_uuid[16];
		le32 set;
		le32 slot;
		le64 region;
	} seed = {
		.set = le32_of(name->set),
		.slot = le32_of(slot),
		.region = le64_of(region),
	};

	memcpy(seed.array_uuid, name->array_uuid, 16);
	return crc32c_more(crc32c(&seed, sizeof(seed)), page, 4096);
}
