/* SPDX-License-Identifier: MIT */
/*
 * Which blocks no leg verifies: told to people, kept by the journal, and
 * heeded by R17's last resort.  It decides no read: a block's sum does.
 */
#ifndef RAID_LOST_H
#define RAID_LOST_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "extents.h"
#include "record.h"

struct set;

/* Two lists: blocks, and regions whose page of sums no leg can give. */
enum lost_kind { LOST_BLOCKS, LOST_PAGES, LOST_KINDS };

/* Items in one record. */
#define LOST_ITEMS 32u

void lost_carve(struct set *set, struct arena *a, uint32_t max);
void lost_init(struct set *set, uint32_t max);
/* Empty, for a replay that begins anew. */
void lost_reset(struct set *set);
void lost_tick(struct set *set);
/* The next unit of which the list, as a replay found it, is in doubt. */
bool lost_next_look(struct set *set, uint64_t *unit);

/* No leg verifies it; no leg has the region's page. */
void lost_add(struct set *set, uint64_t block);
void lost_add_page(struct set *set, uint64_t region);
/* A leg does after all; the page was read. */
void lost_readable(struct set *set, uint64_t block);
void lost_page_readable(struct set *set, uint64_t region);

/* Perhaps lost: listed, or the list was too short once. */
bool lost_is_possible(const struct set *set, uint64_t block);
/* Listed, or perhaps in a replay. */
bool lost_is_listed(const struct set *set, uint64_t block, uint64_t count);
bool lost_page_is_listed(const struct set *set, uint64_t region);

/* Blocks are overwritten, or unwritten: the record under way says so, in
 * words of its own (ITEM_UNWRITTEN) or with lost_put_gone. */
void lost_leaving(struct set *set, uint64_t block, uint64_t count);
void lost_put_gone(struct set *set, struct record *rec, uint64_t block,
		   uint64_t count);
/* ... and is durable. */
void lost_left(struct set *set, uint64_t block, uint64_t count);
void lost_page_left(struct set *set, uint64_t region);

/* What a checkpoint says again, from these places on.  False: no room. */
bool lost_put_again(struct set *set, struct record *rec,
		    uint64_t at[LOST_KINDS]);
bool lost_replay(struct set *set, const struct item *item);

void lost_check(const struct set *set);

#endif
