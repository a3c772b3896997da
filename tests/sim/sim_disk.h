/* SPDX-License-Identifier: MIT */
/*
 * A disk with a volatile cache, as bytes: no time, no requests (sim_io.c).
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

#define DISK_FLIPS_MAX 32u
#define DISK_BAD_MAX 16u
#define DISK_SCARS_MAX 512u
/* More cached writes than this: the oldest go to the medium by themselves. */
#define DISK_CACHE_MAX 512u

/* A write that reached the cache and not, as far as known, the medium. */
struct cached_write {
	struct cached_write *next;
	uint64_t offset;
	uint64_t length;
	uint64_t done_seq; /* when the host learnt of it; 0: not yet */
	bool owed; /* it was acknowledged as if on the medium */
	uint8_t *data;
	/* One a sector: what came later is on the medium already. */
	uint8_t *dead;
};

/* A rotten byte on the medium, until something is written over it. */
struct flip {
	bool live;
	uint8_t mask;
	uint64_t offset;
};

/* Sectors that cannot be read, until they are written. */
struct bad_range {
	bool live;
	uint64_t offset;
	uint64_t length;
};

/* A sector that is not what it ought to be (sim_lies.c). */
struct scar {
	struct scar *next;
	uint64_t offset;
	uint8_t was[512];
};

/* 4 KiB.  Most of a disk is never touched: what it holds is made when it is
 * asked for. */
struct piece {
	uint8_t *medium; /* what survives a power cut; NULL: noise */
	uint8_t *view;   /* what a read returns: medium and cache */
	uint32_t cached; /* writes in the cache that touch it; 0: no view */
	uint32_t kept;   /* disk_kept() */
};

/* What becomes of a write not flushed when power goes. */
enum disk_fate { FATE_DRAW, FATE_KEEP, FATE_DROP, FATE_TEAR };

struct disk {
	uint32_t sector_bytes;
	bool write_through;
	bool vanished; /* every request is answered -EIO */
	uint64_t bytes;
	uint64_t noise;
	struct piece *pieces;
	struct cached_write *oldest;
	struct cached_write *newest;
	uint32_t cached_count;
	uint64_t owed_before; /* done before this: owed, by a lying flush */
	unsigned flips_live;
	unsigned bad_live;
	struct flip flips[DISK_FLIPS_MAX];
	struct bad_range bad[DISK_BAD_MAX];
	struct scar *scars; /* sim_lies.c */
	unsigned scar_count;
	struct rng rng; /* fates */
};

/* Filled with noise: what an earlier owner left. */
void disk_init(struct disk *d, uint64_t bytes, uint32_t sector_bytes,
	       bool write_through, uint64_t seed, unsigned index);
void disk_fini(struct disk *d);
/* A copy for looking what would be; the cache is not copied, it is empty. */
void disk_copy_media(struct disk *to, struct disk *from);
/* The opposite: as if it had never been written since. */
void disk_put_media(struct disk *to, struct disk *from);

/* One piece of 4 KiB only. */
void disk_put_back(struct disk *to, struct disk *from, uint64_t offset);

/* These bytes of the medium, within 4 KiB. */
const uint8_t *disk_media(struct disk *d, uint64_t offset, uint64_t length);
/* Room for something made of the 4 KiB of the medium around an offset, 0 as
 * soon as they change. */
uint32_t *disk_kept(struct disk *d, uint64_t offset);
/* A copy of any number of them. */
void disk_get_media(struct disk *d, uint64_t offset, uint64_t length,
		    void *buf);
/* The same of what a read returns. */
const uint8_t *disk_view(struct disk *d, uint64_t offset, uint64_t length);

/* False: a sector in it cannot be read; buf is then filled with noise. */
bool disk_read(struct disk *d, uint64_t offset, uint64_t length, void *buf);

/* The entry in the cache, whose done_seq the caller sets; NULL: on media. */
struct cached_write *disk_write(struct disk *d, uint64_t offset,
				uint64_t length, const void *data, bool fua);

/* The bytes are gone, at once and for good; what a read gives is noise. */
void disk_discard(struct disk *d, uint64_t offset, uint64_t length);

/* A write of which an accident lets through what fate says. */
void disk_write_torn(struct disk *d, uint64_t offset, uint64_t length,
		     const void *data, enum disk_fate fate);

/* All that was done before seq goes to the medium. */
void disk_flush(struct disk *d, uint64_t seq);

/* A flush that fails: of the same, each is flushed, kept or forgotten. */
void disk_flush_fail(struct disk *d, uint64_t seq);

/* Each cached write: as fate says. */
void disk_power_cut(struct disk *d, enum disk_fate fate);

/* Rot one byte.  False: the place is in the cache, or no room. */
bool disk_flip(struct disk *d, uint64_t offset, uint8_t mask);
/* The opposite. */
void disk_unflip(struct disk *d, struct flip *f);
bool disk_make_bad(struct disk *d, uint64_t offset, uint64_t length);
void disk_heal(struct disk *d);

/* sim_lies.c.  A write is acknowledged and never was.  False: no room. */
bool disk_lose(struct disk *d, uint64_t offset, uint64_t length,
	       const void *data);
/* These bytes are on the medium where others ought to be. */
bool disk_spoil(struct disk *d, uint64_t offset, uint64_t length,
		const void *data);
/* All is as it was when the image was taken, or as much as there is room to
 * remember. */
void disk_go_back(struct disk *d, struct disk *image);
/* 4 KiB of it.  False: no room. */
bool disk_piece_back(struct disk *d, struct disk *image, uint64_t offset);
/* Is some sector in it not what it ought to be? */
bool disk_is_scarred(const struct disk *d, uint64_t offset, uint64_t length);
/* Make it so, or take it for right as it is. */
void disk_mend(struct disk *d, uint64_t offset, uint64_t length);
void disk_forget_scars(struct disk *d, uint64_t offset, uint64_t length);

/* A lying flush: what was done before seq is owed to the medium. */
void disk_owe(struct disk *d, uint64_t seq);
/* What is owed to these bytes goes there. */
void disk_pay(struct disk *d, uint64_t offset, uint64_t length);

#endif
