/* SPDX-License-Identifier: MIT */
/* start, stop, destroy, wait, member fail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "look.h"
#include "salvage_print.h"

#define POLL_NS         200000000L
#define LEG_OUT_SECONDS 30

static json_t *
named(const struct ctl *c)
{
	return json_pack("{s:s}", "name", c->args[0]);
}

static void
pause_a_little(void)
{
	const struct timespec t = {.tv_nsec = POLL_NS};

	nanosleep(&t, NULL);
}

static uint64_t
clock_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

/* The array as status gives it: a new reference. */
static int
array_get(struct ctl *c, json_t **array)
{
	json_t *result;
	int code = client_call(c, "status", named(c), WAIT_READ_S, &result);

	if (code)
		return code;
	*array = json_incref(
		json_array_get(json_object_get(result, "arrays"), 0));
	json_decref(result);
	return EXIT_DONE;
}

int
cmd_start(struct ctl *c)
{
	int code = client_call(c, "start",
			       json_pack("{s:s,s:b,s:b}", "name", c->args[0],
					 "degraded", c->degraded, "salvage",
					 c->salvage),
			       WAIT_CHANGE_S, &c->payload);
	const json_t *salvage = json_object_get(c->payload, "salvage");
	bool already = json_is_true(json_object_get(c->payload, "already"));

	if (!code && !c->json)
		printf("array %s %s: %s\n", c->args[0],
		       already ? "was started already" : "is started",
		       look_text(json_object_get(c->payload, "array"),
				 "health"));
	if (!code && !c->json && json_is_object(salvage)) {
		printf("it is served read-only, as a salvage:\n");
		salvage_print(salvage);
	}
	return code;
}

int
cmd_stop(struct ctl *c)
{
	int code = client_call(c, "stop", named(c), WAIT_CHANGE_S, &c->payload);

	if (!code && !c->json)
		printf("array %s %s\n", c->args[0],
		       json_is_true(json_object_get(c->payload, "already"))
			       ? "was stopped already"
			       : "is stopped");
	return code;
}

static void
destroy_plan(const json_t *array)
{
	const json_t *sets = json_object_get(array, "sets");

	printf("to destroy array %s: all its data is lost; superblocks are "
	       "wiped from\n",
	       look_text(array, "name"));
	for (size_t s = 0; s < json_array_size(sets); s++) {
		const json_t *legs =
			json_object_get(json_array_get(sets, s), "legs");

		for (size_t l = 0; l < json_array_size(legs); l++) {
			const json_t *leg = json_array_get(legs, l);

			printf("  %s %s (serial %s), %s\n",
			       look_text(leg, "leg"), look_text(leg, "path"),
			       look_serial(leg), look_text(leg, "state"));
		}
	}
	fflush(stdout);
}

int
cmd_destroy(struct ctl *c)
{
	json_t *array;
	int code = array_get(c, &array);

	if (code)
		return code;
	if (!c->json)
		destroy_plan(array);
	/* The name is what is typed, even if the UUID was given. */
	code = ctl_confirm(c, look_text(array, "name"));
	json_decref(array);
	if (!code)
		code = client_call(c, "destroy", named(c), WAIT_CHANGE_S,
				   &c->payload);
	if (!code && !c->json)
		printf("array %s is destroyed\n", c->args[0]);
	return code;
}

static bool
array_is(const json_t *array, const char *what)
{
	bool serving = !strcmp(look_text(array, "state"), "serving");

	if (!strcmp(what, "started"))
		return serving;
	if (!strcmp(what, "stopped"))
		return !serving;
	return serving && !strcmp(look_text(array, "health"), what);
}

static int
wait_timed_out(struct ctl *c)
{
	char cause[256] = "";
	const char *last =
		json_string_value(json_object_get(c->error, "message"));

	if (last)
		snprintf(cause, sizeof(cause), "the last word was: %.200s",
			 last);
	return ctl_error(c, MSG_TIMED_OUT, cause, NULL,
			 "array %s is not %s after %llu second%s", c->args[0],
			 c->wait_for, (unsigned long long)c->timeout_s,
			 look_plural((json_int_t)c->timeout_s));
}

/*
 * Without a time limit an error ends the wait, since nothing else may; with
 * one, raidd may be started yet, and disks may come.
 */
int
cmd_wait(struct ctl *c)
{
	static const char *const words[] = {"optimal", "degraded", "started",
					    "stopped"};
	uint64_t end = clock_s() + c->timeout_s;
	bool known = false;

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		known |= !strcmp(words[i], c->wait_for);
	if (!known)
		return ctl_error(c, MSG_USAGE, NULL,
				 "one of: optimal, degraded, started, stopped",
				 "--for %s: no such state", c->wait_for);
	for (;;) {
		json_t *array = NULL;
		int code = array_get(c, &array);

		if (code && !c->timeout_s)
			return code;
		if (!code && array_is(array, c->wait_for)) {
			c->payload = json_pack("{s:[o]}", "arrays", array);
			ctl_error_clear(c);
			return EXIT_DONE;
		}
		json_decref(array);
		if (c->timeout_s && clock_s() >= end)
			return wait_timed_out(c);
		pause_a_little();
	}
}

/* "1.0" */
static int
leg_parse(struct ctl *c, const char *text, unsigned *set, unsigned *leg)
{
	char rest;

	if (strspn(text, "0123456789.") == strlen(text) &&
	    sscanf(text, "%3u.%3u%c", set, leg, &rest) == 2)
		return EXIT_DONE;
	return ctl_error(c, MSG_USAGE, NULL,
			 "SET.LEG, as raidctl status prints it: 1.0",
			 "'%s' is not the name of a leg", text);
}

/* Its state now; "": the array cannot be asked. */
static void
leg_state(struct ctl *c, unsigned set, unsigned leg, char *state, size_t bytes)
{
	json_t *array;

	state[0] = '\0';
	if (array_get(c, &array)) {
		ctl_error_clear(c);
		return;
	}
	snprintf(
		state, bytes, "%s",
		look_text(json_array_get(
				  json_object_get(
					  json_array_get(json_object_get(
								 array, "sets"),
							 set),
					  "legs"),
				  leg),
			  "state"));
	json_decref(array);
}

int
cmd_member_fail(struct ctl *c)
{
	uint64_t end = clock_s() + LEG_OUT_SECONDS;
	unsigned set;
	unsigned leg;
	char state[32];
	int code = leg_parse(c, c->args[1], &set, &leg);

	if (!code && !c->json && !c->yes)
		fprintf(stderr,
			"leg %u.%u of %s leaves for good: this version cannot "
			"rebuild, so set %u stays without it\n",
			set, leg, c->args[0], set);
	if (!code)
		code = ctl_confirm(c, c->args[0]);
	if (!code)
		code = client_call(c, "member.fail",
				   json_pack("{s:s,s:i,s:i}", "name",
					     c->args[0], "set", (int)set, "leg",
					     (int)leg),
				   WAIT_CHANGE_S, &c->payload);
	if (code)
		return code;
	/* The epoch without it is on its way: see it out. */
	for (;;) {
		leg_state(c, set, leg, state, sizeof(state));
		if (strcmp(state, "in-sync") || clock_s() >= end)
			break;
		pause_a_little();
	}
	if (!c->json)
		printf("leg %u.%u of %s is %s\n", set, leg, c->args[0],
		       state[0] ? state : "unknown: raidd does not answer");
	return EXIT_DONE;
}
