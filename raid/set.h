/* SPDX-License-Identifier: MIT */
/*
 * What the files of the engine share: legs, sets, parts, the array object.
 * A set knows nothing of other sets; what they share is the membership
 * (meta.c) and the pools.
 */
#ifndef RAID_SET_H
#define RAID_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "check.h"
#include "crc.h"
#include "fan.h"
#include "io.h"
#include "layout.h"
#include "list.h"
#include "lost.h"
#include "map.h"
#include "note.h"
#include "plant.h"
#include "raid.h"
#include "range.h"
#include "record.h"
#include "sums.h"
#include "superblock.h"
#include "units.h"

struct part;
struct set;

/*
 * A leg as this run uses it.
 *
 *   OUT <--- epoch without it in force --- FAILING <--- something failed --- IN
 *
 * IN: gets all I/O, is counted.  FAILING: gets none, is still counted, so
 * whatever it missed waits (R2).  OUT: not counted.
 */
enum leg_run { RUN_OUT, RUN_FAILING, RUN_IN };

struct leg {
	struct raid *raid;
	struct set *set;
	uint16_t member;
	uint8_t index;
	uint8_t bit;
	enum leg_run run;
	enum raid_cause why; /* FAILING */
	bool present;
	bool aside; /* salvage: asked when no other leg verifies */
	bool write_through;
	uint32_t sector_bytes;
	uint64_t bytes;
	uint64_t behind_epoch; /* see raid_leg_config */
	uint64_t sb_sequence;
	uint8_t sb_slot; /* the newest superblock is in */
	/* Of what this run wrote and the leg acknowledged (recall.c):
	 * sequences by superblock slot and by physical copy of the map. */
	uint64_t sb_durable[SB_SLOTS];
	uint64_t head_durable[2];
	uint64_t ring_seen; /* of journal.run_blocks: known to be gone */
	bool recall;    /* see whether it still has them */
	bool rewriting; /* it had not */
	/* Physical copy of the map = logical copy ^ map_flip. */
	uint8_t map_flip;
	struct list ops; /* in flight, oldest first */
	uint32_t in_flight;
	uint32_t zombies; /* given up, and not back (op.h) */
	/* Completions without FUA: ever, when the flush under way was
	 * submitted, and covered by the last good one (R3). */
	uint64_t written;
	uint64_t flush_at;
	uint64_t flushed;
	uint64_t write_errors;
	uint64_t repaired;
	uint64_t verdicts[VERDICT_COUNT];
	uint32_t budget_used; /* decaying */
	/* R10 (op.c): when the newest of its I/Os that completed was
	 * submitted; what a read takes, about; since when it is overdue while
	 * others answer; reads go elsewhere until, because of. */
	uint64_t answered_ns;
	bool probing; /* a read in flight only to see if it answers */
	uint64_t read_ns;
	uint64_t accused_ns;
	uint64_t shun_until_ns;
	uint64_t shun_took_ns; /* the slowest read that was given up */
	uint64_t slow_reads;
};

/* Something to be appended to the journal (journal.c). */
struct job {
	struct list link;
	uint32_t bytes; /* upper bound of its items */
	uint32_t sums;  /* upper bound of sums in them */
	bool composed;  /* in the append under way, or one that failed */
	bool urgent;    /* makes room: not held back by the lack of it */
	void (*compose)(struct job *job, struct record *rec);
	/* res 0: durable on every counted leg. */
	void (*done)(struct job *job, int res);
};

/* Waits for a flush of all counted legs submitted from now on (flush.c). */
struct flush_wait {
	struct list link;
	void (*done)(struct flush_wait *w, int res);
};

/* Waits until the sums queued before now are journaled. */
struct drain_wait {
	struct list link;
	uint64_t until;
	void (*done)(struct drain_wait *w, int res);
};

/* Waits for a page of sums (pages.c). */
struct page_wait {
	struct list link;
	uint64_t region;
	void (*done)(struct page_wait *w);
};

