/* SPDX-License-Identifier: MIT */
/*
 * The engine thread of a volume: its array, its ring, its front ends, and the
 * turn they share.
 *
 * States:
 *
 *   STARTING --> SERVING --> DRAINING --> STOPPING --> STOPPED
 *       \__________________________________________________^
 *             (the array could not start)
 *
 * STARTING: raid_start has not answered; no front end has a client.
 * SERVING:  clients come and go.
 * DRAINING: front ends take nothing more; what they took is being answered.
 * STOPPING: raid_stop has not answered; no client is left.
 * STOPPED:  the thread ends as soon as nothing is in flight.
 *
 * A disk that hangs may keep an I/O for as long as it likes, and its buffer
 * with it (R10).  Then the thread lingers: nobody waits for it any more, and
 * when it ends it tells the owner, who frees.  The members that have I/O stay
 * open so long: nobody else can have them before.  The array has stopped then,
 * and only I/O that was given up is missing; or it could not even stop, or
 * start, in time, since the last leg of a set hangs (R7): it still will, if the
 * disk answers.
 */
#ifndef RAIDD_ENGINE_H
#define RAIDD_ENGINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailbox.h"
#include "notebox.h"
#include "raid.h"
#include "ring.h"

struct device;
struct frontend;
struct uring;

enum engine_state {
	ENGINE_STARTING,
	ENGINE_SERVING,
	ENGINE_DRAINING,
	ENGINE_STOPPING,
	ENGINE_STOPPED,
};

struct engine_config {
	/* Borrowed until engine_start returns. */
	const struct raid_config *raid;
	/* Borrowed until engine_stop. */
	const struct device *devices;
	uint32_t device_count;
	uint32_t queue_depth;
	bool lock_memory;
	const char *name;
	/* A thread that was let go is over: engine_fini and free.  Called on
	 * that thread, or by engine_let_go. */
	void (*left)(void *arg);
	void *arg;
};

struct engine {
	/* The control thread's. */
	pthread_t thread;
	struct engine_config cfg;

	/* Shared. */
	struct mailbox mailbox;
	struct notebox notebox;
	int started; /* eventfds: start_result is known */
	int ended;   /* stopped; it may be that over comes later */
	pthread_mutex_t lock;
	bool over;   /* all is closed (lock) */
	bool let_go; /* the control thread will not look at it again (lock) */
	int start_result;
	int stop_result;
	struct raid_status last; /* when it had stopped */
	/* It lingers, but not for these members: not used any more. */
	bool released[SB_SETS_MAX * SB_LEGS_MAX];
	bool memory_locked;

	/* The engine thread's. */
	enum engine_state state;
	struct ring ring;
	struct uring *uring;
	struct raid *raid;
	char *raid_mem;
	size_t raid_mem_bytes;
	struct frontend *nbd;
	uint64_t drain_end_ns;
	bool given_up;       /* to stop as soon as it has started */
	struct ring_op wake; /* reads the mailbox's eventfd */
	uint64_t wake_count;
	bool called; /* the mailbox has something */
};

/* e: zeroed.  From here to engine_fini the notebox can be read.  0 or
 * -errno. */
int engine_init(struct engine *e, const struct engine_config *cfg);
void engine_fini(struct engine *e);

/*
 * Start the thread and the array; waits for raid_start's answer, until end_ns
 * (CLOCK_MONOTONIC).  0; or -errno, then there is no thread, or, with *lingers,
 * one to be let go: with -ETIMEDOUT the array may start yet, and will then stop
 * again by itself.  -ECANCELED: the poller was stopped meanwhile.
 */
int engine_start(struct engine *e, uint64_t end_ns, bool *lingers);

/* Drain, stop the array, end the thread: begins.  Several can go on at a time.
 */
void engine_stop_begin(struct engine *e);
/* Waits for it.  raid_stop's answer; -ETIMEDOUT: not until end_ns.  With
 * *lingers the thread is to be let go. */
int engine_stop_wait(struct engine *e, uint64_t end_ns, bool *lingers);

/* Where it stands, or stood at its end. */
void engine_status(struct engine *e, struct raid_status *out);

/* After *lingers: e must not be touched any more. */
void engine_let_go(struct engine *e);

#endif
