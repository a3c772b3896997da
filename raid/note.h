/* SPDX-License-Identifier: MIT */
/*
 * Notes: typed events for operators.  The daemon prints them with names and
 * serial numbers, the simulator compares them; the engine knows no text.
 */
#ifndef RAID_NOTE_H
#define RAID_NOTE_H

#include <stdint.h>

/* X(NAME, "word"): what the fields of struct raid_note mean stands beside. */
#define RAID_NOTES(X)                                                         \
	X(LEG_FAILED, "leg-failed")          /* err; a = enum raid_cause */   \
	X(LEG_LAGGED, "leg-lagged")          /* a = its end, b = set's end */ \
	X(LEG_DAMAGED, "leg-damaged")        /* journal or map unusable */    \
	X(LAST_LEG_ERROR, "last-leg-error")  /* err; a = enum raid_cause */   \
	X(WRITE_STOPPED, "write-stopped")    /* err; a = enum raid_cause */   \
	X(EPOCH_IN_FORCE, "epoch-in-force")  /* a = epoch number */           \
	X(EPOCH_STUCK, "epoch-stuck")        /* a = epoch number */           \
	X(READ_ERROR, "read-error")          /* err; a = offset on the set */ \
	X(LEG_SLOW, "leg-slow")              /* a = ns waited, b = spared */ \
	X(MISMATCH, "mismatch")              /* a = offset on the set */      \
	X(REPAIRED, "repaired")              /* a = offset on the set */      \
	X(LOST_BLOCK, "lost-block")          /* a = offset on the set */      \
	X(UNVERIFIED, "accepted-unverified") /* a = offset on the set */      \
	X(PAGE_LOST, "page-lost")            /* a = region */                 \
	X(RESYNC_START, "resync-start")      /* a = units */                  \
	X(RESYNC_DONE, "resync-done")        /* a = blocks rewritten */       \
	X(SET_UNUSABLE, "set-unusable") /* err; no leg with whole metadata */ \
	X(STARTED, "started")           /* a = epoch number */                \
	X(STOPPED, "stopped")

enum raid_note_kind {
#define X(name, word) NOTE_##name,
	RAID_NOTES(X)
#undef X
		NOTE_COUNT
};

/* What was being done when a leg failed. */
enum raid_cause {
	CAUSE_DATA,
	CAUSE_APPEND,
	CAUSE_FLUSH,
	CAUSE_PAGE,
	CAUSE_CHECKPOINT,
	CAUSE_SUPERBLOCK,
	CAUSE_READS, /* over the budget of bad reads */
	CAUSE_OPERATOR,
	CAUSE_JOURNAL, /* its journal or map was not usable at start */
	CAUSE_LAG,     /* its journal lost what it had acknowledged */
	CAUSE_DEADLINE,
	CAUSE_COUNT
};

#define NOTE_NO_LEG 0xffffu

struct raid_note {
	enum raid_note_kind kind;
	uint16_t set;
	uint16_t leg; /* NOTE_NO_LEG: about the set or the array */
	int err;      /* 0 or -errno */
	uint64_t a;
	uint64_t b;
};

/* "leg-failed"; for logs and JSON. */
const char *note_word(enum raid_note_kind kind);
const char *cause_word(enum raid_cause cause);

#endif
