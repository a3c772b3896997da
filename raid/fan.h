/* SPDX-License-Identifier: MIT */
/*
 * A fan: the same I/O on every counted leg of a set, and what comes of it.
 * All writes of ours go through here, so R2 stands in one place: a fan is
 * done when each leg counted has completed, or is counted no longer because
 * an epoch without it is in force.
 */
#ifndef RAID_FAN_H
#define RAID_FAN_H

#include <stdint.h>

#include "list.h"
#include "note.h"
#include "op.h"

struct set;
struct leg;
struct fan;
/* res 0: on every counted leg.  -EIO: it never will be. */
typedef void fan_done_f(struct fan *fan, int res);

struct fan {
	struct set *set;
	fan_done_f *done;
	enum raid_cause cause;
	uint8_t missed;   /* legs, counted at the time, that lack it */
	uint8_t ok;       /* legs that completed it all so far */
	bool hopeless;    /* the last leg failed it */
	uint32_t pending; /* member I/Os in flight, and one until fan_end */
	struct list link; /* waiting for an epoch, or to be called */
};

/* Begin; add I/Os; end.  done is called later, never from fan_end. */
void fan_begin(struct fan *fan, struct set *set, enum raid_cause cause,
	       fan_done_f *done);
void fan_write(struct fan *fan, uint64_t offset, uint64_t length, void *buf,
	       bool fua);
/* To one leg only, for areas whose place differs. */
void fan_write_leg(struct fan *fan, struct leg *leg, uint64_t offset,
		   uint64_t length, void *buf, bool fua);
void fan_flush(struct fan *fan);
void fan_end(struct fan *fan);

/* The membership changed, or cannot: look at the waiting fans again. */
void fan_recheck(struct set *set);

/* Call those that ended with nothing in flight: once a tick. */
void fan_run_ready(struct list *ready);

#endif
