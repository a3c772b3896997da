/* SPDX-License-Identifier: MIT */
/*
 * I/O that fails while an array is created or started (R19, R24): it starts
 * from what can be read, or not at all, and loses nothing by trying.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define BOTH 3u

static struct memio m;
static uint8_t *buf; /* a block */

/* What fails, on which members. */
static struct fault {
	unsigned members;
	enum io_op op;
	enum memio_area area; /* but of flushes */
	bool again;           /* only what was read before */
	bool rots;            /* instead: what is read is damaged for good */
	unsigned passes;      /* so many pass first */
	unsigned hits;
} fault;

#define SEEN_MAX 512u
static uint64_t seen[SEEN_MAX];
static unsigned seen_count;

static bool
was_seen(const struct io_req *req)
{
	uint64_t key = req->offset << 4 | req->member;

	for (unsigned i = 0; i < seen_count; i++)
		if (seen[i] == key)
			return true;
	CHECK(seen_count < SEEN_MAX);
	seen[seen_count++] = key;
	return false;
}

static int
hook(struct memio *mem, const struct io_req *req)
{
	if (!(fault.members >> req->member & 1) || req->op != fault.op)
		return 0;
	if (req->op != IO_FLUSH && memio_area(mem, req) != fault.area)
		return 0;
	if (fault.again && !was_seen(req))
		return 0;
	if (fault.passes > 0) {
		fault.passes--;
		return 0;
	}
	fault.hits++;
	if (!fault.rots)
		return -EIO;
	mem->bytes[req->member][req->offset + 100] ^= 1;
	return 0;
}

static void
begin(void)
{
	fault = (struct fault){0};
	seen_count = 0;
	buf = aligned_alloc(4096, RAID_BLOCK);
	cr_assert(buf);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(start, .init = begin, .fini = end);

static int
write_block(uint64_t block, int value)
{
	memset(buf, value, RAID_BLOCK);
	return memio_do(&m, RAID_WRITE, RAID_FUA, block * RAID_BLOCK,
			RAID_BLOCK, buf);
}

static void
expect_block(uint64_t block, int value)
{
	memset(buf, 0, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, block * RAID_BLOCK, RAID_BLOCK,
			      buf), 0);
	cr_assert_eq(buf[0], value);
}

static enum sb_leg_state
leg_state(uint32_t leg)
{
	return sb_place_const(raid_superblock(m.raid), 0, leg)->state;
}

static const struct raid_set_status *
status(void)
{
	static struct raid_status st;

	raid_status(m.raid, &st);
	return &st.sets[0];
}

/* Blocks 0 to 2, by a run that died. */
static void
create(void)
{
	memio_create(&m, 1, 2, 4096);
	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(write_block(i, 10 + (int)i), 0);
	m.hook = hook;
}

static void
expect_blocks(void)
{
	for (uint64_t i = 0; i < 3; i++)
		expect_block(i, 10 + (int)i);
}

/* A new array needs all its members; which one failed is said. */
Test(start, no_array_is_created_on_members_that_fail)
{
	static const struct fault faults[] = {
		{.members = 2, .op = IO_WRITE, .area = AREA_MAP},
		{.members = 2, .op = IO_WRITE, .area = AREA_MAP, .passes = 1},
		{.members = 2, .op = IO_WRITE, .area = AREA_MAP, .passes = 2},
		{.members = 2, .op = IO_WRITE, .area = AREA_MAP, .passes = 3},
		{.members = 2, .op = IO_FLUSH},
		{.members = BOTH, .op = IO_FLUSH},
		{.members = BOTH, .op = IO_WRITE, .area = AREA_MAP},
	};
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.hook = hook,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		fault = faults[i];
		int res = memio_create_as(&m, &shape);

		if (fault.hits == 0) /* it did not write that much */
			cr_assert_eq(res, 0);
		else
			cr_assert_eq(res, -EUCLEAN, "fault %u: %d", i, res);
		cr_assert_eq(m.notes[NOTE_SET_UNUSABLE], fault.hits > 0);
		if (i + 1 < ARRAY_SIZE(faults))
			memio_destroy(&m);
	}
}

/* What was whole when the leg was looked at is not when it is replayed. */
static void
replay_fails(enum memio_area area, bool rots)
{
	create();
	fault = (struct fault){.members = 1, .op = IO_READ, .area = area,
			       .again = true, .rots = rots};
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_gt(fault.hits, 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 1);
	cr_assert_eq(leg_state(0), LEG_FAILED);
	cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	expect_blocks();
	cr_assert_eq(write_block(0, 10), 0);
	m.absent[0] = true;
	cr_assert_eq(memio_restart(&m), 0);
	expect_blocks();
}

Test(start, a_journal_that_cannot_be_read_again)
{
	replay_fails(AREA_JOURNAL, false);
}

