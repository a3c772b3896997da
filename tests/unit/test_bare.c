/* SPDX-License-Identifier: MIT */
/* An array without sums, to measure what those cost: it serves, journals
 * nothing, and leaves nothing behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memio.h"
#include "support.h"

static struct memio m;
static uint8_t *space; /* two blocks, aligned */

static int
refuse_data(struct memio *io, const struct io_req *req)
{
	return memio_area(io, req) == AREA_DATA && req->op != IO_DISCARD ? -EIO
									 : 0;
}

static void
begin(void)
{
	const struct memio_shape shape = {
		.sets = 2,
		.legs = 2,
		.block_bytes = 512,
		.region_blocks = 64,
		.member_bytes = 8 << 20,
		.bare = true,
	};

	space = aligned_alloc(4096, 2 * RAID_BLOCK);
	cr_assert(space);
	cr_assert_eq(memio_create_as(&m, &shape), 0);
}

static void
end(void)
{
	memio_destroy(&m);
	free(space);
}

TestSuite(bare, .init = begin, .fini = end);

static void
write_value(uint64_t offset, uint64_t length, int value)
{
	memset(space + offset % RAID_BLOCK, value, length);
	cr_assert_eq(memio_do(&m, RAID_WRITE, 0, offset, length,
			      space + offset % RAID_BLOCK),
		     0);
}

static void
expect_value(uint64_t offset, uint64_t length, int value)
{
	uint8_t *at = space + offset % RAID_BLOCK;

	memset(space, 0xff, 2 * RAID_BLOCK);
	cr_assert_eq(memio_do(&m, RAID_READ, 0, offset, length, at), 0);
	for (uint64_t i = 0; i < length; i++)
		cr_assert_eq(at[i], value, "byte %lu", (unsigned long)i);
}

static uint64_t
appends(void)
{
	struct raid_status *s = calloc(1, sizeof(*s));

	cr_assert(s);
	raid_status(m.raid, s);
	uint64_t n = s->counters.appends;

	free(s);
	return n;
}

Test(bare, serves_and_journals_nothing)
{
	uint64_t before = appends();
	uint8_t map[2] = {0, 0};

	write_value(0, 2 * RAID_BLOCK, 7);
	expect_value(0, 2 * RAID_BLOCK, 7);
	/* It keeps no block's rest, having no sum to verify it by. */
	write_value(RAID_BLOCK + 512, 512, 9);
	expect_value(RAID_BLOCK + 512, 512, 9);
	expect_value(RAID_BLOCK + 1024, 512, 0);
	cr_assert_eq(memio_do(&m, RAID_FLUSH, 0, 0, 0, NULL), 0);
	cr_assert_eq(memio_do(&m, RAID_DISCARD, 0, 0, RAID_BLOCK, NULL), 0);
	cr_assert_eq(memio_do(&m, RAID_MAP, 0, 0, 2 * RAID_BLOCK, map), 0);
	cr_assert_eq(map[0] + map[1], 2);
	cr_assert_eq(memio_do(&m, RAID_ZEROES, RAID_NO_HOLE, 0, 512, NULL), 0);
	expect_value(0, 512, 0);
	cr_assert_eq(appends(), before);
}

Test(bare, an_error_is_told)
{
	write_value(0, RAID_BLOCK, 7);
	m.hook = refuse_data;
	cr_assert_eq(memio_do(&m, RAID_READ, 0, 0, RAID_BLOCK, space), -EIO);
}

Test(bare, nothing_is_left_of_it)
{
	write_value(0, 2 * RAID_BLOCK, 7);
	cr_assert_eq(memio_stop(&m), 0);
	cr_assert_eq(memio_restart(&m), 0);
	expect_value(0, 2 * RAID_BLOCK, 0);
}

Test(bare, only_a_new_array_can_be)
{
	struct raid_leg_config legs[4] = {0};
	struct raid_config cfg = {.sb = &m.sb, .legs = legs, .bare = true};
	size_t bytes = (raid_bytes(&cfg) + 4095) / 4096 * 4096;
	struct raid *r;
	void *mem = aligned_alloc(4096, bytes);

	cr_assert(mem);
	memset(mem, 0, raid_zeroed_bytes(&cfg));
	cr_assert_eq(raid_init(&r, &cfg, &m.io, mem, bytes), -EINVAL);
	free(mem);
}
