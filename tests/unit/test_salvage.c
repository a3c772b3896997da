/* SPDX-License-Identifier: MIT */
/*
 * Salvage and recovery (R24): which leg's metadata counts, what the others are
 * good for, and what can be had of a map or a journal that is read in part.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define REGION 16u /* blocks */

static struct memio m;
static uint8_t *buf; /* a block */

/* Reads of these places of these members fail. */
static struct bad {
	unsigned members;
	uint64_t at[2];
	unsigned passes; /* of each hit so many pass first */
} bad;

static int
hook(struct memio *mem, const struct io_req *req)
{
	(void)mem;
	if (!(bad.members >> req->member & 1) || req->op != IO_READ)
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		if (bad.at[i] < req->offset ||
		    bad.at[i] >= req->offset + req->length)
			continue;
		if (bad.passes == 0)
			return -EIO;
		bad.passes--;
	}
	return 0;
}

static void
begin(void)
{
	bad = (struct bad){0};
	buf = aligned_alloc(4096, RAID_BLOCK);
	cr_assert(buf != NULL);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(salvage, .init = begin, .fini = end);

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static void
write_block(uint64_t block, int value)
{
	memset(buf, value, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, block * RAID_BLOCK,
			      RAID_BLOCK, buf), 0);
}

/* The value, or -errno. */
static int
read_block(uint64_t block)
{
	int res;

	memset(buf, 0xee, RAID_BLOCK);
	res = memio_do(&m, RAID_READ, 0, block * RAID_BLOCK, RAID_BLOCK, buf);
	return res < 0 ? res : buf[0];
}

static void
create_as(uint32_t legs, uint64_t member_bytes)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = legs, .block_bytes = 4096,
		.region_blocks = REGION, .member_bytes = member_bytes,
		.limits = {.parts_max = 32},
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	m.hook = hook;
}

/* Blocks 0 to 5 hold 10 to 15, a record each. */
static void
create(uint32_t legs)
{
	create_as(legs, MEMIO_MEMBER_BYTES);
	for (uint64_t i = 0; i < 6; i++)
		write_block(i, 10 + (int)i);
}

static struct raid_salvage
salvage(void)
{
	struct raid_salvage out;

	m.salvage = true;
	cr_assert_eq(memio_restart(&m), 0);
	raid_salvage(m.raid, 0, &out);
	return out;
}

static struct raid_salvage
recovered(void)
{
	struct raid_salvage out;

	m.recover = true;
	cr_assert_eq(memio_restart(&m), 0);
	raid_salvage(m.raid, 0, &out);
	m.recover = false;
	return out;
}

static void
fail_leg(uint32_t leg)
{
	cr_assert_eq(raid_member_fail(m.raid, 0, leg), 0);
	memio_turn(&m);
}

static enum sb_leg_state
leg_state(uint32_t leg)
{
	return sb_place_const(raid_superblock(m.raid), 0, leg)->state;
}

static void
flip(uint32_t member, uint64_t at)
{
	m.bytes[member][at + 100] ^= 1;
}

static void
flip_data(uint32_t member, uint64_t block)
{
	flip(member, m.sb.layout.data_offset + block * RAID_BLOCK);
}

/* The last so many records but `behind`, all of a block. */
static void
flip_record(uint32_t member, uint64_t behind)
{
	flip(member, m.sb.layout.journal_offset +
			     (set()->journal.last_index - behind) * RAID_BLOCK);
}

static void
flip_headers(uint32_t member)
{
	for (unsigned copy = 0; copy < 2; copy++)
		flip(member, m.sb.layout.map_offset[copy]);
}

/* --- which leg --- */

Test(salvage, sources_have_words)
{
	create(2);
	cr_assert_str_eq(raid_source_word(SOURCE_WHOLE), "whole");
	cr_assert_str_eq(raid_source_word(SOURCE_DAMAGED), "damaged");
	cr_assert_str_eq(raid_source_word(SOURCE_OLD), "old");
	cr_assert_str_eq(raid_source_word(SOURCE_NOTHING), "nothing");
}

