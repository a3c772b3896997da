/* SPDX-License-Identifier: MIT */
/*
 * An array on members in memory, for tests of the engine through raid.h.
 *
 * What was submitted completes when the array is turned, in the order it
 * came; writes are durable at once.  A hook sees each request first.
 */
#ifndef TESTS_MEMIO_H
#define TESTS_MEMIO_H

#include <stdbool.h>
#include <stdint.h>

#include "assemble.h"
#include "raid.h"

#define MEMIO_MEMBERS_MAX  6u
#define MEMIO_MEMBER_BYTES (16ull << 20)

/* What a hook answers: 0, -errno (nothing reaches the member), or keep the
 * request until memio_release(). */
#define MEMIO_HOLD 1

/* Where a request goes on its member. */
enum memio_area {
	AREA_SUPERBLOCK,
	AREA_JOURNAL,
	AREA_MAP,
	AREA_SUMS,
	AREA_DATA,
};

/* Those of an operation on an area (flushes: of any) of these members are
 * answered so, from the one on that comes after so many. */
struct memio_gate {
	unsigned members;
	enum io_op op;
	enum memio_area area;
	int res; /* as of a hook; 0: the gate is open */
	unsigned passes;
	unsigned hits;
};

struct memio;
typedef int memio_hook_f(struct memio *m, const struct io_req *req);

struct memio {
	struct io io; /* first: the engine hands it back */
	uint8_t *bytes[MEMIO_MEMBERS_MAX];
	struct io_req *queue;
	struct io_req **queue_end;
	struct io_req *held;
	memio_hook_f *hook;
	void *hook_arg;
	struct memio_gate gates[3]; /* asked after the hook */
	uint64_t now_ns;
	uint64_t random;
	uint64_t discards;
	uint64_t member_bytes;
	struct memio_req *reqs; /* of memio_ask() */
	unsigned notes[NOTE_COUNT];
	struct raid_note last[NOTE_COUNT];

	/* The array. */
	struct sb sb;
	struct raid *raid;
	void *memory;
	bool absent[MEMIO_MEMBERS_MAX];
	bool force;
	/* How to restart, whatever assemble() says; with members that went
	 * back in time.  Of a salvage all that writes is an error. */
	bool salvage, recover;
	bool started, stopped;
	int start_res, stop_res;
	struct raid_limits limits;
};

struct memio_shape {
	uint32_t sets, legs;
	uint32_t block_bytes;
	uint32_t region_blocks;
	uint32_t chunk_bytes; /* 0: 64 KiB */
	uint64_t member_bytes;
	uint64_t journal_bytes; /* 0: what members of that size get */
	struct raid_limits limits;
	memio_hook_f *hook;
	bool bare;
};

/* A new array; raid_start's answer. */
int memio_create_as(struct memio *m, const struct memio_shape *shape);
/* One that serves, of small members with regions of 64 blocks. */
void memio_create(struct memio *m, uint32_t sets, uint32_t legs,
		  uint32_t block_bytes);
/* The engine is gone, what was in flight with it; a new one starts on what
 * the members hold.  raid_start's answer, or -EBUSY: assemble() says wait. */
int memio_restart(struct memio *m);
int memio_stop(struct memio *m);
void memio_destroy(struct memio *m);

/* Complete all there is, until nothing moves but by time. */
void memio_turn(struct memio *m);
void memio_release(struct memio *m);
/* Of what is held only what goes to these members and, unless it is negative,
 * is such an operation; it ends with res, which if not 0 is all it does. */
void memio_release_some(struct memio *m, unsigned members, int op, int res);
void memio_wait(struct memio *m, uint64_t ns);

/* Submit and turn; the answer.  -EINPROGRESS: none yet; the request then
 * stays with the engine. */
int memio_do(struct memio *m, enum raid_op op, uint32_t flags, uint64_t offset,
	     uint64_t length, void *buf);

/* A request of ours, which lives as long as the array's members. */
struct memio_req {
	struct raid_req req;
	bool done;
	bool released; /* its buffer was kept beyond that, and is back */
	struct memio_req *next;
};

/* Submit, and no more. */
struct memio_req *memio_ask(struct memio *m, enum raid_op op, uint32_t flags,
			    uint64_t offset, uint64_t length, void *buf);

/* Where a request goes on its member. */
enum memio_area memio_area(const struct memio *m, const struct io_req *req);

#endif