struct journal {
	uint64_t ring_blocks;
	uint64_t head;     /* ring block the next record begins at */
	uint64_t used;     /* blocks from the replay start to head */
	uint64_t reserve;  /* blocks kept for a checkpoint (R20) */
	uint64_t sequence; /* of the next record */
	uint64_t nonce;    /* of the run */
	uint32_t before_crc;
	uint32_t sums_live; /* in records from the replay start on */
	/* The last durable record of this run: its last block. */
	uint64_t last_sequence; /* 0: none */
	uint64_t durable;       /* the last record that is */
	uint64_t last_index;
	uint64_t run_blocks; /* of this run's, durable, not erased since */
	bool appending;
	uint8_t *buf;
	struct record rec;
	struct fan fan;
	struct list jobs;     /* waiting, in order */
	struct list composed; /* in the append under way */
	struct list drains;   /* waiting drain_waits */
	uint64_t drained_composed;
	uint64_t drained_durable;
	bool blocked; /* no room until a checkpoint */
};

/* Blocks kept from clients while no checkpoint is under way: twice what one
 * may need.  A record of theirs amid what a checkpoint says again then still
 * leaves room for all of the next one (doc/design.md, section 10). */
static inline uint64_t
journal_kept(const struct journal *j)
{
	uint64_t kept = 2 * j->reserve;

	return kept < j->ring_blocks / 2 ? kept : j->ring_blocks / 2;
}

enum checkpoint_state {
	CK_IDLE,
	CK_APPEND, /* appending again what the journal still owes */
	CK_MAP,    /* writing the map's blocks to the older copy */
	CK_FLUSH,
	CK_HEADER,
};

/* Map blocks written at a time; each may be encoded for either copy. */
#define CK_BATCH 8u

struct checkpoint {
	enum checkpoint_state state;
	bool wanted;
	uint8_t copy;  /* logical, being written */
	bool begun;    /* its first record is composed: start is known */
	bool composed; /* all is said again, if not yet durable */
	uint32_t whole; /* still to be begun and ended with all blocks (recall.c) */
	bool counts;    /* this one is one of them */
	uint64_t start_sequence;
	uint64_t start_index;
	uint32_t start_crc;
	uint64_t start_used; /* blocks used before it */
	uint32_t start_sums;
	uint32_t unit_at; /* cursors of what is appended again */
	uint32_t node_at;
	uint64_t lost_at[LOST_KINDS];
	uint64_t block_at;
	uint64_t appended; /* blocks it used */
	uint32_t appended_sums;
	uint64_t head_sequence; /* of the newest map header */
	struct job job;
	struct fan fan;
	struct flush_wait flush;
	uint64_t used_after; /* journal.used and sums_live when it ended */
	uint32_t sums_after;
	uint8_t *bufs; /* CK_BATCH blocks for each physical copy */
};

struct flusher {
	bool running;
	uint32_t gen;      /* rounds submitted */
	uint32_t done_gen; /* last good one */
	struct fan fan;
	struct list waiting; /* join the next round */
	struct list covered; /* by the round under way */
};

/* lost.c */
struct lost {
	struct extents now[LOST_KINDS];
	struct extents said[LOST_KINDS]; /* in the journal */
	bool more; /* that found no room in `now` */
	bool said_more;
	bool changed; /* since they were last compared */
	bool busy;    /* the job is under way */
	struct job job;
	uint32_t going_count; /* GONE in the record under way */
	uint8_t going_kind[LOST_ITEMS];
	struct extent going[LOST_ITEMS];
	uint64_t look[LOST_KINDS]; /* looked at anew so far */
};

#define CLEAN_MAX 64u

struct cleaner {
	bool running;
	bool flushing;
	uint32_t count;
	bool composed; /* in the append under way */
	struct unit *units[CLEAN_MAX];
	struct job job;
	struct flush_wait flush;
};

enum frame_state { FRAME_FREE, FRAME_LOADING, FRAME_READY, FRAME_LOST };

struct frame {
	struct list lru;
	struct set *set;
	enum frame_state state;
	uint64_t region;
	map_entry entry; /* it was read by */
	uint32_t pins;
	uint8_t tried; /* legs */
	uint8_t slow;  /* of these, asked again when no other is left */
	uint8_t leg;
	struct list waits;
	uint8_t *data;
};