/* It is behind, and what did not change since is good for something. */
Test(salvage, a_leg_that_is_out_is_asked_when_no_other_verifies)
{
	struct raid_salvage s;

	create(3);
	fail_leg(2);
	write_block(1, 99);
	flip_data(0, 0);
	flip_data(1, 0);
	flip_data(0, 1);
	flip_data(1, 1);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_WHOLE);
	cr_assert_eq(s.use[0], USE_MAIN);
	cr_assert_eq(s.use[1], USE_MAIN);
	cr_assert_eq(s.use[2], USE_ASIDE);
	cr_assert_eq(salvage_in_sync(set()), 2);
	cr_assert_not(s.unwritten_doubtful);
	cr_assert_eq(read_block(0), 10);
	cr_assert_eq(read_block(1), -EIO);
	cr_assert_eq(read_block(2), 12);
	cr_assert_eq(set()->legs[2].budget_used, 0, "nobody counts on it");
	raid_salvage(m.raid, 0, &s);
	cr_assert_eq(s.lost_blocks, 1);
	cr_assert_eq(memio_stop(&m), 0);
}

/* Verdicts fail no leg: no epoch could say so. */
Test(salvage, a_leg_over_its_budget_stays)
{
	create(2);
	m.limits.read_error_budget = 1;
	for (uint64_t i = 0; i < 6; i++)
		flip_data(0, i);
	(void)salvage();
	for (uint64_t i = 0; i < 6; i++) {
		set()->pick = 1;
		cr_assert_eq(read_block(i), 10 + (int)i);
	}
	cr_assert_gt(set()->legs[0].budget_used, 1);
	cr_assert_eq(set()->legs[0].run, RUN_IN);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}

/* A page that is bad on a leg is told each time it is read, and left so. */
Test(salvage, nothing_is_healed)
{
	uint64_t at;

	create(2);
	store_anew(set(), 0);
	memio_turn(&m);
	cr_assert_eq(memio_stop(&m), 0);
	at = m.sb.layout.sums_offset +
	     (uint64_t)(map_slot(set()->map[0]) - SLOT_0) * 4096;
	m.bytes[0][at] ^= 1;
	(void)salvage();
	for (unsigned i = 1; i <= 2; i++) {
		pages_forget(set(), 0);
		set()->pick = 1;
		cr_assert_eq(read_block(0), 10);
		cr_assert_eq(m.notes[NOTE_PAGE_BAD], i);
	}
	cr_assert_eq(set()->healer.count, 0);
}

static void
expect_old(uint32_t leg, uint32_t other)
{
	struct raid_salvage s = salvage();

	cr_assert_eq(s.source, SOURCE_OLD);
	cr_assert_eq(s.leg, leg);
	cr_assert_eq(s.use[leg], USE_MAIN);
	cr_assert_eq(s.use[other], USE_ASIDE);
}

/* Of those that left, whoever did so last. */
Test(salvage, of_old_legs_the_freshest_counts)
{
	create(3);
	fail_leg(1);
	write_block(1, 98);
	fail_leg(2);
	write_block(1, 99);
	flip_headers(0);
	expect_old(2, 1);
	cr_assert_eq(read_block(1), 98);
	cr_assert_eq(read_block(0), 10);
}

Test(salvage, of_old_legs_the_freshest_counts_be_it_the_first)
{
	create(3);
	fail_leg(2);
	write_block(1, 98);
	fail_leg(1);
	write_block(1, 99);
	flip_headers(0);
	expect_old(1, 2);
	cr_assert_eq(read_block(1), 98);
}

/* They left together: the one whose journal is whole. */
Test(salvage, of_legs_as_old_the_whole_one_counts)
{
	struct raid_salvage s;

	create(3);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 2), 0);
	memio_turn(&m);
	flip_record(1, 3);
	flip_headers(0);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_OLD);
	cr_assert_eq(s.leg, 2);
	cr_assert_not(s.journal_damaged);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(i), 10 + (int)i);
}

/* Each has its damage: the longer chain counts, and both have the data. */
Test(salvage, of_damaged_legs_the_one_that_knows_more_counts)
{
	struct raid_salvage s;

	create(2);
	flip_record(0, 3);
	flip_record(1, 2);
	flip_data(1, 0);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert_eq(s.leg, 1);
	cr_assert_eq(s.use[1], USE_MAIN);
	cr_assert_eq(s.use[0], USE_MAIN);
	cr_assert_eq(s.journal_seen, s.journal_last + 3);
	cr_assert(s.unwritten_doubtful);
	cr_assert_eq(read_block(0), 10, "by the other leg");
	cr_assert_eq(read_block(2), 12);
	cr_assert_eq(read_block(3), -EIO);
	cr_assert_eq(read_block(101), 0);
	flip_data(0, 100);
	flip_data(1, 100);
	cr_assert_eq(read_block(100), -EIO, "nobody wrote it, who knows");
}

