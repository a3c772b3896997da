/* SPDX-License-Identifier: MIT */
/*
 * The values that a granule may have: the oracle's own business.
 */
#ifndef SIM_VERSIONS_H
#define SIM_VERSIONS_H

#include "oracle.h"

#define GRANULE_MAX 4096u

void oracle_write_unref(struct oracle_write *w);

/* Of a write or more, one for each granule in the range. */
void versions_add(struct oracle *o, struct oracle_write *w, uint64_t offset,
		  uint64_t end, enum image_kind kind);
/* Forget the one that the link leads to. */
void version_drop(const struct oracle *o, struct version **link);

/* Is another write to the granule too much, or not to be told apart?  whole:
 * it covers all of it. */
bool versions_are_busy(const struct oracle *o, uint64_t g, bool whole);

/* What was over before this is superseded for all that is sent at `before`:
 * the latest sending of one that was answered by then. */
uint64_t versions_horizon(const struct oracle *o, uint64_t g, uint64_t before,
			  bool durable);
/* All disks lie: is nothing known of it since power failed? */
bool versions_are_untold(const struct oracle *o, uint64_t g, uint64_t sent);
/* Then a read tells, until it is written. */
void versions_tell(struct oracle *o, uint64_t g, const uint8_t *bytes);

/* No request that goes on was sent before this. */
uint64_t versions_oldest_reader(const struct oracle *o);

static inline bool
version_is_behind(const struct version *v, uint64_t horizon)
{
	return v->write->done != 0 && v->write->done < horizon;
}

static inline bool
version_is_durable(const struct version *v)
{
	return v->settled || v->write->durable;
}

/* May a read that was sent at `sent` return it? */
bool version_is_allowed(const struct oracle *o, uint64_t g,
			const struct version *v, uint64_t sent);
/* Is it what these bytes, `skip` into the granule, show? */
bool version_matches(const struct oracle *o, uint64_t g,
		     const struct version *v, const uint8_t *data,
		     uint64_t skip, uint64_t length);
bool versions_look_alike(const struct oracle *o, uint64_t g,
			 const struct version *a, const struct version *b);

#endif