struct pages {
	struct frame *frames;
	uint32_t count;
	struct list lru;     /* unpinned and free ones, next to take first */
	struct list starved; /* page_waits that found no frame */
	uint32_t *index;     /* per region: frame + 1, 0 none */
	uint8_t *data;
};

/* Blocks of a record whose append failed: is it durable?  Nobody knows. */
#define DOUBT_MAX 64u

struct doubt {
	uint64_t block;
	uint64_t count;
};

#define STORE_MAX 16u

enum store_state {
	STORE_FREE,
	STORE_LOADING,
	STORE_WRITING,
	STORE_FLUSHING,
	STORE_RECORDING,
};

struct store {
	enum store_state state;
	struct set *set;
	uint64_t region;
	bool dropped;  /* blocks became unwritten meanwhile */
	bool composed; /* its record is under way */
	bool full;
	bool anew;           /* not to make room: a leg's copy is bad */
	struct frame *frame; /* pinned */
	uint8_t slot;        /* going to */
	uint32_t crc;
	uint64_t as_of;
	uint8_t *buf;
	struct fan fan;
	struct job job;
	struct flush_wait flush;
	struct page_wait page;
};

struct storer {
	struct store stores[STORE_MAX];
	uint8_t *bufs;
	uint32_t busy;
	uint64_t hand;    /* region to look at next */
	bool pressed;     /* going on until the low mark */
	bool stored;      /* some page of this batch could be composed */
	uint64_t next_ns; /* not before */
};

/* Became unwritten, and may be discarded by the members (trim.c). */
#define TRIM_MAX 64u

struct stretch {
	uint64_t block;
	uint64_t count;
};

struct trimmer {
	struct stretch waiting[TRIM_MAX]; /* oldest first */
	uint32_t count;
	bool running; /* a piece is locked, or waits for its lock */
	struct range range;
	uint64_t at; /* of the piece: before it all is done */
	uint64_t end;
	uint32_t pending;
	uint64_t began_ns;
	uint64_t next_ns; /* not before */
};

#define HEAL_MAX 32u

/* Legs whose copy of a page of sums is bad. */
struct heal {
	uint64_t region;
	map_entry entry; /* the page's */
	uint8_t legs;
	bool again;
	bool quiet; /* one of many: nothing is said of it */
};

struct healer {
	struct heal heals[HEAL_MAX];
	uint32_t count;
	uint32_t at; /* read back now */
	bool reading;
	map_entry entry; /* that it is read by */
	uint8_t *buf;
	/* Legs all of whose pages are to be looked at; of the first of them,
	 * how far that is. */
	uint8_t sweep;
	uint64_t swept; /* region */
};

#define SETTLE_MAX 4u
/* Some may wait for an abandoned read to come back into their buffers. */
#define SETTLE_SLOTS (2 * SETTLE_MAX)
#define REPAIR_MAX 64u

enum settle_step {
	SETTLE_FREE,
	SETTLE_LOCKING,
	SETTLE_FLUSHING,
	SETTLE_LOADING,
	SETTLE_READING,
	SETTLE_WRITING,
	SETTLE_CHECKING,
	SETTLE_RECORDING,
	SETTLE_STUCK, /* over, but for its buffers */
};

/* What is known of a unit to be repaired: blocks, of each leg. */
struct repair {
	uint64_t unit;
	bool again;
	uint16_t suspects[SB_LEGS_MAX]; /* did not verify when read */
	uint16_t told[SB_LEGS_MAX];     /* of these the verdict is given */
	uint16_t asked[SB_LEGS_MAX]; /* and it is to be said if they are well */
	uint64_t places[SB_LEGS_MAX][UNIT_BLOCKS]; /* verdict_place() */
};

