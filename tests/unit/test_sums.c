/* SPDX-License-Identifier: MIT */
#include "sums.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "check.h"
#include "support.h"

#define LIMIT        24u
#define POOL         32u
#define REGIONS      4u
#define REGION_SHIFT 4u /* 16 blocks */

static struct sums s;

static void
begin(void)
{
	struct arena a = {0};

	sums_carve(&s, &a, POOL, REGIONS);
	a.size = a.used;
	a.base = calloc(1, a.size + 63);
	cr_assert(a.base != NULL);
	a.base = (uint8_t *)(((uintptr_t)a.base + 63) & ~(uintptr_t)63);
	a.used = 0;
	sums_carve(&s, &a, POOL, REGIONS);
	sums_init(&s, LIMIT, POOL, REGION_SHIFT);
}

static struct node *
push(uint64_t block, uint32_t sum, uint16_t flags)
{
	return sums_push(&s, block, sum, flags);
}

static uint32_t
newest_sum(uint64_t block)
{
	const struct node *n = sums_newest(&s, block);

	return n ? n->sum : 0;
}

static uint32_t
chain_length(uint64_t block)
{
	uint32_t length = 0;

	for (const struct node *n = sums_newest(&s, block); n;
	     n = sums_node(&s, n->older))
		length++;
	return length;
}

TestSuite(sums, .init = begin);

Test(sums, a_block_that_nobody_wrote_has_no_chain)
{
	cr_assert_null(sums_newest(&s, 0));
	cr_assert_null(sums_visible(&s, 63));
	cr_assert_null(sums_queue_peek(&s));
	sums_check(&s);
}

Test(sums, a_chain_goes_from_the_newest_to_the_oldest)
{
	const struct node *n;

	push(5, 0x51, 0);
	push(6, 0x61, 0);
	push(5, 0x52, 0);
	n = sums_newest(&s, 5);
	cr_assert_eq(n->sum, 0x52);
	n = sums_node(&s, n->older);
	cr_assert_eq(n->sum, 0x51);
	cr_assert_eq(n->older, NODE_NONE);
	cr_assert_eq(newest_sum(6), 0x61);
	cr_assert_eq(s.used, 3);
	cr_assert_eq(s.per_region[0], 3);
	sums_check(&s);
}

Test(sums, a_reader_sees_the_newest_whose_write_completed)
{
	struct node *b;

	push(5, 0x51, NODE_DONE);
	b = push(5, 0x52, 0);
	cr_assert_eq(sums_visible(&s, 5)->sum, 0x51);
	b->flags |= NODE_DONE;
	cr_assert_eq(sums_visible(&s, 5)->sum, 0x52);
}

Test(sums, a_first_write_is_seen_when_it_was_recorded_and_not_before)
{
	struct node *n = push(5, 0x51, NODE_FIRST | NODE_DONE);

	cr_assert_null(sums_visible(&s, 5));
	n->flags |= NODE_SETTLED;
	cr_assert_eq(sums_visible(&s, 5), n);
}

Test(sums, popping_shows_the_older_one_again)
{
	push(5, 0x51, NODE_DONE);
	push(5, 0x52, 0);
	sums_pop(&s, 5);
	cr_assert_eq(newest_sum(5), 0x51);
	sums_pop(&s, 5);
	cr_assert_null(sums_newest(&s, 5));
	cr_assert_eq(s.used, 0);
	cr_assert_eq(s.per_region[0], 0);
	sums_check(&s);
}

Test(sums, trimming_keeps_the_node_and_what_is_newer)
{
	struct node *middle;

	push(5, 0x51, 0);
	push(5, 0x52, 0);
	middle = push(5, 0x53, 0);
	push(5, 0x54, 0);
	sums_trim(&s, middle);
	cr_assert_eq(chain_length(5), 2);
	cr_assert_eq(newest_sum(5), 0x54);
	cr_assert_eq(s.used, 2);
	sums_check(&s);
}

