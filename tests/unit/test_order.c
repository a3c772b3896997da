/* SPDX-License-Identifier: MIT */
/*
 * Orders of events that once went wrong, each with members in memory and
 * requests held back.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memio.h"
#include "set.h"

static struct memio m;
static uint8_t *buf;
static bool hold_journal;
static bool hold_superblock;
static bool fail_flush;
static bool fail_data; /* though it is written */
static bool fail_sums; /* reads of pages */
static unsigned data_fua, data_cached;
static unsigned flushes_seen;
static enum { MAP_PASS, MAP_HOLD_HEADER, MAP_HOLD } map;

static int
hook(struct memio *mem, const struct io_req *req)
{
	enum memio_area area;

	if (req->op == IO_FLUSH)
		flushes_seen++;
	if (req->op == IO_FLUSH)
		return fail_flush && req->member == 0 ? -EIO : 0;
	area = memio_area(mem, req);
	if (fail_sums && area == AREA_SUMS && req->op == IO_READ)
		return -EIO;
	if (req->op != IO_WRITE)
		return 0;
	if (hold_journal && area == AREA_JOURNAL)
		return MEMIO_HOLD;
	if (hold_superblock && area == AREA_SUPERBLOCK)
		return MEMIO_HOLD;
	if (fail_data && area == AREA_DATA) {
		memcpy(mem->bytes[req->member] + req->offset, req->buf,
		       req->length);
		return -EIO;
	}
	if (area == AREA_DATA) {
		data_fua += req->fua;
		data_cached += !req->fua;
	}
	if (map == MAP_HOLD && area == AREA_MAP)
		return MEMIO_HOLD;
	if (map == MAP_HOLD_HEADER && area == AREA_MAP && req->fua &&
	    req->member == 1)
		return MEMIO_HOLD;
	return 0;
}

static void
begin(void)
{
	buf = aligned_alloc(4096, RAID_BLOCK);
	cr_assert(buf != NULL);
	hold_journal = false;
	hold_superblock = false;
	fail_flush = false;
	fail_data = false;
	fail_sums = false;
	data_fua = 0;
	data_cached = 0;
	flushes_seen = 0;
	map = MAP_PASS;
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(order, .init = begin, .fini = end);

static int
write_block(uint64_t block, int value, uint32_t flags)
{
	memset(buf, value, RAID_BLOCK);
	return memio_do(&m, RAID_WRITE, flags, block * RAID_BLOCK, RAID_BLOCK,
			buf);
}

static int
flush(void)
{
	return memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL);
}

static uint64_t
flushes_done(void)
{
	static struct raid_status st;

	raid_status(m.raid, &st);
	return st.counters.flushes;
}

/* Once, the second write took the first one's sum out of the queue, and the
 * FLUSH was answered with neither in the journal (R3). */
