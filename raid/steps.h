/* SPDX-License-Identifier: MIT */
/*
 * The functions by which the engine's files call each other, file by file.
 * Included by set.h, which has the structs.
 */
#ifndef RAID_STEPS_H
#define RAID_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "fan.h"
#include "map.h"
#include "note.h"
#include "raid.h"
#include "record.h"
#include "sums.h"

struct fetch;
struct frame;
struct drain_wait;
struct flush_wait;
struct job;
struct leg;
struct page_wait;
struct part;
struct repair;
struct scan;
struct set;
struct unit;

/* leg.c */
/* Something failed on it.  True: it is being evicted; false: it is the last
 * of its set, whose state says what that means (R7). */
bool leg_fail(struct leg *leg, enum raid_cause cause, int err);
struct leg *leg_pick(struct set *set, uint8_t not_these);
/* Can the journal take records still (R7)? */
bool set_can_record(const struct set *set);
/* Would the set keep a leg in-sync in all epochs since the one in force? */
bool leg_is_expendable(const struct leg *leg);
void raid_note(struct raid *r, enum raid_note_kind kind, struct set *set,
	       struct leg *leg, int err, uint64_t a, uint64_t b);

/* verdict.c */
/* Count and tell it (note.h says what a and b are); may evict the leg. */
void verdict_give(struct leg *leg, enum raid_verdict verdict, int err,
		  uint64_t a, uint64_t b);

/* Of data that does not verify at a block, of several kinds. */
void verdict_give_block(struct leg *leg, uint64_t block, uint64_t place);
/* Where the data does verify, or did, by what is known without I/O: a byte of
 * the array. */
#define PLACE_UNKNOWN UINT64_MAX
uint64_t verdict_place(struct set *set, uint64_t block, const void *data);
uint64_t verdict_own_place(const struct set *set, uint64_t block);

/* repair.c */
/* NULL: too many are asked for. */
struct repair *repair_ask(struct set *set, uint64_t unit);
/* What a read of the leg gave does not verify. */
void repair_suspect(struct set *set, struct leg *leg, uint64_t block,
		    const void *data);
/* Gives those that wait for the unit to be settled, of a block that is lost. */
void repair_tell(struct set *set, uint64_t block);
void repair_read_error(struct set *set, struct leg *leg, uint64_t block,
		       uint64_t count, int err);
/* It is settled now: what is known of it. */
void repair_take(struct set *set, uint64_t unit, struct repair *out);

/* recall.c */
void recall_carve(struct raid *r, struct arena *a);
/* Has the leg still what it acknowledged?  Some time. */
void recall_ask(struct leg *leg);
/* A start found a bad copy of the map: write it anew. */
void recall_rewrite_map(const struct scan *s);
void recall_tick(struct raid *r);

/* meta.c */
void meta_carve(struct raid *r, struct arena *a, uint32_t legs);
void meta_change(struct raid *r);
void meta_create(struct raid *r); /* writes the first epoch as it is */
void meta_tick(struct raid *r);

/* flush.c */
void flush_init(struct set *set);
void flush_request(struct set *set, struct flush_wait *w);
void flush_tick(struct set *set);
bool flush_is_needed(const struct set *set);

/* journal.c */
void journal_carve(struct set *set, struct arena *a);
void journal_init(struct set *set, uint64_t ring_blocks, uint64_t reserve);
void journal_submit(struct set *set, struct job *job);
void journal_drain(struct set *set, struct drain_wait *w);
void journal_tick(struct set *set);
/* The journal's buffer, with FUA, to these blocks of the ring. */
void journal_write_ring(struct set *set, struct fan *fan, uint64_t first,
			uint64_t blocks);
/* Into rec: the node, after what is older and not journaled.  False: no
 * room. */
bool journal_put_node(struct set *set, struct record *rec, struct node *n);
/* The node alone; flags: ITEM_AGAIN or 0. */
bool journal_put_again(struct set *set, struct record *rec, struct node *n,
		       uint8_t flags);
uint8_t set_absent_mask(const struct set *set);

