/* SPDX-License-Identifier: MIT */
/*
 * Little room: in the journal, for sums, for units.  Who waits for it, and
 * what they are told when none will come (journal.c, store.c, part.c).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define REGION 64u /* blocks */

static struct memio m;
static uint8_t *buf; /* 256 blocks */

static void
begin(void)
{
	buf = aligned_alloc(4096, 256 * RAID_BLOCK);
	cr_assert(buf != NULL);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(room, .init = begin, .fini = end);

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static void
create(struct raid_limits limits)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = REGION, .member_bytes = MEMIO_MEMBER_BYTES,
		.journal_bytes = 4 << 20,
		.limits = limits,
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
}

static void
on_the_last_leg(void)
{
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	cr_assert_eq(set()->in_mask, 1);
}

static void
gate(unsigned i, enum io_op op, enum memio_area area, int res)
{
	m.gates[i] = (struct memio_gate){.members = 3, .op = op, .area = area,
					 .res = res};
}

static void
open_gates(void)
{
	memset(m.gates, 0, sizeof(m.gates));
	memio_release(&m);
	memio_turn(&m);
}

static struct memio_req *
ask(enum raid_op op, uint32_t flags, uint64_t block, int value)
{
	uint8_t *at = buf + block % 256 * RAID_BLOCK;

	memset(at, value, RAID_BLOCK);
	return memio_ask(&m, op, flags, block * RAID_BLOCK, RAID_BLOCK, at);
}

static int
write_block(uint64_t block, int value, uint32_t flags)
{
	struct memio_req *req = ask(RAID_WRITE, flags, block, value);

	memio_turn(&m);
	return req->done ? req->req.res : -EINPROGRESS;
}

static void
expect_block(uint64_t block, int value)
{
	struct memio_req *req = ask(RAID_READ, 0, block, 0xee);

	memio_turn(&m);
	cr_assert(req->done);
	cr_assert_eq(req->req.res, 0);
	cr_assert_eq(buf[block % 256 * RAID_BLOCK], value, "block %d",
		     (int)block);
}

static void
expect_all(unsigned count, const struct memio_req *const *reqs, int res)
{
	for (unsigned i = 0; i < count; i++) {
		cr_assert(reqs[i]->done, "request %u", i);
		cr_assert_eq(reqs[i]->req.res, res, "request %u", i);
	}
}

/* --- the journal has no room for sums until its checkpoint is done --- */

/* Region 0 has DIRTY units and sums that no page holds, region 1 a DIRTY unit
 * and no such sums; block 43 becomes 5. */
