/* SPDX-License-Identifier: MIT */
/*
 * Words for scenarios: one step after the other, and the hooks to stop the
 * world at the step that matters.
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "sim.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define SECONDS(n) ((uint64_t)(n) * 1000000000ull)
#define BLOCK(n) ((uint64_t)(n) * ORACLE_BLOCK)

/* A scenario promises what its name says. */
struct scenario {
	const char *name;
	const char *hole; /* of the design review, and what could go wrong */
	void (*run)(struct sim *s, unsigned variant);
	unsigned variants; /* run for each; 0 means one */
	uint32_t sets, legs;
	uint32_t sums_max;    /* 0: default */
	uint32_t lost_max;    /* 0: default */
	bool lenient;         /* a request may be answered with EIO */
	uint32_t block_bytes; /* 0: 512 */
	uint32_t member_kib;  /* 0: 2368; more have more regions than frames */
};

extern const struct scenario crash_scenarios[];
extern const unsigned crash_scenario_count;
extern const struct scenario member_scenarios[];
extern const unsigned member_scenario_count;
extern const struct scenario salvage_scenarios[];
extern const unsigned salvage_scenario_count;
extern const struct scenario slow_scenarios[];
extern const unsigned slow_scenario_count;
extern const struct scenario planted_scenarios[];
extern const unsigned planted_scenario_count;
extern const struct scenario decay_scenarios[];
extern const unsigned decay_scenario_count;
extern const struct scenario lost_scenarios[];
extern const unsigned lost_scenario_count;
extern const struct scenario review_scenarios[];
extern const unsigned review_scenario_count;
extern const struct scenario verdict_scenarios[];
extern const unsigned verdict_scenario_count;

/* What the scenario promises does not hold. */
#define EXPECT(s, cond)                                                        \
	do {                                                                   \
		if (!(cond))                                                   \
			sim_fail((s), "scenario", "%s:%d: not so: %s",         \
				 __FILE__, __LINE__, #cond);                   \
	} while (0)

/* Send, wait for the answer and give it. */
int do_write(struct sim *s, uint64_t offset, uint64_t length, uint32_t flags);
int do_read(struct sim *s, uint64_t offset, uint64_t length);
int do_flush(struct sim *s);
int do_discard(struct sim *s, uint64_t offset, uint64_t length);
int do_zeroes(struct sim *s, uint64_t offset, uint64_t length, uint32_t flags);
/* Wait for one sent with client_send(). */
int await(struct sim *s, struct slot *slot);
/* Let time pass; what is held stays held. */
void pass(struct sim *s, uint64_t ns);
/* Until this rule was met that often.  False: it was not, within a minute. */
bool await_rule(struct sim *s, const struct rule *r, uint64_t hits);

struct rule *on(struct sim *s, int member, int area, int op,
		enum rule_when when, enum rule_act act);

/* End the run now; of what is not durable each leg keeps what fate says. */
void power_cut(struct sim *s, enum disk_fate fate);
void daemon_dies(struct sim *s);
/* Start from these members.  False: it does not start by itself. */
bool restart(struct sim *s, uint32_t members);
bool restart_forced(struct sim *s, uint32_t members);
/* Read-only, or for good, from what these members have.  False: refused. */
bool restart_salvage(struct sim *s, uint32_t members);
bool restart_recover(struct sim *s, uint32_t members);
int fail_leg(struct sim *s, unsigned set, unsigned leg);
enum sb_leg_state leg_state(struct sim *s, unsigned set, unsigned leg);
/* The first byte of the array that lies on this set. */
uint64_t on_set(const struct sim *s, unsigned set);

#endif
