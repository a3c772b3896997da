/* SPDX-License-Identifier: MIT */
/* The engine's notes in words: they promise nothing that is not known yet. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "notes.h"
#include "superblock.h"

static const struct geometry shape = {
	.sets = 2, .legs = 2, .chunk_bytes = 65536};
static char text[1024];

static void
words(enum raid_note_kind kind, int err, uint64_t a, uint64_t b)
{
	struct raid_note n = {
		.kind = kind, .set = 1, .err = err, .a = a, .b = b};

	note_text(&n, &shape, "1.0 (/dev/x)", text, sizeof(text));
}

#define SAYS(what)     cr_assert(strstr(text, what) != NULL, "%s", text)
#define SAYS_NOT(what) cr_assert(strstr(text, what) == NULL, "%s", text)

/* No other leg may be there, or have it whole. */
Test(notes, of_a_bad_copy_only_what_is_known_is_said)
{
	words(NOTE_MISMATCH, 0, 8192, 4096);
	SAYS("does not match its checksum at byte 8192 of the set");
	SAYS("if another leg is good");
	words(NOTE_READ_ERROR, -EIO, 0, 4096);
	SAYS("(Input/output error); if another leg is good");
	words(NOTE_PAGE_BAD, 0, 0, 4096);
	SAYS("if another leg's is good");
}

Test(notes, a_leg_over_its_budget_had_too_many_bad_reads)
{
	words(NOTE_LEG_FAILED, 0, CAUSE_READS, 0);
	SAYS("failed (too many bad reads); going on without it");
	words(NOTE_LEG_FAILED, -EIO, CAUSE_READS, 0);
	SAYS("(too many bad reads, the last: Input/output error)");
	words(NOTE_LEG_FAILED, -EIO, CAUSE_FLUSH, 0);
	SAYS_NOT("too many");
}

Test(notes, what_the_operator_wanted_is_done_or_refused)
{
	words(NOTE_LEG_FAILED, 0, CAUSE_OPERATOR, 0);
	SAYS("failed by the operator; going on without it");
	words(NOTE_LAST_LEG_ERROR, 0, CAUSE_OPERATOR, 0);
	SAYS("is the last of its set and stays");
	SAYS("was refused");
}

Test(notes, one_is_not_in_the_plural)
{
	words(NOTE_RESYNC_START, 0, 1, 0);
	SAYS("resync of 1 unit of");
	words(NOTE_RESYNC_START, 0, 2, 0);
	SAYS("resync of 2 units of");
	words(NOTE_RESYNC_DONE, 0, 1, 0);
	SAYS("1 block rewritten");
	words(NOTE_WENT_BACK, 0, 0, 1);
	SAYS("1 write older");
}
