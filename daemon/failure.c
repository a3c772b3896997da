/* SPDX-License-Identifier: MIT */
/* Refusals and failures in words. */
#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

#include "check.h"

static const struct {
	unsigned number;
	int err;
	int exit_code;
} messages[] = {
#define X(name, number, err, code, text) [MSG_##name] = {number, err, code},
	MESSAGES(X)
#undef X
};

int
failure_set(struct failure *f, enum message message, const char *fmt, ...)
{
	va_list ap;

	CHECK(message > MSG_NONE);
	CHECK(message < MSG_COUNT);
	f->message = message;
	f->cause[0] = '\0';
	f->remedy[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
	return -messages[message].err;
}

void
failure_cause(struct failure *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->cause, sizeof(f->cause), fmt, ap);
	va_end(ap);
}

void
failure_remedy(struct failure *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->remedy, sizeof(f->remedy), fmt, ap);
	va_end(ap);
}

const char *
plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

unsigned
message_number(enum message message)
{
	CHECK(message < MSG_COUNT);
	return messages[message].number;
}

int
message_exit_code(enum message message)
{
	CHECK(message < MSG_COUNT);
	return messages[message].exit_code;
}
