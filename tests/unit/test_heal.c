/* SPDX-License-Identifier: MIT */
/*
 * Pages of sums of which a leg has a bad copy (heal.c): how often it is told,
 * and what comes between the page that is stored anew and its being read back.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define REGIONS   64u
#define REGION    16u /* blocks */
#define SECOND_NS 1000000000ull

static struct memio m;
static uint8_t *buf; /* a region */

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static void
write_region(uint64_t region, int value)
{
	memset(buf, value, REGION * RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA,
			      region * REGION * RAID_BLOCK,
			      REGION * RAID_BLOCK, buf), 0);
}

static int
read_region(uint64_t region)
{
	memset(buf, 0xee, RAID_BLOCK);
	return memio_do(&m, RAID_READ, 0, region * REGION * RAID_BLOCK,
			RAID_BLOCK, buf);
}

/* All regions hold 1, those up to 32 have pages, and none is in memory. */
static void
create(uint32_t legs)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = legs, .block_bytes = 4096,
		.region_blocks = REGION, .member_bytes = MEMIO_MEMBER_BYTES,
		.limits = {.parts_max = 64, .sums_max = 128,
			   .page_frames_max = 1, .read_error_budget = 200},
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	for (uint64_t i = 0; i < REGIONS; i++)
		write_region(i, 1);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t i = 0; i < 40; i++)
		cr_assert_neq(map_slot(set()->map[i]), SLOT_NONE);
}

static void
begin(void)
{
	buf = aligned_alloc(4096, REGION * RAID_BLOCK);
	cr_assert(buf != NULL);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(heal, .init = begin, .fini = end);

static uint64_t
page_at(uint64_t region)
{
	return m.sb.layout.sums_offset +
	       (region * 2 + (map_slot(set()->map[region]) - SLOT_0)) * 4096;
}

static void
spoil(uint32_t member, uint64_t region)
{
	m.bytes[member][page_at(region) + 7] ^= 1;
}

static bool
is_same_on(uint32_t a, uint32_t b, uint64_t region)
{
	uint64_t at = page_at(region);

	return memcmp(m.bytes[a] + at, m.bytes[b] + at, 4096) == 0;
}

static void
gate(unsigned i, unsigned members, enum io_op op, int res)
{
	m.gates[i] = (struct memio_gate){.members = members, .op = op,
					 .area = AREA_SUMS, .res = res};
}

static void
open_gates(void)
{
	memset(m.gates, 0, sizeof(m.gates));
	memio_release(&m);
	memio_turn(&m);
}

/* The region's page is asked of that leg first. */
static int
read_by(uint32_t leg, uint64_t region)
{
	uint32_t legs = m.sb.geometry.legs;

	pages_forget(set(), region);
	set()->pick = leg + legs - 1;
	return read_region(region);
}

static unsigned
page_verdicts(uint32_t leg)
{
	return (unsigned)set()->legs[leg].verdicts[VERDICT_PAGE_BAD];
}

/* The bad page is known, and stored anew; that it is well is not known: what
 * would read it back is held. */
static void
hold_reading_back(uint64_t region)
{
	spoil(0, region);
	gate(0, 1, IO_READ, MEMIO_HOLD);
	m.gates[0].passes = 1;
	cr_assert_eq(read_by(0, region), 0);
	cr_assert(set()->healer.reading);
	cr_assert_eq(set()->healer.heals[0].legs, 1);
}

/* --- how often it is told --- */

/* However often it is read while nothing can be stored. */
Test(heal, a_bad_copy_has_one_verdict_until_it_is_healed)
{
	create(2);
	spoil(0, 3);
	gate(0, 3, IO_WRITE, MEMIO_HOLD);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(read_by(0, 3), 0);
		cr_assert_eq(buf[0], 1);
	}
	cr_assert_eq(set()->healer.count, 1);
	open_gates();
	cr_assert_eq(read_by(0, 3), 0);
	cr_assert_eq(page_verdicts(0), 1);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 1);
	cr_assert_eq(set()->legs[0].repaired, 1);
	cr_assert(is_same_on(0, 1, 3));
}

/* More than are kept in mind: each is told, and the rest is healed when it is
 * read again. */