static void
block_journal(void)
{

	create((struct raid_limits){.parts_max = 64, .sums_max = 128});
	for (uint64_t b = 0; b < 56; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	for (int v = 1; v < 3; v++)
		cr_assert_eq(write_block(REGION, v, RAID_FUA), 0);
	set()->storer.pressed = true;
	memio_turn(&m);
	cr_assert_eq(set()->sums.used, 0);
	cr_assert_eq(set()->units.used, 1);
	for (uint64_t b = 0; b < 56; b++)
		cr_assert_eq(write_block(b, 2, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_MAP, MEMIO_HOLD);
	for (unsigned i = 0; i < 1000; i++)
		if (write_block(43, 5, RAID_FUA) == -EINPROGRESS)
			break;
	cr_assert(set()->journal.blocked);
	cr_assert_lt(set()->journal.used, set()->journal.ring_blocks / 2);
	cr_assert_neq(set()->checkpoint.state, CK_IDLE);
}

/* A FLUSH waits for sums that have no room, and for no other reason. */
Test(room, a_flush_waits_for_room_for_sums)
{
	struct memio_req *flush;

	block_journal();
	cr_assert_eq(write_block(0, 9, 0), 0);
	flush = memio_ask(&m, RAID_FLUSH, 0, 0, 0, NULL);
	memio_turn(&m);
	cr_assert_not(flush->done);
	cr_assert_eq(set()->flusher.running, false);
	open_gates();
	cr_assert(flush->done);
	cr_assert_eq(flush->req.res, 0);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(0, 9);
	expect_block(43, 5);
}

/* The page of its region takes a sum along that waits for a record: that is
 * as good, and the next write of the block goes on at once. */
Test(room, a_page_takes_along_what_waits_for_a_record)
{
	struct memio_req *first, *second;

	block_journal();
	first = ask(RAID_WRITE, RAID_FUA, 0, 7);
	memio_turn(&m);
	cr_assert_not(first->done);
	second = memio_ask(&m, RAID_WRITE, RAID_FUA, 0, RAID_BLOCK,
			   buf + 200 * RAID_BLOCK);
	memset(buf + 200 * RAID_BLOCK, 8, RAID_BLOCK);
	memio_turn(&m);
	set()->storer.pressed = true;
	memio_turn(&m);
	cr_assert_eq(sums_newest(&set()->sums, 0), NULL);
	cr_assert_not(first->done);
	open_gates();
	cr_assert(first->done && first->req.res == 0);
	cr_assert(second->done && second->req.res == 0);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(0, 8);
	expect_block(43, 5);
}

static void
release_all_but_map(void)
{
	struct io_req **at = &m.held;
	struct io_req *map = NULL;

	while (*at) {
		struct io_req *req = *at;

		if (memio_area(&m, req) != AREA_MAP) {
			at = &req->next;
			continue;
		}
		*at = req->next;
		req->next = map;
		map = req;
	}
	memio_release(&m);
	m.held = map;
	memio_turn(&m);
}

/* A sum that waits is said behind a page; the next write of its block is not
 * taken for one that supersedes it. */
Test(room, a_sum_that_was_said_behind_a_page_is_not_superseded)
{
	block_journal();
	gate(1, IO_WRITE, AREA_SUMS, MEMIO_HOLD);
	set()->storer.pressed = true;
	memio_turn(&m);
	cr_assert_eq(set()->storer.stores[0].state, STORE_WRITING);
	cr_assert_eq(write_block(REGION, 6, 0), 0);
	cr_assert_eq(write_block(0, 7, 0), 0);
	cr_assert_not(sums_newest(&set()->sums, 0)->flags & NODE_JOURNALED);
	m.gates[1].res = 0;
	release_all_but_map();
	cr_assert(sums_newest(&set()->sums, 0)->flags & NODE_JOURNALED);
	cr_assert(sums_newest(&set()->sums, 0)->flags & NODE_LISTED);
	cr_assert_eq(write_block(0, 8, 0), 0);
	cr_assert_neq(sums_newest(&set()->sums, 0)->older, NODE_NONE);
	open_gates();
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), 0);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(0, 8);
	expect_block(REGION, 6);
}

/* --- those that wait are told when the last leg fails --- */

/* Two discards of a region, one behind the other, and no leg takes a record
 * any more: both are told in this turn. */
Test(room, discards_that_wait_for_each_other_are_all_told)
{
	const struct memio_req *reqs[3];

	create((struct raid_limits){.parts_max = 64});
	on_the_last_leg();
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_JOURNAL, MEMIO_HOLD);
	reqs[0] = ask(RAID_WRITE, RAID_FUA, 200, 1);
	memio_turn(&m);
	reqs[1] = ask(RAID_DISCARD, 0, 0, 0);
	reqs[2] = ask(RAID_DISCARD, 0, 0, 0);
	memio_turn(&m);
	cr_assert_not(reqs[0]->done || reqs[1]->done || reqs[2]->done);
	memio_release_some(&m, 1, IO_WRITE, -EIO);
	m.gates[0].res = 0;
	memio_turn(&m);
	expect_all(3, reqs, -EIO);
	cr_assert(set()->write_stopped);
	expect_block(0, 1);
}

/* More records than are remembered one by one may be durable, or not: all
 * blocks are in doubt until the next start knows. */
