/* SPDX-License-Identifier: MIT */
/*
 * What small arrays never do: a map of many blocks, a checkpoint of several
 * records, more regions in use than there are frames for their pages.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

static struct memio m;
static struct raid_req *reqs;
static uint8_t *space;
static uint32_t asked, answered, failed;
/* Of a turn's I/O so many pass; the rest is held. */
static unsigned passes;
static bool hold_pages;

static int
hook(struct memio *mem, const struct io_req *req)
{
	if (hold_pages && req->op == IO_READ &&
	    memio_area(mem, req) == AREA_SUMS)
		return MEMIO_HOLD;
	if (passes == 0)
		return MEMIO_HOLD;
	passes--;
	return 0;
}

static void
begin(void)
{
	passes = UINT32_MAX;
	hold_pages = false;
}

static void
end(void)
{
	memio_destroy(&m);
	free(reqs);
	free(space);
}

TestSuite(large, .init = begin, .fini = end);

static void
create(const struct memio_shape *shape, uint32_t requests)
{
	cr_assert_eq(memio_create_as(&m, shape), 0);
	reqs = calloc(requests, sizeof(*reqs));
	space = aligned_alloc(4096, (size_t)requests * RAID_BLOCK);
	cr_assert(reqs && space);
}

static void
block_answered(struct raid_req *req)
{
	answered++;
	failed += req->res != 0;
}

/* One more, to be sent with those before it. */
static void
ask(enum raid_op op, uint64_t block, int value)
{
	struct raid_req *req = &reqs[asked];
	uint8_t *buf = space + (size_t)asked++ * RAID_BLOCK;

	memset(buf, value, RAID_BLOCK);
	*req = (struct raid_req){
		.op = op,
		.offset = block * RAID_BLOCK,
		.length = RAID_BLOCK,
		.buf = buf,
		.done = block_answered,
	};
	raid_submit(m.raid, req);
}

static void
turn(void)
{
	memio_turn(&m);
	cr_assert_eq(answered, asked);
	cr_assert_eq(failed, 0);
	asked = 0;
	answered = 0;
}

static void
write_all(uint64_t count, uint64_t stride, int value)
{
	for (uint64_t i = 0; i < count; i++)
		ask(RAID_WRITE, i * stride, value);
	turn();
}

static void
expect_all(uint64_t count, uint64_t stride, int value)
{
	for (uint64_t i = 0; i < count; i++)
		ask(RAID_READ, i * stride, 0xee);
	turn();
	for (uint64_t i = 0; i < count; i++)
		cr_assert_eq(space[i * RAID_BLOCK], value, "block %d",
			     (int)(i * stride));
}

static const struct raid_status *
status(void)
{
	static struct raid_status st;

	raid_status(m.raid, &st);
	return &st;
}

/* 504 regions fill a block of the map, of which 8 are written at a time and
 * 16 read: this map has 17. */
Test(large, a_map_of_many_blocks)
{
	static const uint64_t regions[] = {0, 503, 504, 4031, 4032, 8063, 8200};
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 16, .member_bytes = 640ull << 20,
	};

	create(&shape, ARRAY_SIZE(regions));
	for (uint32_t lives = 0; lives < 4; lives++) {
		int value = 'a' + (int)lives;

		for (uint32_t i = 0; i < ARRAY_SIZE(regions); i++)
			ask(RAID_WRITE, regions[i] * 16, value + (int)i);
		turn();
		/* Odd ones end without a stop. */
		if (lives % 2 == 0)
			cr_assert_eq(memio_stop(&m), 0);
		cr_assert_eq(memio_restart(&m), 0);
		cr_assert_eq(status()->sets[0].written_bytes,
			     ARRAY_SIZE(regions) * 16 * RAID_BLOCK);
		for (uint32_t i = 0; i < ARRAY_SIZE(regions); i++)
			ask(RAID_READ, regions[i] * 16, 0);
		turn();
		for (uint32_t i = 0; i < ARRAY_SIZE(regions); i++)
			cr_assert_eq(space[i * RAID_BLOCK], value + (int)i);
	}
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, raid_size(m.raid), NULL),
		     0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(status()->sets[0].written_bytes, 0);
}

/*
 * What the journal owes fills more than one record: the checkpoint of a clean
 * stop is cut after each of its I/Os in turn.  What it had said again by then
 * is dropped by the start (tail.c), as often as it takes.
 */
static void
checkpoint_of_several_records(unsigned absent)
{
	enum { COUNT = 12000, STRIDE = 2 };
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = 128ull << 20,
		.journal_bytes = 16ull << 20,
		.limits = {.sums_max = 40000, .page_frames_max = 1},
	};
	uint64_t used = 0;
	unsigned cuts = 0;

	create(&shape, COUNT);
	write_all(COUNT, STRIDE, 1);
	m.hook = hook;
	for (;; cuts++) {
		passes = cuts;
		if (memio_stop(&m) == 0)
			break;
		passes = UINT32_MAX;
		cr_assert_eq(memio_restart(&m), 0);
		cr_assert_eq(status()->sets[0].sums_pending, COUNT);
		/* What cuts left behind does not pile up. */
		if (used == 0)
			used = status()->sets[0].journal_used_bytes;
		cr_assert_leq(status()->sets[0].journal_used_bytes,
			      used + 8 * RAID_BLOCK);
	}
	/* Two legs; two records, the map, flushes, the header, the stop. */
	cr_assert_geq(cuts, 2 * 5);
	passes = UINT32_MAX;
	m.absent[absent] = true;
	m.force = true;
	cr_assert_eq(memio_restart(&m), 0);
	expect_all(COUNT, STRIDE, 1);
}

