/* SPDX-License-Identifier: MIT */
/*
 * What is found wrong with what a leg gave: counted by kind, told, and charged
 * to the budget over which the leg is failed (R11).
 */
#include "set.h"

static const enum raid_note_kind verdict_notes[] = {
	[VERDICT_READ_ERROR] = NOTE_READ_ERROR,
	[VERDICT_MISMATCH] = NOTE_MISMATCH,
	[VERDICT_LOST_WRITE] = NOTE_LOST_WRITE,
	[VERDICT_MISDIRECTED] = NOTE_MISDIRECTED,
	[VERDICT_PAGE_BAD] = NOTE_PAGE_BAD,
	[VERDICT_WENT_BACK] = NOTE_WENT_BACK,
};

_Static_assert(ARRAY_SIZE(verdict_notes) == VERDICT_COUNT,
	       "a note for each verdict");

void
verdict_give(struct leg *leg, enum raid_verdict verdict, int err, uint64_t a,
	     uint64_t b)
{
	struct raid *r = leg->raid;

	leg->verdicts[verdict]++;
	raid_note(r, verdict_notes[verdict], leg->set, leg, err, a, b);
	leg->budget_used++;
	if (leg->budget_used > r->limits.read_error_budget &&
	    leg->run == RUN_IN && leg_is_expendable(leg))
		leg_fail(leg, CAUSE_READS, err);
}