Test(room, too_many_doubts_are_a_doubt_of_all)
{
	enum { COUNT = DOUBT_MAX + 6 };
	const struct memio_req *reqs[COUNT];
	struct memio_req *first, *read;

	create((struct raid_limits){.parts_max = 128});
	on_the_last_leg();
	cr_assert_eq(write_block(250, 1, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_JOURNAL, MEMIO_HOLD);
	first = ask(RAID_WRITE, RAID_FUA, 251, 1);
	memio_turn(&m);
	for (uint64_t b = 0; b < COUNT; b++)
		reqs[b] = ask(RAID_WRITE, 0, b, 1);
	memio_turn(&m);
	m.gates[0].res = -EIO;
	memio_release_some(&m, 1, IO_WRITE, 0);
	memio_turn(&m);
	cr_assert(first->done && first->req.res == 0);
	expect_all(COUNT, reqs, -EIO);
	cr_assert_eq(set()->doubt_count, COUNT);
	read = ask(RAID_READ, 0, 250, 0);
	memio_turn(&m);
	cr_assert_eq(read->req.res, -EIO);
	m.gates[0].res = 0;
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(250, 1);
	expect_block(251, 1);
	expect_block(0, 0);
}

/* Those that wait for sums, or for units, are told. */
Test(room, writes_that_wait_for_room_are_told)
{
	enum { COUNT = 100 };
	const struct memio_req *reqs[COUNT];

	create((struct raid_limits){.parts_max = 128, .sums_max = 128});
	on_the_last_leg();
	for (uint64_t b = 0; b < 60; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_SUMS, MEMIO_HOLD);
	for (uint64_t b = 0; b < COUNT; b++)
		reqs[b] = ask(RAID_WRITE, 0, 64 + b, 1);
	memio_turn(&m);
	cr_assert_not(list_empty(&set()->starved));
	memio_release_some(&m, 1, IO_WRITE, -EIO);
	memio_turn(&m);
	cr_assert(set()->write_stopped);
	cr_assert(list_empty(&set()->starved));
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(reqs[i]->done);
	cr_assert_eq(reqs[0]->req.res, 0);
	cr_assert_eq(reqs[COUNT - 1]->req.res, -EIO);
	expect_block(59, 1);
	expect_block(64, 1);
}

Test(room, writes_that_wait_for_units_are_told)
{
	enum { COUNT = 8 };
	const struct memio_req *reqs[COUNT];

	create((struct raid_limits){.parts_max = 64, .dirty_units_max = 4});
	on_the_last_leg();
	for (uint64_t u = 0; u < COUNT; u++)
		cr_assert_eq(write_block(u * UNIT_BLOCKS, 1, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_DATA, MEMIO_HOLD);
	for (uint64_t u = 0; u < COUNT; u++)
		reqs[u] = ask(RAID_WRITE, 0, u * UNIT_BLOCKS, 2);
	memio_turn(&m);
	cr_assert_not(list_empty(&set()->starved_units));
	/* Something else stops it. */
	gate(1, IO_WRITE, AREA_JOURNAL, -EIO);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 1000 * RAID_BLOCK,
			      RAID_BLOCK, NULL), -EIO);
	cr_assert(set()->write_stopped);
	cr_assert(list_empty(&set()->starved_units));
	cr_assert_eq(reqs[COUNT - 1]->req.res, -EIO);
	open_gates();
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(reqs[i]->done);
}

/* A discard of parts of regions may need as many sums as there are: it waits
 * for pages though memory is nearly empty. */
Test(room, a_discard_that_needs_nearly_all_room_gets_it)
{
	create((struct raid_limits){.parts_max = 64, .sums_max = 128});
	for (uint64_t b = 60; b < 68; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 1 * RAID_BLOCK,
			      190 * RAID_BLOCK, NULL), 0);
	cr_assert_geq(m.raid->counters.page_stores, 1);
	for (uint64_t b = 60; b < 68; b++)
		expect_block(b, 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 60; b < 68; b++)
		expect_block(b, 0);
}

/* The same when what stops it makes no room by the way. */
Test(room, writes_that_wait_for_pages_are_told_of_a_flush_that_failed)
{
	enum { COUNT = 100 };
	const struct memio_req *reqs[COUNT];

	create((struct raid_limits){.parts_max = 128, .sums_max = 128});
	on_the_last_leg();
	for (uint64_t b = 0; b < 40; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	gate(0, IO_WRITE, AREA_SUMS, MEMIO_HOLD);
	for (uint64_t b = 0; b < COUNT; b++)
		reqs[b] = ask(RAID_WRITE, 0, 64 + b, 1);
	memio_turn(&m);
	cr_assert_not(list_empty(&set()->starved));
	gate(1, IO_FLUSH, AREA_DATA, -EIO);
	set()->legs[0].written++; /* something is to be flushed */
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), -EIO);
	cr_assert(set()->write_stopped);
	cr_assert(list_empty(&set()->starved));
	for (unsigned i = 0; i < COUNT; i++)
		cr_assert(reqs[i]->done);
	/* A stop waits for the page, which is with the disk still. */
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	open_gates();
	cr_assert(m.stopped);
	cr_assert_eq(m.stop_res, -EIO);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(0, 2);
	expect_block(64, 1);
}

