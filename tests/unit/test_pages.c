/* SPDX-License-Identifier: MIT */
/*
 * Pages of sums that are evicted, replaced or not needed any more while
 * somebody reads them, or by them (pages.c, fetch.c, store.c).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define REGIONS       64u
#define REGION        16u /* blocks */
#define FRAMES        32u /* the fewest there are */

static struct memio m;
static uint8_t *buf; /* for each region: a block */

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static struct memio_req *
ask(enum raid_op op, uint64_t block, uint64_t count)
{
	uint8_t *at = buf + block / REGION * REGION * RAID_BLOCK;

	return memio_ask(&m, op, op == RAID_WRITE ? RAID_FUA : 0,
			 block * RAID_BLOCK, count * RAID_BLOCK, at);
}

static void
expect(const struct memio_req *req, int res)
{
	cr_assert(req->done);
	cr_assert_eq(req->req.res, res);
}

static void
write_region(uint64_t region, int value)
{
	struct memio_req *req;

	memset(buf + region * REGION * RAID_BLOCK, value, REGION * RAID_BLOCK);
	req = ask(RAID_WRITE, region * REGION, REGION);
	memio_turn(&m);
	expect(req, 0);
}

static void
expect_region(uint64_t region, int value)
{
	uint8_t *at = buf + region * REGION * RAID_BLOCK;
	struct memio_req *req;

	memset(at, 0xee, REGION * RAID_BLOCK);
	req = ask(RAID_READ, region * REGION, REGION);
	memio_turn(&m);
	expect(req, 0);
	for (unsigned i = 0; i < REGION; i++)
		cr_assert_eq(at[i * RAID_BLOCK], value);
}

/* All regions are written whole, most have pages, and none is in memory. */
static void
begin(void)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = REGION, .member_bytes = MEMIO_MEMBER_BYTES,
		.limits = {.parts_max = 64, .sums_max = 128,
			   .page_frames_max = 1},
	};

	buf = aligned_alloc(4096, REGIONS * REGION * RAID_BLOCK);
	cr_assert(buf != NULL);
	cr_assert_eq(memio_create_as(&m, &shape), 0);
	cr_assert_eq(set()->pages.count, FRAMES);
	for (uint64_t i = 0; i < REGIONS; i++)
		write_region(i, 1);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_neq(map_slot(set()->map[0]), SLOT_NONE);
	cr_assert_eq(set()->sums.per_region[0], 0);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(pages, .init = begin, .fini = end);

static void
gate(unsigned i, unsigned members, enum io_op op, enum memio_area area, int res)
{
	m.gates[i] = (struct memio_gate){.members = members, .op = op,
					 .area = area, .res = res};
}

static void
open_gates(void)
{
	memset(m.gates, 0, sizeof(m.gates));
	memio_release(&m);
	memio_turn(&m);
}

/* Reads of so many other regions fill all frames. */
static void
read_others(struct memio_req **reqs)
{
	for (uint64_t i = 0; i < FRAMES; i++)
		reqs[i] = ask(RAID_READ, (8 + i) * REGION, 1);
	memio_turn(&m);
}

static unsigned reads[2];

/* The first read of a block fails on each leg, and then they take time. */
static int
hook_single(struct memio *mem, const struct io_req *req)
{
	uint64_t at = mem->sb.layout.data_offset;

	if (req->op != IO_READ || req->offset != at ||
	    req->length != RAID_BLOCK)
		return 0;
	return reads[req->member]++ == 0 ? -EIO : MEMIO_HOLD;
}