struct settle {
	enum settle_step step;
	struct set *set;
	uint64_t unit;
	struct repair repair;
	uint16_t known;            /* blocks whose sum is */
	uint16_t bad[SB_LEGS_MAX]; /* blocks that do not match it */
	bool evidence; /* R17 decides; else the sum does */
	bool again;    /* ... of listed blocks only: the others are decided */
	bool open;     /* some block it could not decide */
	struct range range;
	struct fan fan;
	struct job job;
	struct flush_wait flush;
	struct page_wait page;
	struct frame *frame; /* pinned */
	uint32_t pending;
	uint32_t abandoned; /* reads */
	uint8_t *bufs; /* SB_LEGS_MAX * 64 KiB, and a page */
	uint16_t readable[SB_LEGS_MAX]; /* blocks */
	uint16_t to_write[SB_LEGS_MAX];
	uint16_t written; /* blocks not unwritten */
	uint16_t chosen;  /* blocks with a value */
	uint16_t record;  /* blocks whose sum is new, or stands alone now */
	uint8_t source[UNIT_BLOCKS]; /* leg that has the value */
	uint32_t sum[UNIT_BLOCKS];
};

struct settler {
	struct settle settles[SETTLE_SLOTS];
	uint32_t busy;
	uint32_t stuck; /* slots */
	uint32_t cursor;              /* of the background, in units.all */
	struct repair repairs[REPAIR_MAX];
	uint32_t repair_count;
	struct list waiting; /* parts whose unit must be resynced first */
	uint64_t rewritten;
	bool announced;
};

enum scan_step {
	SCAN_IDLE,
	SCAN_FLUSH,
	SCAN_HEADS,
	SCAN_MAP,
	SCAN_RING,
	SCAN_DONE,
};

/* A checkpoint's records are full but for the last. */
#define SCAN_TAIL_MAX 1024u

/* Where a chain ends. */
struct scan_end {
	uint64_t sequence; /* of the last whole record */
	uint64_t index;    /* ring block behind it */
	uint64_t blocks;   /* in the chain */
	uint32_t crc;      /* of the last whole record */
};

/* What one leg's journal and map say at a start (R19). */
struct scan {
	struct leg *leg;
	enum scan_step step;
	int res; /* 0: whole; -EIO, -EBADMSG: not usable */
	uint8_t *buf;
	uint32_t buf_blocks;
	uint32_t pending;
	int head_res[2];
	bool given_up; /* a header's read (R10) */
	struct map_head heads[2];
	uint8_t copy; /* physical, the newest */
	bool doubt;   /* the other copy may be newer: it could not be read */
	uint8_t rotten; /* copies whose header was read, and makes no sense */
	bool map_bad;   /* the newest copy's blocks do not fit its header */
	uint32_t map_crc; /* of the blocks so far */
	uint64_t at;
	/* The chain so far. */
	bool ended;
	uint64_t sequence;   /* of the last whole record */
	uint64_t index;      /* ring block behind it */
	uint64_t blocks;     /* in the chain */
	uint32_t crc;        /* of the last whole record */
	uint32_t crc_before; /* of the one before that */
	uint32_t last_count; /* blocks of the last record */
	/* The chain's end but for records behind it that only repeat, for a
	 * map header that is not there. */
	struct scan_end kept;
	uint32_t tail_count;
	uint8_t tail[SCAN_TAIL_MAX]; /* blocks of each of these */
	/* The record being followed. */
	uint32_t run_index;
	uint32_t run_count;
	uint32_t run_crc;
	uint64_t run_nonce;
	uint32_t retries;
	uint64_t seen_max; /* largest sequence seen behind the end */
	/* Salvage: what is there, though res says that it is not whole. */
	bool has_head;
	uint8_t newest; /* physical copy */
	bool holes;     /* blocks of that copy are not what they should be */
	bool cut;       /* behind the chain's end is what followed it */
	bool narrow;    /* block by block, past what cannot be read */
	bool unread;    /* a block behind the chain's end */
	bool torn;      /* what is behind it may be one that was damaged */
	bool rot;       /* ... and is no record, not even an older one */
};

/* How a set fares in a salvage or a recovery (salvage.c). */
struct salvage {
	enum raid_source source;
	bool behind; /* another leg has seen a record that this one has not */
	bool narrow; /* the map is read again block by block */
	uint64_t map_blocks_lost;
	uint64_t regions_unknown;
	uint64_t undecided_blocks;
	/* SET_RECUT: the checkpoint was asked for, this being the newest map
	 * header then; so many blocks of the ring are erased. */
	bool said;
	uint64_t head;
	uint64_t erased;
};