/* So it does for a record of CLEAN units. */
Test(room, a_stop_waits_for_a_record_that_is_under_way)
{
	create((struct raid_limits){.parts_max = 64});
	on_the_last_leg();
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	cr_assert_eq(write_block(1, 1, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_JOURNAL, MEMIO_HOLD);
	for (unsigned i = 0; i < 20 && !set()->cleaner.running; i++)
		memio_wait(&m, 1000000000);
	cr_assert(set()->cleaner.composed);
	cr_assert_eq(write_block(100, 1, 0), -EINPROGRESS);
	gate(1, IO_FLUSH, AREA_DATA, -EIO);
	set()->legs[0].written++; /* something is to be flushed */
	(void)memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL);
	cr_assert(set()->write_stopped);
	memio_turn(&m);
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	open_gates();
	cr_assert(m.stopped);
	cr_assert_eq(m.stop_res, -EIO);
	cr_assert_eq(memio_restart(&m), 0);
	expect_block(0, 2);
}

/* A clean stop waits for a page that is being stored. */
Test(room, a_stop_waits_for_a_page_that_is_under_way)
{
	create((struct raid_limits){.parts_max = 64, .sums_max = 128});
	gate(0, IO_WRITE, AREA_SUMS, MEMIO_HOLD);
	for (uint64_t b = 0; b < 66; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	cr_assert_gt(set()->storer.busy, 0);
	cr_assert_eq(memio_stop(&m), -EINPROGRESS);
	cr_assert_eq(set()->checkpoint.state, CK_IDLE);
	open_gates();
	cr_assert(m.stopped);
	cr_assert_eq(m.stop_res, 0);
	cr_assert_geq(m.raid->counters.page_stores, 1);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 66; b++)
		expect_block(b, 1);
}

/* What the journal owes does not fit what is left of the ring, as if limits
 * had been lowered: the set takes no writes, and loses nothing. */
Test(room, a_checkpoint_that_does_not_fit_stops_writes)
{
	uint64_t used;

	create((struct raid_limits){.parts_max = 64, .sums_max = 1000});
	for (uint64_t b = 0; b < 250; b++)
		cr_assert_eq(write_block(2 * b, 1, RAID_FUA), 0);
	used = set()->journal.used;
	set()->journal.used = set()->journal.ring_blocks - 1;
	set()->checkpoint.wanted = true;
	memio_turn(&m);
	cr_assert(set()->write_stopped);
	cr_assert_eq(m.notes[NOTE_WRITE_STOPPED], 1);
	cr_assert_eq(m.last[NOTE_WRITE_STOPPED].err, -ENOSPC);
	cr_assert_eq(write_block(0, 9, 0), -EIO);
	set()->journal.used = used;
	expect_block(0, 1);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_not(set()->write_stopped);
	for (uint64_t b = 0; b < 250; b++)
		expect_block(2 * b, 1);
	cr_assert_eq(write_block(0, 9, 0), 0);
}

/* Two parts; the leg that hangs gives one's buffer back before the other, which
 * waits for a write, was read. */
Test(room, a_buffer_that_is_back_before_the_request_ends_is_not_told_of)
{
	struct memio_req *write, *read;

	create((struct raid_limits){.parts_max = 64});
	for (uint64_t b = 15; b < 17; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	gate(0, IO_WRITE, AREA_DATA, MEMIO_HOLD);
	write = ask(RAID_WRITE, 0, 16, 2);
	memio_turn(&m);
	m.gates[1] = (struct memio_gate){.members = 1, .op = IO_READ,
					 .area = AREA_DATA, .res = MEMIO_HOLD};
	set()->legs[1].in_flight++; /* leg 0 is the less busy one */
	read = memio_ask(&m, RAID_READ, 0, 15 * RAID_BLOCK, 2 * RAID_BLOCK,
			 buf + 100 * RAID_BLOCK);
	memio_turn(&m);
	set()->legs[1].in_flight--;
	memio_wait(&m, 1000000000);
	cr_assert_eq(read->req.held, 1);
	cr_assert_not(read->done);
	memio_release_some(&m, 1, IO_READ, 0);
	memio_turn(&m);
	cr_assert_eq(read->req.held, 0);
	cr_assert_not(read->done || read->released);
	open_gates();
	cr_assert(write->done && read->done);
	cr_assert_eq(read->req.res, -EAGAIN);
	cr_assert_not(read->released);
}
