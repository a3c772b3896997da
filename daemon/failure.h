/* SPDX-License-Identifier: MIT */
/*
 * What an operator is told when something is refused or fails: an identifier
 * (messages.h), what happened, why, and what can be done about it.
 */
#ifndef RAIDD_FAILURE_H
#define RAIDD_FAILURE_H

#include <errno.h>
#include <stdint.h>

#include "messages.h"

enum message {
	MSG_NONE,
#define X(name, number, err, code, text) MSG_##name,
	MESSAGES(X)
#undef X
		MSG_COUNT
};

struct failure {
	enum message message;
	char what[512];
	char cause[1024];  /* "": not known */
	char remedy[1024]; /* "": none */
};

/* Sets what happened and empties the rest; returns the message's -errno. */
int failure_set(struct failure *f, enum message message, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void failure_cause(struct failure *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void failure_remedy(struct failure *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What makes "block" of 2 blocks. */
const char *plural(uint64_t count);

/* "RD-1101" has a number and an exit code of raidctl. */
unsigned message_number(enum message message);
int message_exit_code(enum message message);

#endif