enum set_start {
	SET_CREATING,
	SET_SCANNING,
	SET_MAP,
	SET_REPLAY,
	SET_READY, /* waits for the start's epoch */
	SET_COPY,
	SET_RECUT, /* recovery: a checkpoint before anything else */
	SET_SERVING,
	SET_UNUSABLE,
};

struct set {
	struct raid *raid;
	uint32_t index;
	struct leg *legs;
	uint8_t in_mask;
	uint8_t counted_mask;
	bool write_stopped;
	struct record_name name;
	uint32_t sum_base;
	uint64_t blocks;
	uint64_t regions;
	uint32_t region_shift; /* blocks */
	uint32_t sector_bytes; /* the largest of its legs' */
	map_entry *map;
	uint8_t *map_dirty;  /* per map block: bit per logical copy */
	uint32_t *map_crcs;  /* per logical copy and block: as written */
	uint16_t *resync_in; /* per region: units to be resynced */

	struct sums sums;
	struct units units;
	struct pages pages;
	struct ranges ranges;
	struct journal journal;
	struct checkpoint checkpoint;
	struct flusher flusher;
	struct cleaner cleaner;
	struct storer storer;
	struct trimmer trimmer;
	struct healer healer;
	struct settler settler;
	struct list fans;          /* waiting for an epoch */
	struct list starved;       /* parts that wait for room for their sums */
	struct list starved_units; /* writes that wait for units, locked */
	struct doubt doubts[DOUBT_MAX];
	uint32_t doubt_count; /* over DOUBT_MAX: all is in doubt */
	struct lost lost;
	uint64_t lost_reads;
	uint64_t unverified_blocks;
	uint32_t pick; /* alternates legs */

	/* Start and stop. */
	enum set_start start;
	struct scan *scans; /* per leg */
	uint8_t *scan_bufs;
	int reference;        /* leg whose journal is the set's */
	uint8_t wholly_stale; /* legs that lost what they acknowledged */
	uint64_t at;
	struct salvage salvage;
	uint64_t erase_end;  /* ring block behind what is to be erased */
	uint32_t erase_left; /* records of the reference's tail */
	struct fan start_fan;
	uint32_t stop_step;
	uint64_t stop_head;
	struct flush_wait stop_flush;
};

enum part_kind { PART_READ, PART_WRITE, PART_FLUSH, PART_UNWRITTEN, PART_MAP };

enum part_step {
	PART_FREE,
	PART_LOCKING,
	PART_WAITING_SETTLE,
	PART_WAITING_PAGE,
	PART_FETCHING,
	PART_WAITING_ROOM,
	PART_WAITING_UNITS,
	PART_INTENT, /* DIRTY and sums on their way (R1) */
	PART_DATA,
	PART_RECORD, /* sums, or "unwritten", on their way */
	PART_FLUSHING,
};

/* A read of blocks, verified (fetch.c). */
struct fetch {
	struct set *set;
	uint64_t block;
	uint32_t count;
	uint8_t *buf;
	struct raid_req *req; /* whose buffer it is; NULL: bounce's */
	uint8_t **bounce;
	void (*done)(struct fetch *f, int res);
	uint32_t pending; /* read under way, page under way */
	uint8_t leg;
	uint8_t tried; /* legs that were read whole */
	uint8_t slow;  /* legs that are asked again when no other is left */
	bool again;    /* the read under way was given up */
	bool given_up; /* the buffer is not ours any more: -EAGAIN */
	bool single;   /* block by block now */
	uint32_t at;   /* ... this one */
	int res;
	struct page_wait page;
};

/* The share of a request inside one chunk of one set (for UNWRITTEN: one
 * stretch of one set; for FLUSH: one set). */