Test(order, a_flush_waits_for_the_sum_that_superseded_the_one_it_covers)
{
	const struct node *n;

	memio_create(&m, 1, 2, 4096);
	cr_assert_eq(write_block(0, 1, 0), 0);
	cr_assert_eq(write_block(64, 1, 0), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	cr_assert_eq(flush(), 0);
	m.hook = hook;
	hold_journal = true;
	/* An append is under way, which has nothing of block 0. */
	cr_assert_neq(write_block(64, 2, 0), 0);
	cr_assert_eq(write_block(0, 3, 0), 0);
	uint64_t before = flushes_done();

	cr_assert_neq(flush(), 0);
	cr_assert_eq(write_block(0, 4, 0), 0);
	cr_assert_eq(flushes_done(), before);
	hold_journal = false;
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(flushes_done(), before + 1);
	n = sums_newest(&m.raid->sets[0].sums, 0);
	cr_assert(n && (n->flags & NODE_JOURNALED));
}

/* Once, a FLUSH found nothing to flush on the legs that were left, and was
 * answered while the leg that had failed was still counted (R2). */
Test(order, a_flush_beside_a_failing_leg_waits_for_the_epoch_without_it)
{
	memio_create(&m, 2, 2, 4096);
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	m.hook = hook;
	fail_flush = true;
	hold_superblock = true;
	uint64_t before = flushes_done();

	cr_assert_neq(flush(), 0);
	cr_assert_neq(flush(), 0);
	cr_assert_eq(flushes_done(), before);
	hold_superblock = false;
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(flushes_done(), before + 2);
}

/* Once, the ring was counted from the reference leg's checkpoint only, and
 * the other leg's chain, which began earlier, was overwritten (R20). */
Test(order, the_ring_is_used_from_the_oldest_checkpoint_of_any_leg_on)
{
	int i;

	memio_create(&m, 1, 2, 4096);
	for (i = 0; i < 900; i++)
		cr_assert_eq(write_block((uint64_t)i * 2, i, 0), 0);
	m.hook = hook;
	map = MAP_HOLD_HEADER;
	for (i = 0; !m.held && i < 10000; i++)
		(void)write_block((uint64_t)(i % 512) * 2, i, RAID_FUA);
	cr_assert(m.held != NULL);
	m.held = NULL;
	cr_assert_eq(memio_restart(&m), 0);
	map = MAP_HOLD;
	for (i = 0; i < 4000; i++)
		if (write_block((uint64_t)(i % 512) * 2, i, RAID_FUA) != 0)
			break;
	m.held = NULL;
	map = MAP_PASS;
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 0);
	cr_assert_eq(m.notes[NOTE_LEG_LAGGED], 0);
}

/* Once, the sum that a page held waited for a ride, and came into the record
 * behind a newer one that had been said again after the page: in replay the
 * older one was the block's, and what FUA had acknowledged was EIO (R3). */
Test(order, a_sum_that_a_page_holds_does_not_follow_a_newer_one)
{
	memio_create(&m, 1, 2, 4096);
	m.limits.sums_max = 128;
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 44; b++)
		cr_assert_eq(write_block(b, 1, 0), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	/* An append is under way; what comes now waits for the next. */
	m.hook = hook;
	hold_journal = true;
	cr_assert_neq(write_block(200, 1, 0), 0);
	for (uint64_t b = 1; b < 5; b++)
		cr_assert_eq(write_block(b, 3, 0), 0);
	m.raid->sets[0].storer.pressed = true;
	cr_assert_eq(write_block(5, 3, 0), 0);
	cr_assert_neq(write_block(1, 4, RAID_FUA), 0);
	hold_journal = false;
	memio_release(&m);
	memio_turn(&m);
	/* The unit becomes CLEAN. */
	memio_wait(&m, 10000000000ull);
	cr_assert_eq(memio_restart(&m), 0);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, RAID_BLOCK, RAID_BLOCK, buf),
		     0);
	cr_assert_eq(buf[0], 4);
}

/* Once, a sum that waited came into the record behind the one that crash
 * recovery had decided on, and what had been read was EIO (R3, H28). */
Test(order, a_sum_that_waits_does_not_follow_what_was_decided)
{
	memio_create(&m, 1, 2, 4096);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	cr_assert_eq(write_block(0, 1, 0), 0);
	cr_assert_eq(write_block(0, 2, 0), 0);
	cr_assert_eq(write_block(0, 3, 0), 0);
	m.hook = hook;
	fail_data = true;
	cr_assert_eq(write_block(0, 4, 0), -EIO);
	fail_data = false;
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, buf), 0);
	cr_assert_eq(buf[0], 4);
	memio_wait(&m, 10000000000ull);
	m.absent[1] = true;
	cr_assert_eq(memio_restart(&m), 0);
	memset(buf, 0, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, buf), 0);
	cr_assert_eq(buf[0], 4);
}

/* Once, a write that failed was not counted among those that a leg's cache
 * may hold: what it left there was read, and never flushed (R16, I3). */
