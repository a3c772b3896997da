/* SPDX-License-Identifier: MIT */
/* The report of a salvage or a recovery, for people. */
#include "salvage_print.h"

#include <stdio.h>
#include <string.h>

#include "look.h"

#define NUMBER(o, key) ((long long)look_number(o, key))
/* For "%lld block%s". */
#define COUNT(o, key) NUMBER(o, key), look_plural(look_number(o, key))

static void
print_source(const json_t *set)
{
	const json_t *legs = json_object_get(set, "legs");
	const char *source = look_text(set, "leg");

	printf("  set %lld: %s: %s\n", NUMBER(set, "set"),
	       look_text(set, "source"), look_text(set, "why"));
	for (size_t i = 0; i < json_array_size(legs); i++) {
		const json_t *one = json_array_get(legs, i);
		const char *use = look_text(one, "read_from");

		if (!strcmp(use, "no"))
			printf("    not read: %s\n", look_text(one, "member"));
		else if (!strcmp(use, "aside"))
			printf("    read where the others fail: %s\n",
			       look_text(one, "member"));
		else
			printf("    read from: %s%s\n",
			       look_text(one, "member"),
			       strcmp(source, look_text(one, "leg"))
				       ? ""
				       : ", by its metadata");
	}
}

static void
print_age(const json_t *set)
{
	if (strcmp(look_text(set, "source"), "old"))
		return;
	printf("    OLD: as it was when that leg left, last in sync in epoch "
	       "%lld%s%s\n",
	       NUMBER(set, "epoch"),
	       look_text(set, "old_since")[0] ? ", at " : "",
	       look_text(set, "old_since"));
}

static void
print_damage(const json_t *set)
{
	if (json_is_true(json_object_get(set, "journal_damaged")))
		printf("    journal: records %lld to %lld are used; from %lld "
		       "to %lld they are lost\n",
		       NUMBER(set, "journal_first"),
		       NUMBER(set, "journal_last"),
		       NUMBER(set, "journal_last") + 1,
		       NUMBER(set, "journal_seen"));
	else if (json_is_true(json_object_get(set, "journal_torn")))
		printf("    journal: behind record %lld is one in pieces: it "
		       "was never acknowledged, or is damaged\n",
		       NUMBER(set, "journal_last"));
	if (NUMBER(set, "map_blocks_lost") || NUMBER(set, "regions_unknown"))
		printf("    region map: lost are %lld block%s; of %lld "
		       "region%s all is EIO\n",
		       COUNT(set, "map_blocks_lost"),
		       COUNT(set, "regions_unknown"));
	if (json_is_true(json_object_get(set, "unwritten_doubtful")))
		printf("    what seems never written may have been: it is EIO "
		       "where the disk has other bytes than zeros\n");
	if (NUMBER(set, "lost_blocks") || NUMBER(set, "undecided_units"))
		printf("    lost: %lld block%s met so far; %lld unit%s of 64 "
		       "KiB still to be looked at\n",
		       COUNT(set, "lost_blocks"),
		       COUNT(set, "undecided_units"));
}

void
salvage_print(const json_t *report)
{
	const json_t *sets = json_object_get(report, "sets");

	for (size_t i = 0; i < json_array_size(sets); i++) {
		const json_t *set = json_array_get(sets, i);

		print_source(set);
		print_age(set);
		print_damage(set);
	}
}
