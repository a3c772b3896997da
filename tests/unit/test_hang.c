/* SPDX-License-Identifier: MIT */
/*
 * I/O that does not come back (R10): what is given up, who is blamed, and
 * what happens when there is nothing left to give it up with.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "set.h"

#define SECOND_NS 1000000000ull

static struct memio m;
static uint8_t *buf; /* 4 blocks */

static void
begin(void)
{
	buf = aligned_alloc(4096, 4 * RAID_BLOCK);
	cr_assert(buf != NULL);
}

static void
end(void)
{
	memio_destroy(&m);
	free(buf);
}

TestSuite(hang, .init = begin, .fini = end);

static struct set *
set(void)
{
	return &m.raid->sets[0];
}

/* Blocks 0 to 3 hold 1. */
static void
create(uint32_t legs, struct raid_limits limits)
{
	const struct memio_shape shape = {
		.sets = 1, .legs = legs, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.limits = limits,
	};

	cr_assert_eq(memio_create_as(&m, &shape), 0);
	memset(buf, 1, 4 * RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, 0, 4 * RAID_BLOCK, buf),
		     0);
	memset(buf, 0, 4 * RAID_BLOCK);
}

static void
hold(unsigned members, enum io_op op)
{
	m.gates[0] = (struct memio_gate){.members = members, .op = op,
					 .area = AREA_DATA, .res = MEMIO_HOLD};
}

static void
let_go(void)
{
	m.gates[0].res = 0;
	memio_release(&m);
	memio_turn(&m);
}

static struct memio_req *
ask(enum raid_op op, uint64_t offset, uint64_t length)
{
	struct memio_req *req =
		memio_ask(&m, op, 0, offset, length, buf + offset);

	memio_turn(&m);
	return req;
}

static void
wait_ms(unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 100)
		memio_wait(&m, SECOND_NS / 10);
}

/* --- who is blamed --- */

/* Given up with its leg is all that the leg has, not only what is late. */
Test(hang, what_came_last_is_given_up_with_its_leg)
{
	struct memio_req *first, *last;

	create(2, (struct raid_limits){.parts_max = 32});
	hold(1, IO_WRITE);
	first = ask(RAID_WRITE, 0, RAID_BLOCK);
	wait_ms(8200);
	last = ask(RAID_WRITE, RAID_BLOCK, RAID_BLOCK);
	wait_ms(2000);
	cr_assert_eq(set()->legs[0].run, RUN_OUT);
	cr_assert(first->done && first->req.res == 0);
	cr_assert(last->done && last->req.res == 0);
	cr_assert_eq(raid_abandoned(m.raid), 2);
	let_go();
	cr_assert_eq(raid_abandoned(m.raid), 0);
}

/* Only those that are there are asked if they answer. */
Test(hang, a_leg_that_left_is_no_witness)
{
	struct memio_req *req;

	create(3, (struct raid_limits){.parts_max = 32});
	cr_assert_eq(raid_member_fail(m.raid, 0, 2), 0);
	memio_turn(&m);
	hold(1, IO_WRITE);
	req = ask(RAID_WRITE, 0, RAID_BLOCK);
	wait_ms(12000);
	cr_assert_eq(set()->in_mask, 2);
	cr_assert(req->done && req->req.res == 0);
	cr_assert_not(set()->legs[2].probing);
	let_go();
}

/* Both answer what is new, and have something that is overdue (H27). */
Test(hang, of_legs_that_hang_alike_none_is_blamed)
{
	struct memio_req *req;

	create(2, (struct raid_limits){.parts_max = 32});
	hold(3, IO_WRITE);
	req = ask(RAID_WRITE, 0, RAID_BLOCK);
	wait_ms(30000);
	cr_assert_eq(set()->in_mask, 3);
	cr_assert_gt(set()->legs[0].answered_ns, 8 * SECOND_NS);
	cr_assert_not(req->done);
	let_go();
	cr_assert(req->done && req->req.res == 0);
	cr_assert_eq(m.notes[NOTE_LEG_FAILED], 0);
}

/* --- nothing left to give it up with --- */

/* Reads of parts of a block, each given up: in the end no block is left to
 * read into instead, and they are waited for. */
Test(hang, when_stand_ins_are_used_up_reads_wait)
{
	struct memio_req *req = NULL;
	uint32_t spares;

	create(2, (struct raid_limits){.parts_max = 4,
				       .io_deadline_ns = 3600 * SECOND_NS});
	spares = m.raid->spare_count;
	cr_assert_gt(spares, 0);
	hold(1, IO_READ);
	for (unsigned i = 0; i < 8 * spares && m.raid->spare_count > 0; i++) {
		req = ask(RAID_READ, 512, 512);
		wait_ms(1000);
		cr_assert(req->done && req->req.res == 0);
		cr_assert_eq(buf[512], 1);
		wait_ms(5000);
	}
	cr_assert_eq(m.raid->spare_count, 0);
	cr_assert_eq(raid_abandoned(m.raid), spares);
	for (unsigned i = 0; i < 4 && req->done; i++) {
		req = ask(RAID_READ, 512, 512);
		wait_ms(1000);
	}
	cr_assert_not(req->done);
	let_go();
	cr_assert(req->done && req->req.res == 0);
	cr_assert_eq(m.raid->spare_count, spares);
}

