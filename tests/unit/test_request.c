/* SPDX-License-Identifier: MIT */
/*
 * Requests of any offset and length, split and joined, against an array of
 * bytes; across restarts and with a leg that fails under them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "support.h"

#define SPAN  (2ull << 20) /* bytes of the array that are used */
#define CHUNK (64u << 10)

static struct memio m;
static uint8_t *model;
static uint8_t *space; /* aligned to 4096, SPAN and a block */
static uint64_t seed = 2026;

static void
begin(void)
{
	model = calloc(1, SPAN);
	space = aligned_alloc(4096, SPAN + RAID_BLOCK);
	cr_assert(model && space);
	memio_create(&m, 2, 2, 512);
}

static void
end(void)
{
	memio_destroy(&m);
	free(model);
	free(space);
}

TestSuite(request, .init = begin, .fini = end);

static uint8_t *
buf_at(uint64_t offset)
{
	return space + offset % RAID_BLOCK;
}

static void
fill(uint8_t *p, uint64_t length)
{
	for (uint64_t i = 0; i < length; i += 8) {
		uint64_t x = support_random(&seed);

		memcpy(p + i, &x, length - i < 8 ? length - i : 8);
	}
}

static void
write_at(uint64_t offset, uint64_t length, uint32_t flags)
{
	uint8_t *p = buf_at(offset);

	fill(p, length);
	memcpy(model + offset, p, length);
	cr_assert_eq(memio_do(&m, RAID_WRITE, flags, offset, length, p), 0);
}

static void
read_at(uint64_t offset, uint64_t length)
{
	uint8_t *p = buf_at(offset);

	memset(p, 0xee, length);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, offset, length, p), 0);
	cr_assert_eq(memcmp(p, model + offset, length), 0,
		     "read of %llu at %llu differs", (unsigned long long)length,
		     (unsigned long long)offset);
}

static void
zero_at(uint64_t offset, uint64_t length, uint32_t flags)
{
	memset(model + offset, 0, length);
	cr_assert_eq(memio_do(&m, RAID_ZEROES, flags, offset, length, NULL), 0);
}

/* Rounds inwards to whole blocks. */
static void
discard_at(uint64_t offset, uint64_t length)
{
	uint64_t first = (offset + RAID_BLOCK - 1) / RAID_BLOCK * RAID_BLOCK;
	uint64_t last = (offset + length) / RAID_BLOCK * RAID_BLOCK;

	if (first < last)
		memset(model + first, 0, last - first);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, offset, length, NULL), 0);
}

static void
map_is(uint64_t offset, uint64_t length, const char *want)
{
	uint8_t map[64];

	memset(map, 9, sizeof(map));
	cr_assert_eq(memio_do(&m, RAID_MAP, 0, offset, length, map), 0);
	for (unsigned i = 0; want[i]; i++)
		cr_assert_eq(map[i], want[i] - '0', "block %u", i);
	cr_assert_eq(map[strlen(want)], 9);
}

Test(request, an_array_nobody_wrote_reads_as_zeros)
{
	read_at(0, SPAN);
	read_at(511, 3);
}

Test(request, a_write_over_many_chunks_goes_to_both_sets_and_comes_back)
{
	const uint8_t *data0 = m.bytes[0] + m.sb.layout.data_offset;
	const uint8_t *data1 = m.bytes[2] + m.sb.layout.data_offset;

	write_at(0, 5 * CHUNK, 0);
	read_at(0, 5 * CHUNK);
	cr_assert_eq(memcmp(data0, model, CHUNK), 0);
	cr_assert_eq(memcmp(data1, model + CHUNK, CHUNK), 0);
	cr_assert_eq(memcmp(data0 + CHUNK, model + 2 * CHUNK, CHUNK), 0);
	for (unsigned i = 0; i < 4; i += 2)
		cr_assert_eq(memcmp(m.bytes[i] + m.sb.layout.data_offset,
				    m.bytes[i + 1] + m.sb.layout.data_offset,
				    2 * CHUNK),
			     0);
}

