/* SPDX-License-Identifier: MIT */
/* show --salvage, recover, verify. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "look.h"
#include "nbd_read.h"
#include "salvage_print.h"

/* Read at once; what fails is asked for again in halves, down to a block. */
#define VERIFY_BYTES (1u << 20)
#define BLOCK_BYTES  4096u
/* Ranges listed; the rest is counted. */
#define RANGES_MAX 10000u

int
salvage_show(struct ctl *c)
{
	int code = client_call(c, "salvage",
			       json_pack("{s:s}", "name", c->args[0]),
			       WAIT_READ_S, &c->payload);

	c->verb = "salvage";
	if (!code && !c->json) {
		printf("array %s is served read-only, as a salvage\n",
		       look_text(c->payload, "name"));
		salvage_print(c->payload);
	}
	return code;
}

/* --- recover --- */

static int
recover_call(struct ctl *c, bool dry_run, json_t **result)
{
	return client_call(c, "recover",
			   json_pack("{s:s,s:b,s:b}", "name", c->args[0],
				     "dry_run", dry_run, "accept_loss",
				     c->accept_loss),
			   WAIT_CHANGE_S, result);
}

static void
recover_print_plan(const json_t *report)
{
	printf("to recover array %s is to give up what is not read from here "
	       "on:\n",
	       look_text(report, "name"));
	salvage_print(report);
	printf("  of a set that is not \"whole\" the leg whose metadata is "
	       "used stays, all others are out:\n"
	       "  what only they have is lost, too; copy it from a salvage "
	       "first;\n"
	       "  what cannot be verified is EIO until it is written over; "
	       "what seems never written reads as zeros\n");
	fflush(stdout);
}

int
cmd_recover(struct ctl *c)
{
	json_t *plan;
	int code;

	if (!c->accept_loss && !c->dry_run)
		return ctl_error(c, MSG_USAGE, NULL,
				 "see what would be lost: raidctl recover NAME "
				 "-n; then: raidctl recover NAME --accept-loss",
				 "recover: --accept-loss is not given");
	code = recover_call(c, true, &plan);
	if (code)
		return code;
	if (!c->json)
		recover_print_plan(json_object_get(plan, "salvage"));
	if (c->dry_run) {
		c->payload = plan;
		return EXIT_DONE;
	}
	code = ctl_confirm(c,
			   look_text(json_object_get(plan, "salvage"), "name"));
	json_decref(plan);
	if (!code)
		code = recover_call(c, false, &c->payload);
	if (!code && !c->json)
		printf("array %s is recovered and started; what was given up "
		       "is written down: %s\n",
		       c->args[0],
		       look_text(json_object_get(c->payload, "salvage"),
				 "file"));
	return code;
}

/* --- verify --- */

struct verify {
	struct nbd_reader reader;
	json_t *ranges;
	uint64_t lost; /* bytes */
	uint64_t more; /* ranges that are not listed */
	uint64_t end;  /* of the last range */
	time_t told;
	bool quiet;
	char buf[VERIFY_BYTES];
};

static void
verify_add(struct verify *v, uint64_t offset, uint32_t length)
{
	size_t count = json_array_size(v->ranges);

	v->lost += length;
	if (v->end == offset && count && !v->more) {
		json_t *last = json_array_get(v->ranges, count - 1);

		json_object_set_new(
			last, "length",
			json_integer(look_number(last, "length") +
				     (json_int_t)length));
	} else if (count < RANGES_MAX) {
		json_array_append_new(
			v->ranges,
			json_pack("{s:I,s:I}", "offset", (json_int_t)offset,
				  "length", (json_int_t)length));
	} else if (v->end != offset) {
		v->more++;
	}
	v->end = offset + length;
}

static int
verify_range(struct verify *v, uint64_t offset, uint32_t length)
{
	int err = nbd_reader_read(&v->reader, offset, length, v->buf);

	if (err != -EIO)
		return err;
	if (length <= BLOCK_BYTES) {
		verify_add(v, offset, length);
		return 0;
	}
	uint32_t half = length / 2 / BLOCK_BYTES * BLOCK_BYTES;

	if (!half)
		half = BLOCK_BYTES;
	err = verify_range(v, offset, half);
	return err ? err : verify_range(v, offset + half, length - half);
}

static void
verify_progress(struct verify *v, uint64_t at)
{
	time_t now = time(NULL);

	if (v->quiet || now == v->told)
		return;
	v->told = now;
	fprintf(stderr, "\rverify: %llu %%, %llu bytes cannot be read ",
		(unsigned long long)(at * 100 / v->reader.bytes),
		(unsigned long long)v->lost);
}

static int
verify_all(struct verify *v)
{
	int err = 0;

	for (uint64_t at = 0; at < v->reader.bytes && !err;
	     at += VERIFY_BYTES) {
		uint64_t left = v->reader.bytes - at;

		verify_progress(v, at);
		err = verify_range(v, at,
				   left < VERIFY_BYTES ? (uint32_t)left
						       : VERIFY_BYTES);
	}
	if (!v->quiet && v->told)
		fprintf(stderr, "\n");
	return err;
}

static void
verify_print(const struct ctl *c, const struct verify *v)
{
	for (size_t i = 0; i < json_array_size(v->ranges); i++) {
		const json_t *r = json_array_get(v->ranges, i);

		printf("cannot be read: offset %lld, %lld bytes\n",
		       (long long)look_number(r, "offset"),
		       (long long)look_number(r, "length"));
	}
	if (v->more)
		printf("and %llu ranges more\n", (unsigned long long)v->more);
	printf("array %s: %llu of %llu bytes cannot be read\n", c->args[0],
	       (unsigned long long)v->lost,
	       (unsigned long long)v->reader.bytes);
}

static int
verify_run(struct ctl *c, struct verify *v, const json_t *export)
{
	int err = nbd_reader_open(&v->reader, look_text(export, "nbd_socket"),
				  look_text(export, "name"));

	if (!err)
		err = verify_all(v);
	nbd_reader_close(&v->reader);
	if (err)
		return ctl_error(c, MSG_VERIFY_FAILED, strerror(-err), NULL,
				 "array %s could not be read to its end",
				 c->args[0]);
	c->payload =
		json_pack("{s:s,s:I,s:I,s:O,s:I}", "name", c->args[0], "bytes",
			  (json_int_t)v->reader.bytes, "unreadable_bytes",
			  (json_int_t)v->lost, "unreadable", v->ranges,
			  "unlisted_ranges", (json_int_t)v->more);
	if (!c->json)
		verify_print(c, v);
	return c->exit_code && v->lost ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_verify(struct ctl *c)
{
	struct verify *v;
	json_t *info;
	int code = client_call(c, "attach.info",
			       json_pack("{s:s}", "name", c->args[0]),
			       WAIT_READ_S, &info);

	if (code)
		return code;
	v = calloc(1, sizeof(*v));
	if (!v)
		abort();
	v->ranges = json_array();
	v->quiet = !isatty(STDERR_FILENO);
	code = verify_run(c, v, json_object_get(info, "export"));
	json_decref(v->ranges);
	json_decref(info);
	free(v);
	return code;
}
