/* SPDX-License-Identifier: MIT */
/*
 * The seam upwards: what serves an array to its clients.  A front end lives
 * on the array's engine thread, turns what clients ask into raid_reqs, and
 * shares the thread's ring.  All calls are made by that thread.
 */
#ifndef RAIDD_FRONTEND_H
#define RAIDD_FRONTEND_H

#include <stdbool.h>

struct frontend;

struct frontend_ops {
	const char *name;

	/* Once a turn, after raid_tick: send what has been answered, go on
	 * with clients that waited for room. */
	void (*turn)(struct frontend *fe);

	/* Take no more from clients; what was taken is still answered. */
	void (*stop)(struct frontend *fe);

	/* Nothing in flight, no client left; after stop. */
	bool (*is_idle)(const struct frontend *fe);

	/* Clients that keep it from being idle have had their time: cut
	 * them off.  Requests at the array are still waited for. */
	void (*cut)(struct frontend *fe);

	/* Free it; only when idle. */
	void (*close)(struct frontend *fe);
};

/* Embedded first in the front end's own struct. */
struct frontend {
	const struct frontend_ops *ops;
};

#endif
