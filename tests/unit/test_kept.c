/* SPDX-License-Identifier: MIT */
/*
 * A leg that is in-sync, and was not in all epochs since the one in force: it
 * may lack what the others have, and cannot stand in for them (R13).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

static struct memio m;
static uint8_t *buf; /* a block */

/* Block 0 holds 1. */
static void
begin(void)
{
	buf = aligned_alloc(4096, RAID_BLOCK);
	cr_assert(buf != NULL);
	memio_create(&m, 1, 2, 4096);
	memset(buf, 1, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, 0, RAID_BLOCK, buf), 0);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(kept, .init = begin, .fini = end);

/* All superblocks say that only these legs are. */
static void
keep(unsigned legs)
{
	static struct sb sb;

	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < 4; k++) {
			uint64_t at = sb_offset(m.member_bytes, k / 2, k % 2);

			if (sb_decode(m.bytes[i] + at, at, &sb) < 0)
				continue;
			for (unsigned leg = 0; leg < 2; leg++)
				sb_place(&sb, 0, leg)->kept = legs >> leg & 1;
			sb_encode(&sb, at, m.bytes[i] + at);
		}
	}
}

Test(kept, a_set_none_of_whose_legs_is_does_not_start)
{
	keep(0);
	cr_assert_eq(memio_restart(&m), -EUCLEAN);
	cr_assert_eq(m.notes[NOTE_SET_UNUSABLE], 1);
	keep(1);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, buf), 0);
	cr_assert_eq(buf[0], 1);
}

/* The one that is fails its superblock: the other cannot go on without it. */
Test(kept, the_only_one_is_the_last_leg)
{
	keep(1);
	m.gates[0] = (struct memio_gate){.members = 1, .op = IO_WRITE,
					 .area = AREA_SUPERBLOCK, .res = -EIO};
	cr_assert_eq(memio_restart(&m), -EIO);
	cr_assert_eq(m.notes[NOTE_EPOCH_STUCK], 1);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
	m.gates[0].res = 0;
	cr_assert_eq(memio_restart(&m), 0);
	/* An epoch later it can. */
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, buf), 0);
	cr_assert_eq(buf[0], 1);
}
