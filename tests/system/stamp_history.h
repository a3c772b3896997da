/* SPDX-License-Identifier: MIT */
/*
 * What may stand in each sector: all that was asked to be written there and
 * may still count, with when it was asked and when it was answered.
 *
 * Time is a number that grows with each thing that happens.  One write is
 * before another if it was answered before the other was asked; others are
 * beside each other, and either may win.  Checked are
 *
 *   I1  what was flushed, or written with FUA, survives any crash
 *   I2  what was not is there or is not, by sector; never a third value
 *   I3  what was read after a crash stays, until it is overwritten
 *   I4  without a crash, what was answered is what is read
 *   I5  nothing is there without what was flushed before it was asked
 *   I6  what was never written, or discarded, reads as zeros
 */
#ifndef TESTS_STAMP_HISTORY_H
#define TESTS_STAMP_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct history;

/* All sectors are zeros, durably. */
struct history *history_new(uint64_t sectors);
void history_free(struct history *h);

/* A moment that no other thing shares. */
uint64_t history_tick(struct history *h);
/* No request that may still read was asked before this. */
void history_oldest_read(struct history *h, uint64_t tick);

/* Whether one more write of this sector can be kept in mind; if not, a flush
 * helps. */
bool history_has_room(struct history *h, uint64_t sector);

/* Asked at a tick, which is its version, and answered at another. */
void history_write(struct history *h, uint64_t sector, uint64_t version,
		   bool zeros);
void history_written(struct history *h, uint64_t sector, uint64_t version,
		     bool fua, uint64_t tick);
/* A flush that was asked at this tick has been answered. */
void history_flushed(struct history *h, uint64_t tick);

/* The connections are gone, and what was not answered never will be.  By a cut
 * what was not flushed may be lost as well. */
void history_crash(struct history *h, bool cut);

/* A read that was asked at this tick, and answered now, showed this version
 * (zeros: 0).  NULL if that may be; what it seems to be else. */
const char *history_read(struct history *h, uint64_t sector, uint64_t version,
			 uint64_t tick);

/* Doubts about a sector after a crash that a read has ended. */
uint64_t history_decided(const struct history *h);

void history_print(const struct history *h, uint64_t sector, FILE *out);

#endif
