/* SPDX-License-Identifier: MIT */
/*
 * What a write has to know and have before it begins (write.c): which of its
 * blocks are written, so in which units it is to be DIRTY (R1) and whether R4
 * holds; and of a block that it fills in part, the rest.
 *
 *  LOCKING -> WAITING_PAGE   is it written?  only where no page says so yet
 *          -> FETCHING       part of a written block: the rest of it
 */
#include <errno.h>
#include <string.h>

#include "set.h"

/* The unit of the region (bit) block i is in. */
static uint32_t
part_unit_bit(const struct part *p, uint64_t i)
{
	uint64_t mask = (1ull << p->set->region_shift) - 1;

	return (uint32_t)(((p->block + i) & mask) / UNIT_BLOCKS);
}

bool
part_is_sub_block(const struct part *p)
{
	return p->bytes != p->count * BLOCK_BYTES;
}

/* p->buf's whole blocks are what they shall be. */
static void
prepare_done(struct part *p)
{
	if (part_is_sub_block(p)) {
		if (p->data)
			memcpy(p->bounce + p->skip, p->data, p->bytes);
		else
			memset(p->bounce + p->skip, 0, p->bytes);
	}
	write_resume(p);
}

/* On the lost list: as a first write, so that the entry goes with a record of
 * a sum whose data is durable. */
static void
prepare_listed(struct part *p, uint64_t i)
{
	if (PLANTED(LOST_REMOVED_BEFORE_DURABLE)) {
		lost_leaving(p->set, p->block + i, 1);
		return;
	}
	p->unwritten[i / 64] |= 1ull << (i % 64);
	p->first = true;
	p->listed = true;
}

static void
prepare_fetched(struct fetch *f, int res)
{
	struct part *p = container_of(f, struct part, fetch);

	p->buf = p->bounce; /* it may be another (R10) */
	if (res < 0 && !PLANTED(SUBBLOCK_WRITE_OVER_LOST)) {
		/* A block no leg verifies takes no part of a block (H15). */
		p->units = 0;
		part_finish(p, res);
		return;
	}
	if (lost_is_listed(p->set, p->block, 1))
		prepare_listed(p, 0); /* it was, a moment ago */
	prepare_done(p);
}

static void
prepare_page_done(struct page_wait *w)
{
	prepare_begin(container_of(w, struct part, page));
}

/*
 * False: waits for the page.  If that is lost now and can be read tomorrow, a
 * block may turn out to be unwritten, or not: such a block is taken for both,
 * DIRTY before (R1), durable before its sum (R4).
 */
static bool
prepare_classify(struct part *p)
{
	struct set *set = p->set;

	memset(p->unwritten, 0, sizeof(p->unwritten));
	p->first = false;
	p->lost = false;
	p->listed = false;
	p->units = 0;
	for (uint64_t i = 0; i < p->count; i++) {
		bool written;
		enum sum_known known =
			sum_is_written(set, p->block + i, &written);

		if (known == SUM_NEEDS_PAGE) {
			p->step = PART_WAITING_PAGE;
			p->page.done = prepare_page_done;
			CHECK(!pages_need(set, set_region(set, p->block),
					  &p->page));
			return false;
		}
		if (written)
			p->units |= 1ull << part_unit_bit(p, i);
		p->lost |= known == SUM_LOST;
		if (written && known != SUM_LOST) {
			if (!part_is_sub_block(p) &&
			    lost_is_listed(set, p->block + i, 1))
				prepare_listed(p, i);
			continue;
		}
		p->unwritten[i / 64] |= 1ull << (i % 64);
		p->first = true;
	}
	return true;
}

/* Part of a written block: the rest of it. */
static void
prepare_fetch(struct part *p)
{
	p->step = PART_FETCHING;
	p->fetch = (struct fetch){
		.set = p->set,
		.block = p->block,
		.count = 1,
		.buf = p->bounce,
		.bounce = &p->bounce,
		.done = prepare_fetched,
	};
	fetch_start(&p->fetch);
}

void
prepare_begin(struct part *p)
{
	if (p->set->write_stopped) {
		part_finish(p, -EIO);
		return;
	}
	if (!prepare_classify(p))
		return;
	if (!part_is_sub_block(p)) {
		p->buf = p->data ? p->data : p->set->raid->zeros;
		prepare_done(p);
		return;
	}
	p->buf = p->bounce;
	if (p->lost && !PLANTED(LOST_PAGE_WRITTEN_IN_PART)) {
		p->units = 0;
		part_finish(p, -EIO); /* what is the rest of the block? */
	} else if (p->first) {
		memset(p->bounce, 0, BLOCK_BYTES);
		prepare_done(p);
	} else {
		prepare_fetch(p);
	}
}