Test(start, a_journal_that_rots_before_it_is_read_again)
{
	replay_fails(AREA_JOURNAL, true);
}

Test(start, a_map_that_cannot_be_read_again)
{
	replay_fails(AREA_MAP, false);
}

Test(start, a_map_that_rots_before_it_is_read_again)
{
	replay_fails(AREA_MAP, true);
}

/* On all legs: no start, and the next one finds everything. */
Test(start, no_journal_can_be_read_again)
{
	create();
	fault = (struct fault){.members = BOTH, .op = IO_READ,
			       .area = AREA_JOURNAL, .again = true};
	cr_assert_eq(memio_restart(&m), -EUCLEAN);
	cr_assert_eq(m.notes[NOTE_SET_UNUSABLE], 1);
	fault.members = 0;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(leg_state(0), LEG_IN_SYNC);
	cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	expect_blocks();
}

/* Nor from a leg that had been left out a moment before, for having lost what
 * it acknowledged: no epoch is made without one that was always in-sync. */
Test(start, a_leg_that_lagged_does_not_stand_in)
{
	uint8_t *old;
	uint64_t at, bytes;

	create();
	at = m.sb.layout.journal_offset;
	bytes = m.sb.layout.journal_bytes;
	old = malloc(bytes);
	cr_assert(old);
	memcpy(old, m.bytes[1] + at, bytes);
	for (uint64_t i = 0; i < 3; i++)
		cr_assert_eq(write_block(10 + i, 9), 0);
	memcpy(m.bytes[1] + at, old, bytes);
	free(old);
	fault = (struct fault){.members = 1, .op = IO_READ,
			       .area = AREA_JOURNAL, .again = true};
	cr_assert_eq(memio_restart(&m), -EUCLEAN);
	cr_assert_eq(m.notes[NOTE_LEG_LAGGED], 1);
	cr_assert_gt(m.notes[NOTE_SET_UNUSABLE], 0);
	fault.members = 0;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(leg_state(0), LEG_IN_SYNC);
	cr_assert_neq(leg_state(1), LEG_IN_SYNC);
	for (uint64_t i = 0; i < 3; i++)
		expect_block(10 + i, 9);
	expect_blocks();
}

/* The epoch is in force, and no leg takes the last record: it serves reads. */
static void
append_fails(void)
{
	fault = (struct fault){.members = BOTH, .op = IO_WRITE,
			       .area = AREA_JOURNAL};
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_gt(fault.hits, 0);
	cr_assert(status()->write_stopped);
	expect_blocks();
	cr_assert_eq(write_block(0, 99), -EIO);
	expect_blocks();
	fault.members = 0;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert(!status()->write_stopped);
	expect_blocks();
	cr_assert_eq(write_block(0, 99), 0);
}

Test(start, no_leg_takes_the_last_record)
{
	create();
	append_fails();
}

Test(start, no_leg_takes_the_erasing_of_a_tail)
{
	create();
	fault = (struct fault){.members = BOTH, .op = IO_WRITE,
			       .area = AREA_MAP};
	/* Its checkpoint has said again what is owed, and ends there. */
	cr_assert_eq(memio_stop(&m), -EIO);
	append_fails();
}

/* A header that was sealed, and says what cannot be. */
static void
head_is_refused(unsigned what)
{
	const struct set *set = &m.raid->sets[0];

	for (unsigned copy = 0; copy < 2; copy++) {
		uint64_t at = m.sb.layout.map_offset[copy];
		struct map_head h;

		if (map_head_decode(m.bytes[0] + at, &set->name, at, &h) < 0)
			continue;
		if (what == 0)
			h.regions++;
		else if (what == 1)
			h.journal_sequence = 0;
		else
			h.journal_index = set->journal.ring_blocks;
		map_head_encode(&h, &set->name, at, m.bytes[0] + at);
	}
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 1);
	cr_assert_eq(leg_state(0), LEG_FAILED);
	expect_blocks();
}

Test(start, a_map_of_another_size_is_refused)
{
	create();
	head_is_refused(0);
}

Test(start, a_replay_from_before_the_first_record_is_refused)
{
	create();
	head_is_refused(1);
}

Test(start, a_replay_from_outside_of_the_ring_is_refused)
{
	create();
	head_is_refused(2);
}

/* --- what a leg says --- */

/* A disk may say ETIMEDOUT as it may say EIO: its leg was not given up. */
Test(start, a_disk_that_says_timed_out_has_failed)
{
	create();
	m.gates[0] = (struct memio_gate){.members = 1, .op = IO_READ,
					 .area = AREA_JOURNAL,
					 .res = -ETIMEDOUT};
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 1);
	cr_assert_eq(leg_state(0), LEG_FAILED);
	expect_blocks();
}

