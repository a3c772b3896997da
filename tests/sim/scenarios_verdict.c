/* SPDX-License-Identifier: MIT */
/*
 * One leg has something else than it acknowledged: no client sees it, it is
 * called by its right name, at its place, once, and healed.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "script.h"

#define BOTH 3u /* members of one set of two */

/* Reads go to either leg: often enough that both are asked. */
static void
read_often(struct sim *s, uint64_t block)
{
	for (int i = 0; i < 8; i++) {
		EXPECT(s, do_read(s, BLOCK(block), BLOCK(1)) == 0);
		pass(s, SECONDS(1) / 100);
	}
}

/* The last verdict of this kind is on that leg and block. */
static void
expect_verdict(struct sim *s, enum raid_note_kind kind, unsigned leg,
	       uint64_t block)
{
	const struct raid_note *n = &s->last_note[kind];

	EXPECT(s, n->leg == leg && n->a == BLOCK(block));
}

static uint64_t
verdicts_given(const struct sim *s)
{
	return s->notes[NOTE_READ_ERROR] + s->notes[NOTE_MISMATCH] +
	       s->notes[NOTE_LOST_WRITE] + s->notes[NOTE_MISDIRECTED] +
	       s->notes[NOTE_PAGE_BAD] + s->notes[NOTE_WENT_BACK];
}

static bool
is_healed(struct sim *s, unsigned leg)
{
	const struct disk *d = &s->member[leg].disk;

	return d->scar_count == 0 && d->flips_live == 0 && d->bad_live == 0;
}

static struct rule *
on_block(struct sim *s, unsigned leg, uint64_t block, int op,
	 enum rule_when when, enum rule_act act)
{
	struct rule *r = on(s, (int)leg, AREA_DATA, op, when, act);

	r->offset = s->layout.data_offset + BLOCK(block);
	r->bytes = BLOCK(1);
	return r;
}

/* So many sums that each region's go to its page, the first one's once. */
static void
store_pages(struct sim *s)
{
	for (unsigned i = 0; i < 300; i++)
		EXPECT(s, do_write(s, BLOCK(16 + i % 160), BLOCK(1),
				   RAID_FUA) == 0);
}

/* What was there before is known by the chain; or by the page alone, which a
 * newer sum overrules; or by the page in the other slot. */
static void
lost_write_is_named(struct sim *s, unsigned variant)
{
	struct rule *r;

	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1), RAID_FUA) == 0);
	if (variant > 0)
		store_pages(s);
	pass(s, SECONDS(20));
	r = on_block(s, variant & 1, 2, IO_WRITE, RULE_SUBMIT, RULE_DROP);
	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1),
			   variant == 0 ? 0 : RAID_FUA) == 0);
	EXPECT(s, r->hits == 1);
	if (variant == 2)
		store_pages(s);
	read_often(s, 2);
	expect_verdict(s, NOTE_LOST_WRITE, variant & 1, 2);
	EXPECT(s, s->notes[NOTE_REPAIRED] == 1 && verdicts_given(s) == 1);
	EXPECT(s, is_healed(s, variant & 1));
}

/* A write goes to another block: it is lost at its own, and misdirected at
 * that one. */
static void
misdirected_write_is_named(struct sim *s, unsigned variant)
{
	/* In its region; with a bit of the address wrong. */
	uint64_t to = variant == 0 ? 5 : 2 + 32;
	struct disk *d = &s->member[0].disk;
	const uint8_t *data;

	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, BLOCK(to), BLOCK(1), RAID_FUA) == 0);
	pass(s, SECONDS(20));
	data = disk_media(&s->member[1].disk, s->layout.data_offset + BLOCK(2),
			  BLOCK(1));
	EXPECT(s, disk_spoil(d, s->layout.data_offset + BLOCK(to), BLOCK(1),
			     data));
	read_often(s, to);
	expect_verdict(s, NOTE_MISDIRECTED, 0, to);
	EXPECT(s, s->last_note[NOTE_MISDIRECTED].b == BLOCK(2));
	EXPECT(s, verdicts_given(s) == 1 && is_healed(s, 0));
}

/* Rot matches nothing; nor do zeros where others have zeros too. */
static void
rot_is_a_mismatch(struct sim *s, unsigned variant)
{
	static const uint8_t zeros[ORACLE_BLOCK];
	struct disk *d = &s->member[1].disk;
	uint64_t at = s->layout.data_offset + BLOCK(4);

	EXPECT(s, do_write(s, BLOCK(2), BLOCK(8), RAID_FUA) == 0);
	EXPECT(s, do_zeroes(s, BLOCK(6), BLOCK(2), RAID_NO_HOLE | RAID_FUA) ==
	       0);
	pass(s, SECONDS(20));
	if (variant == 0)
		EXPECT(s, disk_flip(d, at + 77, 4));
	else
		EXPECT(s, disk_spoil(d, at, BLOCK(1), zeros));
	read_often(s, 4);
	expect_verdict(s, NOTE_MISMATCH, 1, 4);
	EXPECT(s, s->notes[NOTE_REPAIRED] == 1 && verdicts_given(s) == 1);
	EXPECT(s, is_healed(s, 1));
}