/* checkpoint.c */
void checkpoint_carve(struct set *set, struct arena *a);
void checkpoint_init(struct set *set);
void checkpoint_want(struct set *set);
void checkpoint_tick(struct set *set);
/* A start found this header on some legs only: from its place on, `blocks` of
 * the ring, the journal owes nothing more.  Writes the map and a newer header
 * for the same place to all legs. */
void checkpoint_resume(struct set *set, const struct map_head *head,
		       uint64_t blocks);
/* Of all blocks of a logical copy, as they were written in this run. */
uint32_t checkpoint_entries_crc(const struct set *set, uint8_t copy);
/* What it appends again goes last into the record being composed: so many
 * sums. */
uint32_t checkpoint_compose(struct set *set);

/* table.c: the region map in memory */
void map_set(struct set *set, uint64_t region, map_entry e);
/* As at raid_init: for a replay that begins anew. */
void tables_reset(struct set *set);
void map_add_stale(struct set *set, uint64_t region, uint8_t mask);
uint64_t set_region(const struct set *set, uint64_t block);
/* Blocks [block, count) are unwritten from now on. */
void set_apply_unwritten(struct set *set, uint64_t block, uint64_t count);
void set_apply_page(struct set *set, uint64_t region, enum map_slot slot,
		    uint32_t crc, bool full);

/* The record that would say what they hold may be durable or not: until the
 * next start they read as EIO. */
void set_doubt(struct set *set, uint64_t block, uint64_t count);
bool set_is_doubtful(const struct set *set, uint64_t block);

/* pages.c */
void pages_carve(struct set *set, struct arena *a, uint32_t count);
void pages_init(struct set *set, uint32_t count);
/* True: ready (or lost) now.  False: w->done is called when it is. */
bool pages_need(struct set *set, uint64_t region, struct page_wait *w);
struct frame *pages_find(struct set *set, uint64_t region);
void pages_pin(struct frame *f);
void pages_unpin(struct set *set, struct frame *f);
void pages_forget(struct set *set, uint64_t region);
uint32_t page_get(const struct frame *f, uint32_t i);
void page_put(uint8_t *page, uint32_t i, uint32_t sum);

enum sum_known {
	SUM_KNOWN,
	SUM_NEEDS_PAGE, /* pages_need() first */
	SUM_LOST,       /* the page is lost: written, unverifiable (R24) */
};
/* The block's sum as a reader under its range lock must find it. */
enum sum_known sum_lookup(struct set *set, uint64_t block, uint32_t *sum);
/* Is it written?  Knows more than sum_lookup: needs no page if full. */
enum sum_known sum_is_written(struct set *set, uint64_t block, bool *written);

/* store.c */
void store_carve(struct set *set, struct arena *a);
void store_init(struct set *set);
void store_tick(struct set *set);
void store_drop(struct set *set, uint64_t block, uint64_t count);
bool store_is_idle(const struct set *set);
/* Though no sums press: when there is room for it. */
void store_anew(struct set *set, uint64_t region);

/* heal.c */
void heal_carve(struct set *set, struct arena *a);
void heal_tick(struct set *set);
bool heal_is_idle(const struct set *set);
/* Look at all pages of a leg, which may be those of an earlier time, and heal
 * what is bad. */
void heal_all(struct leg *leg);
bool heal_is_sweeping(const struct leg *leg);
/* The leg's copy of the page that this entry names is bad.  False: it was
 * known. */
bool heal_page(struct set *set, struct leg *leg, uint64_t region,
	       map_entry entry);
/* No leg has a good one. */
void heal_give_up(struct set *set, uint64_t region);

/* cleaner.c */
void cleaner_init(struct set *set);
void cleaner_tick(struct set *set);

/* trim.c */
/* Blocks that just became unwritten. */
void trim_want(struct set *set, uint64_t block, uint64_t count);
bool trim_may_go_on(const struct set *set);
void trim_tick(struct set *set);
/* When trim_tick is due: ns; UINT64_MAX: never, or when an I/O completes. */
uint64_t trim_deadline(const struct set *set);
/* Blocks still to be looked at. */
uint64_t trim_left(const struct set *set);