Test(heal, more_bad_pages_than_there_is_room_for)
{
	create(2);
	for (uint64_t i = 0; i < HEAL_MAX + 4; i++)
		spoil(0, i);
	gate(0, 3, IO_WRITE, MEMIO_HOLD);
	for (uint64_t i = 0; i < HEAL_MAX + 4; i++)
		cr_assert_eq(read_by(0, i), 0);
	cr_assert_eq(set()->healer.count, HEAL_MAX);
	cr_assert_eq(page_verdicts(0), HEAL_MAX + 4);
	open_gates();
	cr_assert_eq(set()->healer.count, 0);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], HEAL_MAX);
	for (uint64_t i = 0; i < HEAL_MAX + 4; i++)
		cr_assert_eq(is_same_on(0, 1, i), i < HEAL_MAX);
	for (uint64_t i = 0; i < HEAL_MAX + 4; i++)
		cr_assert_eq(read_by(0, i), 0);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], HEAL_MAX + 4);
	for (uint64_t i = 0; i < HEAL_MAX + 4; i++)
		cr_assert(is_same_on(0, 1, i));
}

Test(heal, bad_copies_of_two_legs_are_one_page_to_store)
{
	uint64_t stores;

	create(3);
	stores = m.raid->counters.page_stores;
	spoil(0, 3);
	spoil(2, 3); /* of leg 1 the data are read meanwhile */
	cr_assert_eq(read_by(0, 3), 0);
	cr_assert_eq(page_verdicts(0), 1);
	cr_assert_eq(page_verdicts(2), 1);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 2);
	cr_assert_eq(m.raid->counters.page_stores, stores + 1);
	cr_assert(is_same_on(0, 1, 3) && is_same_on(2, 1, 3));
}

/* Bad on all legs: there is nothing to heal it with, but others are healed. */
Test(heal, a_page_that_no_leg_has_is_given_up)
{
	create(2);
	gate(0, 3, IO_WRITE, MEMIO_HOLD);
	spoil(0, 5);
	cr_assert_eq(read_by(0, 5), 0);
	spoil(0, 3);
	spoil(1, 3);
	cr_assert_eq(read_by(0, 3), -EIO);
	cr_assert_eq(m.notes[NOTE_PAGE_LOST], 1);
	cr_assert_eq(set()->healer.count, 1);
	open_gates();
	cr_assert_eq(set()->healer.count, 0);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 1);
	cr_assert(is_same_on(0, 1, 5));
}

/* --- what it finds when it reads back --- */

static unsigned lost;

/* A disk that says it wrote, and did not. */
static int
hook_loses_pages(struct memio *mem, const struct io_req *req)
{
	if (req->member != 0 || req->op != IO_READ ||
	    memio_area(mem, req) != AREA_SUMS)
		return 0;
	lost++;
	mem->bytes[0][req->offset + 9] ^= 1;
	return 0;
}

/* Once more, and then it is left: no page is stored for ever. */
Test(heal, a_leg_that_keeps_no_page_is_let_be)
{
	uint64_t stores;

	create(2);
	stores = m.raid->counters.page_stores;
	m.hook = hook_loses_pages;
	cr_assert_eq(read_by(0, 3), 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(lost, 3);
	cr_assert_eq(page_verdicts(0), 3);
	cr_assert_eq(m.raid->counters.page_stores, stores + 2);
	cr_assert_eq(set()->healer.count, 0);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 0);
	m.hook = NULL;
	cr_assert_eq(read_by(1, 3), 0);
	cr_assert_eq(memio_stop(&m), 0);
}

/* A copy that cannot be read back is not called well either. */
Test(heal, a_copy_that_cannot_be_read_back_is_stored_again)
{
	create(2);
	hold_reading_back(3);
	memset(m.gates, 0, sizeof(m.gates));
	memio_release_some(&m, 1, IO_READ, -EIO);
	memio_turn(&m);
	cr_assert_eq(page_verdicts(0), 2);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 1);
	cr_assert(is_same_on(0, 1, 3));
}

/* Of what was stored anew another leg's copy goes bad, too. */
Test(heal, a_new_page_that_is_bad_on_another_leg)
{
	create(3);
	hold_reading_back(3);
	spoil(1, 3);
	/* Leg 0 is asked next, and takes its time. */
	cr_assert_eq(read_by(1, 3), -EINPROGRESS);
	cr_assert_eq(page_verdicts(1), 1);
	cr_assert_eq(set()->healer.heals[0].legs, 3);
	open_gates();
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 2);
	cr_assert_eq(page_verdicts(0), 1);
	cr_assert(is_same_on(0, 2, 3) && is_same_on(1, 2, 3));
}