Test(sums, what_is_older_than_the_newest_base_is_evidence_no_more)
{
	const uint16_t recorded = NODE_DONE | NODE_JOURNALED;

	push(5, 0x51, recorded);
	push(5, 0x52, recorded)->gen = 3;
	push(5, 0x53, recorded)->gen = 4;
	push(5, 0x54, NODE_JOURNALED);
	/* The flush of generation 4 says nothing of what completed in it. */
	sums_trim_settled(&s, 5, 3);
	cr_assert_eq(chain_length(5), 4);
	sums_trim_settled(&s, 5, 4);
	cr_assert_eq(chain_length(5), 3);
	sums_trim_settled(&s, 5, 5);
	cr_assert_eq(chain_length(5), 2);
	cr_assert_eq(newest_sum(5), 0x54);
	sums_trim_settled(&s, 6, 5);
	sums_check(&s);
}

Test(sums, a_base_that_no_record_holds_replaces_none_that_one_does)
{
	push(5, 0x51, NODE_DONE | NODE_JOURNALED);
	push(5, 0x52, NODE_DONE | NODE_JOURNALED)->gen = 1;
	push(5, 0x53, NODE_DONE)->gen = 2;
	sums_trim_settled(&s, 5, 9);
	cr_assert_eq(chain_length(5), 2);
	cr_assert_eq(newest_sum(5), 0x53);
}

Test(sums, generations_may_wrap_round)
{
	struct node n = {.flags = NODE_DONE, .gen = UINT32_MAX};

	cr_assert(node_is_settled(&n, 0));
	cr_assert_not(node_is_settled(&n, UINT32_MAX));
	n.gen = 0;
	cr_assert_not(node_is_settled(&n, UINT32_MAX));
	n.flags = 0;
	cr_assert_not(node_is_settled(&n, 5));
	n.flags = NODE_SETTLED;
	cr_assert(node_is_settled(&n, UINT32_MAX));
}

Test(sums, a_node_taken_out_leaves_its_neighbours)
{
	struct node *top;

	push(5, 0x51, 0);
	push(5, 0x52, 0);
	top = push(5, 0x53, 0);
	sums_unchain(&s, top);
	cr_assert_eq(chain_length(5), 2);
	cr_assert_eq(sums_node(&s, top->older)->sum, 0x51);
	sums_check(&s);
}

Test(sums, what_a_stored_page_holds_goes_and_what_came_later_stays)
{
	push(5, 0x51, NODE_DONE);
	push(5, 0x52, NODE_DONE | NODE_PAGED);
	push(5, 0x53, NODE_DONE);
	push(6, 0x61, NODE_DONE | NODE_PAGED);
	push(7, 0x71, NODE_DONE);
	for (uint64_t b = 0; b < 16; b++)
		sums_drop_paged(&s, b);
	cr_assert_eq(chain_length(5), 1);
	cr_assert_eq(newest_sum(5), 0x53);
	cr_assert_null(sums_newest(&s, 6));
	cr_assert_eq(newest_sum(7), 0x71);
	sums_check(&s);
}

Test(sums, dropping_a_chain_leaves_those_of_other_blocks)
{
	for (uint64_t b = 0; b < 8; b++) {
		push(b * 8, (uint32_t)b + 1, 0);
		push(b * 8, (uint32_t)b + 0x11, 0);
	}
	sums_drop(&s, 16);
	sums_drop(&s, 17);
	cr_assert_null(sums_newest(&s, 16));
	cr_assert_eq(s.used, 14);
	cr_assert_eq(s.per_region[1], 2);
	for (uint64_t b = 0; b < 8; b++)
		if (b != 2)
			cr_assert_eq(newest_sum(b * 8), b + 0x11);
	sums_check(&s);
}

Test(sums, the_queue_gives_nodes_back_in_the_order_they_came)
{
	struct node *a = push(1, 0x11, NODE_DONE);
	struct node *b = push(2, 0x21, NODE_DONE);

	sums_queue(&s, b);
	sums_queue(&s, a);
	cr_assert_eq(s.queued, 2);
	cr_assert_eq(sums_queue_peek(&s), b);
	sums_queue_pop(&s);
	cr_assert_eq(sums_queue_peek(&s), a);
	cr_assert_not(b->flags & NODE_LISTED);
	sums_queue_pop(&s);
	cr_assert_null(sums_queue_peek(&s));
	cr_assert_eq(s.drained, 2);
}

Test(sums, the_queue_skips_what_a_record_has_already)
{
	struct node *a = push(1, 0x11, NODE_DONE);
	struct node *b = push(2, 0x21, NODE_DONE);

	sums_queue(&s, a);
	sums_queue(&s, b);
	a->flags |= NODE_JOURNALED;
	cr_assert_eq(sums_queue_peek(&s), b);
	cr_assert_eq(s.drained, 1);
}

