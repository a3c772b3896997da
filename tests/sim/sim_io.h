/* SPDX-License-Identifier: MIT */
/*
 * struct io_ops over simulated disks, in simulated time.
 */
#ifndef SIM_IO_H
#define SIM_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "note.h"
#include "sim_disk.h"

struct sim;

/* What lies where on a member. */
#define SIM_AREAS(X)                                                           \
	X(FRONT, "front")                                                      \
	X(SUPERBLOCK, "superblock")                                            \
	X(JOURNAL, "journal")                                                  \
	X(MAP, "map")                                                          \
	X(SUMS, "sums")                                                        \
	X(DATA, "data")                                                        \
	X(NONE, "none")

enum sim_area {
#define X(name, word) AREA_##name,
	SIM_AREAS(X)
#undef X
		AREA_COUNT
};

/* One I/O in flight. */
struct sim_op {
	struct sim_op *next;
	struct sim_op *prev;
	struct io_req *req;
	uint64_t id;
	enum io_op op;
	bool fua;
	unsigned member;
	enum sim_area area;
	uint64_t offset;
	uint64_t length;
	uint64_t submit_seq;
	uint64_t submit_ns;
	uint64_t done_ns;
	uint64_t stall_ns;
	bool landed;
	bool released; /* its rule holds it no more */
	int fault;     /* the result it was drawn to have */
	int res;
	enum disk_fate fate; /* when the run ends before it has landed */
	struct cached_write *cached;
	uint8_t *data;
	uint64_t record; /* watch.c: its sequence, or its epoch */
};

void sim_io_init(struct sim *s);
/* Take it out of the flight, without a word. */
void sim_io_free(struct sim *s, struct sim_op *op);
void sim_io_land(struct sim *s, struct sim_op *op);
void sim_io_done(struct sim *s, struct sim_op *op);
/* What is in flight lands or vanishes.  power: caches are lost as well. */
void sim_io_end(struct sim *s, bool power);
unsigned sim_io_in_flight(const struct sim *s);

enum sim_area sim_area(const struct sim *s, uint64_t offset);
const char *sim_area_word(enum sim_area area);
void sim_area_range(const struct sim *s, enum sim_area area, uint64_t *offset,
		    uint64_t *length);

#endif
