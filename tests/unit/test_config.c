/* SPDX-License-Identifier: MIT */
/* What raid_init() is given: limits, memory; and the words of notes. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "support.h"

#define SECONDS(n) ((uint64_t)(n) * 1000000000ull)

static struct memio m;
static struct sb sb;
static uint8_t *block;

static void
shape(uint32_t chunk_bytes, uint32_t region_blocks, uint64_t journal_bytes)
{
	support_sb(&sb, 1, 2);
	sb.geometry.chunk_bytes = chunk_bytes;
	sb.geometry.region_blocks = region_blocks;
	cr_assert_eq(layout_compute(&sb.geometry, SUPPORT_MEMBER_BYTES,
				    journal_bytes, &sb.layout), 0);
}

/* An array that could not take its largest request would wait for ever. */
Test(config, limits_have_a_least)
{
	static const struct {
		uint32_t chunk_bytes, region_blocks;
		struct raid_limits least;
		size_t limit;
	} cases[] = {
		{64 << 10, 64, {.parts_max = 4},
		 offsetof(struct raid_limits, parts_max)},
		{64 << 10, 64, {.dirty_units_max = 4},
		 offsetof(struct raid_limits, dirty_units_max)},
		{4 << 20, 1024, {.dirty_units_max = 130},
		 offsetof(struct raid_limits, dirty_units_max)},
		{64 << 10, 64, {.sums_max = 128},
		 offsetof(struct raid_limits, sums_max)},
		{64 << 10, 16, {.sums_max = 32},
		 offsetof(struct raid_limits, sums_max)},
		{16 << 10, 16, {.sums_max = 32},
		 offsetof(struct raid_limits, sums_max)},
		{16 << 10, 1024, {.sums_max = 2048},
		 offsetof(struct raid_limits, sums_max)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct raid_config cfg = {.sb = &sb,
					  .limits = cases[i].least};
		uint8_t *limit = (uint8_t *)&cfg.limits + cases[i].limit;
		struct raid *r;
		uint32_t value;

		shape(cases[i].chunk_bytes, cases[i].region_blocks, 8 << 20);
		cr_assert_gt(raid_bytes(&cfg), 0, "case %zu", i);
		cr_assert_gt(raid_zeroed_bytes(&cfg), 0, "case %zu", i);
		memcpy(&value, limit, sizeof(value));
		value--;
		memcpy(limit, &value, sizeof(value));
		cr_assert_eq(raid_bytes(&cfg), 0, "case %zu", i);
		cr_assert_eq(raid_zeroed_bytes(&cfg), 0);
		cr_assert_eq(raid_init(&r, &cfg, &m.io, NULL, 0), -EINVAL);
	}
}

/* Half of the ring is to hold what a checkpoint says again. */
Test(config, a_journal_may_be_too_small_for_the_limits)
{
	const struct raid_config cfg = {.sb = &sb};

	shape(64 << 10, 64, 64 << 10);
	cr_assert_eq(raid_bytes(&cfg), 0);
	shape(64 << 10, 64, 80 << 10);
	cr_assert_gt(raid_bytes(&cfg), 0);
}

Test(config, too_little_memory_is_refused)
{
	const struct raid_leg_config legs[2] = {{.present = true}};
	const struct raid_config cfg = {.sb = &sb, .legs = legs,
					.limits.parts_max = 8};
	struct raid *r;
	size_t bytes;
	void *memory;

	shape(64 << 10, 64, 1 << 20);
	bytes = raid_bytes(&cfg);
	memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
	cr_assert(memory);
	memset(memory, 0, bytes);
	cr_assert_eq(raid_init(&r, &cfg, &m.io, memory, bytes - 1), -ENOMEM);
	free(memory);
}

static unsigned held_member = UINT32_MAX;
static enum io_op held_op;

static int
hold(struct memio *mem, const struct io_req *req)
{
	return req->member == held_member && req->op == held_op &&
			       memio_area(mem, req) == AREA_DATA ?
		       MEMIO_HOLD : 0;
}

static void
create(const struct raid_limits *limits)
{
	struct memio_shape s = {
		.sets = 1, .legs = 2, .block_bytes = 4096,
		.region_blocks = 64, .member_bytes = MEMIO_MEMBER_BYTES,
		.hook = hold,
	};

	s.limits = *limits;
	cr_assert_eq(memio_create_as(&m, &s), 0);
	block = aligned_alloc(4096, RAID_BLOCK);
	cr_assert(block);
	memset(block, 3, RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 0, RAID_BLOCK, block), 0);
}

static enum sb_leg_state
leg_state(uint32_t leg)
{
	return sb_place_const(raid_superblock(m.raid), 0, leg)->state;
}

Test(config, the_deadline_of_an_io_can_be_set)
{
	const struct raid_limits limits = {.io_deadline_ns = SECONDS(1)};

	create(&limits);
	held_member = 1;
	held_op = IO_WRITE;
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, 0, RAID_BLOCK, block),
		     -EINPROGRESS);
	for (unsigned i = 0; i < 9; i++) {
		/* The other leg answers. */
		cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, RAID_BLOCK,
				      RAID_BLOCK, block), -EINPROGRESS);
		memio_wait(&m, SECONDS(1) / 10);
		cr_assert_eq(leg_state(1), LEG_IN_SYNC);
	}
	/* It is asked again whether the other does, and given some grace. */
	for (unsigned i = 0; i < 20; i++)
		memio_wait(&m, SECONDS(1) / 10);
	cr_assert_eq(leg_state(1), LEG_FAILED);
	cr_assert_eq(m.last[NOTE_LEG_FAILED].a, CAUSE_DEADLINE);
	cr_assert_eq(memio_do(&m, RAID_WRITE, RAID_FUA, 0, RAID_BLOCK, block),
		     0);
	memio_release(&m);
	memio_turn(&m);
	memio_destroy(&m);
	free(block);
}

Test(config, what_a_slow_read_is_can_be_set)
{
	const struct raid_limits limits = {.slow_read_ns = SECONDS(3)};
	static struct raid_status st;

	create(&limits);
	held_op = IO_READ;
	held_member = 0;
	for (unsigned i = 0; i < 10; i++)
		if (memio_do(&m, RAID_READ, 0, 0, 512, block) != 0)
			break;
	cr_assert_neq(m.held, NULL);
	memio_wait(&m, SECONDS(2));
	cr_assert_eq(m.notes[NOTE_LEG_SLOW], 0);
	memio_wait(&m, SECONDS(2));
	cr_assert_eq(m.notes[NOTE_LEG_SLOW], 1);
	raid_status(m.raid, &st);
	cr_assert_eq(st.requests, 0); /* the other leg answered */
	memio_release(&m);
	memio_turn(&m);
	memio_destroy(&m);
	free(block);
}

Test(config, each_note_and_cause_has_a_word_of_its_own)
{
	for (unsigned i = 0; i < NOTE_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert_str_neq(note_word(i), note_word(j));
	for (unsigned i = 0; i < CAUSE_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert_str_neq(cause_word(i), cause_word(j));
	cr_assert_str_eq(cause_word(CAUSE_DEADLINE), "deadline");
}
