/* SPDX-License-Identifier: MIT */
/* Disks that are slow together, or hang together (R10). */
#include <errno.h>

#include "check.h"
#include "script.h"

#define M0 1u
#define M1 2u
#define BOTH (M0 | M1)

/* From now on every disk takes so long for these. */
static void
all_stall(struct sim *s, int area, int op, uint64_t ns)
{
	for (unsigned i = 0; i < s->members; i++) {
		struct rule *r = on(s, (int)i, area, op, RULE_SUBMIT,
				    RULE_STALL);

		r->again = true;
		r->stall_ns = ns;
	}
}

/* Both legs are slow to read from, all at once: reads are answered all the
 * same, none goes from one to the other for ever (R10). */
static void
slow_together(struct sim *s, unsigned variant)
{
	uint64_t bytes = variant == 0 ? BLOCK(2) : 512;
	uint64_t from_ns;

	EXPECT(s, do_write(s, 0, BLOCK(2), RAID_FUA) == 0);
	for (unsigned i = 0; i < 40; i++)
		EXPECT(s, do_read(s, 0, bytes) == 0);
	all_stall(s, AREA_DATA, IO_READ, SECONDS(1) / 10);
	from_ns = s->now_ns;
	for (unsigned i = 0; i < 4; i++)
		EXPECT(s, do_read(s, 0, bytes) == 0);
	EXPECT(s, s->now_ns - from_ns < SECONDS(3));
}

const struct scenario review_scenarios[] = {
	{.name = "slow-together", .run = slow_together,
	 .hole = "R10: a read goes from one slow leg to the other for ever",
	 .variants = 2, .sets = 1, .legs = 2},
};

const unsigned review_scenario_count = ARRAY_SIZE(review_scenarios);
