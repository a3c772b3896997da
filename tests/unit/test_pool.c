/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "pool.h"

#define MIB (1u << 20)

static struct pool pool;

static void
setup(void)
{
	bool locked;

	cr_assert_eq(pool_init(&pool, false, &locked), 0);
	cr_assert_not(locked);
}

static void
teardown(void)
{
	pool_fini(&pool);
}

TestSuite(pool, .init = setup, .fini = teardown);

Test(pool, a_buffer_is_aligned_and_as_large_as_asked)
{
	static const uint64_t sizes[] = {1, 8192, 8193, MIB, 64 * MIB + 4095};
	struct pool_share share = {{0}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pool_buf *buf = pool_get(&pool, &share, sizes[i]);

		cr_assert_not_null(buf);
		cr_assert_eq((uintptr_t)buf->mem % 4096, 0u);
		memset(buf->mem, 'x', sizes[i]);
		pool_put(&pool, &share, buf, sizes[i]);
	}
	for (unsigned c = 0; c < POOL_CLASSES; c++)
		cr_assert_eq(share.held[c], 0u);
}

/* As many as it gets. */
static unsigned
take_all(struct pool_share *share, uint64_t bytes, struct pool_buf **list)
{
	unsigned count = 0;
	struct pool_buf *buf;

	while ((buf = pool_get(&pool, share, bytes))) {
		buf->next = *list;
		*list = buf;
		count++;
	}
	return count;
}

Test(pool, the_greedy_leave_something_in_every_size)
{
	static const uint64_t sizes[] = {64 * MIB, MIB, 65536, 4096};
	struct pool_share greedy = {{0}};
	struct pool_share modest = {{0}};
	struct pool_buf *taken = NULL;

	for (unsigned i = 0; i < 4; i++)
		cr_assert_gt(take_all(&greedy, sizes[i], &taken), 0u);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_not_null(pool_get(&pool, &modest, sizes[i]));
}

Test(pool, small_requests_of_all_connections_never_wait)
{
	struct pool_share shares[16];
	struct pool_buf *taken = NULL;

	memset(shares, 0, sizeof(shares));
	for (unsigned i = 0; i < 16; i++)
		cr_assert_geq(take_all(&shares[i], 4096, &taken), 128u);
}

Test(pool, what_was_put_back_is_given_again)
{
	struct pool_share share = {{0}};
	struct pool_buf *big = pool_get(&pool, &share, 64 * MIB);

	cr_assert_null(pool_get(&pool, &share, 64 * MIB));
	memset(big->mem, 'x', 64 * MIB);
	pool_put(&pool, &share, big, 64 * MIB);
	cr_assert_eq(pool_get(&pool, &share, 64 * MIB), big);
	/* Its memory went back to the system meanwhile. */
	cr_assert_eq(((char *)big->mem)[MIB], 0);
}

Test(pool, what_is_aside_makes_room_for_as_much)
{
	static const uint64_t sizes[] = {64 * MIB, MIB, 65536, 4096};

	for (unsigned i = 0; i < 4; i++) {
		struct pool_share share = {{0}};
		struct pool_buf *taken = NULL;
		unsigned count = take_all(&share, sizes[i], &taken);

		/* Whatever it has, it can have as much once more. */
		for (struct pool_buf *buf = taken; buf; buf = buf->next) {
			uint32_t c = buf->size_class;

			cr_assert(pool_put_aside(&pool, &share, buf));
			cr_assert_not_null(pool_get(&pool, &share, sizes[i]));
			cr_assert_eq(share.held[c], pool.used[c]);
		}
		cr_assert_null(pool_get(&pool, &share, sizes[i]));
		for (unsigned k = 0; k < count; k++) {
			struct pool_buf *next = taken->next;

			pool_put(&pool, &share, taken, 1);
			taken = next;
		}
		for (unsigned c = 0; c < POOL_CLASSES; c++)
			cr_assert_eq(pool.aside[c], 0u);
		/* What came back of these is not for anybody. */
		cr_assert_null(pool_get(&pool, &share, sizes[i]));
		teardown();
		setup();
	}
}

Test(pool, no_more_can_be_aside_than_there_are)
{
	unsigned aside = 0;

	for (;;) {
		struct pool_share share = {{0}};
		struct pool_buf *buf = pool_get(&pool, &share, 64 * MIB);

		cr_assert_not_null(buf);
		if (!pool_put_aside(&pool, &share, buf))
			break;
		cr_assert_eq(share.held[buf->size_class], 0u);
		cr_assert_lt(++aside, 100u);
	}
	cr_assert_gt(aside, 1u);
}
