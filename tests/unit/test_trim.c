/* SPDX-License-Identifier: MIT */
/*
 * Discards of the members, behind the answer (trim.c): how long they pause,
 * and who gets none.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "set.h"
#include "trial.h"

#define SECOND_NS 1000000000ull

static void
begin(void)
{
	trial_begin();
	cr_assert_eq(work(1), 0);
}

TestSuite(trim, .init = begin, .fini = trial_end);

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

static void
discard(uint64_t b, uint64_t count)
{
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, b * RAID_BLOCK,
			      count * RAID_BLOCK, NULL), 0);
	memset(value + b, 0, count);
}

/* Of the discards each is held on both members. */
static void
hold_discards(void)
{
	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_DISCARD,
					 .area = AREA_DATA, .res = MEMIO_HOLD};
}

static void
let_go(void)
{
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
}

/* Members take long for it; the next piece waits for a second, not as long. */
Test(trim, a_pause_is_no_longer_than_a_second)
{
	uint64_t before;

	hold_discards();
	discard(0, 16);
	cr_assert(set()->trimmer.running);
	memio_wait(&m, 6 * SECOND_NS);
	let_go();
	cr_assert_not(set()->trimmer.running);
	before = m.discards;
	discard(64, 16);
	cr_assert_eq(m.discards, before);
	cr_assert_eq(trim_left(set()), 16);
	cr_assert_eq(trim_deadline(set()), m.now_ns + SECOND_NS);
	memio_wait(&m, SECOND_NS);
	cr_assert_eq(m.discards, before + 2);
	cr_assert_eq(first_wrong(0), BLOCKS);
}

/* Who takes no writes is asked for none, and what waits is forgotten. */
Test(trim, a_write_stopped_set_discards_nothing)
{
	uint64_t before;

	hold_discards();
	discard(0, 16);
	discard(64, 16);
	cr_assert_eq(trim_left(set()), 16);
	cr_assert_eq(raid_member_fail(m.raid, 0, 0), 0);
	memio_turn(&m);
	fail_at(1, IO_WRITE, AREA_JOURNAL);
	cr_assert_eq(write_block(300, 9, RAID_FUA), -EIO);
	cr_assert(status().sets[0].write_stopped);
	before = m.discards;
	let_go();
	memio_wait(&m, 2 * SECOND_NS);
	cr_assert_eq(m.discards, before + 2, "those that were held");
	cr_assert_eq(trim_left(set()), 0);
	cr_assert_eq(read_block(64), 0);
	cr_assert(block_is(0));
}

/* What is written while its piece is discarded waits for it, and stays. */
Test(trim, a_write_waits_for_its_piece)
{
	struct memio_req *req;

	hold_discards();
	discard(0, 16);
	memset(block, 9, RAID_BLOCK);
	req = memio_ask(&m, RAID_WRITE, 0, 3 * RAID_BLOCK, RAID_BLOCK, block);
	memio_turn(&m);
	cr_assert_not(req->done);
	let_go();
	cr_assert(req->done && req->req.res == 0);
	value[3] = 9;
	cr_assert_eq(first_wrong(0), BLOCKS);
}
