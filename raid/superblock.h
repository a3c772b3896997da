/* SPDX-License-Identifier: MIT */
/*
 * The superblock: what a member says of its array, and of itself.
 *
 * In memory it is a struct sb; on disk 32 KiB (doc/format.md), which only
 * superblock.c knows.  Each end of a member has two slots, written
 * alternately; a change goes to the same slot number at both ends.
 */
#ifndef RAID_SUPERBLOCK_H
#define RAID_SUPERBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "layout.h"

#define SB_BYTES    (32u << 10)
#define SB_SLOTS    2u
#define SB_SETS_MAX 64u
#define SB_LEGS_MAX 3u
/* Places per set on disk: one more than legs, for replacing one (A24). */
#define SB_PLACES_MAX 4u
#define SB_NAME_MAX   63u
#define SB_HISTORY    32u

/*
 * States of a leg.  They change where an epoch is composed, by what the leg
 * did (meta.c).
 *
 *                       IN_SYNC <-------------- create
 *         evicted (R2, /   ^   \  a start without
 *         R19), or by /    |    \  it (R15)
 *       the operator v     |     v
 *                FAILED    |    STALE
 *                     \    |    /
 *                      '---+---'
 *               recovery: the operator's word
 *
 * IN_SYNC: holds every acknowledged write.  STALE: a known member that is
 * behind.  FAILED: not used, though it be present (R14); also one whose
 * journal had lost what it acknowledged.  EMPTY: the place has no member.
 * REBUILDING: nothing makes it yet (R6, R23); read as STALE.
 */
#define SB_LEG_STATES(X)            \
	X(EMPTY, "empty")           \
	X(IN_SYNC, "in-sync")       \
	X(REBUILDING, "rebuilding") \
	X(STALE, "stale")           \
	X(FAILED, "failed")

enum sb_leg_state {
#define X(name, word) LEG_##name,
	SB_LEG_STATES(X)
#undef X
		LEG_STATE_COUNT
};

const char *leg_state_word(enum sb_leg_state state);

/* How an epoch was made (R14). */
enum sb_how { HOW_CREATE = 1, HOW_CHANGE, HOW_START, HOW_FORCE };

struct sb_epoch {
	uint64_t number; /* 0: no such epoch */
	uint64_t nonce;
	uint64_t in_force_number; /* in force when this one was made */
	enum sb_how how;
};

struct sb_place {
	uint8_t member_uuid[16];
	enum sb_leg_state state;
	bool counted; /* in-sync in any epoch from the one in force to this */
	bool kept;    /* in-sync in all of them */
	uint64_t last_in_sync; /* epoch number */
	uint64_t changed_s;    /* seconds since 1970 of the last change */
};

struct sb {
	/* The array. */
	uint8_t array_uuid[16];
	char name[SB_NAME_MAX + 1];
	uint64_t created_s;
	struct geometry geometry;
	struct layout layout;

	/* This member. */
	uint8_t member_uuid[16];
	uint32_t set;
	uint32_t leg;
	uint64_t sequence; /* of superblock writes on this member */

	/* The membership.  history[0] is the epoch itself. */
	struct sb_epoch history[SB_HISTORY + 1];
	uint64_t in_force_number;
	uint64_t in_force_nonce; /* marked in force: equal to history[0]'s */
	struct sb_place places[SB_SETS_MAX * SB_PLACES_MAX];

	/* Who owns the array; nobody: zeros.  Reserved for two hosts. */
	uint8_t owner_host[16];
};

static inline struct sb_place *
sb_place(struct sb *sb, uint32_t set, uint32_t leg)
{
	return &sb->places[set * SB_PLACES_MAX + leg];
}

static inline const struct sb_place *
sb_place_const(const struct sb *sb, uint32_t set, uint32_t leg)
{
	return &sb->places[set * SB_PLACES_MAX + leg];
}

static inline bool
sb_is_marked(const struct sb *sb)
{
	return sb->in_force_number == sb->history[0].number &&
	       sb->in_force_nonce == sb->history[0].nonce;
}

static inline bool
uuid_is_equal(const uint8_t a[16], const uint8_t b[16])
{
	return memcmp(a, b, 16) == 0;
}

static inline bool
uuid_is_zero(const uint8_t uuid[16])
{
	static const uint8_t zero[16];

	return uuid_is_equal(uuid, zero);
}

/* Is this what we could have written? */
bool sb_is_valid(const struct sb *sb);

/* Byte offset on a member of that many bytes: end 0 front, 1 back. */
uint64_t sb_offset(uint64_t member_bytes, unsigned end, unsigned slot);

/* out: SB_BYTES.  offset: where it will stand (it names its own place). */
void sb_encode(const struct sb *sb, uint64_t offset, void *out);

/*
 * in: SB_BYTES read at offset.  0; -ENOENT: no superblock of ours; -EBADMSG:
 * was one, checksum or place is wrong; -EPROTONOSUPPORT: a newer format or an
 * unknown incompatible feature; -EINVAL: checksum right, contents impossible.
 */
int sb_decode(const void *in, uint64_t offset, struct sb *out);

/* What reading the four copies of a member gave. */
struct sb_copy {
	int res; /* sb_decode()'s, or -EIO when it could not be read */
	struct sb sb;
};

/*
 * The newest valid of the four copies [end * 2 + slot]; -1 if none is; *res
 * then says the most telling reason (newer format before torn before none).
 */
int sb_choose(const struct sb_copy copies[4], int *res);

/* Fill a new array's superblock: epoch 1, all legs in-sync.  The caller has
 * set array_uuid, name, created_s, geometry, layout and the places' member
 * uuids; nonce is random. */
void sb_create(struct sb *sb, uint64_t nonce);

#endif