/* A sector that cannot be read, in the last unit of a long read. */
static void
bad_sector_is_found_in_a_long_read(struct sim *s, unsigned variant)
{
	unsigned leg = variant & 1;
	uint64_t block = 14;

	EXPECT(s, do_write(s, 0, BLOCK(16), RAID_FUA) == 0);
	pass(s, SECONDS(20));
	EXPECT(s, disk_make_bad(&s->member[leg].disk,
				s->layout.data_offset + BLOCK(block), 512));
	for (int i = 0; i < 8; i++) {
		EXPECT(s, do_read(s, 0, BLOCK(16)) == 0);
		if (variant < 2)
			pass(s, SECONDS(1) / 10);
	}
	pass(s, SECONDS(1));
	EXPECT(s, s->last_note[NOTE_READ_ERROR].leg == leg);
	EXPECT(s, s->last_note[NOTE_READ_ERROR].a == 0);
	EXPECT(s, s->last_note[NOTE_READ_ERROR].b == BLOCK(16));
	expect_verdict(s, NOTE_REPAIRED, leg, block);
	EXPECT(s, verdicts_given(s) == 1 && is_healed(s, leg));
}

/* Neither of a block that no leg has, nor of one that nobody wrote, is each
 * read a new fault: a leg must not be failed for it. */
