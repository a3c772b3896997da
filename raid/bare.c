/* SPDX-License-Identifier: MIT */
/*
 * Parts without sums: nothing is verified, nothing journaled.  For measuring
 * what those cost, and for nothing else: an array made so reads as zeros when
 * it is started again, since no record says that it was written.
 */
#include <errno.h>
#include <string.h>

#include "set.h"

static void
bare_read_done(struct op *op, int res)
{
	struct part *p = op->owner;

	if (res == 0 && p->buf != p->data)
		memcpy(p->data, p->buf + p->skip, p->bytes);
	part_finish(p, res < 0 ? -EIO : 0);
}

static void
bare_read(struct part *p)
{
	struct leg *leg = leg_pick(p->set, 0);

	p->step = PART_FETCHING;
	p->buf = p->bytes == p->count * BLOCK_BYTES ? p->data : p->bounce;
	CHECK(leg); /* a set keeps its last one */
	op_submit(leg, IO_READ,
		  p->set->raid->sb.layout.data_offset + p->block * BLOCK_BYTES,
		  p->count * BLOCK_BYTES, p->buf, false, bare_read_done, p, 0);
}

static void
bare_write_done(struct fan *fan, int res)
{
	part_finish(container_of(fan, struct part, fan), res);
}

/* Whole blocks: the rest of one that is written in part is lost. */
static void
bare_write(struct part *p)
{
	p->step = PART_DATA;
	p->buf = p->data ? p->data : p->set->raid->zeros;
	if (p->bytes != p->count * BLOCK_BYTES) {
		p->buf = p->bounce;
		memset(p->buf, 0, BLOCK_BYTES);
		if (p->data)
			memcpy(p->buf + p->skip, p->data, p->bytes);
	}
	fan_begin(&p->fan, p->set, CAUSE_DATA, bare_write_done);
	fan_write(&p->fan,
		  p->set->raid->sb.layout.data_offset + p->block * BLOCK_BYTES,
		  p->count * BLOCK_BYTES, p->buf, p->fua);
	fan_end(&p->fan);
}

void
bare_begin(struct part *p)
{
	switch (p->kind) {
	case PART_READ:
		bare_read(p);
		return;
	case PART_WRITE:
		bare_write(p);
		return;
	case PART_MAP:
		memset(p->data, 1, p->count);
		part_finish(p, 0);
		return;
	case PART_UNWRITTEN:
		part_finish(p, 0);
		return;
	case PART_FLUSH:
		break;
	}
	CHECK(false); /* a flush takes no lock */
}
