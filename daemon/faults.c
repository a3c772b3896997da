/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "device.h"

const char *
fault_outcome_word(enum fault_outcome outcome)
{
	static const char *const words[] = {
#define X(name, word) [FAULT_##name] = word,
		FAULT_OUTCOMES(X)
#undef X
	};

	CHECK(outcome < FAULT_OUTCOME_COUNT);
	return words[outcome];
}

const char *
fault_back_word(enum raid_back what)
{
	switch (what) {
	case BACK_SUPERBLOCK:
		return "superblock";
	case BACK_MAP:
		return "map";
	case BACK_JOURNAL:
	case BACK_COUNT: /* what a start compares is the journal */
		break;
	}
	return "journal";
}

uint32_t
faults_kept(const struct faults *f)
{
	return f->count < FAULTS_KEPT ? (uint32_t)f->count : FAULTS_KEPT;
}

static struct fault *
fault_at(const struct faults *f, uint32_t i)
{
	uint64_t first = f->count - faults_kept(f);

	return &f->kept[(first + i) % FAULTS_KEPT];
}

const struct fault *
faults_at(const struct faults *f, uint32_t i)
{
	return fault_at(f, i);
}

void
faults_fini(struct faults *f)
{
	free(f->kept);
	*f = (struct faults){0};
}

/* --- a verdict --- */

static bool
fault_kind(const struct raid_note *n, enum raid_verdict *kind)
{
	switch (n->kind) {
	case NOTE_READ_ERROR:
		*kind = VERDICT_READ_ERROR;
		return true;
	case NOTE_MISMATCH:
		*kind = VERDICT_MISMATCH;
		return true;
	case NOTE_LOST_WRITE:
		*kind = VERDICT_LOST_WRITE;
		return true;
	case NOTE_MISDIRECTED:
		*kind = VERDICT_MISDIRECTED;
		return true;
	case NOTE_LEG_DAMAGED:
		*kind = VERDICT_MISMATCH;
		return n->err == 0; /* else the read error was one */
	case NOTE_PAGE_BAD:
		*kind = VERDICT_PAGE_BAD;
		return true;
	case NOTE_WENT_BACK:
	case NOTE_LEG_LAGGED:
		*kind = VERDICT_WENT_BACK;
		return true;
	default:
		return false;
	}
}

static void
fault_place(struct fault *ft, const struct raid_note *n,
	    const struct geometry *g)
{
	if (n->a == NOTE_NO_PLACE)
		return;
	ft->has_place = true;
	ft->set_offset = n->a;
	ft->device_offset = layout_array_offset(g, n->set, n->a);
	ft->length = n->b;
	if (n->kind == NOTE_MISDIRECTED) {
		ft->length = BLOCK_BYTES;
		ft->belongs_offset = n->b;
	}
}

static void
fault_disk(struct fault *ft, const struct device *d)
{
	if (!d)
		return;
	snprintf(ft->path, sizeof(ft->path), "%.*s", FAULT_PATH_BYTES - 1,
		 d->path);
	snprintf(ft->model, sizeof(ft->model), "%s", d->model);
	snprintf(ft->serial, sizeof(ft->serial), "%s", d->serial);
	snprintf(ft->firmware, sizeof(ft->firmware), "%s", d->firmware);
}

static void
faults_add(struct faults *f, const struct raid_note *n, enum raid_verdict kind,
	   const struct geometry *g, const struct device *d, uint64_t time_s)
{
	struct fault ft = {
		.time_s = time_s,
		.set = n->set,
		.leg = n->leg,
		.kind = kind,
		.err = n->err,
	};

	if (!f->kept)
		f->kept = calloc(FAULTS_KEPT, sizeof(*f->kept));
	if (!f->kept)
		return; /* the log has it */
	if (n->kind == NOTE_LEG_LAGGED) {
		ft.what = BACK_COUNT;
		ft.behind = n->b - n->a;
		ft.outcome = FAULT_LEG_FAILED;
	} else if (n->kind == NOTE_LEG_DAMAGED) {
		ft.outcome = FAULT_LEG_FAILED;
	} else if (n->kind == NOTE_WENT_BACK) {
		ft.what = (enum raid_back)n->a;
		ft.behind = n->b;
	} else {
		fault_place(&ft, n, g);
	}
	fault_disk(&ft, d);
	f->kept[f->count++ % FAULTS_KEPT] = ft;
}

/* --- what became of it --- */

static bool
fault_covers(const struct fault *ft, uint64_t set_offset)
{
	return ft->has_place && ft->kind != VERDICT_PAGE_BAD &&
	       set_offset >= ft->set_offset &&
	       set_offset - ft->set_offset < ft->length;
}

/* What the note says has become of this one; PENDING: nothing. */
static enum fault_outcome
fault_outcome_of(const struct fault *ft, const struct raid_note *n)
{
	bool page = ft->kind == VERDICT_PAGE_BAD;

	switch (n->kind) {
	case NOTE_REPAIRED:
		return fault_covers(ft, n->a) ? FAULT_HEALED : FAULT_PENDING;
	case NOTE_PAGE_REPAIRED:
		return page && ft->set_offset == n->a ? FAULT_HEALED
						      : FAULT_PENDING;
	case NOTE_METADATA_REWRITTEN:
		return ft->kind == VERDICT_WENT_BACK ||
				       (ft->kind == VERDICT_MISMATCH &&
					!ft->has_place)
			       ? FAULT_HEALED
			       : FAULT_PENDING;
	case NOTE_LEG_FAILED:
	case NOTE_LEG_DAMAGED:
		return FAULT_LEG_FAILED;
	case NOTE_LOST_BLOCK:
		return fault_covers(ft, n->a) ? FAULT_LOST : FAULT_PENDING;
	case NOTE_PAGE_LOST: /* a: the region's number */
		return page && ft->set_offset / ft->length == n->a
			       ? FAULT_LOST
			       : FAULT_PENDING;
	default:
		return FAULT_PENDING;
	}
}

static void
faults_settle(struct faults *f, const struct raid_note *n)
{
	for (uint32_t i = 0; i < faults_kept(f); i++) {
		struct fault *ft = fault_at(f, i);
		enum fault_outcome outcome;

		if (ft->outcome != FAULT_PENDING || ft->set != n->set ||
		    (n->leg != NOTE_NO_LEG && ft->leg != n->leg))
			continue;
		outcome = fault_outcome_of(ft, n);
		if (outcome != FAULT_PENDING)
			ft->outcome = outcome;
	}
}

void
faults_note(struct faults *f, const struct raid_note *n,
	    const struct geometry *g, const struct device *d, uint64_t time_s)
{
	enum raid_verdict kind;

	if (fault_kind(n, &kind))
		faults_add(f, n, kind, g, d, time_s);
	else
		faults_settle(f, n);
}
