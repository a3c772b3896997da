/* SPDX-License-Identifier: MIT */
/*
 * What may a read return, when there are two blocks and a few requests?  The
 * promise is oracle.h's; this one is a value of a few hundred bytes that is
 * copied at each crash and hashed, and it was written a second time from the
 * promise, so that a mistake in one shows.
 *
 * Changes are numbered in the order in which they were sent; 0 is what stood
 * there before.  For each sector of the two blocks: which of them a read may
 * still return.
 */
#ifndef SIM_EXHAUST_ORACLE_H
#define SIM_EXHAUST_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define XORACLE_SECTOR      512u
#define XORACLE_BLOCK       8u  /* sectors */
#define XORACLE_SECTORS     16u /* two blocks */
#define XORACLE_CHANGES_MAX 16u
#define XORACLE_READS_MAX   4u

struct xchange {
	uint32_t issue;
	uint32_t done; /* 0: in flight */
	bool zeros;
	bool ok;
	bool maybe; /* a crash left open whether it happened */
	bool durable;
	bool durable_ack; /* its answer means durable */
};

struct xoracle {
	uint32_t seq;
	uint32_t crashed; /* when last */
	uint32_t count;
	struct xchange changes[XORACLE_CHANGES_MAX];
	/* Bit per change. */
	uint16_t alive[XORACLE_SECTORS];
	uint16_t settled[XORACLE_SECTORS]; /* a read returned it (I3) */
	uint32_t reads[XORACLE_READS_MAX]; /* when sent, of those in flight */
};

void xoracle_init(struct xoracle *o);
uint64_t xoracle_hash(const struct xoracle *o);

/* A change of sectors is sent; its number. */
unsigned xoracle_change(struct xoracle *o, unsigned sector, unsigned sectors,
			bool zeros, bool durable_ack);
void xoracle_changed(struct xoracle *o, unsigned change);

/* The time of a flush or read that is sent. */
uint32_t xoracle_sent(struct xoracle *o);
void xoracle_flushed(struct xoracle *o, uint32_t sent);
/* Returns the slot to give back. */
unsigned xoracle_read(struct xoracle *o);
/* Of whole sectors.  NULL: it may be; else why it may not. */
const char *xoracle_answered(struct xoracle *o, unsigned read, unsigned sector,
			     unsigned sectors, const uint8_t *data);

/* The daemon is gone; power: the caches too. */
void xoracle_crash(struct xoracle *o, bool power);
/* A start or a clean stop: what was acknowledged is durable. */
void xoracle_all_durable(struct xoracle *o);

/* The bytes that a change puts there. */
void xoracle_fill(unsigned change, unsigned sector, unsigned sectors,
		  uint8_t *buf);

#endif
