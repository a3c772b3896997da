/* SPDX-License-Identifier: MIT */
/*
 * One simulation: an array, its disks, its clients, and time.
 */
#ifndef SIM_H
#define SIM_H

#include "assemble.h"
#include "faults.h"
#include "options.h"
#include "oracle.h"
#include "queue.h"
#include "raid.h"
#include "rules.h"
#include "sim_client.h"
#include "sim_disk.h"
#include "sim_io.h"
#include "trace.h"
#include "watch.h"
#include "witness.h"

/* A request not answered after this long never will be (I30). */
#define SIM_ANSWER_NS (600ull * 1000000000ull)

enum sim_end { END_NOT, END_CRASH, END_CUT, END_KINDS };

struct sim_member {
	struct disk disk;
	struct rng latency;
	uint64_t fault_key;
	uint64_t fault_draws[FAULT_COUNT]; /* in this run */
	uint8_t uuid[16];
	bool present;  /* offered at the last start */
	bool tainted;  /* some fault was injected, ever */
	bool dead;     /* left behind by a forced start */
	bool lies;     /* its flushes, and FUA, do nothing */
	bool stale;    /* an older image of it came back */
	bool reverted; /* the same, while it was in use */
	bool forgot;   /* a flush failed in this run */
	bool weak_end; /* which superblocks may be damaged: at the back */
	uint64_t stuck[4]; /* sectors that cannot be written */
	unsigned stuck_count;
	uint64_t sb_sequence; /* of the last superblock written (I15) */
	struct sim_op *in_flight;
	struct witness witness;
};

struct sim {
	struct io io; /* first: sim_io.c finds the rest by it */
	uint64_t seed;
	struct options options;
	struct trace trace;
	struct queue queue;
	uint64_t now_ns;
	uint64_t seq;
	uint64_t io_count;
	uint64_t io_at_progress; /* when something was last answered */
	struct layout layout;
	uint8_t array_uuid[16];
	unsigned members;
	struct sim_member member[SIM_LEGS_MAX];
	struct rule rules[SIM_RULES_MAX];
	struct oracle oracle;
	struct client client;
	struct watch watch;

	/* The engine of this run; NULL between runs. */
	struct raid *raid;
	void *raid_memory;
	bool called; /* the engine was, and is owed a tick */
	bool salvage; /* it must not write */
	bool recover; /* it goes on from legs that are not in-sync */
	bool started, stopped;
	int start_res, stop_res;
	enum sim_end end; /* this run is to end now */
	enum disk_fate cut_fate;
	uint64_t io_at_check; /* raid_check() was called */
	uint64_t turns_at_once; /* without time moving */
	struct raid_status last; /* as it was when the run ended */
	struct sb last_sb;

	/* storm.c */
	unsigned run;      /* its number */
	struct rng storm;  /* this run's */
	struct rng pace;   /* how many completions a turn finds */
	struct rng engine; /* io_ops.random */
	uint64_t hits;     /* faults of faults_event() in this run */
	uint64_t io_at_hit;
	uint64_t offers;   /* to assemble() */
	bool plain_offers; /* with no stranger among them */
	enum sim_end last_end;
	bool has_image;    /* of a member, to come back later */
	unsigned image_of, image_run;
	struct disk image;
	uint64_t faults_met[FAULT_COUNT];
	unsigned guard[SB_SETS_MAX]; /* leg that no fault may hit */
	bool faults;     /* they happen now */
	bool crashed;    /* some run ended without a stop */
	bool lenient;    /* last legs fail too: EIO is an answer */
	bool branch;     /* this is a look at what would be */
	bool has_forced; /* some start was the operator's word */
	bool flush_failed; /* in this run: see storm.c */

	uint64_t notes[NOTE_COUNT];
	struct raid_note last_note[NOTE_COUNT];
	uint64_t lost_seen; /* blocks, by sim_check_listed() */
	uint64_t ends[END_KINDS]; /* of runs; END_NOT: by a clean stop */
	const char *scenario;
};

/* The one running: for check_failed(). */
extern struct sim *sim_current;

void sim_init(struct sim *s, const struct options *options, uint64_t seed,
	      bool print);
void sim_fini(struct sim *s);

/* What was promised does not hold: say which invariant and end the process. */
_Noreturn void sim_fail(struct sim *s, const char *invariant,
			const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* From now on all is drawn for this run: what was drawn in others, and how
 * often, has no part in it. */
void sim_begin_run(struct sim *s, unsigned run);

/* engine.c: what the daemon does with the engine. */
void sim_create(struct sim *s);
/* Assembles the members in mask; false: the verdict was not to start, or the
 * run ended within the start.  force: the operator says so. */
bool sim_assemble(struct sim *s, uint32_t mask, bool force,
		  struct assembly *out);
void sim_start(struct sim *s, const struct assembly *a, uint32_t mask,
	       bool force);
/* Whatever assemble() says, if it knows the array: as a salvage, or as a
 * recovery.  False: no superblock at all. */
bool sim_start_rescue(struct sim *s, uint32_t mask, bool recover);
/* Is this leg in-sync by the superblock that was chosen? */
bool sim_found_in_sync(const struct sim *s, const struct assembly *a,
		       unsigned set, unsigned leg);
/* Requests, waits, and ends the run; false: it ended otherwise before. */
bool sim_stop(struct sim *s);
/* Carry out the end that is due. */
void sim_carry_out_end(struct sim *s);
uint32_t sim_all_members(const struct sim *s);

/* One step of time.  False: nothing would ever happen again, or the run is
 * to end. */
bool sim_turn(struct sim *s);
/* False: the run ended before. */
bool sim_run_until(struct sim *s, bool (*met)(struct sim *s, void *arg),
		   void *arg, uint64_t within_ns);
bool sim_wait_started(struct sim *s);
bool sim_wait_idle(struct sim *s);
bool sim_pass_time(struct sim *s, uint64_t ns);

/* storm.c.  False: no start is possible any more, and nobody could expect one:
 * all disks lied. */
bool sim_storm(struct sim *s);

/* salvage.c: damages metadata, and looks what can be saved; in a process of
 * its own. */
void sim_salvage(struct sim *s);

/* calm.c: no faults any more; everything must be there. */
void sim_calm(struct sim *s);
void sim_read_all(struct sim *s);
/* members.c: what the members hold, seen without the engine, after a clean stop. */
void sim_check_members(struct sim *s);
/* What reader_read() needs of the medium of a member, until the next call. */
const uint8_t *sim_metadata(struct sim *s, unsigned member);
/* Is what lies there not what was written?  Then it is nobody's promise. */
bool sim_is_damaged(const struct sim *s, unsigned member, uint64_t offset,
		    uint64_t length);

/* listed.c: is what the engine lists as lost lost?  exactly: is all that is
 * lost listed, too?  All was read, nothing is in flight or unflushed. */
void sim_check_listed(struct sim *s, bool exactly);
bool sim_is_listed(struct sim *s, uint32_t set, uint64_t block);

/* scenarios.c */
unsigned scenario_count(void);
const char *scenario_name(unsigned index);
const char *scenario_hole(unsigned index);
/* False: no such scenario. */
bool scenario_run(const char *name, bool print);

#endif
