/* SPDX-License-Identifier: MIT */
/*
 * All that a crash may leave of what the caches held and of what was in
 * flight, numbered.
 *
 * What is not on the medium is cut into pieces: a block of data, or a whole
 * write of anything else.  Of each piece nothing may be left, all, or one of
 * its halves; what was written over by a later piece that is left does not
 * matter.  So pieces that share a page make a cell, and a cell has outcomes:
 * the different contents its pages may have.  An image is one outcome of each
 * cell; the legs are independent.
 */
#ifndef SIM_EXHAUST_IMAGE_H
#define SIM_EXHAUST_IMAGE_H

#include "exhaust_world.h"

#define XPIECES_MAX  96u
#define XCELLS_MAX   64u

/*
 * What is torn.  Only what was in flight: a write that was in the cache was
 * in flight at an earlier crash point.  Where that gives too many images,
 * nothing.
 */
enum xtear { XTEAR_NONE, XTEAR_IN_FLIGHT };

struct xpiece {
	unsigned leg;
	bool in_flight;
	struct xwrite write;
};

struct xoutcome {
	uint64_t hash; /* what it adds to the hash of the image */
	const struct xpage *pages[XWRITE_PAGES_MAX];
};

struct xcell {
	unsigned leg;
	unsigned pages_count;
	uint32_t pages[XWRITE_PAGES_MAX];
	unsigned count;
	struct xoutcome *outcomes;
};

struct ximages {
	const struct xworld *world;
	struct xpool *pool;
	bool power;
	enum xtear tear;
	uint64_t count;
	uint64_t left_out; /* there are more than so many */
	uint64_t hash;     /* of the disks as they are without any piece */
	unsigned pieces_count;
	struct xpiece pieces[XPIECES_MAX];
	unsigned cells_count;
	struct xcell cells[XCELLS_MAX];
};

/* Of the world as it stands: power is cut, or only the daemon dies.  At most
 * max of them. */
void ximages_list(struct ximages *im, const struct xworld *w,
		  struct xpool *pool, bool power, uint64_t max);
/* Of the index-th, without making it. */
uint64_t ximages_hash(const struct ximages *im, uint64_t index);
void ximages_make(const struct ximages *im, uint64_t index, struct xdisk *out);
/* For people. */
void ximages_print(const struct ximages *im, uint64_t index);

#endif