Test(sums, a_queued_node_that_is_dropped_keeps_its_memory_until_it_leaves)
{
	struct node *a = push(1, 0x11, NODE_DONE);
	struct node *b = push(2, 0x21, NODE_DONE);

	sums_queue(&s, a);
	sums_queue(&s, b);
	sums_drop(&s, 1);
	cr_assert_null(sums_newest(&s, 1));
	cr_assert_eq(s.used, 2);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_neq(push(3, i + 1, 0), a);
	cr_assert_eq(sums_queue_peek(&s), b);
	cr_assert_eq(s.used, 5);
	sums_check(&s);
}

Test(sums, there_is_room_up_to_the_limit_less_what_was_promised)
{
	cr_assert(sums_have_room(&s, LIMIT));
	cr_assert_not(sums_have_room(&s, LIMIT + 1));
	push(1, 1, 0);
	s.reserved = 10;
	cr_assert(sums_have_room(&s, LIMIT - 11));
	cr_assert_not(sums_have_room(&s, LIMIT - 10));
	s.reserved = 0;
}

Test(sums, a_new_checkpoint_has_taken_none_of_the_old_nodes)
{
	struct node *a = push(1, 1, 0);

	cr_assert(a->flags & NODE_TAKEN);
	sums_untake(&s);
	cr_assert_not(a->flags & NODE_TAKEN);
	cr_assert(push(2, 1, 0)->flags & NODE_TAKEN);
	cr_assert(a->flags & NODE_USED);
}

Test(sums, a_reset_pool_can_be_used_up_again)
{
	for (uint32_t i = 0; i < POOL; i++)
		push(i % 64, i + 1, 0);
	sums_reset(&s, REGIONS);
	cr_assert_eq(s.used, 0);
	cr_assert_null(sums_newest(&s, 3));
	for (uint32_t r = 0; r < REGIONS; r++)
		cr_assert_eq(s.per_region[r], 0);
	for (uint32_t i = 0; i < POOL; i++)
		push(i % 64, i + 1, 0);
	sums_check(&s);
}

/* Chains as plain arrays, oldest first. */
struct model {
	uint32_t sums[64][POOL];
	uint32_t length[64];
};

static void
model_assert(const struct model *m)
{
	uint32_t regions[REGIONS] = {0};

	for (uint64_t b = 0; b < 64; b++) {
		const struct node *n = sums_newest(&s, b);

		regions[b >> REGION_SHIFT] += m->length[b];
		for (uint32_t i = m->length[b]; i > 0; i--) {
			cr_assert_not_null(n);
			cr_assert_eq(n->sum, m->sums[b][i - 1]);
			cr_assert_eq(n->block, b);
			n = sums_node(&s, n->older);
		}
		cr_assert_null(n);
	}
	for (uint32_t r = 0; r < REGIONS; r++)
		cr_assert_eq(s.per_region[r], regions[r]);
}

static void
model_step(struct model *m, uint64_t x)
{
	uint64_t b = x % 64;
	uint32_t *length = &m->length[b];

	switch (x / 64 % 8) {
	case 0:
		sums_drop(&s, b);
		*length = 0;
		break;
	case 1:
		if (*length > 0) {
			sums_pop(&s, b);
			--*length;
		}
		break;
	case 2:
		if (*length > 0) {
			sums_trim(&s, sums_newest(&s, b));
			m->sums[b][0] = m->sums[b][*length - 1];
			*length = 1;
		}
		break;
	case 3:
		if (sums_queue_peek(&s))
			sums_queue_pop(&s);
		break;
	default:
		if (s.used == POOL)
			break;
		m->sums[b][(*length)++] = (uint32_t)(x / 512) | 1;
		sums_queue(&s, push(b, (uint32_t)(x / 512) | 1, NODE_DONE));
	}
}

Test(sums, any_life_of_the_pool_has_the_chains_of_plain_arrays)
{
	static struct model m;
	uint64_t random = 12345;

	for (unsigned step = 0; step < 5000; step++) {
		model_step(&m, support_random(&random));
		model_assert(&m);
		sums_check(&s);
	}
	while (sums_queue_peek(&s))
		sums_queue_pop(&s);
	for (uint64_t b = 0; b < 64; b++)
		sums_drop(&s, b);
	cr_assert_eq(s.used, 0);
}
