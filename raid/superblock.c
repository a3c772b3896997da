/* SPDX-License-Identifier: MIT */
/*
 * The superblock as it lies on disk: encode, decode, choose.  Nothing else
 * knows struct sb_disk, and no policy is here.
 *
 * What comes from a disk is decoded here and validated (superblock_valid.c),
 * once, and is trusted from then on.
 *
 * Version history (doc/format.md has it byte by byte):
 *   1  the first
 */
#include "superblock.h"

#include <errno.h>
#include <string.h>

#include "check.h"
#include "crc.h"
#include "le.h"
#include "plant.h"

#define SB_VERSION         1u
#define SB_FRONT_OFFSET    (64ull << 10)
#define SB_SPARES_MAX      64u
#define SB_AREAS           5u /* journal, map copy 0, map copy 1, sums, data */
#define SB_EXTENTS         2u

#define SB_COMPAT_KNOWN    0ull
#define SB_RO_COMPAT_KNOWN 0ull
#define SB_INCOMPAT_KNOWN  0ull

#define PLACE_COUNTED      (1u << 0)
#define PLACE_KEPT         (1u << 1)

static const uint8_t sb_magic[8] = {'R', 'A', 'I', 'D', 'D', ' ', 'S', 'B'};

/* An area, or the rest of one; device zero: this member itself. */
struct extent_disk {
	le64 offset;
	le64 bytes;
	uint8_t device_uuid[16];
};

struct epoch_disk {
	le64 number;
	le64 nonce;
	le64 in_force_number;
	le32 how;
	le32 reserved;
};

struct place_disk {
	uint8_t member_uuid[16];
	le32 state;
	le32 flags;
	le64 last_in_sync;
	le64 changed_s;
	uint8_t reserved[24];
};

struct spare_disk {
	uint8_t member_uuid[16];
	uint8_t reserved[16];
};

/*
 * magic, version, checksum and offset stay where they are in every version
 * to come, and so does the size.  Reserved: zero when written, not looked at
 * when read.  Second extents and devices: must be zero, since they come with
 * an incompatible feature.
 */
struct sb_disk {
	uint8_t magic[8];
	le32 version;
	le32 checksum; /* CRC-32C of all 32 KiB, this field zero */
	le64 offset;   /* on the member, of this very copy */
	le64 sequence;
	le64 compat;
	le64 ro_compat;
	le64 incompat;
	uint8_t reserved_a[8];

	uint8_t array_uuid[16];
	uint8_t name[SB_NAME_MAX + 1];
	le64 created_s;
	le32 sets;
	le32 legs;
	le32 chunk_bytes;
	le32 block_bytes;
	le32 region_blocks;
	uint8_t reserved_b[20];

	uint8_t member_uuid[16];
	le32 set;
	le32 leg;
	uint8_t reserved_c[40];

	struct extent_disk areas[SB_AREAS][SB_EXTENTS];
	uint8_t reserved_d[64];

	uint8_t owner_host[16];
	uint8_t owner_boot[16];
	le64 owner_heartbeat;
	uint8_t reserved_e[24];

	le64 in_force_number;
	le64 in_force_nonce;
	uint8_t reserved_f[48];
	struct epoch_disk history[SB_HISTORY + 1];
	uint8_t reserved_g[224];

	struct place_disk places[SB_SETS_MAX][SB_PLACES_MAX];
	struct spare_disk spares[SB_SPARES_MAX];
	uint8_t reserved_h[12288];
};

_Static_assert(sizeof(struct extent_disk) == 32, "on-disk size");
_Static_assert(sizeof(struct epoch_disk) == 32, "on-disk size");
_Static_assert(sizeof(struct place_disk) == 64, "on-disk size");
_Static_assert(sizeof(struct spare_disk) == 32, "on-disk size");
_Static_assert(sizeof(struct sb_disk) == SB_BYTES, "on-disk size");
#define AT(field, where)                                           \
	_Static_assert(offsetof(struct sb_disk, field) == (where), \
		       "on-disk layout")
AT(version, 8);
AT(checksum, 12);
AT(offset, 16);
AT(sequence, 24);
AT(compat, 32);
AT(array_uuid, 64);
AT(name, 80);
AT(created_s, 144);
AT(sets, 152);
AT(region_blocks, 168);
AT(member_uuid, 192);
AT(set, 208);
AT(areas, 256);
AT(owner_host, 640);
AT(owner_heartbeat, 672);
AT(in_force_number, 704);
AT(history, 768);
AT(places, 2048);
AT(spares, 18432);
AT(reserved_h, 20480);

uint64_t
sb_offset(uint64_t member_bytes, unsigned end, unsigned slot)
{
	uint64_t start = SB_FRONT_OFFSET;

	CHECK(end < 2);
	CHECK(slot < SB_SLOTS);
	if (end == 1) {
		member_bytes -= member_bytes % BLOCK_BYTES;
		CHECK(member_bytes >= SB_SLOTS * SB_BYTES);
		start = member_bytes - SB_SLOTS * SB_BYTES;
	}
	return start + slot * SB_BYTES;
}

