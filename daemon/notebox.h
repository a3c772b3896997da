/* SPDX-License-Identifier: MIT */
/*
 * Notes on their way from an engine thread to the control thread: a ring with
 * one writer and one reader, so that the engine neither waits nor logs.  What
 * does not fit is counted, never waited for.
 */
#ifndef RAIDD_NOTEBOX_H
#define RAIDD_NOTEBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "note.h"

#define NOTEBOX_NOTES 1024u

struct notebox {
	struct raid_note notes[NOTEBOX_NOTES];
	_Atomic uint32_t put;
	_Atomic uint32_t taken;
	_Atomic uint64_t lost;
	bool rung;   /* the engine's: something was put since the last ring */
	int eventfd; /* readable when there are notes */
};

/* 0 or -errno. */
int notebox_init(struct notebox *n);
void notebox_fini(struct notebox *n);

/* The engine thread.  Ring once a turn, after what was put. */
void notebox_put(struct notebox *n, const struct raid_note *note);
void notebox_ring(struct notebox *n);

/* The control thread.  Silence before taking. */
void notebox_silence(struct notebox *n);
bool notebox_take(struct notebox *n, struct raid_note *out);
/* Notes lost since it was last asked. */
uint64_t notebox_lost(struct notebox *n);

#endif