Test(large, a_checkpoint_of_several_records_as_the_first_leg_has_it)
{
	checkpoint_of_several_records(1);
}

Test(large, a_checkpoint_of_several_records_as_the_second_leg_has_it)
{
	checkpoint_of_several_records(0);
}

/* More at a time than one CLEAN record names, than are looked at in one go,
 * than wait for a ride in the journal. */
Test(large, many_units_become_clean)
{
	enum { COUNT = 11000 };
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 1024, .member_bytes = 1536ull << 20,
		.journal_bytes = 16ull << 20,
		.limits = {.sums_max = 40000},
	};
	uint64_t appends, checkpoints;

	create(&shape, COUNT);
	write_all(COUNT, UNIT_BLOCKS, 1);
	cr_assert_eq(status()->sets[0].dirty_units, 0);
	write_all(COUNT, UNIT_BLOCKS, 2);
	cr_assert_eq(status()->sets[0].dirty_units, COUNT);
	/* A checkpoint says that in more than one record, and goes on. */
	checkpoints = status()->counters.checkpoints;
	m.raid->sets[0].checkpoint.wanted = true;
	memio_turn(&m);
	cr_assert_eq(status()->counters.checkpoints, checkpoints + 1);
	appends = status()->counters.appends;
	/* They are DIRTY: their sums wait, but not for ever. */
	write_all(COUNT, UNIT_BLOCKS, 3);
	cr_assert_gt(status()->counters.appends, appends);
	for (uint32_t i = 0; i < 100 && status()->sets[0].dirty_units > 0; i++)
		memio_wait(&m, 1000000000);
	cr_assert_eq(status()->sets[0].dirty_units, 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(status()->sets[0].resync_units, 0);
	expect_all(COUNT, UNIT_BLOCKS, 3);
}

/* More sums wait for a ride than one record takes: a FLUSH waits for the next,
 * too. */
Test(large, more_sums_wait_than_a_record_takes)
{
	enum { COUNT = 12000, STRIDE = 2 };
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = 256ull << 20,
		.journal_bytes = 32ull << 20,
		.limits = {.sums_max = 80000, .page_frames_max = 1},
	};
	struct memio_req *flush;
	uint64_t appends;

	create(&shape, COUNT);
	write_all(COUNT, STRIDE, 1);
	write_all(COUNT, STRIDE, 2);
	memio_wait(&m, 0);
	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_WRITE,
					 .area = AREA_JOURNAL,
					 .res = MEMIO_HOLD};
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, (2 * COUNT + 1) * RAID_BLOCK,
			      RAID_BLOCK, NULL), -EINPROGRESS);
	write_all(COUNT, STRIDE, 3);
	flush = memio_ask(&m, RAID_FLUSH, 0, 0, 0, NULL);
	memio_turn(&m);
	cr_assert_not(flush->done);
	appends = status()->counters.appends;
	memio_release(&m);
	memio_turn(&m);
	cr_assert_not(flush->done);
	cr_assert_eq(status()->counters.appends, appends + 1);
	memio_release(&m);
	memio_turn(&m);
	cr_assert_not(flush->done);
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
	cr_assert(flush->done && flush->req.res == 0);
	cr_assert_eq(memio_restart(&m), 0);
	expect_all(COUNT, STRIDE, 3);
}

/* All frames are being filled: what needs another waits for one. */
Test(large, more_pages_are_needed_than_there_are_frames)
{
	enum { REGIONS = 128, COUNT = REGIONS * 16 };
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 16, .member_bytes = 16ull << 20,
		.limits = {.sums_max = 256, .page_frames_max = 1,
			   .parts_max = 256},
	};

	create(&shape, COUNT);
	write_all(COUNT, 1, 7);
	cr_assert_gt(status()->counters.page_stores, REGIONS / 2);
	cr_assert_eq(memio_restart(&m), 0);
	m.hook = hook;
	hold_pages = true;
	for (uint64_t i = 0; i < REGIONS; i++)
		ask(i % 2 ? RAID_READ : RAID_WRITE, i * 16 + i % 16, 8);
	memio_turn(&m);
	cr_assert_lt(answered, asked);
	hold_pages = false;
	memio_release(&m);
	turn();
	for (uint64_t i = 1; i < REGIONS; i += 2)
		cr_assert_eq(space[i * RAID_BLOCK], 7);
	for (uint64_t i = 0; i < REGIONS; i += 2)
		ask(RAID_READ, i * 16 + i % 16, 0);
	turn();
	for (uint64_t i = 0; i < REGIONS / 2; i++)
		cr_assert_eq(space[i * RAID_BLOCK], 8);
	cr_assert_eq(status()->sets[0].lost_blocks, 0);
}