/* settler.c */
void settler_carve(struct set *set, struct arena *a);
void settler_init(struct set *set);
void settler_tick(struct set *set);
/* Nothing of it is left to R17. */
void settler_close(struct set *set, struct unit *u);
bool settler_is_needed(const struct set *set, uint64_t block, uint64_t count);
void settler_wait(struct set *set, struct part *p);

/* bare.c: a part of an array whose cost is measured without sums */
void bare_begin(struct part *p);

/* fetch.c */
/* Set are: set, block, count, buf, done; and req, if the buffer is a client's,
 * else bounce.  done(-EAGAIN): a slow leg has the client's buffer. */
void fetch_start(struct fetch *f);

/* part.c */
struct part *part_take(struct raid *r);
void part_start(struct part *p);
/* Room for the part's sums, then its lock. */
void part_ask_room(struct part *p, bool woken);
void part_release_room(struct part *p);
/* Would the first that waits for room find it? */
bool part_is_wakeable(const struct set *set);
/* Room was made. */
void part_wake_starved(struct set *set);
/* Unlock, answer, free. */
void part_finish(struct part *p, int res);
/* part steps by kind, entered with the range lock held */
void read_begin(struct part *p);
void map_begin(struct part *p);
void prepare_begin(struct part *p); /* a write */
void unwritten_begin(struct part *p);
void flush_part_begin(struct part *p);
/* Take the lock anew, after what it waits for. */
void part_relock(struct part *p);

/* prepare.c */
bool part_is_sub_block(const struct part *p);

/* write.c */
/* It is prepared; or room for units was made. */
void write_resume(struct part *p);

/* request.c */
void request_tick(struct raid *r);
void request_part_done(struct raid *r, struct raid_req *req, int res);

/* start.c, scan.c, replay.c; what a start's files share is in start.h */
void start_carve(struct set *set, struct arena *a);
void start_begin(struct raid *r);
void start_tick(struct raid *r);
void start_epoch_done(struct raid *r, int res);
void scan_start(struct scan *s, struct leg *leg);
/* Was read whole, and its leg is counted still. */
bool scan_is_good(const struct scan *s);
/* Are the entries read those that the header was written for?  One that is
 * older was acknowledged and lost. */
bool scan_map_is_whole(const struct scan *s);

bool scan_agrees(const struct scan *s, const struct scan *ref);

/* salvage.c */
/* Salvage or recovery: from what is there. */
bool raid_rescues(const struct raid *r);
/* Units are decided in memory only, and what does not verify is lost. */
bool set_is_quiet(const struct set *set);
/* Records are missing that may have said anything of any block. */
bool set_has_gap(const struct set *set);
/* No leg here has metadata. */
bool set_is_dark(const struct set *set);
/* False: a recovery of a set that starts like any other. */
bool salvage_choose(struct set *set);
/* Recovery: the reference is replayed. */
void salvage_go_on(struct set *set);
/* Recovery: it goes on from something that is not whole. */
bool set_is_recut(const struct set *set);
/* SET_RECUT: what is next? */
void salvage_recut(struct set *set);
/* Legs that a start would have in-sync. */
uint32_t salvage_in_sync(const struct set *set);
void salvage_lose_map_block(struct set *set, uint64_t index);
void salvage_replayed(struct set *set);

/* tail.c */
void tail_begin(struct scan *s);
void tail_follow(struct scan *s, const struct record_head *h);
/* Headers that make no sense: wiped on all legs.  False: there are none. */
bool tail_wipe_heads(struct set *set, fan_done_f *done);
/* Shorten the chain by what only repeats; set->erase_left says by how much. */
void tail_drop(struct set *set, struct scan *ref);
/* One record less of it on all legs; once the start's epoch is in force. */
void tail_erase_last(struct set *set, fan_done_f *done);
void replay_begin(struct set *set);
bool replay_block(struct set *set, const void *block,
		  const struct record_head *head);
void replay_end(struct set *set);

/* stop.c */
void stop_tick(struct raid *r);

#endif
