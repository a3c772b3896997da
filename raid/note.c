/* SPDX-License-Identifier: MIT */
/* The words of note.h: part of what scripts read, so they never change. */
#include "note.h"

#include <stddef.h>

#include "check.h"

static const char *const note_words[] = {
#define X(name, word) [NOTE_##name] = word,
	RAID_NOTES(X)
#undef X
};

static const char *const cause_words[] = {
	[CAUSE_DATA] = "data",
	[CAUSE_APPEND] = "append",
	[CAUSE_FLUSH] = "flush",
	[CAUSE_PAGE] = "page",
	[CAUSE_CHECKPOINT] = "checkpoint",
	[CAUSE_SUPERBLOCK] = "superblock",
	[CAUSE_READS] = "reads",
	[CAUSE_OPERATOR] = "operator",
	[CAUSE_JOURNAL] = "journal",
	[CAUSE_LAG] = "lag",
	[CAUSE_DEADLINE] = "deadline",
};

static const char *const verdict_words[] = {
#define X(name, word) [VERDICT_##name] = word,
	RAID_VERDICTS(X)
#undef X
};

_Static_assert(ARRAY_SIZE(note_words) == NOTE_COUNT, "a word for each note");
_Static_assert(ARRAY_SIZE(cause_words) == CAUSE_COUNT, "a word for each cause");

const char *
note_word(enum raid_note_kind kind)
{
	CHECK(kind < NOTE_COUNT);
	return note_words[kind];
}

const char *
cause_word(enum raid_cause cause)
{
	CHECK(cause < CAUSE_COUNT);
	return cause_words[cause];
}

const char *
verdict_word(enum raid_verdict verdict)
{
	CHECK(verdict < VERDICT_COUNT);
	return verdict_words[verdict];
}
