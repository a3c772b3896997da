/* SPDX-License-Identifier: MIT */
/*
 * The engine's face: one array, RAID 1+0.  The daemon's engine thread, the
 * simulator and the tests use it, and nothing else of raid/ but io.h, note.h,
 * superblock.h, layout.h and assemble.h.
 *
 * One thread at a time may call into one struct raid.  A turn is: wait for
 * I/O, hand each finished io_req to its done, raid_tick(), send what was
 * submitted.  A raid_req's done is never called from inside raid_submit().
 */
#ifndef RAID_RAID_H
#define RAID_RAID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io.h"
#include "note.h"
#include "superblock.h"

struct raid;
struct raid_req;

enum raid_op {
	RAID_READ,
	RAID_WRITE,
	RAID_FLUSH,
	RAID_DISCARD, /* whole blocks inside become unwritten; rounds inwards */
	RAID_ZEROES,  /* reads back as zeros, exactly these bytes */
	RAID_MAP,     /* buf: one byte per 4 KiB block touched, 1 = written */
};

enum {
	RAID_FUA = 1 << 0,     /* WRITE, ZEROES, DISCARD: durable when done */
	RAID_NO_HOLE = 1 << 1, /* ZEROES: stay allocated (written) */
};

/* Largest READ, WRITE and MAP request: bytes.  Others may be of any length. */
#define RAID_REQ_MAX (64u << 20)
/* For each block whose sum is kept; buf and offset agree modulo this. */
#define RAID_BLOCK 4096u

typedef void raid_done_f(struct raid_req *req);

/*
 * One request of a client.  Any byte offset and length inside the array is
 * served; multiples of 4096 are fast, others read the rest of their block.
 */
struct raid_req {
	/* Set by the front end before raid_submit, kept until done. */
	enum raid_op op;
	uint32_t flags;
	uint64_t offset; /* bytes */
	uint64_t length; /* bytes, not 0 but for FLUSH */
	/* READ, WRITE: our own memory, which no client can change (R8), with
	 * buf % 4096 == offset % 4096.  MAP: any.  Others: not used. */
	void *buf;
	raid_done_f *done;

	/*
	 * READ: a leg that is too slow still reads into buf.  If held is not
	 * 0 when done is called, the request and its buffer stay the engine's
	 * until released is called; in the meantime nothing in buf means
	 * anything.
	 */
	raid_done_f *released;

	/* Set by the engine: 0, -EIO (no leg has it, or could take it),
	 * -ESHUTDOWN (the array is stopping), -EAGAIN (READ: ask again; if
	 * held, with another request and another buffer). */
	int res;
	uint32_t held;

	/* The engine's, until done. */
	struct raid_req *next;
	uint64_t cursor;
	uint32_t stage;
	uint32_t parts;
	bool split_done;
};

/* Bounds of memory; 0 means the default.  All is allocated at raid_init. */
struct raid_limits {
	uint32_t parts_max;         /* parts in flight; 512 */
	uint32_t dirty_units_max;   /* per set; 65536, less on small sets */
	uint32_t sums_max;          /* per set: sums that no page holds */
	uint32_t page_frames_max;   /* per set: cached pages of sums, 4 KiB */
	uint32_t lost_max;          /* per set: extents of lost blocks; 1024 */
	uint32_t read_error_budget; /* verdicts per leg, halved hourly; 20 */
	/* R10.  A leg whose I/O takes longer is out, if another leg of its set
	 * answers; 8 s. */
	uint64_t io_deadline_ns;
	/* A read that takes longer, and much longer than usual on its leg, is
	 * asked of another leg; 50 ms. */
	uint64_t slow_read_ns;
};

/* What the daemon knows of the disk behind a leg. */
struct raid_leg_config {
	bool present;          /* opened, and chosen by assemble() */
	uint32_t sector_bytes; /* 512 or 4096 */
	bool write_through;    /* no volatile cache: FLUSH costs nothing */
	uint8_t member_uuid[16];
	/* Member's size in bytes: says where the end superblocks are. */
	uint64_t bytes;
	/* Sequence of the newest valid superblock read from the member, and
	 * the slot (0, 1) it was in: the next write goes to the other. */
	uint64_t sb_sequence;
	uint8_t sb_slot;
	/* Salvage: it went back in time, to this epoch; 0: it did not. */
	uint64_t behind_epoch;
};