/* The region's page is another by the time: that one is read. */
Test(heal, a_page_that_is_replaced_while_it_is_read_back)
{
	enum map_slot slot;
	int value = 1;

	create(2);
	hold_reading_back(3);
	slot = map_slot(set()->map[3]);
	do {
		write_region(3, ++value);
		store_anew(set(), 3);
		memio_turn(&m);
	} while (map_slot(set()->map[3]) != slot);
	cr_assert(set()->healer.reading);
	cr_assert_neq(map_crc(set()->map[3]), map_crc(set()->healer.entry));
	open_gates();
	cr_assert_eq(set()->healer.count, 0);
	cr_assert_eq(page_verdicts(0), 1);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 1);
	cr_assert(is_same_on(0, 1, 3));
	cr_assert_eq(read_region(3), 0);
	cr_assert_eq(buf[0], value);
}

/* Nobody wants the page any more, nor another. */
Test(heal, a_page_that_is_discarded_while_it_is_read_back)
{
	create(2);
	hold_reading_back(3);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 3 * REGION * RAID_BLOCK,
			      REGION * RAID_BLOCK, NULL), 0);
	cr_assert_eq(map_slot(set()->map[3]), SLOT_NONE);
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	open_gates();
	cr_assert(m.stopped && m.stop_res == 0);
	cr_assert_eq(set()->healer.count, 0);
	cr_assert_eq(page_verdicts(0), 1);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(read_region(3), 0);
	cr_assert_eq(buf[0], 0);
}

/* --- legs that leave, and stops --- */

/* It hangs with what would read back, and goes: others are healed on. */
Test(heal, reading_back_is_given_up_with_its_leg)
{
	create(3);
	hold_reading_back(3);
	for (unsigned i = 0; i < 120; i++)
		memio_wait(&m, SECOND_NS / 10);
	cr_assert_eq(set()->legs[0].run, RUN_OUT);
	cr_assert_eq(raid_abandoned(m.raid), 1);
	cr_assert_eq(set()->healer.count, 0);
	spoil(1, 5);
	cr_assert_eq(read_by(1, 5), 0);
	cr_assert_eq(page_verdicts(1), 1);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 1);
	cr_assert(is_same_on(1, 2, 5));
	open_gates();
	cr_assert_eq(raid_abandoned(m.raid), 0);
}

Test(heal, a_stop_waits_for_what_is_read_back)
{
	create(2);
	hold_reading_back(3);
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	open_gates();
	cr_assert(m.stopped);
	cr_assert_eq(m.stop_res, 0);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 1);
}

/* A set that takes no writes heals no pages, and its stop waits for none. */
Test(heal, a_write_stopped_set_keeps_its_bad_pages)
{
	create(2);
	spoil(0, 3);
	gate(0, 3, IO_WRITE, MEMIO_HOLD);
	cr_assert_eq(read_by(0, 3), 0);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	m.gates[1] = (struct memio_gate){.members = 1, .op = IO_WRITE,
					 .area = AREA_JOURNAL, .res = -EIO};
	memset(buf, 2, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, 0, RAID_BLOCK, buf),
		     -EIO);
	cr_assert(set()->write_stopped);
	cr_assert_eq(set()->healer.count, 1);
	m.gates[1].res = 0;
	open_gates();
	cr_assert_eq(set()->healer.count, 1);
	cr_assert_eq(memio_stop(&m), -EIO);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(read_region(3), -EIO); /* on the only leg there is */
}

#define UNITS 8u

/* In one region: more than are settled at a time. */
static void
create_undecided(void)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = UNITS * UNIT_BLOCKS,
		.member_bytes = MEMIO_MEMBER_BYTES,
		.limits = {.parts_max = 64},
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	for (unsigned i = 0; i < UNITS; i++)
		write_region(i, 1);
	store_anew(set(), 0);
	memio_turn(&m);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (unsigned i = 0; i < UNITS; i++)
		write_region(i, 2);
}

/* A page is not stored while R17 is to decide a unit of its region.  A stop
 * decides no more, and does not wait for the page either. */
Test(heal, a_stop_does_not_wait_for_a_page_of_what_is_undecided)
{
	create_undecided();
	spoil(1, 0); /* which is asked first */
	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_READ,
					 .area = AREA_DATA, .res = MEMIO_HOLD};
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->resync_in[0], UNITS);
	cr_assert_eq(set()->settler.busy, SETTLE_MAX);
	cr_assert_eq(set()->healer.count, 1);
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	open_gates();
	cr_assert(m.stopped && m.stop_res == 0);
	cr_assert_eq(set()->resync_in[0], UNITS - SETTLE_MAX);
	cr_assert_eq(set()->healer.count, 1);
	cr_assert_eq(m.notes[NOTE_PAGE_REPAIRED], 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(set()->resync_in[0], 0);
	for (unsigned i = 0; i < UNITS; i++) {
		cr_assert_eq(read_region(i), 0);
		cr_assert_eq(buf[0], 2);
	}
}
