/* SPDX-License-Identifier: MIT */
/*
 * Notes: typed events for operators.  The daemon prints them with names and
 * serial numbers, the simulator compares them; the engine knows no text.
 */
#ifndef RAID_NOTE_H
#define RAID_NOTE_H

#include <stdint.h>

/* X(NAME, "word"): what the fields of struct raid_note mean stands beside. */
#define RAID_NOTES(X)                                                          \
	X(LEG_FAILED, "leg-failed")         /* err; a = enum raid_cause */     \
	X(LEG_LAGGED, "leg-lagged")         /* a = its end, b = set's end */   \
	X(LEG_DAMAGED, "leg-damaged") /* err; its journal or map is useless */ \
	X(LAST_LEG_ERROR, "last-leg-error") /* err; a = enum raid_cause */     \
	X(WRITE_STOPPED, "write-stopped")   /* err; a = enum raid_cause */     \
	X(EPOCH_IN_FORCE, "epoch-in-force") /* a = epoch number */             \
	X(EPOCH_STUCK, "epoch-stuck")       /* a = epoch number */             \
	/* Verdicts (enum raid_verdict); a = offset on the set, b = bytes, but \
	 * MISDIRECTED: b = offset on the array of the place it belongs to. */ \
	X(READ_ERROR, "read-error")   /* err */                                \
	X(LEG_SLOW, "leg-slow")       /* a = ns waited, b = spared */          \
	X(MISMATCH, "mismatch")       /* matches nothing known */              \
	X(LOST_WRITE, "lost-write")   /* matches an older sum only */          \
	X(MISDIRECTED, "misdirected") /* another place's data */               \
	X(PAGE_BAD, "page-bad")       /* err; of the region's sums */          \
	X(WENT_BACK, "went-back")     /* a = enum raid_back, b = how far */    \
	/* No verdict: a crash may have cut it off. */                         \
	X(MAP_HEADER_BAD, "map-header-bad") /* a = copy; makes no sense */     \
	/* What was done about them. */                                        \
	X(REPAIRED, "repaired") /* a as above; b = 1: was well when read */    \
	X(PAGE_REPAIRED, "page-repaired")           /* a, b as above */        \
	X(METADATA_REWRITTEN, "metadata-rewritten") /* what went back */       \
	X(LOST_BLOCK, "lost-block") /* a = offset on the set, b = length */    \
	X(LOST_READABLE, "lost-block-readable") /* lost no more: the same */   \
	X(LOST_OVERWRITTEN, "lost-block-overwritten") /* the same */           \
	X(LOST_DISCARDED, "lost-block-discarded")     /* the same */           \
	X(UNVERIFIED, "accepted-unverified") /* a = offset on the set */       \
	X(PAGE_LOST, "page-lost")            /* a = region */                  \
	X(PAGE_READABLE, "page-readable")    /* a = region */                  \
	X(RESYNC_START, "resync-start")      /* a = units */                   \
	X(RESYNC_DONE, "resync-done")        /* a = blocks rewritten */        \
	X(SET_UNUSABLE, "set-unusable") /* err; no leg with whole metadata */  \
	X(STARTED, "started")           /* a = epoch number */                 \
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

/* What was found wrong with what a leg gave, and counts against it. */
#define RAID_VERDICTS(X)                                                     \
	X(READ_ERROR, "read-error")                                          \
	X(MISMATCH, "mismatch")       /* matches nothing known; torn, too */ \
	X(LOST_WRITE, "lost-write")   /* what was there before */            \
	X(MISDIRECTED, "misdirected") /* what belongs elsewhere */           \
	X(PAGE_BAD, "page-bad")       /* a copy of a page of sums */         \
	X(WENT_BACK, "went-back")     /* metadata older than it had written */

enum raid_verdict {
#define X(name, word) VERDICT_##name,
	RAID_VERDICTS(X)
#undef X
		VERDICT_COUNT
};

/* What of a leg's metadata is older than it was. */
enum raid_back { BACK_SUPERBLOCK, BACK_MAP, BACK_JOURNAL, BACK_COUNT };

#define NOTE_NO_LEG 0xffffu
/* a: in the leg's metadata, not on the set. */
#define NOTE_NO_PLACE UINT64_MAX

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
const char *verdict_word(enum raid_verdict verdict);

#endif
