/* SPDX-License-Identifier: MIT */
/*
 * What disks of an array were found to have wrong, the newest 1,024 of it, and
 * what became of it.  Control thread only; gone when raidd ends.
 */
#ifndef RAIDD_FAULTS_H
#define RAIDD_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "identity.h"
#include "layout.h"
#include "note.h"

#define FAULTS_KEPT      1024u
#define FAULT_PATH_BYTES 256

/* X(NAME, "word") */
#define FAULT_OUTCOMES(X)                                               \
	X(PENDING, "pending")       /* not healed, as far as is known */ \
	X(HEALED, "healed")                                              \
	X(LEG_FAILED, "leg-failed") /* the leg is out since */           \
	X(LOST, "lost")             /* no leg has it */

enum fault_outcome {
#define X(name, word) FAULT_##name,
	FAULT_OUTCOMES(X)
#undef X
		FAULT_OUTCOME_COUNT
};

struct fault {
	uint64_t time_s;
	uint16_t set;
	uint16_t leg;
	enum raid_verdict kind;
	enum fault_outcome outcome;
	int err;             /* -errno, or 0: it was read, and not right */
	bool has_place;      /* else it is in the metadata */
	uint64_t set_offset; /* bytes */
	uint64_t device_offset;
	uint64_t length;
	uint64_t belongs_offset; /* MISDIRECTED: on the device */
	enum raid_back what;     /* WENT_BACK; BACK_COUNT: at a start */
	uint64_t behind;
	char path[FAULT_PATH_BYTES];
	char model[IDENTITY_TEXT_MAX];
	char serial[IDENTITY_TEXT_MAX];
	char firmware[IDENTITY_TEXT_MAX];
};

struct faults {
	struct fault *kept; /* a ring, made with the first one */
	uint64_t count;     /* ever */
};

struct device;

/* A note of the engine, of whatever kind.  d: the leg's disk; NULL: none. */
void faults_note(struct faults *f, const struct raid_note *n,
		 const struct geometry *g, const struct device *d,
		 uint64_t time_s);
void faults_fini(struct faults *f);

/* How many are kept, and the i-th of them, the oldest first. */
uint32_t faults_kept(const struct faults *f);
const struct fault *faults_at(const struct faults *f, uint32_t i);

const char *fault_outcome_word(enum fault_outcome outcome);
/* "superblock" */
const char *fault_back_word(enum raid_back what);

#endif
