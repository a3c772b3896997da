/* SPDX-License-Identifier: MIT */
/*
 * The trace for people: microseconds, what happened, to which member (set.leg)
 * or request (run.number), and where, as area and block, on data with unit and
 * region.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "sim.h"

static const struct {
	const char *word;
	const char *names[4];
} trace_kinds[TRACE_COUNT] = {
#define X(name, word, a, b, c, d) [TRACE_##name] = {word, {a, b, c, d}},
	TRACE_KINDS(X)
#undef X
};

static void
print_result(FILE *out, uint64_t n)
{
	static const struct {
		int res;
		const char *word;
	} words[] = {
		{0, "ok"}, {-EIO, "EIO"}, {-ESHUTDOWN, "ESHUTDOWN"},
		{-EOPNOTSUPP, "EOPNOTSUPP"}, {-EALREADY, "EALREADY"},
		{-EBUSY, "EBUSY"}, {-EUCLEAN, "EUCLEAN"}, {-EROFS, "EROFS"},
	};
	int res = (int)(int64_t)n;

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].res != res)
			continue;
		fprintf(out, " %s", words[i].word);
		return;
	}
	fprintf(out, " errno %d", -res);
}

static void
print_member(const struct sim *s, FILE *out, uint64_t member)
{
	unsigned legs = s->options.geometry.legs;

	fprintf(out, " %" PRIu64 ".%" PRIu64, member / legs, member % legs);
}

/* "block 7" or "block 7-9", and bytes that make no whole block. */
static void
print_blocks(FILE *out, uint64_t offset, uint64_t length)
{
	uint64_t first = offset / BLOCK_BYTES;
	uint64_t last = length == 0 ? first :
				      (offset + length - 1) / BLOCK_BYTES;

	fprintf(out, " block %" PRIu64, first);
	if (last != first)
		fprintf(out, "-%" PRIu64, last);
	if (offset % BLOCK_BYTES != 0 ||
	    (length != 0 && (offset + length) % BLOCK_BYTES != 0))
		fprintf(out, " bytes %" PRIu64 "+%" PRIu64,
			offset % BLOCK_BYTES, length);
}

/* A place of a set: its blocks, and the unit and region of the first. */
static void
print_data(const struct sim *s, FILE *out, uint64_t offset, uint64_t length)
{
	uint64_t block = offset / BLOCK_BYTES;

	print_blocks(out, offset, length);
	fprintf(out, " (unit %" PRIu64 ", region %" PRIu64 ")",
		block / UNIT_BLOCKS, block / s->options.geometry.region_blocks);
}

/* Of a member. */
static void
print_place(const struct sim *s, FILE *out, uint64_t offset, uint64_t length)
{
	const struct layout *l = &s->layout;
	enum sim_area area = sim_area(s, offset);

	fprintf(out, " %s", sim_area_word(area));
	switch (area) {
	case AREA_SUPERBLOCK:
		fprintf(out, " %s", offset < l->data_offset ? "front" : "back");
		fprintf(out, " slot %u",
			offset - sb_offset(s->options.member_bytes,
					   offset >= l->data_offset, 0) >=
			SB_BYTES);
		break;
	case AREA_JOURNAL:
		print_blocks(out, offset - l->journal_offset, length);
		break;
	case AREA_MAP:
		fprintf(out, " copy %u", offset >= l->map_offset[1]);
		print_blocks(out, offset -
			     l->map_offset[offset >= l->map_offset[1]], length);
		break;
	case AREA_SUMS:
		offset = (offset - l->sums_offset) / BLOCK_BYTES;
		fprintf(out, " of region %" PRIu64 " slot %" PRIu64,
			offset / 2, offset % 2);
		break;
	case AREA_DATA:
		print_data(s, out, offset - l->data_offset, length);
		break;
	case AREA_FRONT:
	case AREA_NONE:
	case AREA_COUNT:
		print_blocks(out, offset, length);
	}
}

/* Of the array; what reaches into other chunks is not spelled out. */
static void
print_request(const struct sim *s, FILE *out, const struct trace_event *e)
{
	uint64_t op = e->n[3] >> 8, at;
	uint32_t set;

	if (op == CLIENT_NO_OP)
		fprintf(out, " check ");
	else
		fprintf(out, " client ");
	if (op != CLIENT_NO_OP)
		opset_print_op(op, out);
	fprintf(out, " %s, request %" PRIu64, trace_kinds[e->kind].word,
		e->n[0]);
	if (e->kind == TRACE_FLUSH)
		return;
	layout_locate(&s->options.geometry, e->n[1], &set, &at);
	fprintf(out, ": %" PRIu64 "+%" PRIu64 ", set %u", e->n[1], e->n[2],
		set);
	print_data(s, out, at, e->n[2]);
	if (e->n[3] & RAID_FUA)
		fprintf(out, " FUA");
	if (e->n[3] & RAID_NO_HOLE)
		fprintf(out, " no-hole");
}