struct part {
	struct list link; /* in the list it waits in */
	enum part_kind kind;
	enum part_step step;
	struct raid_req *req;
	struct set *set;
	uint64_t block;
	uint64_t count;
	uint32_t skip;   /* bytes into the only block; else 0 */
	uint32_t bytes;  /* of the client */
	uint8_t *data;   /* the client's; NULL: zeros */
	uint8_t *buf;    /* what legs read or write: data, or bounce */
	uint8_t *bounce; /* a block */
	bool fua;
	bool first;     /* some block is unwritten, or perhaps: R4 */
	bool lost;      /* WRITE: whether some block is, nobody knows */
	bool listed;    /* WRITE, UNWRITTEN: some block is on the lost list */
	bool undecided; /* WRITE: the last leg failed the data */
	uint8_t waits;  /* of data, record */
	uint32_t held;  /* sums kept for it until it adds them */
	int res;
	uint64_t units; /* units of the region with written blocks in it */
	uint64_t unwritten[REGION_BLOCKS / 64]; /* bit per block: R4 */
	struct range range;
	struct fan fan;
	struct job job;
	struct fetch fetch;
	struct page_wait page;
	struct flush_wait flush;
	struct drain_wait drain;
};

enum meta_state { META_IDLE, META_WRITING, META_STUCK };

struct meta {
	enum meta_state state;
	bool wanted;  /* a change waits */
	bool marking; /* the round under way is a mark */
	bool started; /* the start's epoch is in force */
	uint32_t marks; /* rounds more, with nothing new to say (recall.c) */
	uint32_t pending;
	uint8_t *bufs; /* per member: two superblocks */
	bool *failed;  /* per member, this round */
	bool *written; /* per member: part of this round */
};

/* Superblocks, map headers, the last records. */
#define RECALL_READS (2 * SB_SLOTS + 2 + 1)
#define RECALL_RING  64u /* blocks of the ring, at most */
#define RECALL_BYTES                                                      \
	(2 * SB_SLOTS * SB_BYTES + (2 + RECALL_RING) * BLOCK_BYTES)

struct recall_read {
	enum raid_back what;
	uint64_t offset;
	uint64_t durable; /* sequence that is there at least, at the end */
	uint32_t bytes;
	uint8_t *buf;
};

struct recall {
	struct leg *leg; /* NULL: none is looked at */
	uint32_t pending;
	uint32_t abandoned;
	uint32_t count;
	uint32_t used; /* bytes of bufs */
	struct recall_read reads[RECALL_READS];
	enum raid_back what;
	uint64_t behind; /* the most that something is */
	struct sb sb;
	uint8_t *bufs;
};

enum raid_phase {
	PHASE_INIT,
	PHASE_STARTING,
	PHASE_SERVING,
	PHASE_STOPPING,
	PHASE_STOPPED,
};

struct raid {
	struct io *io;
	struct sb sb; /* the newest submitted, or about to be */
	struct raid_limits limits;
	bool create;
	bool force;
	bool bare;
	bool salvage;
	bool recover;
	enum raid_phase phase;
	bool epoch_begun; /* the start's */
	int start_failed; /* why; reported when all I/O is back */
	uint64_t now;
	uint64_t wall_s; /* at raid_init */
	uint64_t init_ns;
	uint64_t bytes;
	uint32_t leg_count;
	struct leg *legs;
	struct set *sets;
	struct meta meta;
	struct recall recall;
	struct op *ops;
	struct list ops_free;
	uint32_t ops_busy;
	uint32_t zombies; /* given up, and not back (op.h) */
	uint32_t zombies_max;
	uint64_t op_tick_ns;
	uint8_t *spare_bufs; /* blocks to read into instead (R10) */
	uint8_t **spares;
	uint8_t *probe_buf; /* read into, never looked at */
	uint32_t spare_count;
	struct part *parts;
	struct list parts_free;
	uint8_t *bounces;
	uint8_t *zeros;              /* a chunk, or a superblock */
	struct raid_req *queue_head; /* requests not split yet */
	struct raid_req *queue_tail;
	struct list ready; /* fans to be called */
	uint32_t requests;
	uint64_t decay_ns;
	struct raid_counters counters;
	raid_event_f *start_done;
	void *start_arg;
	raid_event_f *stop_done;
	void *stop_arg;
};

/* leg.c */
void leg_set_run(struct leg *leg, enum leg_run run);

#include "steps.h"

#endif
