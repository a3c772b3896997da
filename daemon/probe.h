/* SPDX-License-Identifier: MIT */
/*
 * Touching a disk that may never answer, or a path that lies on one.  A disk
 * that hangs keeps whoever asks it; so each look is a thread's, and the control
 * thread waits for it a few seconds only, serving others meanwhile
 * (poll_await).  A disk that did not answer is left alone until it has.
 */
#ifndef RAIDD_PROBE_H
#define RAIDD_PROBE_H

#include <stdint.h>

/* What a disk is given to answer when somebody wants to use it... */
#define PROBE_NS 5000000000ull
/* ... and at least, whoever asks. */
#define PROBE_QUICK_NS 2000000000ull

/*
 * Run look(result), and wait until end_ns (poll_clock_ns), or PROBE_QUICK_NS.
 * Its answer, or -ETIMEDOUT: the look goes on by itself.  Asking for the same
 * path again waits for that look first, until end_ns only.  result is freed
 * (result_free) with that answer, and with -ENOMEM; with any other it stays the
 * caller's. Control thread only.
 */
int probe(const char *path, uint64_t end_ns, int (*look)(void *result),
	  void *result, void (*result_free)(void *result));

#endif
