/* SPDX-License-Identifier: MIT */
#include "fan.h"

#include <errno.h>

#include "set.h"

static void
fan_finish(struct fan *fan, int res)
{
	list_remove(&fan->link);
	fan->done(fan, res);
}

/* Done, hopeless, or waiting for an epoch without the legs it missed (R2). */
static bool
fan_is_decided(const struct fan *fan, int *res)
{
	const struct set *set = fan->set;
	uint8_t lacking = fan->missed & set->counted_mask;

	if (PLANTED(ACK_BEFORE_EPOCH) ||
	    (PLANTED(EPOCH_IN_FORCE_EARLY) &&
	     set->raid->meta.state == META_WRITING))
		lacking = 0;
	/* never: what was hopeless is lacking still, as the last leg stays
	 * counted; and so one is always there that is ok. */
	if (!lacking && !fan->hopeless && fan->ok) {
		*res = 0;
		return true;
	}
	/* Before the start's epoch there is none to wait for.
	 * never: nothing is lacking, see above. */
	if (!lacking || fan->hopeless || set->write_stopped ||
	    (!set->raid->epoch_begun && !PLANTED(CREATE_WAITS_FOR_EPOCH)) ||
	    set->raid->meta.state == META_STUCK) {
		*res = -EIO;
		if (PLANTED(STUCK_EPOCH_ACKS) && fan->ok && !fan->hopeless)
			*res = 0;
		return true;
	}
	return false;
}

/* All its I/O has completed. */
static void
fan_gather(struct fan *fan)
{
	int res;

	if (fan_is_decided(fan, &res))
		fan_finish(fan, res);
	else
		list_append(&fan->set->fans, &fan->link);
}

void
fan_recheck(struct set *set)
{
	struct list waiting;

	list_init(&waiting);
	list_splice(&waiting, &set->fans);
	while (!list_empty(&waiting)) {
		struct fan *fan = list_first(&waiting, struct fan, link);

		list_remove(&fan->link);
		fan_gather(fan);
	}
}

static void
fan_op_done(struct op *op, int res)
{
	struct fan *fan = op->owner;
	struct leg *leg = op->leg;

	if ((PLANTED(WRITE_ERROR_IGNORED) && fan->cause == CAUSE_DATA) ||
	    (PLANTED(APPEND_ERROR_IGNORED) && fan->cause == CAUSE_APPEND) ||
	    (PLANTED(PAGE_ERROR_IGNORED) && fan->cause == CAUSE_PAGE) ||
	    (PLANTED(MAP_ERROR_IGNORED) && fan->cause == CAUSE_CHECKPOINT))
		res = 0;
	if (res < 0) {
		fan->missed |= leg->bit;
		fan->ok &= (uint8_t)~leg->bit;
		if (!leg_fail(leg, fan->cause, res))
			fan->hopeless = true;
	}
	fan->pending--;
	if (fan->pending ==
	    (PLANTED(ACK_BEFORE_LAST_LEG) && fan->cause == CAUSE_DATA))
		fan_gather(fan);
}

void
fan_begin(struct fan *fan, struct set *set, enum raid_cause cause,
	  fan_done_f *done)
{
	*fan = (struct fan){
		.set = set,
		.cause = cause,
		.done = done,
		.pending = 1,
		.ok = set->in_mask,
		.missed = set->counted_mask & (uint8_t)~set->in_mask,
	};
	list_init(&fan->link);
}

void
fan_write_leg(struct fan *fan, struct leg *leg, uint64_t offset,
	      uint64_t length, void *buf, bool fua)
{
	if (!(fan->ok & leg->bit))
		return;
	CHECK(leg->run == RUN_IN); /* nothing completes in a submit */
	fan->pending++;
	op_submit(leg, IO_WRITE, offset, length, buf, fua, fan_op_done, fan, 0);
}

void
fan_write(struct fan *fan, uint64_t offset, uint64_t length, void *buf,
	  bool fua)
{
	struct set *set = fan->set;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++)
		fan_write_leg(fan, &set->legs[i], offset, length, buf, fua);
}

/* A good flush covers what completed before it was submitted (R3). */
static void
fan_flush_done(struct op *op, int res)
{
	if (PLANTED(RETRY_FAILED_FLUSH) && res < 0 && !op->io.fua) {
		op_submit(op->leg, IO_FLUSH, 0, 0, NULL, true, fan_flush_done,
			  op->owner, op->tag);
		return;
	}
	if (res == 0)
		op->leg->flushed = PLANTED(FLUSH_COVERS_LATER)
					   ? op->leg->written
					   : op->tag;
	fan_op_done(op, res);
}

void
fan_flush(struct fan *fan)
{
	struct set *set = fan->set;

	for (uint32_t i = 0; i < set->raid->sb.geometry.legs; i++) {
		struct leg *leg = &set->legs[i];

		if (leg->run != RUN_IN || leg->write_through ||
		    leg->written == leg->flushed ||
		    (PLANTED(FLUSH_LEAVES_OUT_LEG) && i > 0))
			continue;
		fan->pending++;
		op_submit(leg, IO_FLUSH, 0, 0, NULL, false, fan_flush_done, fan,
			  leg->written);
	}
}

void
fan_end(struct fan *fan)
{
	fan->pending--;
	/* Never called back from inside: the array's next tick does it. */
	if (fan->pending == 0)
		list_append(&fan->set->raid->ready, &fan->link);
}

void
fan_run_ready(struct list *ready)
{
	while (!list_empty(ready)) {
		struct fan *fan = list_first(ready, struct fan, link);

		list_remove(&fan->link);
		fan_gather(fan);
	}
}
