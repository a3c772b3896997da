/* SPDX-License-Identifier: MIT */
/*
 * Looking at a disk that may never answer.  A disk that hangs keeps whoever
 * reads it; so each look is a thread's, and the control thread waits for it a
 * few seconds only.  A disk that did not answer is left alone until it has.
 */
#ifndef RAIDD_PROBE_H
#define RAIDD_PROBE_H

#include <stddef.h>

/*
 * Run look(result), and wait.  Its answer, or -ETIMEDOUT: the look goes on by
 * itself, and asking for the same path again is -ETIMEDOUT until it is over;
 * result is freed (result_free) with that answer, and with -ENOMEM; with any
 * other it stays the caller's.
 * Control thread only.
 */
int probe(const char *path, int (*look)(void *result), void *result,
	  void (*result_free)(void *result));

#endif