/* Of all I/O only half is for what was given up.  (Nothing small gets there:
 * the bound is lowered.) */
Test(hang, when_too_much_was_given_up_the_rest_waits)
{
	struct memio_req *req = NULL;

	create(2, (struct raid_limits){.parts_max = 32});
	m.raid->zombies_max = 0;
	hold(1, IO_READ);
	for (unsigned i = 0; i < 2; i++) {
		struct memio_req *r = ask(RAID_READ, i * RAID_BLOCK, RAID_BLOCK);

		req = r->done ? req : r;
	}
	cr_assert(req && !req->done);
	wait_ms(1000);
	cr_assert_not(req->done);
	wait_ms(12000);
	cr_assert_eq(set()->in_mask, 2);
	cr_assert_not(req->done);
	cr_assert_eq(raid_abandoned(m.raid), 0);
	let_go();
	cr_assert(req->done && req->req.res == 0);
}

/* --- block by block --- */

static unsigned reads[2];
static bool hold_singles;

/* The first read of a block fails on each leg; then leg 0 does not answer.
 * (Repair reads whole units.) */
static int
hook_single(struct memio *mem, const struct io_req *req)
{
	if (req->op != IO_READ || req->length != RAID_BLOCK ||
	    memio_area(mem, req) != AREA_DATA)
		return 0;
	if (reads[req->member]++ == 0)
		return -EIO;
	return req->member == 0 && hold_singles ? MEMIO_HOLD : 0;
}

static void
begin_single(void)
{
	memset(reads, 0, sizeof(reads));
	hold_singles = true;
	m.hook = hook_single;
	/* Leg 0 comes first. */
	set()->legs[1].shun_until_ns = UINT64_MAX;
}

Test(hang, a_leg_that_hangs_when_blocks_are_read_one_by_one)
{
	struct memio_req *req;

	create(2, (struct raid_limits){.parts_max = 32});
	begin_single();
	req = ask(RAID_READ, 512, 512);
	cr_assert_not(req->done);
	wait_ms(1000);
	cr_assert(req->done && req->req.res == 0);
	cr_assert_eq(buf[512], 1);
	cr_assert_eq(raid_abandoned(m.raid), 1);
	cr_assert_eq(req->req.held, 0);
	hold_singles = false;
	let_go();
	cr_assert_eq(raid_abandoned(m.raid), 0);
}

/* It has the client's buffer, which is not to be used before it is back. */
Test(hang, a_leg_that_hangs_with_the_client_s_buffer)
{
	struct memio_req *req;

	create(2, (struct raid_limits){.parts_max = 32});
	begin_single();
	req = ask(RAID_READ, 0, RAID_BLOCK);
	cr_assert_not(req->done);
	wait_ms(1000);
	cr_assert(req->done);
	cr_assert_eq(req->req.res, -EAGAIN);
	cr_assert_eq(req->req.held, 1);
	cr_assert_not(req->released);
	hold_singles = false;
	let_go();
	cr_assert(req->released);
}

/* --- at a start --- */

/* The leg hangs while its map is read: the other one's is taken, and nothing
 * is said to be damaged. */
Test(hang, a_leg_that_hangs_while_its_map_is_read)
{
	create(2, (struct raid_limits){.parts_max = 32});
	m.gates[0] = (struct memio_gate){.members = 1, .op = IO_READ,
					 .area = AREA_MAP, .res = MEMIO_HOLD,
					 .passes = 2};
	cr_assert_eq(memio_restart(&m), -EINPROGRESS);
	cr_assert_eq(set()->scans[0].step, SCAN_MAP);
	wait_ms(12000);
	cr_assert(m.started);
	cr_assert_eq(m.start_res, 0);
	cr_assert_eq(set()->in_mask, 2);
	cr_assert_eq(m.notes[NOTE_LEG_DAMAGED], 0);
	cr_assert_eq(ask(RAID_READ, 0, RAID_BLOCK)->req.res, 0);
	cr_assert_eq(buf[0], 1);
	let_go();
}

/* No leg takes the epoch; one of them is still being asked if it answers.
 * The start fails when that is back, since its memory goes then. */
Test(hang, a_start_that_failed_waits_for_what_is_in_flight)
{
	create(2, (struct raid_limits){.parts_max = 32});
	m.gates[0] = (struct memio_gate){.members = 3, .op = IO_WRITE,
					 .area = AREA_SUPERBLOCK,
					 .res = MEMIO_HOLD};
	cr_assert_eq(memio_restart(&m), -EINPROGRESS);
	m.gates[1] = (struct memio_gate){.members = 3, .op = IO_READ,
					 .area = AREA_MAP, .res = MEMIO_HOLD};
	wait_ms(9000);
	cr_assert(set()->legs[0].probing);
	memio_release_some(&m, 3, IO_WRITE, -EIO);
	memio_turn(&m);
	m.gates[0].res = -EIO;
	for (unsigned i = 0; i < 4; i++) {
		memio_release_some(&m, 3, IO_WRITE, -EIO);
		memio_turn(&m);
	}
	cr_assert_eq(m.notes[NOTE_EPOCH_STUCK], 1);
	cr_assert_not(m.started);
	let_go();
	cr_assert(m.started);
	cr_assert_eq(m.start_res, -EIO);
}
