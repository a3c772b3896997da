/* SPDX-License-Identifier: MIT */
/*
 * struct io_ops over simulated disks, in simulated time; and rules: when the
 * n-th I/O of a kind reaches a point, do something.
 */
#ifndef SIM_IO_H
#define SIM_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "note.h"
#include "sim_disk.h"

#define SIM_RULES_MAX 16u

struct sim;

/* What lies where on a member. */
#define SIM_AREAS(X)                                                           \
	X(FRONT, "front")                                                      \
	X(SUPERBLOCK, "superblock")                                            \
	X(JOURNAL, "journal")                                                  \
	X(MAP, "map")                                                          \
	X(SUMS, "sums")                                                        \
	X(DATA, "data")                                                        \
	X(NONE, "none")

enum sim_area {
#define X(name, word) AREA_##name,
	SIM_AREAS(X)
#undef X
		AREA_COUNT
};

/* One I/O in flight. */
struct sim_op {
	struct sim_op *next;
	struct sim_op *prev;
	struct io_req *req;
	uint64_t id;
	enum io_op op;
	bool fua;
	unsigned member;
	enum sim_area area;
	uint64_t offset;
	uint64_t length;
	uint64_t submit_seq;
	uint64_t submit_ns;
	uint64_t done_ns;
	uint64_t stall_ns;
	bool landed;
	bool released; /* its rule holds it no more */
	int fault;     /* the result it was drawn to have */
	int res;
	enum disk_fate fate; /* when the run ends before it has landed */
	struct cached_write *cached;
	uint8_t *data;
	uint64_t record; /* watch.c: its sequence, or its epoch */
};

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

void sim_io_init(struct sim *s);
/* Take it out of the flight, without a word. */
void sim_io_free(struct sim *s, struct sim_op *op);
void sim_io_land(struct sim *s, struct sim_op *op);
void sim_io_done(struct sim *s, struct sim_op *op);
/* What is in flight lands or vanishes.  power: caches are lost as well. */
void sim_io_end(struct sim *s, bool power);
unsigned sim_io_in_flight(const struct sim *s);

enum sim_area sim_area(const struct sim *s, uint64_t offset);
const char *sim_area_word(enum sim_area area);
void sim_area_range(const struct sim *s, enum sim_area area, uint64_t *offset,
		    uint64_t *length);

/* The rules are kept by the simulation; arm one, NULL when there is no room. */
struct rule *rule_arm(struct sim *s, const struct rule *like);
void rule_release(struct sim *s, struct rule *rule);
void rules_clear(struct sim *s);

#endif
