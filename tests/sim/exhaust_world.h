/* SPDX-License-Identifier: MIT */
/*
 * One set of two legs, its disks, at most three clients, and no chance: every
 * step is chosen by whoever calls.
 *
 * An I/O here has two events, its submission and its completion.  When it
 * lands between the two makes no difference that a crash cannot show: what is
 * in flight when the crash comes has landed or not, whole or torn, and all of
 * that is tried (exhaust_image.c).
 */
#ifndef SIM_EXHAUST_WORLD_H
#define SIM_EXHAUST_WORLD_H

#include "assemble.h"
#include "exhaust_disk.h"
#include "exhaust_oracle.h"
#include "raid.h"
#include "trace.h"

#define XLEGS        2u
/* The least that the engine takes; half of them, and pages are stored. */
#define XSUMS_MAX    (2 * REGION_BLOCKS_MIN)
#define XOPS_MAX     64u
#define XCLIENTS_MAX 4u

/* Which of the I/O in flight completes next. */
enum xorder {
	XORDER_FIRST, /* that was sent first */
	XORDER_LAST,
	XORDER_LEG0, /* leg 0's as long as there are any: leg 1 is slow */
	XORDER_LEG1,
	XORDER_ALL, /* all at once, and one tick for them */
	XORDER_COUNT
};

/* What a client asks for. */
struct xrequest {
	enum raid_op op;
	uint32_t flags;
	unsigned sector; /* of the two blocks, as the oracle counts */
	unsigned sectors;
	bool aside; /* sector is of the array, and the oracle is not told */
};

struct xclient {
	struct raid_req req;
	struct xworld *world;
	struct xrequest request;
	bool busy;
	unsigned change; /* number, of the oracle */
	unsigned read;
	uint32_t sent;
	uint8_t *buf;
};

/* I/O in flight. */
struct xop {
	struct io_req *req;
	uint32_t submit_seq;
	bool fails;
	struct xwrite write;
};

/* The one failure of a run. */
enum xfault_kind {
	XFAULT_NONE,
	XFAULT_LOST,   /* -EIO, without effect; of a flush: all is forgotten */
	XFAULT_LANDED, /* -EIO, but it took effect; not of a read */
	XFAULT_GONE,   /* -EIO, and so is all that follows on the leg */
	XFAULT_COUNT
};

/* More I/O of one leg than anything here makes. */
#define XFAULT_AT_MAX 2000u

struct xfault {
	enum xfault_kind kind;
	unsigned leg;
	unsigned at; /* counted on the leg, from when the world was told */
};

/* Each kind on each leg, numbered. */
#define XFAULT_WAYS (XLEGS * (XFAULT_COUNT - 1))

static inline struct xfault
xfault_way(unsigned n)
{
	return (struct xfault){
		.kind = (enum xfault_kind)(1 + n / XLEGS),
		.leg = n % XLEGS,
	};
}

struct xworld {
	struct io io; /* first */
	struct xpool *pool;
	struct xdisk disk[XLEGS];
	struct xoracle oracle;
	struct trace trace;
	bool careful; /* compare buffers at completion (R8) */

	uint64_t now_ns;
	uint64_t randoms;
	uint32_t seq;
	uint64_t io_count;
	uint64_t steps;
	unsigned ops_count;
	struct xop ops[XOPS_MAX]; /* in the order of submission */

	struct xfault fault;
	bool fault_armed;
	bool fault_hit;
	bool forgot; /* a failed flush: what was to be flushed */
	unsigned fault_seen; /* I/O of its leg so far */

	/* The engine of this run. */
	struct raid *raid;
	void *memory;
	size_t memory_bytes;
	bool present[XLEGS];
	bool in_sync[XLEGS]; /* by the superblock that was started from */
	bool out[XLEGS];     /* by the same, it is not: nothing of it is used */
	bool called;
	bool started, stopped;
	int start_res, stop_res;
	uint64_t notes[NOTE_COUNT];
	struct xclient clients[XCLIENTS_MAX];
};

/* Where the two blocks are, and all that is the same in each world. */
struct xshape {
	struct geometry geometry;
	struct layout layout;
	uint64_t member_bytes;
	struct raid_limits limits;
	uint8_t array_uuid[16];
	uint8_t member_uuid[XLEGS][16];
	uint64_t block_at[2]; /* in the array */
};

/* far: the two blocks are in different regions. */
void xshape_init(bool far);
extern struct xshape xshape;

/* Says the invariant, and ends the process. */
_Noreturn void xworld_fail(struct xworld *w, const char *invariant,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Begin a trace. */
void xworld_trace(struct xworld *w, bool print);
void xworld_init(struct xworld *w, struct xpool *pool);
/* New disks and an empty array on them; runs until it serves. */
void xworld_create(struct xworld *w);
/* Members in mask.  False: the verdict was not to start. */
bool xworld_assemble(struct xworld *w, unsigned mask, struct assembly *out);
/* Of what was just assembled: is the leg in-sync when it starts? */
bool xworld_takes(const struct assembly *a, unsigned leg);
/* As just assembled; runs until it serves. */
void xworld_start(struct xworld *w, const struct assembly *a, unsigned mask,
		  bool force);
/* From now on the I/O of a leg are counted, and one of them fails. */
void xworld_arm(struct xworld *w, const struct xfault *fault);
/* The engine is no more; what is in flight is kept for who looks. */
void xworld_drop_engine(struct xworld *w);

/* Sends; step until it is not busy any more. */
struct xclient *xworld_send(struct xworld *w, const struct xrequest *r);
unsigned xworld_busy(const struct xworld *w);
/* One event, and a tick.  False: nothing would ever happen. */
bool xworld_step(struct xworld *w, enum xorder order);
/* Sends, and steps until it is answered. */
void xworld_do(struct xworld *w, const struct xrequest *r, enum xorder order);
void xworld_stop(struct xworld *w);
/* Superblocks in flight are done, and nothing else is: which of them a crash
 * leaves is seen often enough. */
void xworld_finish_superblocks(struct xworld *w);

/* Of a member's superblocks, and of no more. */
uint64_t xshape_hash_superblocks(const struct xdisk *d);
/* Where a page lies. */
const char *xshape_area(uint32_t page);

#endif
