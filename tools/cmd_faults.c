/* SPDX-License-Identifier: MIT */
/* show --faults: what the disks of an array had wrong. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "ctl.h"
#include "look.h"

/* The kinds, as they are called in the answer, and in a line for people. */
static const struct {
	const char *key;
	const char *one;
	const char *text;
} kinds[] = {
	{"read-error", "read error", "read errors"},
	{"mismatch", "mismatch", "mismatches"},
	{"lost-write", "lost write", "lost writes"},
	{"misdirected", "misdirected", "misdirected"},
	{"page-bad", "bad checksum page", "bad checksum pages"},
	{"went-back", "time gone back", "times gone back"},
	{"write-error", "write error", "write errors"},
	{"repaired", "repaired", "repaired"},
};

static const char *
text_or(const json_t *of, const char *key, const char *otherwise)
{
	const char *text = look_text(of, key);

	return text[0] ? text : otherwise;
}

static void
disk_print(const json_t *of)
{
	printf("%s (%s, serial %s, firmware %s)", text_or(of, "path", "-"),
	       text_or(of, "model", "model unknown"),
	       text_or(of, "serial", "unknown"),
	       text_or(of, "firmware", "unknown"));
}

static void
leg_print(const json_t *leg)
{
	unsigned said = 0;

	printf("leg %s  ", look_text(leg, "leg"));
	disk_print(leg);
	printf("\n  ");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t count = (uint64_t)look_number(leg, kinds[i].key);

		if (count)
			printf("%s%" PRIu64 " %s", said++ ? ", " : "", count,
			       count == 1 ? kinds[i].one : kinds[i].text);
	}
	printf("%s\n  budget: %" PRIu64 " of %" PRIu64 ", halved hourly\n",
	       said ? "" : "no faults",
	       (uint64_t)look_number(leg, "budget_used"),
	       (uint64_t)look_number(leg, "budget"));
}

static void
place_print(const json_t *fault)
{
	if (!json_is_integer(json_object_get(fault, "set_offset"))) {
		printf("in its metadata");
		if (json_is_string(json_object_get(fault, "older")))
			printf(": the %s is %" PRIu64 " writes older",
			       look_text(fault, "older"),
			       (uint64_t)look_number(fault, "behind"));
		return;
	}
	printf("%" PRIu64 " bytes at %" PRIu64 " of set %.*s, at %" PRIu64
	       " of the device",
	       (uint64_t)look_number(fault, "length"),
	       (uint64_t)look_number(fault, "set_offset"),
	       (int)strcspn(look_text(fault, "leg"), "."),
	       look_text(fault, "leg"),
	       (uint64_t)look_number(fault, "device_offset"));
	if (json_is_integer(json_object_get(fault, "belongs_to_offset")))
		printf(", belongs at %" PRIu64,
		       (uint64_t)look_number(fault, "belongs_to_offset"));
}

static void
fault_print(const json_t *fault)
{
	const char *error = look_text(fault, "error");

	printf("%s  %s  %-11s  %-10s  ", look_text(fault, "time"),
	       look_text(fault, "leg"), look_text(fault, "kind"),
	       look_text(fault, "outcome"));
	place_print(fault);
	if (error[0])
		printf(" (%s)", error);
	printf("  ");
	disk_print(fault);
	putchar('\n');
}

static void
faults_print(const json_t *payload)
{
	const json_t *legs = json_object_get(payload, "legs");
	const json_t *list = json_object_get(payload, "faults");
	uint64_t dropped = (uint64_t)look_number(payload, "faults_dropped");

	if (!json_array_size(legs))
		printf("%s is not served: no counters\n",
		       look_text(payload, "name"));
	for (size_t i = 0; i < json_array_size(legs); i++)
		leg_print(json_array_get(legs, i));
	putchar('\n');
	if (dropped)
		printf("(%" PRIu64 " older not kept)\n", dropped);
	for (size_t i = 0; i < json_array_size(list); i++)
		fault_print(json_array_get(list, i));
	if (!json_array_size(list))
		printf("no faults since raidd was started\n");
}

int
cmd_faults(struct ctl *c)
{
	int code =
		client_call(c, "faults", json_pack("{s:s}", "name", c->args[0]),
			    WAIT_READ_S, &c->payload);

	c->verb = "faults";
	if (!code && !c->json)
		faults_print(c->payload);
	return code;
}