Test(request, one_byte_across_each_kind_of_edge_is_written_alone)
{
	static const uint64_t edges[] = {512, 4096, CHUNK, 2 * CHUNK, 1 << 18};

	write_at(0, 2 * CHUNK, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
		write_at(edges[i] - 1, 1, 0);
		write_at(edges[i] - 1, 2, RAID_FUA);
		write_at(edges[i], 1, 0);
		read_at(0, SPAN);
	}
}

Test(request, the_array_s_last_byte_can_be_written_and_read)
{
	uint64_t last = raid_size(m.raid) - 1;
	uint8_t *p = buf_at(last);

	*p = 0x5a;
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, last, 1, p), 0);
	*p = 0;
	cr_assert_eq(memio_do(&m, RAID_READ, 0, last, 1, p), 0);
	cr_assert_eq(*p, 0x5a);
}

Test(request, a_discard_leaves_the_blocks_it_covers_in_part)
{
	write_at(0, 4 * CHUNK, 0);
	discard_at(1, 4096);
	discard_at(4096 * 5 + 1, 4096 * 2 - 1);
	read_at(0, SPAN);
	map_is(0, 4096 * 8, "11111101");
	cr_assert_gt(m.discards, 0);
}

Test(request, a_discard_over_all_chunks_makes_both_sets_unwritten)
{
	write_at(0, SPAN, 0);
	discard_at(3, SPAN - 5);
	read_at(0, SPAN);
	map_is(0, 4096 * 3, "100");
	map_is(SPAN - 2 * 4096, 2 * 4096, "01");
}

Test(request, zeroes_are_exact_to_the_byte)
{
	write_at(0, 4 * CHUNK, 0);
	zero_at(5, 3, 0);
	zero_at(4095, 2, 0);
	zero_at(CHUNK - 100, CHUNK + 200, RAID_FUA);
	read_at(0, SPAN);
	map_is(0, 4096 * 2, "11");
	map_is(CHUNK - 4096, 4096 * 3, "100");
}

Test(request, zeroes_that_must_be_allocated_are_written)
{
	zero_at(0, 2 * 4096 + 1, RAID_NO_HOLE);
	map_is(0, 4096 * 4, "1110");
	zero_at(0, 4096, 0);
	map_is(0, 4096 * 4, "0110");
	read_at(0, SPAN);
}

Test(request, zeroes_inside_one_unwritten_block_read_as_zeros)
{
	zero_at(100, 50, 0);
	read_at(0, 8192);
}

Test(request, a_map_says_for_each_block_touched_whether_it_is_written)
{
	write_at(CHUNK - 1, 2, 0);
	map_is(CHUNK - 4096 - 1, 4098 + 4096, "0110");
	map_is(CHUNK - 1, 1, "1");
}

/* One step of a client that does anything anywhere. */
static void
step(void)
{
	uint64_t x = support_random(&seed);
	uint64_t length = 1 + support_random(&seed) % (x & 1 ? 9000 : 200000);
	uint64_t offset = support_random(&seed) % (SPAN - length);
	uint32_t flags = x & 2 ? RAID_FUA : 0;

	if (x & 4) {
		offset &= ~511ull;
		length = (length + 511) & ~511ull;
		length -= offset + length > SPAN ? 512 : 0;
	}
	switch (x / 8 % 10) {
	case 0:
		discard_at(offset, length);
		break;
	case 1:
		zero_at(offset, length, flags | (x & 1024 ? RAID_NO_HOLE : 0));
		break;
	case 2:
		cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), 0);
		break;
	case 3:
	case 4:
	case 5:
		read_at(offset, length);
		break;
	default:
		write_at(offset, length, flags);
	}
}

Test(request, anything_anywhere_is_what_an_array_of_bytes_would_be)
{
	for (unsigned i = 0; i < 600; i++)
		step();
	read_at(0, SPAN);
}

Test(request, two_restarts_without_a_word_change_nothing)
{
	for (unsigned life = 0; life < 3; life++) {
		for (unsigned i = 0; i < 150; i++)
			step();
		cr_assert_eq(memio_restart(&m), 0);
		read_at(0, SPAN);
	}
	cr_assert_eq(m.notes[NOTE_MISMATCH], 0);
	cr_assert_eq(m.notes[NOTE_UNVERIFIED], 0);
}