/* One that is out besides may lack what the damaged records said. */
Test(salvage, beside_damaged_legs_none_is_asked_that_is_out)
{
	struct raid_salvage s;

	create(3);
	fail_leg(2);
	flip_record(0, 3);
	flip_record(1, 2);
	flip_headers(2);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert_eq(s.use[0], USE_MAIN);
	cr_assert_eq(s.use[1], USE_MAIN);
	cr_assert_eq(s.use[2], USE_NONE);
}

/* A leg whose whole journal ends too early is no better than an old one: what
 * tells is what another has in one piece ... */
static void
lag(unsigned behind)
{
	uint64_t at = m.sb.layout.journal_offset;
	uint64_t bytes = m.sb.layout.journal_bytes;
	uint8_t *old = malloc(bytes);
	struct raid_salvage s;

	cr_assert(old != NULL);
	memcpy(old, m.bytes[1] + at, bytes);
	for (uint64_t i = 0; i < 6; i++)
		write_block(20 + i, 30 + (int)i);
	memcpy(m.bytes[1] + at, old, bytes);
	free(old);
	flip_record(0, behind);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert_eq(s.leg, 0);
	cr_assert_eq(s.use[1], USE_NONE);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(i), 10 + (int)i);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(20 + i),
			     i + behind < 5 ? 30 + (int)i : -EIO);
}

Test(salvage, a_leg_that_lost_records_which_another_has)
{
	create(2);
	lag(2);
}

/* ... or has behind its own damage. */
Test(salvage, a_leg_that_lost_records_which_another_had)
{
	create(2);
	lag(5);
}

/* Legs that are not here, that have nothing, or that are out, say nothing of
 * it. */
static void
stand_alone(enum raid_leg_use use)
{
	struct raid_salvage s = salvage();

	cr_assert_eq(s.source, SOURCE_WHOLE);
	cr_assert_eq(s.leg, 0);
	cr_assert_eq(s.use[0], USE_MAIN);
	cr_assert_eq(s.use[1], use);
	cr_assert_eq(s.use[2], USE_ASIDE);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(i), 10 + (int)i);
}

Test(salvage, a_leg_does_not_lag_behind_who_is_not_here)
{
	create(3);
	fail_leg(2);
	m.absent[1] = true;
	stand_alone(USE_NONE);
}

Test(salvage, a_leg_does_not_lag_behind_who_has_no_header)
{
	create(3);
	fail_leg(2);
	flip_headers(1);
	stand_alone(USE_ASIDE);
}

/* A member put back from an old image, and of the other one the metadata are
 * gone. */
Test(salvage, a_leg_that_went_back_is_old)
{
	struct raid_salvage s;
	uint8_t *image;
	uint64_t epoch;

	create(2);
	epoch = raid_superblock(m.raid)->history[0].number;
	image = malloc(m.member_bytes);
	cr_assert(image != NULL);
	memcpy(image, m.bytes[1], m.member_bytes);
	cr_assert_eq(memio_restart(&m), 0);
	write_block(1, 99);
	memcpy(m.bytes[1], image, m.member_bytes);
	free(image);
	flip_headers(0);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_OLD);
	cr_assert_eq(s.leg, 1);
	cr_assert_eq(s.epoch, epoch);
	cr_assert_eq(read_block(0), 10);
	cr_assert_eq(read_block(1), 11);
}

/* --- recovery --- */

/* Where a start would do, it is one: the others are out as they were. */
Test(salvage, a_recovery_of_a_whole_set_is_a_start)
{
	struct raid_salvage s;

	create(3);
	fail_leg(2);
	write_block(1, 99);
	m.absent[1] = true;
	s = recovered();
	cr_assert_eq(s.source, SOURCE_WHOLE);
	cr_assert_eq(salvage_in_sync(set()), 1);
	cr_assert_eq(leg_state(0), LEG_IN_SYNC);
	cr_assert_neq(leg_state(1), LEG_IN_SYNC);
	cr_assert_eq(leg_state(2), LEG_FAILED);
	write_block(2, 98);
	m.absent[1] = false;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->in_mask, 1);
	cr_assert_eq(read_block(1), 99);
	cr_assert_eq(read_block(2), 98);
}

/* The leg does not take the checkpoint without which its old records would
 * come back: it serves reads, and the next start goes on from there. */
