/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "opset.h"
#include "setting.h"

#define FAULTS_ALL ((1ull << FAULT_COUNT) - 1)

#define SIZE_OF(member) sizeof(((struct options *)NULL)->member)
#define LIST(...) {__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / 8
#define ONE(name, member, ...)                                                 \
	{name, offsetof(struct options, member), SIZE_OF(member), 1,           \
	 LIST(__VA_ARGS__), false}
#define LESS(name, member, ...)                                                \
	{name, offsetof(struct options, member), SIZE_OF(member), 1,           \
	 LIST(__VA_ARGS__), true}
#define MANY(name, member, ...)                                                \
	{name, offsetof(struct options, member), SIZE_OF(member[0]),           \
	 SIZE_OF(member) / SIZE_OF(member[0]), LIST(__VA_ARGS__), false}

/* Not made simpler by itself. */
#define KEPT(name, member, plain)                                              \
	{name, offsetof(struct options, member), SIZE_OF(member), 1, {plain},  \
	 0, false}

/* In the order in which the shrinker tries them. */
static const struct setting settings[] = {
	ONE("io-without-answer", io_without_answer, 20000, 0),
	ONE("check-always", check_always, 0),
	ONE("gentle", gentle, 0),
	ONE("unbounded", unbounded, 0),
	ONE("branch", branch_percent, 0),
	ONE("force", force_percent, 0),
	ONE("absent", absent_percent, 0),
	ONE("lies", lies, 0),
	ONE("foreign", rate[FAULT_FOREIGN], 0),
	ONE("cables", rate[FAULT_CABLES], 0),
	ONE("end-lost", rate[FAULT_END_LOST], 0),
	ONE("stale", rate[FAULT_STALE], 0, 1),
	ONE("revert", rate[FAULT_REVERT], 0, 1),
	ONE("operator", rate[FAULT_OPERATOR], 0, 1),
	ONE("vanish", rate[FAULT_VANISH], 0, 1),
	ONE("stuck", rate[FAULT_STUCK_SECTOR], 0, 1),
	ONE("bad", rate[FAULT_BAD_SECTOR], 0, 1),
	ONE("rot", rate[FAULT_ROT], 0, 1),
	ONE("fault-every", fault_every_ns, 0, 300000000, 30000000, 3000000),
	ONE("misdirected", rate[FAULT_MISDIRECTED], 0),
	ONE("lost-write", rate[FAULT_LOST_WRITE], 0),
	ONE("misread", rate[FAULT_MISREAD], 0),
	ONE("stall", rate[FAULT_STALL], 0),
	ONE("discard-error", rate[FAULT_DISCARD_ERROR], 0),
	ONE("flush-error", rate[FAULT_FLUSH_ERROR], 0),
	ONE("write-error", rate[FAULT_WRITE_ERROR], 0),
	ONE("read-error", rate[FAULT_READ_ERROR], 0),
	ONE("cut-in-start", cut_in_start_percent, 0),
	KEPT("runs-off", runs_off, 0),
	LESS("calm", calm_requests, 0, 10),
	LESS("runs", runs, 1, 2, 3),
	LESS("requests", requests_per_run, 10, 20, 100, 300),
	LESS("sets", geometry.sets, 1, 2),
	ONE("legs", geometry.legs, 2),
	LESS("slots", slots, 1, 2, 4, 8, 16),
	LESS("length", length_max, 4096, 8192, 65536),
	ONE("discard", weights[RAID_DISCARD], 0),
	ONE("zeroes", weights[RAID_ZEROES], 0),
	ONE("map", weights[RAID_MAP], 0),
	ONE("flush", weights[RAID_FLUSH], 0),
	ONE("read", weights[RAID_READ], 0, 30),
	ONE("write", weights[RAID_WRITE], 45),
	ONE("byte", byte_percent, 0),
	ONE("block-part", block_percent, 100),
	ONE("fua", fua_percent, 0, 100),
	ONE("hot", hot_percent, 100),
	ONE("hot-bytes", hot_bytes, 4096, 16384),
	ONE("hot-spots", hot_spots, 1, 2),
	ONE("nested", nested_percent, 0),
	ONE("think", think_ns, 0),
	ONE("stop", stop_percent, 0),
	ONE("cut", cut_percent, 100, 0),
	ONE("rule", rule_percent, 0, 100),
	ONE("tail", tail_percent, 0),
	ONE("fixed-latency", latency_fixed, 1),
	ONE("latency", latency_ns, 100000),
	MANY("write-through", write_through, 0),
	ONE("block", geometry.block_bytes, 4096),
	MANY("sector", sector_bytes, 4096, 512),
	ONE("granule", granule_bytes, 4096),
	ONE("region", geometry.region_blocks, 16, 32),
	ONE("chunk", geometry.chunk_bytes, 65536, 32768),
	ONE("journal", journal_bytes, 65536, 131072),
	ONE("member", member_bytes, 1376256, 1507328),
	ONE("parts", limits.parts_max, 32, 8),
	ONE("dirty", limits.dirty_units_max, 32, 8),
	ONE("sums", limits.sums_max, 256, 128),
	ONE("frames", limits.page_frames_max, 16, 4),
	ONE("budget", limits.read_error_budget, 1000, 20),
};

unsigned
setting_count(void)
{
	return ARRAY_SIZE(settings);
}

const struct setting *
setting_at(unsigned index)
{
	CHECK(index < ARRAY_SIZE(settings));
	return &settings[index];
}

