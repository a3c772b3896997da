/* SPDX-License-Identifier: MIT */
/*
 * Reading blocks, verified (R11, R12).
 *
 * The caller holds a range lock, so the sums cannot change.  First the whole
 * range from one leg, with the page of sums beside it if it is not cached;
 * what does not verify sends us to the next leg.  When no leg has all of it,
 * block by block, each from whichever leg verifies.  Legs found bad are
 * handed to repair.  Unwritten blocks become zeros, whatever disks hold.
 *
 * A leg may be given up for being slow (R10).  What it reads into is then not
 * to be used: the client's buffer stays with the request, which is answered
 * with -EAGAIN; a bounce has a stand-in, and the fetch goes on.
 */
#include <errno.h>
#include <string.h>

#include "set.h"

static void fetch_whole(struct fetch *f);
static void fetch_verify(struct fetch *f);

static uint8_t *
fetch_buf(const struct fetch *f, uint32_t i)
{
	return f->buf + (size_t)i * BLOCK_BYTES;
}

static uint64_t
fetch_offset(const struct fetch *f, uint32_t i)
{
	return f->set->raid->sb.layout.data_offset +
	       (f->block + i) * BLOCK_BYTES;
}

/* known: its sum is, so it is the data that is lost. */
static void
fetch_lost(struct fetch *f, uint32_t i, bool known)
{
	f->set->lost_reads++;
	f->res = PLANTED(LOST_BLOCK_RETURNED) ? 0 : -EIO;
	if (!known)
		return;
	/* What was wrong with each copy first, and then what comes of it. */
	repair_tell(f->set, f->block + i);
	lost_add(f->set, f->block + i);
}

/* The page is needed to know; goes on with fetch_verify. */
static void
fetch_page_done(struct page_wait *w)
{
	struct fetch *f = container_of(w, struct fetch, page);

	if (--f->pending == 0)
		fetch_verify(f);
}

static void
fetch_ask_page(struct fetch *f)
{
	CHECK(list_empty(&f->page.link));
	f->pending++;
	CHECK(!pages_need(f->set, set_region(f->set, f->block), &f->page));
}

/* It may have been written, and the record that said so be missing: then
 * there would be its data. */
static int
fetch_check_gap(const struct fetch *f, uint32_t i)
{
	static const uint8_t zeros[BLOCK_BYTES];

	return memcmp(fetch_buf(f, i), zeros, BLOCK_BYTES) == 0 ? 0 : -EIO;
}

/* Does block i, as read, verify?  -EAGAIN: the page is needed. */
static int
fetch_check(struct fetch *f, uint32_t i)
{
	uint32_t sum;

	switch (sum_lookup(f->set, f->block + i, &sum)) {
	case SUM_KNOWN:
		break;
	case SUM_NEEDS_PAGE:
		return -EAGAIN;
	case SUM_LOST:
		return -EIO;
	}
	if (sum == SUM_UNWRITTEN && set_has_gap(f->set))
		return fetch_check_gap(f, i);
	if (sum == SUM_UNWRITTEN) {
		if (!PLANTED(UNWRITTEN_READS_DISK))
			memset(fetch_buf(f, i), 0, BLOCK_BYTES);
		return 0;
	}
	if (PLANTED(NOTHING_VERIFIED))
		return 0;
	if (sum_of(f->set->sum_base, f->block + i, fetch_buf(f, i)) != sum)
		return -EBADMSG;
	lost_readable(f->set, f->block + i);
	return 0;
}

static void
fetch_suspect(struct fetch *f, struct leg *leg, uint32_t i)
{
	repair_suspect(f->set, leg, f->block + i, fetch_buf(f, i));
}

/* Those that are slow come last, and are waited for then. */
static struct leg *
fetch_pick(const struct fetch *f)
{
	struct leg *leg = leg_pick(f->set, f->tried | f->slow);

	return leg ? leg : leg_pick(f->set, f->tried);
}

static void
fetch_read(struct fetch *f, struct leg *leg, uint32_t i, uint32_t count,
	   op_done_f *done)
{
	struct op *op;
	uint8_t others = (uint8_t) ~(f->tried | f->slow | leg->bit);

	f->pending++;
	op = op_submit(leg, IO_READ, fetch_offset(f, i),
		       (uint64_t)count * BLOCK_BYTES, fetch_buf(f, i), false,
		       done, f, 0);
	op->spared = f->bounce != NULL;
	op->hedged = (f->set->in_mask & others) != 0;
}

/* The client's buffer is back with the client's request. */
static void
fetch_released(struct op *op, int res)
{
	struct raid_req *req = op->owner;

	(void)res;
	CHECK(req->held > 0);
	if (--req->held == 0 && req->parts == 0)
		req->released(req);
}