Test(salvage, a_recovery_that_can_write_nothing_serves_reads)
{
	struct raid_salvage s;

	create(2);
	flip_record(0, 3);
	flip_record(1, 2);
	m.gates[0] = (struct memio_gate){.members = 2, .op = IO_WRITE,
					 .area = AREA_JOURNAL, .res = -EIO};
	s = recovered();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert(set()->write_stopped);
	cr_assert_eq(read_block(2), 12);
	memset(buf, 1, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 0, RAID_BLOCK, buf), -EIO);
	m.gates[0].res = 0;
	s = recovered();
	cr_assert_eq(s.leg, 1);
	cr_assert_not(set()->write_stopped);
	write_block(4, 99);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->in_mask, 2);
	cr_assert_eq(read_block(2), 12);
	cr_assert_eq(read_block(4), 99);
}

/* --- what is read in part --- */

#define FAR (MAP_ENTRIES * REGION) /* of another block of the map */

/* A map of two blocks; what is in it has left the journal. */
static void
create_large(void)
{
	create_as(2, 64ull << 20);
	cr_assert_eq(map_blocks(set()->regions), 2);
	write_block(0, 10);
	write_block(FAR, 20);
	store_anew(set(), 0);
	store_anew(set(), MAP_ENTRIES);
	memio_turn(&m);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	write_block(1, 11);
}

/* One block of it cannot be read, on any leg. */
static void
lose_map_block(uint64_t index)
{
	bad.members = 3;
	for (unsigned copy = 0; copy < 2; copy++)
		bad.at[copy] = m.sb.layout.map_offset[copy] +
			       (1 + index) * RAID_BLOCK;
}

Test(salvage, of_a_map_all_is_taken_that_can_be_read)
{
	struct raid_salvage s;

	create_large();
	lose_map_block(0);
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert_eq(s.map_blocks_lost, 1);
	cr_assert_eq(s.regions_unknown, MAP_ENTRIES);
	cr_assert_eq(read_block(0), -EIO);
	cr_assert_eq(read_block(1), 11, "its sum is in the journal");
	cr_assert_eq(read_block(FAR), 20);
}

Test(salvage, the_last_block_of_a_map_is_not_full)
{
	struct raid_salvage s;

	create_large();
	lose_map_block(1);
	s = salvage();
	cr_assert_eq(s.map_blocks_lost, 1);
	cr_assert_eq(s.regions_unknown, set()->regions - MAP_ENTRIES);
	cr_assert_eq(read_block(0), 10);
	cr_assert_eq(read_block(FAR), -EIO);
}

/* It could be read when the legs were looked at. */
Test(salvage, a_map_that_cannot_be_read_again)
{
	struct raid_salvage s;

	create_large();
	lose_map_block(0);
	bad.passes = 2;
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert_eq(s.map_blocks_lost, 1);
	cr_assert_eq(read_block(0), -EIO);
	cr_assert_eq(read_block(1), 11);
	cr_assert_eq(read_block(FAR), 20);
}

/* A block of the ring that cannot be read: records behind it are not followed,
 * and those before it are. */
Test(salvage, of_a_journal_all_is_taken_up_to_what_cannot_be_read)
{
	struct raid_salvage s;

	create(2);
	bad.members = 3;
	bad.at[0] = m.sb.layout.journal_offset +
		    (set()->journal.last_index - 2) * RAID_BLOCK;
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	cr_assert(s.journal_damaged);
	cr_assert_eq(s.journal_seen, s.journal_last + 3);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(i), i < 3 ? 10 + (int)i : -EIO);
}

/* Behind the end it may have been a record, and may not. */
Test(salvage, a_journal_that_cannot_be_read_behind_its_end_is_in_doubt)
{
	struct raid_salvage s;

	create(2);
	bad.members = 3;
	bad.at[0] = m.sb.layout.journal_offset +
		    (set()->journal.last_index + 1) * RAID_BLOCK;
	s = salvage();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(i), 10 + (int)i);
	cr_assert(s.unwritten_doubtful);
	m.salvage = false;
	s = recovered();
	cr_assert_eq(s.source, SOURCE_DAMAGED);
	write_block(6, 16);
	for (uint64_t i = 0; i < 7; i++)
		cr_assert_eq(read_block(i), 10 + (int)i);
}

/* It could when the legs were looked at: the other one is asked. */
Test(salvage, a_journal_that_cannot_be_read_again)
{
	struct raid_salvage s;

	create(2);
	bad.members = 1;
	bad.passes = 1;
	bad.at[0] = m.sb.layout.journal_offset +
		    set()->journal.last_index * RAID_BLOCK;
	s = salvage();
	cr_assert_eq(s.source, SOURCE_WHOLE);
	cr_assert_eq(s.leg, 1);
	for (uint64_t i = 0; i < 6; i++)
		cr_assert_eq(read_block(i), 10 + (int)i);
}
