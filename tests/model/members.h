/* SPDX-License-Identifier: MIT */
/*
 * Model B: membership (R13-R15), and what it owes to rebuilds (R18, R23).
 *
 * Sets of two or three legs, each leg a member with a superblock.  Legs that
 * fail, the daemon's or the host's death between any two superblock writes,
 * starts with any of the members, by R15 or by force.
 *
 * What stands for what:
 *
 *   epoch      a row of a table: its parent, who is in-sync, how it was made,
 *              which epoch was known to be in force; its row is its nonce
 *   superblock the epoch it carries, and whether it marks it in force; what
 *              it says of counted and kept legs follows from the table
 *   version    how many acknowledged writes of its set a member has
 *   odd        beside them one that was never acknowledged, which the others
 *              may have decided otherwise
 *   dirty, stale  of the set's only region, in the journals and maps of its
 *              in-sync legs, which are equal (block.h)
 *
 * What is abstracted away: both ends of a member and their slots, histories
 * longer than 32, doubles and foreign members, members replaced (but one as
 * the beginning of a rebuild).
 *
 * Rebuild and promotion are not in raid/ yet: that part is the rules'.
 */
#ifndef TESTS_MEMBERS_H
#define TESTS_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "search.h"

enum { MEMBERS = 4, SETS = 2, EPOCHS = 9, NO_EPOCH = 15 };

enum how { MADE_CHANGE, MADE_START, MADE_FORCE };

struct epoch {
	uint8_t number;
	uint8_t parent;
	uint8_t insync;
	uint8_t base; /* known to be in force when it was made */
	uint8_t how;
	uint8_t in_force; /* it did come into force: nobody knows for sure */
};

/* meta.c: a round of superblock writes. */
enum { ROUND_NONE, ROUND_EPOCH, ROUND_MARK };

/* A leg on its way back (R23). */
enum {
	BACK_NONE,
	BACK_COPYING,  /* gets what is written, the region is stale */
	BACK_COPIED,   /* ... is not stale */
	BACK_META,     /* has ring and map, gets each append */
	BACK_COUNTED,  /* nothing is answered without it */
	BACK_PROMOTED, /* the epoch under way calls it in-sync */
};

struct members {
	struct epoch epoch[EPOCHS];
	uint8_t epochs;
	uint8_t carries[MEMBERS]; /* superblock: epoch */
	uint8_t marked;           /* masks of members */
	uint8_t version[MEMBERS];
	uint8_t odd;
	uint8_t acked[SETS];
	uint8_t dirty; /* mask of sets */
	uint8_t stale;
	uint8_t bare; /* without the set's ring and map */

	/* The run. */
	uint8_t on;
	uint8_t in_force, newest; /* newest: submitted */
	uint8_t started;          /* its own epoch came into force */
	uint8_t round, written, failed;
	uint8_t wanted, stuck;
	uint8_t in, failing;     /* RUN_IN, RUN_FAILING */
	uint8_t broken;          /* answers nothing */
	uint8_t present;         /* and no fork */
	uint8_t back_step, back; /* leg on its way back */
	uint8_t back_version;    /* what its cache has */

	uint8_t starts, fails, forces, replaces, lies;
};

enum members_bug {
	WRONG_NONE,
#define X(name, ...) WRONG_##name,
#include "members_bugs.def"
#undef X
};

struct members_bounds {
	uint8_t sets, legs;
	uint8_t epochs, writes, starts, fails, forces, replaces, lies;
	bool rebuild;
	bool code; /* each decision is compared with assemble() */
	enum members_bug bug;
};

extern const struct search_model members_model;

static inline const struct members_bounds *
limits(const struct search *s)
{
	return s->arg;
}

static inline bool
is_wrong(const struct search *s, enum members_bug bug)
{
	return limits(s)->bug == bug;
}

static inline uint8_t
member_count(const struct search *s)
{
	return (uint8_t)(limits(s)->sets * limits(s)->legs);
}

static inline uint8_t
set_of(const struct search *s, int member)
{
	return (uint8_t)(member / limits(s)->legs);
}

static inline uint8_t
set_mask(const struct search *s, int set)
{
	return (uint8_t)(((1u << limits(s)->legs) - 1)
			 << set * limits(s)->legs);
}

static inline uint8_t
bit(int member)
{
	return (uint8_t)(1u << member);
}

/* --- members_judge.c: assemble.c --- */

enum verdict { JUDGE_START, JUDGE_WAIT, JUDGE_MISSING, JUDGE_FORKED };

struct judgement {
	enum verdict verdict;
	bool can_force;
	uint8_t freshest; /* member */
	uint8_t insync;   /* masks of members */
	uint8_t ours;     /* no fork */
};

bool is_ancestor(const struct members *m, int a, int b);
uint8_t counted_of(const struct members *m, int epoch);
uint8_t kept_of(const struct members *m, int epoch);
uint8_t base_of(const struct members *m, int member);

/* later: of two epochs with the same number, whose nonce is the larger. */
void judge(const struct search *s, const struct members *m, uint8_t present,
	   bool later, struct judgement *out);

/* members_code.c: says where assemble() decides otherwise. */
void compare(struct search *s, const struct members *m, uint8_t present,
	     const struct judgement *j);

/* --- members_run.c: meta.c, leg.c, fan.c --- */

void run_steps(struct search *s, const struct members *m);
uint8_t epoch_new(struct members *m, int parent, uint8_t insync, uint8_t base,
		  enum how how);
/* Counted: what is answered waits for them. */
uint8_t run_counted(const struct search *s, const struct members *m);
bool is_expendable(const struct search *s, const struct members *m, int member);

/* --- members_back.c: rebuild and promotion --- */

void back_steps(struct search *s, const struct members *m);
void back_lost(const struct search *s, struct members *m);

#endif
