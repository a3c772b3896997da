/* SPDX-License-Identifier: MIT */
/* Errors and answers, in the two forms. */
#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const struct {
	unsigned number;
	int exit_code;
} messages[] = {
#define X(name, number, err, code, text) [MSG_##name] = {number, code},
	MESSAGES(X)
#undef X
};

static json_t *
text_or_null(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

int
ctl_error(struct ctl *c, enum message message, const char *cause,
	  const char *remedy, const char *fmt, ...)
{
	char what[1024];
	char id[16];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(id, sizeof(id), "RD-%u", messages[message].number);
	ctl_error_clear(c);
	c->error = json_pack("{s:s,s:s,s:o,s:o,s:i}", "id", id, "message", what,
			     "cause", text_or_null(cause), "remedy",
			     text_or_null(remedy), "exit_code",
			     messages[message].exit_code);
	return messages[message].exit_code;
}

void
ctl_error_clear(struct ctl *c)
{
	json_decref(c->error);
	c->error = NULL;
}

int
ctl_error_code(const struct ctl *c)
{
	const json_t *code = json_object_get(c->error, "exit_code");

	return json_is_integer(code) ? (int)json_integer_value(code)
				     : EXIT_FAILED;
}

static void
print_field(const char *head, const json_t *error, const char *key)
{
	const char *text = json_string_value(json_object_get(error, key));

	if (text)
		fprintf(stderr, "%s%s\n", head, text);
}

void
ctl_print_error(const struct ctl *c)
{
	const char *id = json_string_value(json_object_get(c->error, "id"));
	const char *what =
		json_string_value(json_object_get(c->error, "message"));

	fprintf(stderr, "raidctl: error %s: %s\n", id ? id : "RD-?",
		what ? what : "unknown");
	print_field("  cause:   ", c->error, "cause");
	print_field("  remedy:  ", c->error, "remedy");
}

static void
time_text(char *out, size_t bytes)
{
	struct timeval now;
	struct tm tm;
	char seconds[32];

	gettimeofday(&now, NULL);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, bytes, "%s.%03uZ", seconds,
		 (unsigned)now.tv_usec / 1000u % 1000u);
}

/* Lists a reader counts on, empty when there is no answer. */
static void
envelope_lists(const struct ctl *c, json_t *out)
{
	static const char *const verbs[] = {"status", "list", "show"};

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(c->verb, verbs[i]))
			json_object_set_new(out, "arrays", json_array());
}

void
ctl_print_json(const struct ctl *c)
{
	char node[256] = "";
	char when[64];
	char schema[64];
	json_t *out;

	gethostname(node, sizeof(node) - 1);
	time_text(when, sizeof(when));
	snprintf(schema, sizeof(schema), "raidctl.%s", c->verb);
	out = json_pack("{s:s,s:{s:i,s:i},s:s,s:s,s:s}", "schema", schema,
			"version", "major", 1, "minor", 0, "raidctl",
			PACKAGE_VERSION, "node", node, "time", when);
	if (c->payload)
		json_object_update(out, c->payload);
	else
		envelope_lists(c, out);
	json_object_set(out, "error", c->error ? c->error : json_null());
	json_dumpf(out, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(out);
}

int
ctl_confirm(struct ctl *c, const char *name)
{
	char typed[256];

	if (c->yes)
		return EXIT_DONE;
	if (c->json)
		return ctl_error(c, MSG_NOT_CONFIRMED,
				 "with --json nothing is asked",
				 c->has_plan ? "see the plan: -n; then say -y"
					     : "say -y, too",
				 "not confirmed: nothing was done");
	if (!isatty(STDIN_FILENO))
		return ctl_error(c, MSG_NOT_CONFIRMED,
				 "there is nobody to ask: not a terminal",
				 "look at what is above; then say -y",
				 "not confirmed: nothing was done");
	fprintf(stderr, "type the array's name to go on: ");
	if (!fgets(typed, sizeof(typed), stdin))
		typed[0] = '\0';
	typed[strcspn(typed, "\n")] = '\0';
	if (!strcmp(typed, name))
		return EXIT_DONE;
	return ctl_error(c, MSG_NOT_CONFIRMED, "that was not its name", NULL,
			 "not confirmed: nothing was done");
}
