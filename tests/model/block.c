/* SPDX-License-Identifier: MIT */
/*
 * The model of one block: its first states, its steps, what must hold in
 * each state.
 */
#include <string.h>

#include "block.h"

static void
block_begin(struct search *s)
{
	const struct block_bounds *v = bounds(s);
	uint8_t value = v->unwritten ? GARBAGE : VALUE_FIRST;
	struct block b = {.phase = SERVING};

	b.page = v->unwritten ? SUM_NONE : whole(VALUE_FIRST);
	b.journal.page = b.page;
	for (int i = 0; i < LEGS; i++) {
		struct leg *leg = &b.leg[i];

		leg->run = RUN_IN;
		leg->insync = 1;
		leg->page = PAGE_DURABLE;
		leg->content = whole(value);
		for (int h = 0; h < HALVES; h++)
			leg->media[h] = (uint8_t)(1u << value);
	}
	for (int h = 0; h < HALVES; h++)
		b.now[h] = b.cut[h] =
			(uint8_t)(1u << (v->unwritten ? ZEROS : VALUE_FIRST));
	search_add(s, &b, "%s block",
		   v->unwritten ? "an unwritten" : "a written");
}

/* What is CLEAN and at rest is the same on all legs, durably, and is what
 * its sum says. */
static void
check_clean(struct search *s, const struct block *b)
{
	struct block n = *b;
	uint8_t sum = chain_lookup(&n);

	if (b->unit != UNIT_CLEAN || b->op != OP_NONE || b->settle || b->eio ||
	    bounds(s)->lies || sum == SUM_ZEROS || sum == SUM_NONE)
		return;
	for (int i = 0; i < LEGS; i++) {
		const struct leg *leg = &b->leg[i];

		if (leg->run != RUN_IN)
			continue;
		for (int h = 0; h < HALVES; h++)
			if (leg->media[h] != 1u << half(sum, h))
				search_violated(
					s, "I14",
					"CLEAN with sum %x; leg %d may hold %x",
					sum, i, leg->media[h]);
	}
}

/* Somebody waits: then something goes on without anybody's help. */
static void
check_progress(struct search *s, const struct block *b, uint64_t added)
{
	bool waits = b->op || b->flush_client || b->drain || b->resync;

	if (waits && !b->stopped && s->added == added)
		search_violated(s, "I30", "somebody waits and nothing goes on");
}

static void
block_step(struct search *s, const void *state)
{
	const struct block *b = state;
	uint64_t added = s->added;

	crash_steps(s, b);
	if (b->phase != SERVING) {
		start_steps(s, b);
		return;
	}
	check_clean(s, b);
	added = s->added;
	if (!b->stopped) {
		epoch_steps(s, b);
		journal_steps(s, b);
		flush_steps(s, b);
		client_steps(s, b);
		settle_steps(s, b);
		store_ends(s, b);
		checkpoint_steps(s, b);
	}
	check_progress(s, b, added);
	client_asks(s, b);
	cleaner_steps(s, b);
	store_begins(s, b);
	checkpoint_begins(s, b);
	leg_steps(s, b);
}

static void
block_canon(const struct search *s, void *state)
{
	struct block *b = state;

	(void)s;
	if (memcmp(&b->leg[0], &b->leg[1], sizeof(b->leg[0])) > 0) {
		struct leg leg = b->leg[0];

		b->leg[0] = b->leg[1];
		b->leg[1] = leg;
	}
}

const struct search_model block_model = {
	.bytes = sizeof(struct block),
	.begin = block_begin,
	.step = block_step,
	.canon = block_canon,
};