Test(order, what_a_failed_write_left_is_flushed_before_it_is_decided)
{
	memio_create(&m, 1, 2, 4096);
	cr_assert_eq(raid_member_fail(m.raid, 0, 1), 0);
	memio_turn(&m);
	cr_assert_eq(write_block(0, 1, RAID_FUA), 0);
	cr_assert_eq(write_block(0, 2, RAID_FUA), 0);
	cr_assert_eq(flush(), 0);
	m.hook = hook;
	fail_data = true;
	cr_assert_eq(write_block(0, 3, 0), -EIO);
	fail_data = false;
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, buf), 0);
	cr_assert_eq(buf[0], 3);
	cr_assert_eq(flushes_seen, 1);
}

/* Once, a write to a block whose page of sums could not be read was taken for
 * one to a written block.  When the page was read again and said unwritten,
 * part of the block was an earlier owner's (R4, R24, H15). */
Test(order, a_block_is_taken_for_both_while_its_page_is_lost)
{
	memio_create(&m, 1, 2, 4096);
	m.limits.sums_max = 128;
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 50; b++)
		cr_assert_eq(write_block(b, 1, RAID_FUA), 0);
	m.raid->sets[0].storer.pressed = true;
	memio_wait(&m, 10000000000ull);
	cr_assert_eq(m.raid->counters.page_stores, 1);
	cr_assert_eq(memio_restart(&m), 0);
	m.hook = hook;
	fail_sums = true;
	memset(buf, 2, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 60 * RAID_BLOCK + 512, 512,
			      buf + 512), -EIO);
	cr_assert_gt(m.notes[NOTE_PAGE_LOST], 0);
	cr_assert_eq(data_fua + data_cached, 0);
	cr_assert_eq(write_block(62, 3, 0), 0);
	cr_assert_eq(data_fua, 2);
	cr_assert_eq(data_cached, 0);
	m.hook = NULL;
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 64; b++) {
		cr_assert_eq(memio_do(&m, RAID_READ, 0, b * RAID_BLOCK,
				      RAID_BLOCK, buf), 0);
		cr_assert_eq(buf[600], b < 50 ? 1 : b == 62 ? 3 : 0);
	}
}

static int
hook_hold_data_reads(struct memio *mem, const struct io_req *req)
{
	bool data = req->op == IO_READ && memio_area(mem, req) == AREA_DATA;

	return data ? MEMIO_HOLD : 0;
}

/* What the other member has. */
static void
release_all_but(uint16_t member)
{
	struct io_req **at = &m.held;
	struct io_req *kept = NULL;

	while (*at) {
		struct io_req *req = *at;

		if (req->member != member) {
			at = &req->next;
			continue;
		}
		*at = req->next;
		req->next = kept;
		kept = req;
	}
	memio_release(&m);
	m.held = kept;
}

/* Once, 64 reads into the engine's own blocks could be given up, and no more:
 * the others of a leg that was out were not answered until it was back. */
Test(order, all_reads_of_a_leg_that_hangs_are_answered)
{
	static uint8_t bufs[200][RAID_BLOCK] __attribute__((aligned(4096)));
	uint64_t before;

	memio_create(&m, 1, 2, 4096);
	m.limits.parts_max = 256;
	cr_assert_eq(memio_restart(&m), 0);
	for (uint64_t b = 0; b < 200; b++)
		cr_assert_eq(write_block(b, 1, 0), 0);
	before = m.raid->counters.reads;
	m.hook = hook_hold_data_reads;
	/* Half of them of each leg. */
	for (uint64_t b = 0; b < 200; b++)
		(void)memio_do(&m, RAID_READ, 0, b * RAID_BLOCK, 512, bufs[b]);
	m.hook = NULL;
	release_all_but(0);
	for (unsigned i = 0; i < 200; i++)
		memio_wait(&m, 100000000ull);
	cr_assert_eq(m.raid->sets[0].legs[0].run, RUN_OUT);
	cr_assert_eq(m.raid->counters.reads, before + 200);
}