static void
one_place_is_one_verdict(struct sim *s, unsigned variant)
{
	uint64_t at = s->layout.data_offset + BLOCK(1);

	EXPECT(s, do_write(s, 0, BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_write(s, BLOCK(2), BLOCK(1), RAID_FUA) == 0);
	if (variant == 0) {
		EXPECT(s, do_write(s, BLOCK(1), BLOCK(1), RAID_FUA) == 0);
		EXPECT(s, disk_flip(&s->member[0].disk, at + 9, 1));
		EXPECT(s, disk_flip(&s->member[1].disk, at + 8, 1));
	} else {
		EXPECT(s, disk_make_bad(&s->member[0].disk, at, 512));
	}
	for (int i = 0; i < 60; i++) {
		EXPECT(s, do_read(s, 0, BLOCK(3)) ==
			  (variant == 0 ? -EIO : 0));
		pass(s, SECONDS(1) / 100);
	}
	EXPECT(s, verdicts_given(s) == (variant == 0 ? 2 : 1));
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
}

/* One copy of each page is bad: told, stored anew; the other leg may go. */
static void
bad_page_is_stored_anew(struct sim *s, unsigned variant)
{
	uint64_t offset, length;
	unsigned leg = variant & 1;
	struct disk *d = &s->member[leg].disk;

	for (unsigned i = 0; i < 600; i++)
		EXPECT(s, do_write(s, BLOCK(i % 160), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, sim_stop(s));
	sim_area_range(s, AREA_SUMS, &offset, &length);
	for (uint64_t i = 0; i < 20; i++)
		EXPECT(s, disk_flip(d, offset + BLOCK(i) + i % 16 * 4, 2));
	EXPECT(s, restart(s, BOTH));
	/* Until either leg's copy of each was the one that is looked at. */
	for (unsigned i = 0; i < 12; i++) {
		EXPECT(s, i % 2 == 0 || do_read(s, 0, BLOCK(1)) == 0);
		sim_read_all(s);
		pass(s, SECONDS(2));
		EXPECT(s, sim_stop(s) && restart(s, BOTH));
	}
	EXPECT(s, s->notes[NOTE_PAGE_BAD] > 0);
	EXPECT(s, s->notes[NOTE_PAGE_REPAIRED] == s->notes[NOTE_PAGE_BAD]);
	EXPECT(s, s->notes[NOTE_PAGE_LOST] == 0);
	EXPECT(s, fail_leg(s, 0, !leg) == 0);
	s->guard[0] = leg;
	pass(s, SECONDS(1));
	sim_read_all(s);
}

/* An image of a leg is put back while the array serves.  Left so, it would
 * start alone some day, and have it all as it was then (H21). */
static void
image_comes_back_while_serving(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[0].disk;
	struct disk old;

	for (unsigned i = 0; i < 40; i++)
		EXPECT(s, do_write(s, BLOCK(i), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	pass(s, SECONDS(20));
	disk_copy_media(&old, d);
	for (unsigned i = 0; i < (variant & 1 ? 400u : 8u); i++)
		EXPECT(s, do_write(s, BLOCK(i % 8), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	pass(s, SECONDS(20));
	disk_go_back(d, &old);
	disk_fini(&old);
	/* Records behind the gap: the newest of all is there. */
	if (variant & 4)
		EXPECT(s, do_write(s, BLOCK(60), BLOCK(1), RAID_FUA) == 0);
	read_often(s, 0);
	pass(s, SECONDS(5));
	EXPECT(s, s->notes[NOTE_LOST_WRITE] + s->notes[NOTE_MISMATCH] > 0);
	EXPECT(s, s->notes[NOTE_WENT_BACK] == 1);
	EXPECT(s, s->last_note[NOTE_WENT_BACK].leg == 0);
	EXPECT(s, s->notes[NOTE_METADATA_REWRITTEN] == 1);
	EXPECT(s, leg_state(s, 0, 0) == LEG_IN_SYNC);
	if (variant & 2)
		EXPECT(s, sim_stop(s));
	else
		power_cut(s, FATE_DROP);
	EXPECT(s, restart_forced(s, 1u));
	/* What was healed is the newest to it. */
	EXPECT(s, do_read(s, 0, BLOCK(8)) == 0);
	sim_read_all(s);
}

/* ... and its pages of sums are those of then, though nobody reads them:
 * they are in memory. */
static void
pages_come_back_while_serving(struct sim *s, unsigned variant)
{
	struct disk *d = &s->member[variant].disk;
	struct disk old;

	for (unsigned i = 0; i < 600; i++)
		EXPECT(s, do_write(s, BLOCK(i % 160), BLOCK(1), RAID_FUA) == 0);
	pass(s, SECONDS(20));
	disk_copy_media(&old, d);
	for (unsigned i = 0; i < 600; i++)
		EXPECT(s, do_write(s, BLOCK(i % 160), BLOCK(1), RAID_FUA) == 0);
	EXPECT(s, do_flush(s) == 0);
	pass(s, SECONDS(20));
	disk_go_back(d, &old);
	disk_fini(&old);
	/* Not all: it would be over its budget. */
	for (unsigned i = 0; i < 8; i++) {
		EXPECT(s, do_read(s, 0, BLOCK(8)) == 0);
		pass(s, SECONDS(2));
	}
	EXPECT(s, s->notes[NOTE_WENT_BACK] == 1);
	EXPECT(s, s->notes[NOTE_METADATA_REWRITTEN] == 1);
	EXPECT(s, sim_stop(s));
	EXPECT(s, restart_forced(s, 1u << variant));
	sim_read_all(s);
	EXPECT(s, s->notes[NOTE_PAGE_LOST] == 0);
}

const struct scenario verdict_scenarios[] = {
	{.name = "lost-write-is-named", .run = lost_write_is_named,
	 .hole = "H24: a lost write is a mismatch like any other",
	 .variants = 3, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "misdirected-write-is-named",
	 .run = misdirected_write_is_named,
	 .hole = "R11: whose data it is that is in the wrong place",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "rot-is-a-mismatch", .run = rot_is_a_mismatch,
	 .hole = "R11: what matches nothing is blamed on a place",
	 .variants = 2, .sets = 1, .legs = 2},
	{.name = "bad-sector-is-found-in-a-long-read",
	 .run = bad_sector_is_found_in_a_long_read,
	 .hole = "R11: a read error is counted again by its repair",
	 .variants = 4, .sets = 1, .legs = 2},
	{.name = "one-place-is-one-verdict", .run = one_place_is_one_verdict,
	 .hole = "R11: reads of one bad place use up a leg's budget",
	 .variants = 2, .sets = 1, .legs = 2, .lenient = true},
	{.name = "bad-page-is-stored-anew", .run = bad_page_is_stored_anew,
	 .hole = "R11: a page is bad on a leg until the other is gone",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64},
	{.name = "pages-come-back-while-serving",
	 .run = pages_come_back_while_serving,
	 .hole = "H21: pages of sums of an earlier time stay on a leg",
	 .variants = 2, .sets = 1, .legs = 2, .sums_max = 64, .lenient = true},
	{.name = "image-comes-back-while-serving",
	 .run = image_comes_back_while_serving,
	 .hole = "H21: a leg that went back starts alone some day",
	 .variants = 8, .sets = 1, .legs = 2, .lenient = true},
};

const unsigned verdict_scenario_count = ARRAY_SIZE(verdict_scenarios);