uint64_t
setting_get(const struct setting *set, const struct options *o, size_t element)
{
	const char *at = (const char *)o + set->offset + element * set->size;
	uint64_t value = 0;

	/* Little-endian, as all that the engine runs on. */
	CHECK(element < set->count);
	CHECK(set->size <= sizeof(value));
	memcpy(&value, at, set->size);
	return value;
}

static void
setting_put_one(const struct setting *set, struct options *o, size_t element,
		uint64_t value)
{
	char *at = (char *)o + set->offset + element * set->size;

	CHECK(element < set->count);
	memcpy(at, &value, set->size);
}

void
setting_put(const struct setting *set, struct options *o, uint64_t value)
{
	for (size_t i = 0; i < set->count; i++)
		setting_put_one(set, o, i, value);
}

bool
setting_is_all(const struct setting *set, const struct options *o,
	       uint64_t value)
{
	for (size_t i = 0; i < set->count; i++)
		if (setting_get(set, o, i) != value)
			return false;
	return true;
}

void
options_plain(struct options *o)
{
	memset(o, 0, sizeof(*o));
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		setting_put(&settings[i], o, settings[i].simpler[0]);
}

bool
options_are_sound(const struct options *o)
{
	/* A granule torn by its disk has a value that nobody wrote. */
	for (unsigned i = 0; i < options_members(o); i++)
		if (o->sector_bytes[i] < o->granule_bytes)
			return false;
	/* Bytes written in part upon what nobody knows. */
	if (o->lies == LIES_ALL &&
	    (o->byte_percent != 0 || o->force_percent != 0 || o->unbounded))
		return false;
	/* Rotten where all is in doubt, nothing can tell (R17); a start forced
	 * on what was left behind gives what was left behind. */
	return !o->unbounded ||
	       (o->rate[FAULT_LOST_WRITE] == 0 &&
		o->rate[FAULT_REVERT] == 0 &&
		o->rate[FAULT_MISDIRECTED] == 0 &&
		o->rate[FAULT_MISREAD] == 0 && o->rate[FAULT_STALE] == 0 &&
		o->lies == LIES_NONE && o->force_percent == 0);
}

static const struct setting *
setting_find(const char *name, size_t length)
{
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		if (strlen(settings[i].name) == length &&
		    memcmp(settings[i].name, name, length) == 0)
			return &settings[i];
	return NULL;
}

bool
options_set(struct options *o, const char *words)
{
	while (*words != '\0') {
		size_t length = strcspn(words, "="), element = 0;
		const struct setting *set = setting_find(words, length);

		if (set == NULL || words[length] != '=')
			return false;
		words += length;
		while (*words == (element == 0 ? '=' : ':')) {
			char *end;
			uint64_t value = strtoull(words + 1, &end, 0);

			if (end == words + 1 || element == set->count)
				return false;
			for (size_t i = element++; i < set->count; i++)
				setting_put_one(set, o, i, value);
			words = end;
		}
		if (*words != ',' && *words != '\0')
			return false;
		words += *words == ',';
	}
	return true;
}

bool
options_set_faults(struct options *o, const char *words, bool on)
{
	uint64_t named = 0;

	if (strcmp(words, "none") == 0)
		words = "";
	while (*words != '\0') {
		size_t length = strcspn(words, ",");
		enum fault f = 0;

		while (f < FAULT_COUNT &&
		       (strlen(fault_word(f)) != length ||
			memcmp(fault_word(f), words, length) != 0))
			f++;
		if (f == FAULT_COUNT)
			return false;
		named |= 1ull << f;
		words += length;
		words += *words == ',';
	}
	o->fault_off = on ? FAULTS_ALL & ~named :
			    o->fault_off | named;
	return true;
}

static void
setting_print(const struct setting *set, const struct options *o, FILE *out)
{
	size_t count = set->count == 1 ? 1 : options_members(o);

	/* Values that repeat the last one need not be told. */
	while (count > 1 && setting_get(set, o, count - 1) ==
			    setting_get(set, o, count - 2))
		count--;
	fprintf(out, "%s", set->name);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%c%" PRIu64, i == 0 ? '=' : ':',
			setting_get(set, o, i));
}

void
options_print_line(const struct options *o, FILE *out)
{
	const char *before = " --set ";

	fprintf(out, " --plain --faults ");
	if ((o->fault_off & FAULTS_ALL) == FAULTS_ALL)
		fprintf(out, "none");
	for (enum fault f = 0, first = 1; f < FAULT_COUNT; f++) {
		if (!fault_is_on(o, f))
			continue;
		fprintf(out, "%s%s", first ? "" : ",", fault_word(f));
		first = 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++) {
		if (setting_is_all(&settings[i], o, settings[i].simpler[0]))
			continue;
		fprintf(out, "%s", before);
		setting_print(&settings[i], o, out);
		before = ",";
	}
	if (o->only_ops != NULL) {
		fprintf(out, " --only-ops ");
		opset_print(o->only_ops, out);
	}
}

size_t
options_unknown(const struct options *o)
{
	struct options other;

	options_plain(&other);
	other.fault_off = o->fault_off;
	other.only_ops = o->only_ops;
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		for (size_t k = 0; k < settings[i].count; k++)
			setting_put_one(&settings[i], &other, k,
					setting_get(&settings[i], o, k));
	for (size_t i = 0; i < sizeof(other); i++)
		if (((const char *)o)[i] != ((const char *)&other)[i])
			return i;
	return SIZE_MAX;
}
