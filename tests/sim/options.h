/* SPDX-License-Identifier: MIT */
/*
 * All that a seed draws before its simulation begins: the shape of the array,
 * what clients do, how fast disks are, and what goes wrong how often.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "opset.h"
#include "raid.h"

#define SIM_LEGS_MAX (4u * SB_LEGS_MAX)

/*
 * What goes wrong, by kinds.  Each has a weight or a rate of its own, is drawn
 * from a stream of its own, and can be switched off (fault_off) to see if a
 * failure needs it.
 */
#define FAULTS(X)                                                              \
	X(READ_ERROR, "read-error")   /* EIO, once */                          \
	X(WRITE_ERROR, "write-error") /* EIO, once; any effect */              \
	X(FLUSH_ERROR, "flush-error") /* EIO; some of it is forgotten */       \
	X(DISCARD_ERROR, "discard-error")                                      \
	X(STALL, "stall")             /* an I/O of up to 30 s */               \
	X(MISREAD, "misread")         /* bytes of another place, or older */   \
	X(LOST_WRITE, "lost-write")   /* acknowledged, never on the medium */  \
	X(MISDIRECTED, "misdirected") /* a write to another place */           \
	X(LYING_FLUSH, "lying-flush") /* acknowledged, does nothing */         \
	X(ROT, "rot")                 /* a byte changes on the medium */       \
	X(BAD_SECTOR, "bad-sector")   /* unreadable until written */           \
	X(STUCK_SECTOR, "stuck-sector") /* EIO at each write */                \
	X(VANISH, "vanish")           /* all is EIO; may come back later */    \
	X(OPERATOR, "operator")       /* raid_member_fail() */                 \
	X(STALE, "stale")             /* an image of some time ago is back */  \
	X(END_LOST, "end-lost")       /* the superblocks at one end */         \
	X(CABLES, "cables")           /* members offered in another order */   \
	X(FOREIGN, "foreign")         /* and others beside them */             \
	X(ABSENT, "absent")           /* a member is not there at a start */   \
	X(FORCE, "force")             /* a start by force */                   \
	X(CUT, "cut")                 /* power fails */                        \
	X(CRASH, "crash")             /* the daemon dies */                    \
	X(START_ENDED, "start-ended") /* one of the two within a start */      \
	X(REVERT, "revert")           /* as stale, while it is in use */

enum fault {
#define X(name, word) FAULT_##name,
	FAULTS(X)
#undef X
		FAULT_COUNT
};

const char *fault_word(enum fault fault);

/* Whose flushes and FUA do nothing: nobody's, not a guard's, all. */
enum options_lies { LIES_NONE, LIES_SOME, LIES_ALL };

struct options {
	struct geometry geometry;
	uint64_t member_bytes;
	uint64_t journal_bytes;
	uint32_t sector_bytes[SIM_LEGS_MAX];
	bool write_through[SIM_LEGS_MAX];
	struct raid_limits limits;
	uint32_t granule_bytes; /* what the disks write atomically */

	/* Clients. */
	unsigned slots;
	unsigned weights[RAID_MAP + 1];
	uint64_t length_max;
	unsigned hot_percent;
	uint64_t hot_bytes;
	unsigned hot_spots;
	unsigned fua_percent;
	unsigned block_percent; /* aligned to 4 KiB */
	unsigned byte_percent;  /* to nothing */
	unsigned nested_percent; /* sent from within an answer */
	uint64_t think_ns;

	/* Runs. */
	unsigned runs; /* SIM_RUNS_MAX at most */
	uint64_t runs_off; /* bit per run: left out */
	unsigned requests_per_run;
	unsigned calm_requests;
	unsigned stop_percent; /* a run's end: stop, else cut, else crash */
	unsigned cut_percent;
	unsigned cut_in_start_percent;
	unsigned rule_percent; /* ends at a chosen I/O, not at a chosen time */
	unsigned absent_percent;
	unsigned force_percent;
	unsigned branch_percent; /* look at what other members would give */

	/* Disks. */
	uint64_t latency_ns;
	bool latency_fixed;
	unsigned tail_percent;

	/* What goes wrong, on disks that are not the guard of their set. */
	uint64_t fault_off; /* bit per enum fault: never */
	/* Of I/O: in a million.  ROT to REVERT: weights against each other,
	 * each fault_every_ns (0: none).  Behind: percent of starts. */
	unsigned rate[FAULT_COUNT];
	uint64_t fault_every_ns;
	enum options_lies lies;

	bool unbounded; /* guards suffer too: EIO is an answer, never wrong data */
	bool check_always; /* raid_check() every few I/O */
	bool gentle;       /* no fault at all but the ends of runs */
	unsigned io_without_answer; /* 0: sim_io.c's */

	/* Requests that are sent at all; NULL: all. */
	const struct opset *only_ops;
};

void options_draw(struct options *o, uint64_t seed);
/* No fault but the ends of runs, all members always there. */
void options_be_gentle(struct options *o);
void options_print(const struct options *o, FILE *out);
unsigned options_members(const struct options *o);

static inline bool
fault_is_on(const struct options *o, enum fault fault)
{
	return (o->fault_off >> fault & 1) == 0;
}

static inline bool
options_all_lie(const struct options *o)
{
	return o->lies == LIES_ALL && fault_is_on(o, FAULT_LYING_FLUSH);
}

#endif