static void
fetch_abandoned(struct fetch *f, struct op *op)
{
	f->slow |= op->leg->bit;
	f->again = true;
	if (PLANTED(TIMED_OUT_BUFFER_REUSED) && !op->spared)
		return;
	if (op->spared) {
		*f->bounce = op->spare;
		f->buf = op->spare;
		return;
	}
	f->given_up = true;
	f->req->held++;
	op->owner = f->req;
	op->released = fetch_released;
}

static void fetch_single_done(struct op *op, int res);

/* Block by block, from f->at on. */
static void
fetch_single(struct fetch *f)
{
	for (; f->at < f->count; f->at++, f->tried = 0) {
		uint32_t sum = 0;
		enum sum_known known =
			sum_lookup(f->set, f->block + f->at, &sum);
		struct leg *leg = fetch_pick(f);

		if (known == SUM_NEEDS_PAGE) {
			fetch_ask_page(f);
			return;
		}
		if (known == SUM_KNOWN && sum == SUM_UNWRITTEN &&
		    !set_has_gap(f->set)) {
			memset(fetch_buf(f, f->at), 0, BLOCK_BYTES);
			continue;
		}
		if (known != SUM_KNOWN || !leg) {
			fetch_lost(f, f->at, known == SUM_KNOWN);
			continue;
		}
		fetch_read(f, leg, f->at, 1, fetch_single_done);
		return;
	}
	f->done(f, f->res);
}

static void
fetch_single_done(struct op *op, int res)
{
	struct fetch *f = op->owner;

	f->pending--;
	if (op->abandoned) {
		fetch_abandoned(f, op);
		if (f->given_up)
			f->done(f, -EAGAIN);
		else
			fetch_single(f);
		return;
	}
	if (res < 0) {
		repair_read_error(f->set, op->leg, f->block + f->at, 1, res);
		res = -EIO;
	} else {
		res = fetch_check(f, f->at);
		if (res == -EBADMSG)
			fetch_suspect(f, op->leg, f->at);
	}
	/* A page evicted between: fetch_single asks for it and reads again. */
	if (res == 0) {
		f->at++;
		f->tried = 0;
	} else if (res != -EAGAIN) {
		f->tried |= op->leg->bit;
	}
	fetch_single(f);
}

/* The read from one leg is in, and the page if it was asked for. */
static void
fetch_verify(struct fetch *f)
{
	struct leg *leg = &f->set->legs[f->leg];
	bool bad = false;

	if (f->given_up) {
		f->done(f, -EAGAIN);
		return;
	}
	if (f->single) {
		fetch_single(f);
		return;
	}
	if (f->again) {
		f->again = false;
		fetch_whole(f);
		return;
	}
	for (uint32_t i = 0; i < f->count && f->res == 0; i++) {
		int res = fetch_check(f, i);

		if (res == -EAGAIN) {
			fetch_ask_page(f);
			return;
		}
		if (res == 0)
			continue;
		bad = true;
		if (res == -EBADMSG)
			fetch_suspect(f, leg, i);
	}
	if (!bad && f->res == 0) {
		f->done(f, 0);
		return;
	}
	f->tried |= leg->bit;
	f->res = 0;
	fetch_whole(f);
}

static void
fetch_whole_done(struct op *op, int res)
{
	struct fetch *f = op->owner;

	f->pending--;
	if (op->abandoned) {
		fetch_abandoned(f, op);
	} else if (res < 0) {
		repair_read_error(f->set, op->leg, f->block, f->count, res);
		f->res = res;
	}
	if (f->pending == 0)
		fetch_verify(f);
}

static void
fetch_whole(struct fetch *f)
{
	struct leg *leg = fetch_pick(f);

	if (!leg) {
		f->single = true;
		f->at = 0;
		f->tried = 0;
		fetch_single(f);
		return;
	}
	f->leg = leg->index;
	fetch_read(f, leg, 0, f->count, fetch_whole_done);
}

/* All unwritten, as far as is known without a page? */
static bool
fetch_is_unwritten(const struct fetch *f)
{
	uint32_t sum;

	if (set_has_gap(f->set))
		return false;
	for (uint32_t i = 0; i < f->count; i++)
		if (sum_lookup(f->set, f->block + i, &sum) != SUM_KNOWN ||
		    sum != SUM_UNWRITTEN)
			return false;
	return true;
}

void
fetch_start(struct fetch *f)
{
	uint32_t sum;

	list_init(&f->page.link);
	f->page.done = fetch_page_done;
	if (set_is_dark(f->set)) {
		f->set->lost_reads += f->count;
		f->done(f, -EIO);
		return;
	}
	if (fetch_is_unwritten(f)) {
		memset(f->buf, 0, (size_t)f->count * BLOCK_BYTES);
		f->done(f, 0);
		return;
	}
	/* Held until the read is submitted, should the page come at once. */
	f->pending = 1;
	for (uint32_t i = 0; i < f->count; i++) {
		if (sum_lookup(f->set, f->block + i, &sum) == SUM_NEEDS_PAGE) {
			fetch_ask_page(f);
			break;
		}
	}
	fetch_whole(f);
	f->pending--;
}