/* It was over its budget already when its journal was given up. */
Test(start, a_leg_over_its_budget_is_failed_once)
{
	create();
	m.limits.read_error_budget = 1;
	m.gates[0] = (struct memio_gate){.members = 1, .op = IO_READ,
					 .area = AREA_JOURNAL, .res = -EIO};
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 1);
	cr_assert_eq(leg_state(0), LEG_FAILED);
	expect_blocks();
}

/* One record behind, and that is not the one before the other's last. */
Test(start, a_journal_of_the_right_length_and_another_past_lags)
{
	uint64_t at, bytes;
	uint8_t *before[2], *other;

	create();
	cr_assert_eq(memio_stop(&m), 0);
	at = m.sb.layout.journal_offset;
	bytes = m.sb.layout.journal_bytes;
	other = malloc(bytes);
	for (unsigned i = 0; i < 2; i++) {
		before[i] = malloc(m.member_bytes);
		cr_assert(before[i] && other);
		memcpy(before[i], m.bytes[i], m.member_bytes);
	}
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(write_block(5, 1), 0);
	memcpy(other, m.bytes[1] + at, bytes);
	for (unsigned i = 0; i < 2; i++) {
		memcpy(m.bytes[i], before[i], m.member_bytes);
		free(before[i]);
	}
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(write_block(6, 2), 0);
	cr_assert_eq(write_block(7, 2), 0);
	memcpy(m.bytes[1] + at, other, bytes);
	free(other);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_LAGGED], 1);
	cr_assert_eq(m.last[NOTE_LEG_LAGGED].a + 1,
		     m.last[NOTE_LEG_LAGGED].b);
	cr_assert_eq(leg_state(1), LEG_FAILED);
	expect_block(7, 2);
	expect_block(5, 0);
}

/* The newest header of leg 1's map, the map's only block behind it. */
static uint8_t *
newest_map(void)
{
	const struct set *set = &m.raid->sets[0];
	uint64_t sequence = 0;
	uint8_t *newest = NULL;

	for (unsigned copy = 0; copy < 2; copy++) {
		uint64_t at = m.sb.layout.map_offset[copy];
		struct map_head h;

		if (map_head_decode(m.bytes[1] + at, &set->name, at, &h) < 0 ||
		    h.sequence < sequence)
			continue;
		sequence = h.sequence;
		newest = m.bytes[1] + at;
	}
	cr_assert(newest);
	return newest;
}

/* Both copies of the map are written. */
static void
create_and_stop(void)
{
	create();
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(memio_stop(&m), 0);
}

Test(start, a_map_copy_that_rots_is_told_and_written_anew)
{
	create_and_stop();
	newest_map()[RAID_BLOCK + 100] ^= 1;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 1);
	cr_assert_eq(m.last[NOTE_MISMATCH].leg, 1);
	cr_assert_eq(m.last[NOTE_MISMATCH].a, NOTE_NO_PLACE);
	cr_assert_eq(m.raid->legs[1].verdicts[VERDICT_MISMATCH], 1);
	cr_assert_eq(m.raid->legs[1].budget_used, 1);
	cr_assert_eq(m.notes[NOTE_METADATA_REWRITTEN], 1);
	cr_assert_eq(m.last[NOTE_METADATA_REWRITTEN].leg, 1);
	cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	expect_blocks();
	/* Both copies are whole: the older one is enough. */
	newest_map()[100] ^= 1;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 1);
	cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	expect_blocks();
}

/* Nobody knows if it rots, or a crash cut it off. */
Test(start, a_map_header_that_makes_no_sense_is_told_and_not_counted)
{
	create_and_stop();
	newest_map()[100] ^= 1;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_MAP_HEADER_BAD], 1);
	cr_assert_eq(m.last[NOTE_MAP_HEADER_BAD].leg, 1);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 0);
	cr_assert_eq(m.raid->legs[1].budget_used, 0);
	cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	expect_blocks();
}

/* A crash in a checkpoint leaves the older one so: it is not looked at; and
 * once the other header is gone, nobody knows that it is the older one. */
Test(start, an_older_map_copy_that_is_not_whole_is_not_blamed)
{
	uint8_t *at;

	create_and_stop();
	at = m.bytes[1] + m.sb.layout.map_offset[0];
	if (at == newest_map())
		at = m.bytes[1] + m.sb.layout.map_offset[1];
	at[RAID_BLOCK + 100] ^= 1;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 0);
	cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	newest_map()[100] ^= 1;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_MAP_HEADER_BAD], 1);
	cr_assert_eq(m.notes[NOTE_MISMATCH], 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 1);
	expect_blocks();
}

