/* SPDX-License-Identifier: MIT */
/*
 * The plan an operator agrees to before anything is written: which disks
 * mirror each other, what it makes, what is lost, and what to do afterwards
 * so that the array is found again.
 */
#include "plan.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arrays.h"
#include "config.h"
#include "create.h"

static void step(json_t *steps, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
step(json_t *steps, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(steps, json_string(text));
}

/* "1.75 TiB": three digits that count. */
static void
size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = {"B",   "KiB", "MiB",
					    "GiB", "TiB", "PiB"};
	double n = (double)bytes;
	unsigned u = 0;

	while (n >= 1024 && u < 5) {
		n /= 1024;
		u++;
	}
	snprintf(out, 32, "%.*f %s", u && n < 100 ? (n < 10 ? 2 : 1) : 0, n,
		 units[u]);
}

static bool
plan_is_scanned(const struct config *c, const char *path)
{
	for (uint64_t i = 0; i < c->glob_count; i++)
		if (!fnmatch(c->globs[i], path, FNM_PATHNAME))
			return true;
	return false;
}

static void
plan_sets(json_t *steps, const struct plan *p)
{
	for (uint32_t set = 0; set < p->geometry.sets; set++) {
		char text[1024];
		size_t used = 0;

		text[0] = '\0';
		for (uint32_t leg = 0; leg < p->geometry.legs; leg++) {
			const struct plan_member *m =
				&p->members[set * p->geometry.legs + leg];
			int n = snprintf(text + used, sizeof(text) - used,
					 "%s%.240s (%s)", leg ? " = " : "",
					 m->device.path,
					 m->identity.serial[0]
						 ? m->identity.serial
						 : "serial unknown");

			if (n < 0 || (size_t)n >= sizeof(text) - used)
				break;
			used += (size_t)n;
		}
		step(steps, "set %u: %s mirror each other", set, text);
	}
}

static void
plan_sizes(json_t *steps, const struct plan *p)
{
	char small[32];
	char size[32];
	bool differ = false;

	for (unsigned i = 0; i < p->count; i++)
		if (p->members[i].device.bytes != p->smallest->device.bytes)
			differ = true;
	size_text(p->smallest->device.bytes, small);
	if (differ)
		step(steps,
		     "the smallest member decides: %s of each member is used "
		     "(%s)",
		     small, p->smallest->device.path);
	size_text(layout_array_bytes(&p->geometry, &p->layout), size);
	step(steps,
	     "make an array of %s, striped over %u set%s in chunks of "
	     "%u KiB, with blocks of %u bytes",
	     size, p->geometry.sets, p->geometry.sets == 1 ? "" : "s",
	     p->geometry.chunk_bytes / 1024, p->geometry.block_bytes);
}

static void
plan_losses(json_t *steps, const struct plan *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		const struct plan_member *m = &p->members[i];

		if (m->ours)
			step(steps, "%s leaves its array%s%s for good",
			     m->device.path, m->ours_name[0] ? " " : "",
			     m->ours_name);
		if (m->signature[0])
			step(steps,
			     "%s carries %s: what it holds is overwritten, but "
			     "the signature stays (wipefs -a removes it)",
			     m->device.path, m->signature);
	}
	step(steps, "all data on these %u members is lost", p->count);
}

static void
plan_caches(json_t *steps, const struct plan *p)
{
	char text[PATH_MAX + 512];

	for (unsigned i = 0; i < p->count; i++)
		if (device_commits_slowly(&p->members[i].device, text,
					  sizeof(text)))
			step(steps, "warning: %s", text);
}

static void
plan_afterwards(json_t *steps, const struct arrays *a, const struct plan *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (plan_is_scanned(a->config, p->members[i].device.path))
			continue;
		step(steps,
		     "afterwards: %s matches no 'scan' pattern of raidd.conf; "
		     "add one, or raidd will not find it after a restart",
		     p->members[i].device.path);
		return;
	}
}

static json_t *
plan_members(const struct plan *p)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < p->count; i++) {
		const struct plan_member *m = &p->members[i];
		char leg[32];

		snprintf(leg, sizeof(leg), "%u.%u", i / p->geometry.legs,
			 i % p->geometry.legs);
		json_array_append_new(
			out,
			json_pack("{s:s,s:s,s:s,s:s,s:I,s:i}", "leg", leg,
				  "path", m->device.path, "serial",
				  m->identity.serial, "model",
				  m->identity.model, "bytes",
				  (json_int_t)m->device.bytes, "sector_bytes",
				  (int)m->device.sector_bytes));
	}
	return out;
}

json_t *
plan_json(const struct arrays *a, const struct create_request *req,
	  const struct plan *p)
{
	json_t *steps = json_array();
	uint64_t bytes = layout_array_bytes(&p->geometry, &p->layout);

	plan_sets(steps, p);
	plan_sizes(steps, p);
	plan_losses(steps, p);
	plan_caches(steps, p);
	plan_afterwards(steps, a, p);
	return json_pack("{s:s,s:b,s:i,s:i,s:i,s:i,s:I,s:o,s:o}", "name",
			 req->name, "dry_run", req->dry_run, "sets",
			 (int)p->geometry.sets, "legs", (int)p->geometry.legs,
			 "chunk_bytes", (int)p->geometry.chunk_bytes,
			 "block_bytes", (int)p->geometry.block_bytes,
			 "size_bytes", (json_int_t)bytes, "members",
			 plan_members(p), "steps", steps);
}