static void
print_note(const struct sim *s, FILE *out, const struct trace_event *e)
{
	enum raid_note_kind kind = 0;

	while (kind < NOTE_COUNT && strcmp(note_word(kind), e->word) != 0)
		kind++;
	fprintf(out, " note %s set %" PRIu64, e->word, e->n[0]);
	if (e->n[1] != NOTE_NO_LEG)
		fprintf(out, " leg %" PRIu64, e->n[1]);
	if (e->n[2] != 0)
		print_result(out, e->n[2]);
	switch (kind) {
	case NOTE_LEG_FAILED:
	case NOTE_LAST_LEG_ERROR:
	case NOTE_WRITE_STOPPED:
		if (e->n[3] < CAUSE_COUNT)
			fprintf(out, ": %s",
				cause_word((enum raid_cause)e->n[3]));
		break;
	case NOTE_READ_ERROR:
	case NOTE_MISMATCH:
	case NOTE_LOST_WRITE:
	case NOTE_MISDIRECTED:
	case NOTE_REPAIRED:
	case NOTE_LOST_BLOCK:
	case NOTE_LOST_READABLE:
	case NOTE_LOST_OVERWRITTEN:
	case NOTE_LOST_DISCARDED:
	case NOTE_UNVERIFIED:
		print_data(s, out, e->n[3], 0);
		break;
	default:
		fprintf(out, " %" PRIu64, e->n[3]);
	}
}

static void
print_others(FILE *out, const struct trace_event *e)
{
	fprintf(out, " %s", trace_kinds[e->kind].word);
	if (e->word != NULL)
		fprintf(out, " %s", e->word);
	for (unsigned i = 0; i < 4; i++) {
		const char *name = trace_kinds[e->kind].names[i];

		if (strcmp(name, "errno") == 0)
			print_result(out, e->n[i]);
		else if (strcmp(name, "members") == 0)
			fprintf(out, " members %#" PRIx64, e->n[i]);
		else if (name[0] != '\0')
			fprintf(out, " %s %" PRIu64, name, e->n[i]);
	}
}

static void
print_io(const struct sim *s, FILE *out, const struct trace_event *e)
{
	fprintf(out, " io %" PRIu64, e->n[0]);
	print_member(s, out, e->n[1]);
	switch (e->kind) {
	case TRACE_IO_FLUSH:
	case TRACE_HELD:
		fprintf(out, " %s", trace_kinds[e->kind].word);
		break;
	case TRACE_LANDED:
	case TRACE_DONE:
		fprintf(out, " %s %s", e->word, trace_kinds[e->kind].word);
		print_result(out, e->n[2]);
		break;
	default:
		fprintf(out, " %s", trace_kinds[e->kind].word);
		print_place(s, out, e->n[2], e->n[3]);
	}
}

static void
print_resolved(const struct sim *s, FILE *out, const struct trace_event *e)
{
	static const char *const fates[] = {
		[FATE_DRAW] = "drawn", [FATE_KEEP] = "kept",
		[FATE_DROP] = "dropped", [FATE_TEAR] = "torn",
	};

	fprintf(out, " in flight");
	print_member(s, out, e->n[0]);
	fprintf(out, " write %s",
		e->n[3] < ARRAY_SIZE(fates) ? fates[e->n[3]] : "?");
	print_place(s, out, e->n[1], e->n[2]);
}

static void
print_fault(const struct sim *s, FILE *out, const struct trace_event *e)
{
	fprintf(out, " fault %s", e->word);
	print_member(s, out, e->n[0]);
	print_place(s, out, e->n[1], 0);
	fprintf(out, " %" PRIu64 " %" PRIu64, e->n[2], e->n[3]);
}

void
trace_print_event(const struct sim *s, FILE *out, const struct trace_event *e)
{
	fprintf(out, "%12" PRIu64 ".%03u", e->at_ns / 1000,
		(unsigned)(e->at_ns % 1000));
	if (e->kind <= TRACE_HELD)
		print_io(s, out, e);
	else if (e->kind <= TRACE_MAP)
		print_request(s, out, e);
	else if (e->kind == TRACE_NOTE)
		print_note(s, out, e);
	else if (e->kind == TRACE_RESOLVED)
		print_resolved(s, out, e);
	else if (e->kind == TRACE_FAULT)
		print_fault(s, out, e);
	else if (e->kind == TRACE_PHASE)
		fprintf(out, " --- %s %" PRIu64, e->word, e->n[0]);
	else
		print_others(out, e);
	fputc('\n', out);
}