/* The last two records of leg 1, of a block each. */
static uint8_t *
last_two(void)
{
	create();
	cr_assert_eq(write_block(10, 9), 0);
	cr_assert_eq(write_block(11, 9), 0);
	return m.bytes[1] + m.sb.layout.journal_offset +
	       (m.raid->sets[0].journal.last_index - 1) * RAID_BLOCK;
}

static void
expect_evicted(enum raid_note_kind kind, enum raid_verdict verdict)
{
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], kind == NOTE_LEG_DAMAGED);
	cr_assert_eq(m.notes[NOTE_LEG_LAGGED], kind == NOTE_LEG_LAGGED);
	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		cr_assert_eq(m.raid->legs[1].verdicts[v], v == verdict);
	cr_assert_eq(leg_state(1), LEG_FAILED);
	expect_block(10, 9);
}

Test(start, records_that_are_not_there_were_lost)
{
	memset(last_two(), 0, 2 * RAID_BLOCK);
	expect_evicted(NOTE_LEG_LAGGED, VERDICT_WENT_BACK);
}

Test(start, records_that_rot_were_not_lost)
{
	uint8_t *at = last_two();

	at[100] ^= 1;
	at[RAID_BLOCK + 100] ^= 1;
	expect_evicted(NOTE_LEG_DAMAGED, VERDICT_MISMATCH);
}

Test(start, records_that_something_was_written_over_were_not_lost)
{
	memset(last_two(), 0x5a, 2 * RAID_BLOCK);
	expect_evicted(NOTE_LEG_DAMAGED, VERDICT_MISMATCH);
}

/* A header from before they said what its blocks are. */
Test(start, a_map_header_without_a_sum_of_its_entries_is_taken)
{
	const struct set *set;

	create();
	set = &m.raid->sets[0];
	for (unsigned i = 0; i < 4; i++) {
		uint64_t at = m.sb.layout.map_offset[i % 2];
		struct map_head h;

		if (map_head_decode(m.bytes[i / 2] + at, &set->name, at, &h) < 0)
			continue;
		h.entries_crc = 0;
		map_head_encode(&h, &set->name, at, m.bytes[i / 2] + at);
	}
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 0);
	expect_blocks();
}

/* Whole blocks, each of ours, but an older one when it is read again. */
static uint8_t older[2][RAID_BLOCK];

static int
hook_goes_back(struct memio *mem, const struct io_req *req)
{
	for (unsigned copy = 0; copy < 2; copy++) {
		uint64_t at = mem->sb.layout.map_offset[copy] + RAID_BLOCK;

		if (req->op == IO_READ && req->member == 0 &&
		    req->offset == at && was_seen(req))
			memcpy(mem->bytes[0] + at, older[copy], RAID_BLOCK);
	}
	return 0;
}

Test(start, a_map_that_goes_back_before_it_is_read_again)
{
	create();
	m.limits.sums_max = 128;
	/* Two copies, of which the map's changes make newer ones. */
	for (unsigned run = 0; run < 4; run++) {
		cr_assert_eq(memio_stop(&m), 0);
		for (unsigned copy = 0; copy < 2 && run == 1; copy++)
			memcpy(older[copy],
			       m.bytes[0] + m.sb.layout.map_offset[copy] +
				       RAID_BLOCK,
			       RAID_BLOCK);
		cr_assert_eq(memio_restart(&m), 0);
		for (uint64_t b = 0; b < 70; b++)
			cr_assert_eq(write_block(200 * run + 100 + b, 1), 0);
	}
	cr_assert_eq(memio_stop(&m), 0);
	m.hook = hook_goes_back;
	cr_assert_eq(memio_restart(&m), 0);
	m.hook = NULL;
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 1);
	cr_assert_eq(leg_state(0), LEG_FAILED);
	expect_blocks();
	for (unsigned run = 0; run < 4; run++)
		expect_block(200 * run + 100, 1);
}

static int
hook_hold_header(struct memio *mem, const struct io_req *req)
{
	return req->op == IO_WRITE && req->fua &&
			       memio_area(mem, req) == AREA_MAP
		       ? MEMIO_HOLD
		       : 0;
}

/* The operator fails a leg while the array is made: the first epoch says so
 * already, or the next. */
Test(start, a_leg_that_is_failed_while_the_array_is_created)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.hook = hook_hold_header,
	};

	cr_assert_eq(memio_create_as(&m, &shape), -EINPROGRESS);
	cr_assert_eq(m.raid->sets[0].start, SET_CREATING);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	m.hook = NULL;
	memio_release(&m);
	memio_turn(&m);
	cr_assert(m.started);
	cr_assert_eq(m.start_res, 0);
	cr_assert_eq(leg_state(1), LEG_FAILED);
	cr_assert_eq(write_block(0, 1), 0);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(0, 1);
	cr_assert_eq(leg_state(1), LEG_FAILED);
}