static uint32_t
sb_checksum(const struct sb_disk *d)
{
	const uint8_t *bytes = (const uint8_t *)d;
	size_t at = offsetof(struct sb_disk, checksum);
	le32 zero = {0};
	uint32_t crc;

	crc = crc32c(bytes, at);
	crc = crc32c_more(crc, &zero, sizeof(zero));
	at += sizeof(zero);
	return crc32c_more(crc, bytes + at, sizeof(*d) - at);
}

static void
areas_encode(const struct layout *l, struct sb_disk *d)
{
	const uint64_t areas[SB_AREAS][2] = {
		{l->journal_offset, l->journal_bytes},
		{l->map_offset[0], l->map_bytes},
		{l->map_offset[1], l->map_bytes},
		{l->sums_offset, l->sums_bytes},
		{l->data_offset, l->data_bytes},
	};

	for (size_t i = 0; i < SB_AREAS; i++) {
		d->areas[i][0].offset = le64_of(areas[i][0]);
		d->areas[i][0].bytes = le64_of(areas[i][1]);
	}
}

static void
membership_encode(const struct sb *sb, struct sb_disk *d)
{
	d->in_force_number = le64_of(sb->in_force_number);
	d->in_force_nonce = le64_of(sb->in_force_nonce);
	for (size_t i = 0; i <= SB_HISTORY; i++) {
		const struct sb_epoch *e = &sb->history[i];

		d->history[i].number = le64_of(e->number);
		d->history[i].nonce = le64_of(e->nonce);
		d->history[i].in_force_number = le64_of(e->in_force_number);
		d->history[i].how = le32_of(e->how);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sb->places); i++) {
		const struct sb_place *p = &sb->places[i];
		struct place_disk *to =
			&d->places[i / SB_PLACES_MAX][i % SB_PLACES_MAX];

		memcpy(to->member_uuid, p->member_uuid, 16);
		to->state = le32_of(p->state);
		to->flags = le32_of((p->counted ? PLACE_COUNTED : 0) |
				    (p->kept ? PLACE_KEPT : 0));
		to->last_in_sync = le64_of(p->last_in_sync);
		to->changed_s = le64_of(p->changed_s);
	}
}

void
sb_encode(const struct sb *sb, uint64_t offset, void *out)
{
	struct sb_disk *d = out;

	CHECK((uintptr_t)out % _Alignof(struct sb_disk) == 0);
	CHECK(sb_is_valid(sb));
	memset(d, 0, sizeof(*d));
	memcpy(d->magic, sb_magic, sizeof(d->magic));
	d->version = le32_of(SB_VERSION);
	d->offset = le64_of(offset);
	d->sequence = le64_of(sb->sequence);
	memcpy(d->array_uuid, sb->array_uuid, 16);
	memcpy(d->name, sb->name, sizeof(d->name));
	d->created_s = le64_of(sb->created_s);
	d->sets = le32_of(sb->geometry.sets);
	d->legs = le32_of(sb->geometry.legs);
	d->chunk_bytes = le32_of(sb->geometry.chunk_bytes);
	d->block_bytes = le32_of(sb->geometry.block_bytes);
	d->region_blocks = le32_of(sb->geometry.region_blocks);
	memcpy(d->member_uuid, sb->member_uuid, 16);
	d->set = le32_of(sb->set);
	d->leg = le32_of(sb->leg);
	areas_encode(&sb->layout, d);
	memcpy(d->owner_host, sb->owner_host, 16);
	membership_encode(sb, d);
	d->checksum = le32_of(sb_checksum(d));
}

/* 0 or -EINVAL: an area of a kind this version never writes. */
static int
areas_decode(const struct sb_disk *d, struct layout *l)
{
	static const struct extent_disk none;
	uint64_t offset[SB_AREAS], bytes[SB_AREAS];

	for (size_t i = 0; i < SB_AREAS; i++) {
		const struct extent_disk *e = d->areas[i];

		if (!uuid_is_zero(e[0].device_uuid) ||
		    memcmp(&e[1], &none, sizeof(none)) != 0)
			return -EINVAL;
		offset[i] = le64_get(e[0].offset);
		bytes[i] = le64_get(e[0].bytes);
	}
	if (bytes[1] != bytes[2])
		return -EINVAL;
	*l = (struct layout){
		.journal_offset = offset[0],
		.journal_bytes = bytes[0],
		.map_offset = {offset[1], offset[2]},
		.map_bytes = bytes[1],
		.sums_offset = offset[3],
		.sums_bytes = bytes[3],
		.data_offset = offset[4],
		.data_bytes = bytes[4],
	};
	return 0;
}

