/* SPDX-License-Identifier: MIT */
/*
 * Everything that can happen to two blocks on two legs within three requests
 * (doc/testing.md, "Exhaustive small scope").
 *
 *   exhaust.c          processes, counts, the command line's part
 *   exhaust_run.c      states to begin in, programs, runs and crash points
 *   exhaust_check.c    what must hold after a crash
 *   exhaust_image.c    what a crash may leave
 *   exhaust_world.c    the engine, stepped (exhaust_engine.c: its life,
 *                      exhaust_client.c: its requests)
 *   exhaust_disk.c, exhaust_oracle.c   as values
 */
#ifndef SIM_EXHAUST_H
#define SIM_EXHAUST_H

#include "exhaust_image.h"

/*
 * A case is named by numbers, from left to right: program (with its state and
 * order), fault, crash point, kind of the crash, image, members at the start;
 * and of a second crash image and members.
 */
enum {
	XPATH_PROGRAM,
	XPATH_FAULT,
	XPATH_POINT,
	XPATH_KIND,
	XPATH_IMAGE,
	XPATH_START,
	XPATH_IMAGE2,
	XPATH_START2,
	XPATH_COUNT
};

#define XPATH_ANY (-1)

struct xpath {
	int64_t at[XPATH_COUNT];
};

#define XCOUNTS(X)                                                             \
	X(programs, "programs")                                                \
	X(runs, "runs")                                                        \
	X(faults, "runs with a failure")                                       \
	X(points, "crash points")                                              \
	X(images, "images")                                                    \
	X(distinct, "distinct starts")                                         \
	X(start_faults, "starts with a failure")                               \
	X(starts, "starts")                                                    \
	X(forced, "by force")                                                  \
	X(waits, "refused")                                                    \
	X(stops, "clean stops")                                                \
	X(less_torn, "crash points with less torn")                            \
	X(left_out, "images left out")

struct xcounts {
#define X(name, words) uint64_t name;
	XCOUNTS(X)
#undef X
};

/* States seen, by their hashes; all processes share it.  64 bits: among ten
 * million states two are taken for the same with a chance of 1 in 400,000. */
struct xvisited {
	uint64_t used;
	uint64_t slots[];
};

struct xexplorer {
	struct xworld world;
	struct xworld after[2]; /* the crash, and the second one */
	struct xpool run_pool;
	struct xpool pool;
	struct xcounts *counts;
	struct xvisited *visited;
	struct xpath *path; /* where it is */
	struct xpath want;  /* where it is to go */
	bool starts_fail; /* a leg does, while it starts; all else was seen */
	bool replay;
	bool trace;
};

/* Go there?  All that is further right is forgotten. */
bool xpath_enter(struct xexplorer *x, unsigned level, int64_t value);
/* False: seen before. */
bool xvisited_add(struct xexplorer *x, uint64_t hash);

/* What is left after a crash of x->world, or of x->after[0]. */
struct xcrash {
	struct xdisk disk[XLEGS];
	struct xoracle oracle;
	unsigned depth; /* 1: the second crash */
	unsigned whole; /* legs known to hold all that was acknowledged */
	unsigned starts; /* members that must start by themselves */
	bool fails_after; /* a leg fails while it starts */
	bool faultless;
};

/* What must hold after each of them; c but for its disks. */
void xcheck_images(struct xexplorer *x, const struct ximages *im,
		   struct xcrash *c);
/* After a clean stop: I14, I19, R5. */
void xcheck_stopped(struct xworld *w);
/* Legs the engine calls in-sync; in_force: and so does an epoch in force. */
unsigned xcheck_in_sync(struct xworld *w, bool *in_force);

/* exhaust_run.c */
uint64_t xprogram_count(void);
void xprogram_print(uint64_t index);
void xprogram_run(struct xexplorer *x, uint64_t index);

/* What the command line says. */
struct exhaust {
	const char *want;  /* a case; NULL: all */
	uint64_t programs; /* the first so many; 0: all */
	unsigned jobs;
	bool trace;
};

/* Returns the exit code.  Weak: a quick build of sim may leave it out. */
int exhaust_main(const struct exhaust *e) __attribute__((weak));

#endif
