/* SPDX-License-Identifier: MIT */
/*
 * Rules: when the n-th I/O of a kind reaches a point, do something.
 */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_RULES_MAX 16u

struct sim;
struct sim_op;

enum rule_when { RULE_SUBMIT, RULE_LAND, RULE_DONE };

enum rule_act {
	RULE_COUNT, /* only note that it was there */
	RULE_CUT,   /* power fails now, before the engine learns of it */
	RULE_CRASH, /* the daemon dies */
	RULE_FAIL,  /* the I/O has rule.res, without effect */
	RULE_VANISH, /* and so has all that follows on the member */
	RULE_HOLD,  /* it stays there until rule_release() */
	RULE_STALL, /* submitted: the disk takes rule.stall_ns for it */
	RULE_DROP,  /* acknowledged and forgotten: a lying disk */
};

#define RULE_ANY (-1)

struct rule {
	bool armed;
	int op; /* enum io_op, or any */
	int member;
	int area;
	uint64_t offset; /* when bytes is not 0: overlapping these only */
	uint64_t bytes;
	enum rule_when when;
	uint64_t skip; /* let so many pass */
	bool again;    /* stays armed */
	uint64_t stall_ns;
	enum rule_act act;
	int res;
	uint64_t hits;
	struct sim_op *held;
};

/* The rules are kept by the simulation; arm one, NULL when there is no room. */
struct rule *rule_arm(struct sim *s, const struct rule *like);
void rule_release(struct sim *s, struct rule *rule);
void rules_clear(struct sim *s);
/* The op is at this point.  True: it is held, do not go on with it. */
bool rules_apply(struct sim *s, struct sim_op *op, enum rule_when when);

#endif
