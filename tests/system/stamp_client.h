/* SPDX-License-Identifier: MIT */
/*
 * A client of an NBD export on two connections, with many requests in flight,
 * which holds each answer against the history.
 *
 * It writes into windows scattered over the device, so that places are met
 * often; the last 4 KiB of each window are never written and must stay zeros,
 * and so must everything outside.  A complaint ends the program.
 */
#ifndef TESTS_STAMP_CLIENT_H
#define TESTS_STAMP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/poll.h>

#define STAMP_WRITERS 2u

struct client;

struct client_config {
	const char *socket;
	const char *export_name;
	uint64_t seed;
	uint32_t windows;
	bool no_trim; /* of a server whose discards promise nothing */
	FILE *log; /* what was asked and answered */
};

struct client_counts {
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t holes;	  /* discards and zeroes */
	uint64_t lost;	  /* asked, and never answered */
	uint64_t decided; /* doubts about a sector that a read ended */
};

enum client_mode {
	CLIENT_LOAD, /* everything; what a crash left is read among it */
	CLIENT_READ, /* all windows once, and a flush */
};

struct client *client_new(const struct client_config *cfg);
void client_free(struct client *c);

/* Connect to what may not be there yet; false: try again. */
bool client_connect(struct client *c);
/* Begin with reading all windows once. */
void client_begin(struct client *c, enum client_mode mode);
/* All windows have been read since; and no read or flush is left to do. */
bool client_has_read_all(const struct client *c);
bool client_is_done(const struct client *c);

/* Ask for as much as is wanted; what to wait for; go on.  False: the
 * connections are gone. */
void client_fill(struct client *c);
void client_poll(const struct client *c, struct pollfd fds[STAMP_WRITERS]);
bool client_turn(struct client *c, const struct pollfd fds[STAMP_WRITERS]);

/* The server was killed: take what it had answered, give up the rest. */
void client_crash(struct client *c, bool cut);
/* Good bye, when done. */
void client_leave(struct client *c);

struct client_counts client_counts(const struct client *c);

#endif
