/* SPDX-License-Identifier: MIT */
/*
 * The trace: every event of a simulation, one a line, and its hash.  The same
 * seed and the same program give the same hash (I34).
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sim;

/*
 * X(NAME, "word", names of the up to four numbers).  First those of an I/O,
 * then those of a request, whose flags are its op << 8 | flags.
 */
#define TRACE_KINDS(X)                                                         \
	X(IO_READ, "read", "io", "member", "offset", "length")              \
	X(IO_WRITE, "write", "io", "member", "offset", "length")            \
	X(IO_FUA, "write FUA", "io", "member", "offset", "length")                \
	X(IO_FLUSH, "flush", "io", "member", "", "")                        \
	X(IO_DISCARD, "discard", "io", "member", "offset", "length")        \
	X(LANDED, "landed", "io", "member", "errno", "")                       \
	X(DONE, "done", "io", "member", "errno", "")                           \
	X(HELD, "held", "io", "member", "", "")                                \
	X(READ, "read", "request", "offset", "length", "flags")                \
	X(WRITE, "write", "request", "offset", "length", "flags")              \
	X(FLUSH, "flush", "request", "", "", "")                               \
	X(DISCARD, "discard", "request", "offset", "length", "flags")          \
	X(ZEROES, "zeroes", "request", "offset", "length", "flags")            \
	X(MAP, "map", "request", "offset", "length", "flags")                  \
	X(ANSWER, "answer", "request", "errno", "", "")                        \
	X(NOTE, "note", "set", "leg", "errno", "a")                            \
	X(CREATE, "create", "", "", "", "")                                    \
	X(ASSEMBLE, "assemble", "verdict", "members", "freshest", "")          \
	X(START, "start", "epoch", "members", "force", "")                     \
	X(STARTED, "started", "errno", "epoch", "", "")                        \
	X(STOP, "stop", "", "", "", "")                                        \
	X(STOPPED, "stopped", "errno", "", "", "")                             \
	X(CRASH, "crash", "", "", "", "")                                      \
	X(CUT, "power-cut", "", "", "", "")                                    \
	X(RESOLVED, "resolved", "member", "offset", "length", "fate")          \
	X(FAULT, "fault", "member", "offset", "a", "b")                        \
	X(OPERATOR, "operator-fails", "set", "leg", "errno", "")               \
	X(PHASE, "---", "", "", "", "")

enum trace_kind {
#define X(name, word, a, b, c, d) TRACE_##name,
	TRACE_KINDS(X)
#undef X
		TRACE_COUNT
};

#define TRACE_TAIL 40u

struct trace_event {
	uint64_t at_ns;
	enum trace_kind kind;
	const char *word; /* more for people; not hashed; or NULL */
	uint64_t n[4];
};

struct trace {
	uint64_t hash;
	uint64_t count;
	bool print;
	const struct sim *sim; /* its layout is needed for printing */
	struct trace_event tail[TRACE_TAIL];
};

void trace_add(struct trace *t, uint64_t at_ns, enum trace_kind kind,
	       const char *word, uint64_t a, uint64_t b, uint64_t c,
	       uint64_t d);
/* trace_print.c */
void trace_print_event(const struct sim *s, FILE *out,
		       const struct trace_event *e);
void trace_print_tail(const struct trace *t, FILE *out);

#endif