static int
history_decode(const struct sb_disk *d, struct sb *out)
{
	out->in_force_number = le64_get(d->in_force_number);
	out->in_force_nonce = le64_get(d->in_force_nonce);
	for (size_t i = 0; i <= SB_HISTORY; i++) {
		const struct epoch_disk *from = &d->history[i];
		uint32_t how = le32_get(from->how);

		if (how > HOW_FORCE)
			return -EINVAL;
		out->history[i] = (struct sb_epoch){
			.number = le64_get(from->number),
			.nonce = le64_get(from->nonce),
			.in_force_number = le64_get(from->in_force_number),
			.how = (enum sb_how)how,
		};
	}
	return 0;
}

static int
places_decode(const struct sb_disk *d, struct sb *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(out->places); i++) {
		const struct place_disk *from =
			&d->places[i / SB_PLACES_MAX][i % SB_PLACES_MAX];
		struct sb_place *p = &out->places[i];
		uint32_t state = le32_get(from->state);
		uint32_t flags = le32_get(from->flags);

		if (state >= LEG_STATE_COUNT)
			return -EINVAL;
		if ((flags & ~(PLACE_COUNTED | PLACE_KEPT)) != 0)
			return -EINVAL;
		memcpy(p->member_uuid, from->member_uuid, 16);
		p->state = (enum sb_leg_state)state;
		p->counted = (flags & PLACE_COUNTED) != 0;
		p->kept = (flags & PLACE_KEPT) != 0;
		p->last_in_sync = le64_get(from->last_in_sync);
		p->changed_s = le64_get(from->changed_s);
	}
	return 0;
}

static int
contents_decode(const struct sb_disk *d, struct sb *out)
{
	memset(out, 0, sizeof(*out));
	out->sequence = le64_get(d->sequence);
	memcpy(out->array_uuid, d->array_uuid, 16);
	memcpy(out->name, d->name, sizeof(out->name));
	out->created_s = le64_get(d->created_s);
	out->geometry = (struct geometry){
		.sets = le32_get(d->sets),
		.legs = le32_get(d->legs),
		.chunk_bytes = le32_get(d->chunk_bytes),
		.block_bytes = le32_get(d->block_bytes),
		.region_blocks = le32_get(d->region_blocks),
	};
	memcpy(out->member_uuid, d->member_uuid, 16);
	out->set = le32_get(d->set);
	out->leg = le32_get(d->leg);
	memcpy(out->owner_host, d->owner_host, 16);
	if (areas_decode(d, &out->layout) != 0 || history_decode(d, out) != 0 ||
	    places_decode(d, out) != 0)
		return -EINVAL;
	return sb_is_valid(out) ? 0 : -EINVAL;
}

int
sb_decode(const void *in, uint64_t offset, struct sb *out)
{
	const struct sb_disk *d = in;

	CHECK((uintptr_t)in % _Alignof(struct sb_disk) == 0);
	if (memcmp(d->magic, sb_magic, sizeof(d->magic)) != 0)
		return -ENOENT;
	if (le32_get(d->checksum) != sb_checksum(d))
		return -EBADMSG;
	if (le64_get(d->offset) != offset)
		return -EBADMSG;
	if (le32_get(d->version) > SB_VERSION)
		return -EPROTONOSUPPORT;
	/* ro-compat allows reading only, and an array is opened to write. */
	if ((le64_get(d->incompat) & ~SB_INCOMPAT_KNOWN) != 0 ||
	    (le64_get(d->ro_compat) & ~SB_RO_COMPAT_KNOWN) != 0)
		return -EPROTONOSUPPORT;
	if (le32_get(d->version) != SB_VERSION)
		return -EINVAL;
	return contents_decode(d, out);
}

/*
 * Copies of different arrays, or of different lives of one disk, have
 * sequences that say nothing of each other: there the later creation wins.
 */
static bool
sb_is_newer(const struct sb *a, const struct sb *b)
{
	if (uuid_is_equal(a->array_uuid, b->array_uuid) &&
	    uuid_is_equal(a->member_uuid, b->member_uuid))
		return a->sequence > b->sequence;
	return a->created_s > b->created_s;
}

/* The most telling first. */
static const int reasons[] = {-EPROTONOSUPPORT, -EINVAL, -EBADMSG, -EIO};

static int
copies_reason(const struct sb_copy copies[4])
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		for (size_t j = 0; j < 4; j++)
			if (copies[j].res == reasons[i])
				return reasons[i];
	return -ENOENT;
}

int
sb_choose(const struct sb_copy copies[4], int *res)
{
	int best = -1;

	*res = copies_reason(copies);
	/* A newer version wrote here last: older copies beside it are the
	 * past, and to go on from them would undo what it promised. */
	if (*res == -EPROTONOSUPPORT)
		return -1;
	for (int i = 0; i < 4; i++) {
		if (copies[i].res != 0)
			continue;
		if (best < 0 || PLANTED(LAST_SUPERBLOCK_TAKEN) ||
		    sb_is_newer(&copies[i].sb, &copies[best].sb))
			best = i;
	}
	if (best >= 0)
		*res = 0;
	return best;
}