struct raid_config {
	/* The superblock to go on from: the freshest (assemble.h), or, with
	 * create, one filled by sb_create(). */
	const struct sb *sb;
	bool create; /* lay out empty metadata first */
	bool force;  /* the operator's word: an epoch made by force */
	/* With create, to measure what sums cost: nothing is verified, nothing
	 * journaled, and all is zeros when it is started again. */
	bool bare;
	/* Read-only, from what is there: no member is written to. */
	bool salvage;
	/* Go on from what is there, and give up the rest (implies force). */
	bool recover;
	/* Index: set * sb->legs + leg. */
	const struct raid_leg_config *legs;
	struct raid_limits limits;
	uint64_t wall_s; /* now, seconds since 1970: for what people read */
};

/* Bytes raid_init() will need for this configuration. */
size_t raid_bytes(const struct raid_config *cfg);
/* Of these the first that must be zero; the others may hold anything. */
size_t raid_zeroed_bytes(const struct raid_config *cfg);

/*
 * mem: zero as far as raid_zeroed_bytes(cfg), aligned to 4096, len >=
 * raid_bytes(cfg), the caller's until the array has stopped.  cfg is copied.
 * 0 or -EINVAL, -ENOMEM.
 */
int raid_init(struct raid **out, const struct raid_config *cfg, struct io *io,
	      void *mem, size_t len);

typedef void raid_event_f(struct raid *r, int res, void *arg);

/*
 * Take the legs in, make the start's epoch, replay (R13, R19).  done(0): the
 * array serves.  done(-EUCLEAN): a set has no leg with whole metadata.
 * done(-EIO): no epoch could come into force.  Once.
 *
 * With salvage or recover present legs need not be in-sync (salvage.h).  Of
 * salvage done is 0, if there is a single set with metadata or none at all:
 * READ and MAP are served, FLUSH does nothing, all else gets -EROFS.  Of
 * recover -EUCLEAN says that nothing was written: a set has nothing to go on
 * from.
 */
void raid_start(struct raid *r, raid_event_f *done, void *arg);

/*
 * No new requests (-ESHUTDOWN); those in flight finish; everything is
 * flushed, marked clean and checkpointed.  done(0), or done(-EIO) when a
 * write-stopped set could not be left clean.  Once; after raid_start's done.
 */
void raid_stop(struct raid *r, raid_event_f *done, void *arg);

void raid_submit(struct raid *r, struct raid_req *req);

/* Once a turn, after completions have been handed over. */
void raid_tick(struct raid *r);

/* When the next tick is due though nothing completes: ns on io's clock;
 * UINT64_MAX: never; a time that has passed: now. */
uint64_t raid_deadline(const struct raid *r);

/* I/Os given up that the disks still have (R10): as long as there are any,
 * the memory must stay, also when the array has stopped. */
uint32_t raid_abandoned(const struct raid *r);

/* Usable bytes of the array. */
uint64_t raid_size(const struct raid *r);

/*
 * The operator fails a leg.  0: the epoch without it is on its way.
 * -ENOENT: no such leg.  -EALREADY: it is out already.  -EBUSY: it is the
 * set's last in-sync leg.  -EROFS: this is a salvage.
 */
int raid_member_fail(struct raid *r, uint32_t set, uint32_t leg);

enum raid_health { HEALTH_OPTIMAL, HEALTH_DEGRADED, HEALTH_FAILED };

struct raid_leg_status {
	enum sb_leg_state state;
	bool present;
	uint64_t read_errors;
	uint64_t write_errors;
	uint64_t mismatches; /* all that did not verify, pages too */
	uint64_t repaired;
	uint64_t verdicts[VERDICT_COUNT];
	uint32_t budget_used; /* verdicts, halved hourly */
	uint32_t budget;      /* more, and it is failed, if not the last */
	uint64_t stale_regions;
	uint64_t in_flight;
	uint64_t oldest_ns;  /* how long the oldest of these has been */
	uint64_t slow_reads; /* asked of another leg */
	uint64_t abandoned;  /* given up, and not back (R10) */
};