Test(request, two_clean_stops_leave_nothing_to_resync)
{
	for (unsigned life = 0; life < 3; life++) {
		for (unsigned i = 0; i < 100; i++)
			step();
		cr_assert_eq(memio_stop(&m), 0);
		cr_assert_eq(memio_restart(&m), 0);
		read_at(0, SPAN);
	}
	cr_assert_eq(m.notes[NOTE_RESYNC_START], 0);
}

/* --- a leg fails while requests are in flight --- */

#define FLIGHT 24u

static struct raid_req flight[FLIGHT];
static uint8_t *flight_buf[FLIGHT];
static unsigned answered;

static void
flight_done(struct raid_req *req)
{
	(void)req;
	answered++;
}

static void
flight_submit(void)
{
	answered = 0;
	for (unsigned i = 0; i < FLIGHT; i++) {
		uint64_t offset = i * 80000ull;

		flight_buf[i] = aligned_alloc(4096, 20 * RAID_BLOCK);
		cr_assert(flight_buf[i]);
		flight[i] = (struct raid_req){
			.op = RAID_WRITE,
			.offset = offset,
			.length = 70000,
			.buf = flight_buf[i] + offset % RAID_BLOCK,
			.done = flight_done,
		};
		fill(flight[i].buf, 70000);
		memcpy(model + offset, flight[i].buf, 70000);
		raid_submit(m.raid, &flight[i]);
	}
}

static unsigned countdown;

static int
fail_member_1(struct memio *mem, const struct io_req *req)
{
	(void)mem;
	if (req->member != 1)
		return 0;
	return countdown == 0 || --countdown == 0 ? -EIO : 0;
}

static void
flight_with_failure(unsigned after)
{
	struct raid_status st;

	countdown = after;
	m.hook = fail_member_1;
	flight_submit();
	memio_turn(&m);
	cr_assert_eq(answered, FLIGHT);
	for (unsigned i = 0; i < FLIGHT; i++) {
		cr_assert_eq(flight[i].res, 0);
		free(flight_buf[i]);
	}
	raid_status(m.raid, &st);
	cr_assert_eq(st.legs[1].state, LEG_FAILED);
	cr_assert_eq(st.sets[0].health, HEALTH_DEGRADED);
	cr_assert_eq(st.sets[1].health, HEALTH_OPTIMAL);
	cr_assert_eq(st.epoch, st.epoch_in_force);
	read_at(0, SPAN);
}

Test(request, a_leg_that_fails_at_once_costs_no_answer)
{
	flight_with_failure(1);
}

Test(request, a_leg_that_fails_in_the_middle_costs_no_answer)
{
	write_at(0, SPAN, 0);
	flight_with_failure(20);
	cr_assert_eq(memio_restart(&m), 0);
	read_at(0, SPAN);
	cr_assert_eq(memio_restart(&m), 0);
	read_at(0, SPAN);
}

static int
hold_superblocks(struct memio *mem, const struct io_req *req)
{
	if (memio_area(mem, req) == AREA_SUPERBLOCK)
		return MEMIO_HOLD;
	return fail_member_1(mem, req);
}

Test(request, no_answer_comes_before_the_epoch_without_the_leg_is_in_force)
{
	countdown = 1;
	m.hook = hold_superblocks;
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 0, 4096, space), -EINPROGRESS);
	m.hook = fail_member_1;
	memio_release(&m);
	memio_turn(&m);
	memcpy(model, space, 4096);
	read_at(0, 4096);
}

static unsigned flushed;

static int
hold_flushes(struct memio *mem, const struct io_req *req)
{
	(void)mem;
	if (req->op == IO_FLUSH)
		flushed |= 1u << req->member;
	return req->op == IO_FLUSH && req->member == 3 ? MEMIO_HOLD : 0;
}

Test(request, a_flush_is_answered_when_all_legs_of_both_sets_are_flushed)
{
	write_at(0, 4 * CHUNK, 0);
	write_at(0, 4 * CHUNK, 0);
	flushed = 0;
	m.hook = hold_flushes;
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), -EINPROGRESS);
	cr_assert_eq(flushed, 0xf);
	memio_release(&m);
	memio_turn(&m);
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), 0);
}

Test(request, after_stop_every_request_is_refused)
{
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, 4096, space), -ESHUTDOWN);
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), -ESHUTDOWN);
}
