/* SPDX-License-Identifier: MIT */
/* Parts that read: READ, and MAP, which asks what is written. */
#include <string.h>

#include "set.h"

static void
read_done(struct fetch *f, int res)
{
	struct part *p = container_of(f, struct part, fetch);

	if (res == 0 && p->fetch.bounce)
		memcpy(p->data, p->bounce + p->skip, p->bytes);
	part_finish(p, res);
}

void
read_begin(struct part *p)
{
	p->step = PART_FETCHING;
	p->fetch = (struct fetch){
		.set = p->set,
		.block = p->block,
		.count = (uint32_t)p->count,
		.done = read_done,
	};
	if (p->bytes == p->count * BLOCK_BYTES) {
		p->fetch.buf = p->data;
		p->fetch.req = p->req;
	} else {
		p->fetch.buf = p->bounce;
		p->fetch.bounce = &p->bounce;
	}
	fetch_start(&p->fetch);
}

static void
map_page_done(struct page_wait *w)
{
	map_begin(container_of(w, struct part, page));
}

void
map_begin(struct part *p)
{
	struct set *set = p->set;

	for (uint64_t i = 0; i < p->count; i++) {
		bool written;

		if (sum_is_written(set, p->block + i, &written) ==
		    SUM_NEEDS_PAGE) {
			p->step = PART_WAITING_PAGE;
			p->page.done = map_page_done;
			CHECK(!pages_need(set, set_region(set, p->block),
					  &p->page));
			return;
		}
		p->data[i] = written;
	}
	part_finish(p, 0);
}
