/* SPDX-License-Identifier: MIT */
/*
 * Range locks (R9): who may touch which blocks of a set now.  Granted in the
 * order asked, shared ones together.  A lock lasts until the last member I/O
 * under it has completed or its leg is out.
 */
#ifndef RAID_RANGE_H
#define RAID_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"

struct range;
typedef void range_granted_f(struct range *range);

struct range {
	struct list link; /* all of the set's, held or waiting, in order */
	uint64_t block;
	uint64_t count;
	bool exclusive;
	bool held;
	range_granted_f *granted;
};

struct ranges {
	struct list all;
	uint32_t waiting;
};

void ranges_init(struct ranges *rs);

/* True: held now.  False: granted is called when it is. */
bool range_lock(struct ranges *rs, struct range *r, uint64_t block,
		uint64_t count, bool exclusive, range_granted_f *granted);

/* May call granted of others. */
void range_unlock(struct ranges *rs, struct range *r);

#endif