Test(pages, a_page_that_is_evicted_while_its_block_is_read_is_read_again)
{
	struct memio_req *reqs[FRAMES], *req;

	m.hook = hook_single;
	req = ask(RAID_READ, 0, 1);
	memio_turn(&m);
	cr_assert_not(req->done);
	cr_assert_neq(set()->pages.index[0], 0);
	read_others(reqs);
	cr_assert_eq(set()->pages.index[0], 0, "it was evicted");
	m.hook = NULL;
	open_gates();
	expect(req, 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_neq(set()->pages.index[0], 0);
}

static enum store_state
store_state(uint64_t region)
{
	for (unsigned i = 0; i < STORE_MAX; i++)
		if (set()->storer.stores[i].state != STORE_FREE &&
		    set()->storer.stores[i].region == region)
			return set()->storer.stores[i].state;
	return STORE_FREE;
}

/* Sums of region 0 are to go to its page, which is read for it. */
static void
store_region_0(void)
{
	for (unsigned i = 0; i < 5; i++)
		write_region(i, 2);
	set()->storer.pressed = true;
	memio_turn(&m);
}

static void
expect_nothing_is_stored(void)
{
	cr_assert_eq(set()->storer.busy, 0);
	cr_assert_eq(map_slot(set()->map[0]), SLOT_NONE);
	expect_region(0, 0);
	expect_region(1, 2);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(map_slot(set()->map[0]), SLOT_NONE);
	expect_region(0, 0);
	expect_region(1, 2);
}

/* A region that is discarded while its page is read has none, then. */
Test(pages, a_discard_while_the_page_is_read)
{
	gate(0, 3, IO_READ, AREA_SUMS, MEMIO_HOLD);
	store_region_0();
	cr_assert_eq(store_state(0), STORE_LOADING);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, REGION * RAID_BLOCK,
			      NULL), 0);
	cr_assert_eq(map_slot(set()->map[0]), SLOT_NONE);
	open_gates();
	expect_nothing_is_stored();
}

/* The same, before there is a frame to read it into. */
Test(pages, a_discard_while_the_page_waits_for_a_frame)
{
	struct memio_req *reqs[FRAMES];

	gate(0, 3, IO_READ, AREA_SUMS, MEMIO_HOLD);
	read_others(reqs);
	store_region_0();
	cr_assert_not(list_empty(&set()->pages.starved));
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, REGION * RAID_BLOCK,
			      NULL), 0);
	open_gates();
	for (unsigned i = 0; i < FRAMES; i++)
		expect(reqs[i], 0);
	expect_nothing_is_stored();
}

/* Of which a map says only that something was written (R24). */
Test(pages, a_region_whose_sums_nobody_knows_is_lost)
{
	map_entry e = set()->map[0];
	struct memio_req *req;

	set()->map[0] = map_entry_of(SLOT_UNKNOWN, false, 0, 0);
	req = ask(RAID_READ, 0, 1);
	memio_turn(&m);
	expect(req, -EIO);
	cr_assert_eq(m.notes[NOTE_PAGE_LOST], 1);
	cr_assert_eq(set()->lost_reads, 1);
	set()->map[0] = e;
}

/* --- stores that end early --- */

/* What is held and goes to pages; of data the reads stay. */
static void
release_pages(void)
{
	struct io_req **at = &m.held;
	struct io_req *data = NULL;

	while (*at) {
		struct io_req *req = *at;

		if (memio_area(&m, req) != AREA_DATA) {
			at = &req->next;
			continue;
		}
		*at = req->next;
		req->next = data;
		data = req;
	}
	memio_release(&m);
	m.held = data;
	memio_turn(&m);
}

/* Once more is undecided than the page may say, it is not stored. */
Test(pages, a_write_that_fails_while_the_page_is_read)
{
	struct memio_req *req;
	uint64_t stores;

	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	gate(0, 3, IO_READ, AREA_SUMS, MEMIO_HOLD);
	store_region_0();
	stores = m.raid->counters.page_stores;
	gate(1, 1, IO_WRITE, AREA_DATA, -EIO);
	gate(2, 1, IO_READ, AREA_DATA, MEMIO_HOLD);
	memset(buf, 3, RAID_BLOCK);
	req = ask(RAID_WRITE, 0, 1);
	memio_turn(&m);
	expect(req, -EIO);
	cr_assert_eq(set()->resync_in[0], 1);
	cr_assert_eq(store_state(0), STORE_LOADING);
	m.gates[0].res = 0;
	m.gates[1].res = 0;
	release_pages();
	cr_assert_eq(store_state(0), STORE_FREE);
	open_gates();
	cr_assert_gt(m.raid->counters.page_stores, stores);
	cr_assert_eq(set()->resync_in[0], 0);
	for (unsigned i = 0; i < 5; i++)
		expect_region(i, 2);
	cr_assert_eq(memio_restart(&m), 0);
	for (unsigned i = 0; i < 5; i++)
		expect_region(i, 2);
}
