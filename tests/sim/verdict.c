/* SPDX-License-Identifier: MIT */
#include "verdict.h"

#include <stdio.h>
#include <string.h>

#include "sim.h"

struct verdict *verdict_wanted;

static void
verdict_fill(const struct sim *s, struct verdict *v)
{
	v->run = s->run;
	v->now_ns = s->now_ns;
}

void
verdict_fail(const struct sim *s, const char *invariant, const char *format,
	     va_list args)
{
	struct verdict *v = verdict_wanted;

	if (v == NULL)
		return;
	snprintf(v->invariant, sizeof(v->invariant), "%s", invariant);
	vsnprintf(v->text, sizeof(v->text), format, args);
	verdict_fill(s, v);
}

void
verdict_check_failed(const struct sim *s, const char *expr, const char *file,
		     int line)
{
	struct verdict *v = verdict_wanted;

	if (v == NULL)
		return;
	snprintf(v->invariant, sizeof(v->invariant), "check %s:%d", file, line);
	snprintf(v->text, sizeof(v->text), "%s", expr);
	if (s != NULL)
		verdict_fill(s, v);
}
