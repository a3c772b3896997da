/* SPDX-License-Identifier: MIT */
/* A client from within: its requests, and what draws them. */
#ifndef TESTS_STAMP_OP_H
#define TESTS_STAMP_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"
#include "stamp_client.h"
#include "stamp_sector.h"

#define OP_SECTORS_MAX	128u
#define OPS_MAX		32u
#define NO_HISTORY	UINT64_MAX

struct history;
struct nbd_handle;

enum op_kind { OP_READ, OP_WRITE, OP_FLUSH, OP_TRIM, OP_ZERO };

struct op {
	struct client *client;
	bool busy;
	bool fua;
	bool of_pass; /* of the reading of all windows */
	enum op_kind kind;
	uint32_t writer;
	uint32_t count;	  /* sectors */
	uint64_t place;	  /* sector of the device */
	uint64_t history; /* and in the history; NO_HISTORY: outside */
	uint64_t tick;	  /* when it was asked */
	uint8_t buf[OP_SECTORS_MAX * STAMP_SECTOR_BYTES];
};

struct client {
	struct client_config cfg;
	struct rng rng;
	uint32_t run;
	struct nbd_handle *nbd[STAMP_WRITERS];
	struct history *history;
	uint64_t *windows; /* the sector each begins at */
	uint64_t sectors;
	uint32_t hot;
	uint32_t depth;
	enum client_mode mode;
	uint32_t *pass; /* pieces of windows, in the order they are read */
	uint32_t pass_next;
	uint32_t pass_left;
	uint32_t in_flight;
	uint32_t flushes_in_flight;
	bool flushed; /* what ends CLIENT_READ */
	struct client_counts counts;
	struct op ops[OPS_MAX];
};

__attribute__((noreturn, format(printf, 2, 3)))
void client_complain(const struct client *c, const char *format, ...);

/* Of a device whose size is known: its windows, and their history. */
void draw_windows(struct client *c);
/* The next request; false: nothing to ask for now. */
bool draw_next(struct client *c, struct op *op);

#endif