struct raid_set_status {
	enum raid_health health;
	uint32_t in_sync;
	bool write_stopped;
	uint64_t dirty_units;
	uint64_t resync_units;  /* still to be resynced after a crash */
	uint64_t written_bytes; /* in whole regions */
	uint64_t discards_left_bytes; /* for the members, in the background */
	uint64_t sums_pending;
	uint64_t journal_used_bytes;
	uint64_t journal_bytes;
	uint64_t lost_blocks;  /* that no leg verifies (raid_lost) */
	uint64_t lost_regions; /* whose sums no leg has */
	bool lost_more;        /* and others that the list has no room for */
	uint64_t lost_reads;   /* of blocks, that failed for it, this run */
	uint64_t unverified_blocks; /* R17's last resorts, this run */
};

/* What a set is read from, in a salvage. */
enum raid_source {
	SOURCE_WHOLE,   /* in-sync legs, whole metadata: nothing is missing */
	SOURCE_DAMAGED, /* an in-sync leg whose journal or map is damaged */
	SOURCE_OLD,     /* a leg that is behind: as it was then */
	SOURCE_NOTHING, /* no leg here has metadata */
	SOURCE_COUNT
};

enum raid_leg_use {
	USE_NONE,  /* not here, or not to be trusted */
	USE_MAIN,  /* its metadata, or the same, is the set's */
	USE_ASIDE, /* asked for blocks that no other leg verifies */
};

struct raid_salvage {
	enum raid_source source;
	uint32_t leg; /* whose metadata it is; not of SOURCE_NOTHING */
	enum raid_leg_use use[SB_LEGS_MAX];
	uint64_t epoch;     /* that leg was last in-sync in */
	uint64_t changed_s; /* when it left, as far as is known */
	uint64_t journal_first, journal_last; /* records used */
	/* Of a damaged journal: the latest record seen behind the damage. */
	uint64_t journal_seen;
	bool journal_damaged;
	/* Its last record was never acknowledged, or is damaged. */
	bool journal_torn;
	uint64_t map_blocks_lost;
	uint64_t regions_unknown; /* since their entry is lost: EIO */
	/* Blocks nobody wrote, as far as is known, are zeros only where the
	 * disk has zeros. */
	bool unwritten_doubtful;
	uint64_t undecided_units; /* DIRTY, to be looked at still */
	uint64_t undecided_blocks; /* in those looked at: nothing verifies */
	uint64_t lost_blocks;      /* met so far */
};

struct raid_counters {
	uint64_t reads, read_bytes;
	uint64_t writes, write_bytes;
	uint64_t flushes, discards;
	uint64_t appends, append_blocks;
	uint64_t checkpoints, page_stores, page_loads, leg_flushes;
	uint64_t errors; /* requests answered with an error */
};

struct raid_status {
	enum raid_health health;
	bool serving, stopping, stopped;
	bool salvage; /* read-only */
	uint64_t epoch;
	uint64_t epoch_in_force;
	uint32_t requests; /* in flight */
	struct raid_counters counters;
	struct raid_set_status sets[SB_SETS_MAX];
	struct raid_leg_status
		legs[SB_SETS_MAX * SB_LEGS_MAX]; /* set*legs+leg */
};

void raid_status(const struct raid *r, struct raid_status *out);

/* Of an array started with salvage or recover. */
void raid_salvage(const struct raid *r, uint32_t set, struct raid_salvage *out);
/* "whole", "damaged", "old", "nothing" */
const char *raid_source_word(enum raid_source source);

/* What cannot be read of a set until it is overwritten or discarded. */
struct raid_lost {
	uint64_t offset;  /* bytes, on the set */
	uint64_t length;  /* bytes */
	uint64_t since_s; /* seconds since 1970; 0: not known */
	bool page; /* sums are lost: of this, what was written is lost */
};

/* How many it has filled in. */
uint32_t raid_lost(const struct raid *r, uint32_t set, struct raid_lost *out,
		   uint32_t max);

/* The superblock as it stands now: names, places, history. */
const struct sb *raid_superblock(const struct raid *r);

/* Assert every invariant that can be checked from memory.  Slow. */
void raid_check(const struct raid *r);

#endif
