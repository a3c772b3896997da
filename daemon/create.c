/* SPDX-License-Identifier: MIT */
/*
 * Making an array.  All members are opened exclusively first, so that what is
 * checked is what will be written; the plan and the deed share every check.
 * Old superblocks are wiped before the array is laid out: a slot of a former
 * array might otherwise look newer than ours.
 */
#include "create.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <uuid/uuid.h>

#include "arrays.h"
#include "blank.h"
#include "check.h"
#include "config.h"
#include "device.h"
#include "inspect.h"
#include "log.h"
#include "memory.h"
#include "notes.h"
#include "plan.h"
#include "take.h"
#include "volume.h"

#define MEMBERS_MAX (SB_SETS_MAX * SB_LEGS_MAX)

static const struct {
	const char *word;
	unsigned bit;
} force_words[] = {
	{"foreign-signature", FORCE_SIGNATURE},
	{"own-superblock", FORCE_OURS},
	{"mixed-sectors", FORCE_SECTORS},
};

unsigned
create_force_of(const char *word)
{
	for (unsigned i = 0; i < ARRAY_SIZE(force_words); i++)
		if (!strcmp(force_words[i].word, word))
			return force_words[i].bit;
	return 0;
}

static int
create_check_name(struct arrays *a, const char *name, struct failure *f)
{
	size_t length = strlen(name);
	bool good = length && length <= SB_NAME_MAX;
	int err;

	for (size_t i = 0; i < length && good; i++)
		good = isalnum((unsigned char)name[i]) ||
		       (i && strchr("._-", name[i]));
	if (!good) {
		err = failure_set(f, MSG_NAME_BAD,
				  "'%.80s' is no name for an array", name);
		failure_cause(f,
			      "a name has 1 to %u letters, digits, '.', '_' "
			      "and '-', and begins with a letter or digit",
			      SB_NAME_MAX);
		return err;
	}
	for (struct array *array = a->first; array; array = array->next) {
		if (strcmp(array->name, name))
			continue;
		err = failure_set(f, MSG_NAME_TAKEN,
				  "there is an array '%s' already", name);
		failure_remedy(f, "choose another name, or: raidctl destroy %s",
			       name);
		return err;
	}
	return 0;
}

static int
create_check_shape(const struct create_request *req, struct failure *f)
{
	uint32_t chunk = req->chunk_bytes;
	int err;

	if (req->legs < 2 || req->legs > SB_LEGS_MAX)
		return failure_set(f, MSG_GEOMETRY_BAD,
				   "%u legs: a set has 2 or 3", req->legs);
	if (chunk < CHUNK_BYTES_MIN || chunk > CHUNK_BYTES_MAX ||
	    (chunk & (chunk - 1)))
		return failure_set(f, MSG_GEOMETRY_BAD,
				   "chunk of %u bytes: it must be a power of "
				   "two from 16 KiB to 4 MiB",
				   chunk);
	if (!req->member_count || req->member_count % req->legs) {
		err = failure_set(f, MSG_MEMBERS_UNEVEN,
				  "%u members do not make whole sets of %u "
				  "legs",
				  req->member_count, req->legs);
		failure_remedy(f, "give a multiple of %u members", req->legs);
		return err;
	}
	if (req->member_count / req->legs > SB_SETS_MAX)
		return failure_set(f, MSG_GEOMETRY_BAD,
				   "%u sets: an array has at most %u",
				   req->member_count / req->legs, SB_SETS_MAX);
	return 0;
}

static int
create_busy(struct arrays *a, const char *path, const struct identity *id,
	    const char *users, struct failure *f)
{
	char why[640];
	int err = failure_set(f, MSG_MEMBER_BUSY, "%s is in use", path);

	if (arrays_serve(a, id)) {
		failure_cause(f, "it is a member of an array that is being "
				 "served");
		failure_remedy(f, "take another disk; raidctl status names "
				  "those that serve");
		return err;
	}
	if (volume_lingers_on(id, why, sizeof(why))) {
		failure_cause(f, "raidd itself still has it: %s", why);
		failure_remedy(f, "wait until that disk answers, or take "
				  "another one");
		return err;
	}
	if (users[0])
		failure_cause(f, "%s", users);
	else
		failure_cause(f, "another program has it open exclusively");
	failure_remedy(f, "free it first; see who has it: fuser -v %s", path);
	return err;
}

static int
create_open_failed(struct arrays *a, const char *path,
		   const struct identity *id, int res, struct failure *f)
{
	char users[512];
	int err;

	if (res == -EBUSY) {
		blank_users(id, path, users, sizeof(users));
		return create_busy(a, path, id, users, f);
	}
	if (res == -ETIMEDOUT)
		return failure_set(f, MSG_MEMBER_HANGS,
				   "%s (serial %s) does not answer", path,
				   identity_serial(id));
	err = failure_set(f, MSG_MEMBER_OPEN, "cannot open %s: %s", path,
			  strerror(-res));
	if (res == -EINVAL)
		failure_cause(f, "it is neither a file nor a block device, or "
				 "its sectors are larger than 4096 bytes");
	failure_remedy(f, res == -ENOENT || res == -EINVAL
				  ? "see what there is: ls -l /dev/disk/by-id"
				  : "see the kernel's log: dmesg; or take "
				    "another disk");
	return err;
}

static int
create_twice(const struct plan *p, unsigned i, struct failure *f)
{
	for (unsigned k = 0; k < i; k++) {
		int err;

		if (!identity_same(&p->members[k].identity,
				   &p->members[i].identity))
			continue;
		err = failure_set(
			f, MSG_MEMBER_TWICE, "%s and %s are the same disk",
			p->members[k].device.path, p->members[i].device.path);
		failure_cause(f, "a mirror on one disk protects nothing");
		return err;
	}
	return 0;
}

/* Open member i exclusively. */
static int
create_open(struct arrays *a, struct plan *p, unsigned i, const char *path,
	    struct failure *f)
{
	struct plan_member *m = &p->members[i];
	int err;

	snprintf(m->device.path, sizeof(m->device.path), "%s", path);
	if (path[0] != '/') {
		err = failure_set(f, MSG_MEMBER_OPEN,
				  "%s: not an absolute path", path);
		failure_remedy(f, "give it from the root on: /dev/...");
		return err;
	}
	err = inspect_identity(path, &m->identity);
	if (err)
		return create_open_failed(a, path, &m->identity, err, f);
	err = create_twice(p, i, f);
	if (err)
		return err;
	if (arrays_serve(a, &m->identity))
		return create_busy(a, path, &m->identity, "", f);
	err = inspect_disk(path, &m->identity, &m->inspection);
	if (err)
		return create_open_failed(a, path, &m->identity, err, f);
	m->device = m->inspection->device;
	m->inspection->device.fd = -1;
	return m->inspection->users[0] ? create_busy(a, path, &m->identity,
						     m->inspection->users, f)
				       : 0;
}

static int
create_check_ours(const struct create_request *req, struct plan_member *m,
		  struct failure *f)
{
	const struct candidate *c = m->inspection->candidate;
	int err;

	m->ours = c->res != -ENOENT && c->res != -EIO;
	if (!c->res)
		snprintf(m->ours_name, sizeof(m->ours_name), "%s", c->sb.name);
	if (!m->ours || (req->force & FORCE_OURS))
		return 0;
	err = failure_set(f, MSG_MEMBER_OURS,
			  "%s is a member of an array already", m->device.path);
	if (c->res)
		failure_cause(f, "%s", candidate_trouble(c->res));
	else
		failure_cause(f, "its array is '%s', leg %u.%u", c->sb.name,
			      c->sb.set, c->sb.leg);
	failure_remedy(f, "to give up what that array holds there: "
			  "--force=own-superblock");
	return err;
}

static int
create_check_blank(const struct create_request *req, struct plan_member *m,
		   struct failure *f)
{
	int err;

	if (m->inspection->signature_err) {
		err = failure_set(f, MSG_MEMBER_OPEN, "cannot read %s",
				  m->device.path);
		failure_cause(f, "looking for file systems on it failed");
		failure_remedy(f, "see the kernel's log: dmesg; or take "
				  "another disk");
		return err;
	}
	snprintf(m->signature, sizeof(m->signature), "%s",
		 m->inspection->signature);
	if (!m->signature[0] || (req->force & FORCE_SIGNATURE))
		return 0;
	err = failure_set(f, MSG_MEMBER_SIGNATURE, "%s is not blank",
			  m->device.path);
	failure_cause(f, "it carries: %s", m->signature);
	failure_remedy(f,
		       "wipefs -a %s, if nothing there is needed; or keep "
		       "the signature and overwrite the rest: "
		       "--force=foreign-signature",
		       m->device.path);
	return err;
}

static int
create_check_sectors(const struct create_request *req, struct plan *p,
		     struct failure *f)
{
	const struct device *first = &p->members[0].device;

	for (unsigned i = 0; i < req->member_count; i++) {
		const struct device *d = &p->members[i].device;
		int err;

		if (d->sector_bytes > p->geometry.block_bytes)
			p->geometry.block_bytes = d->sector_bytes;
		if (d->sector_bytes == first->sector_bytes ||
		    (req->force & FORCE_SECTORS))
			continue;
		err = failure_set(f, MSG_MEMBER_SECTORS,
				  "%s has sectors of %u bytes, %s of %u",
				  first->path, first->sector_bytes, d->path,
				  d->sector_bytes);
		failure_cause(f, "a crash may tear a block on the one and not "
				 "on the other");
		failure_remedy(f, "use disks of one kind, or: "
				  "--force=mixed-sectors");
		return err;
	}
	return 0;
}

static int
create_check_size(struct plan *p, struct failure *f)
{
	const struct plan_member *small = &p->members[0];
	int res;
	int err;

	for (unsigned i = 1; i < p->count; i++)
		if (p->members[i].device.bytes < small->device.bytes)
			small = &p->members[i];
	p->smallest = small;
	res = layout_compute(&p->geometry, small->device.bytes, 0, &p->layout);
	if (!res && small->device.bytes < MEMBER_BYTES_MIN)
		res = -ENOSPC;
	if (!res)
		return 0;
	if (res == -ENOSPC) {
		err = failure_set(f, MSG_MEMBER_SMALL, "%s is too small",
				  small->device.path);
		failure_cause(f,
			      "it has %llu bytes; a member needs at least "
			      "%llu",
			      (unsigned long long)small->device.bytes,
			      MEMBER_BYTES_MIN);
		failure_remedy(f, "take a larger one");
		return err;
	}
	if (res == -EFBIG)
		return failure_set(f, MSG_MEMBER_LARGE,
				   "%s is larger than 64 TiB",
				   small->device.path);
	return failure_set(f, MSG_GEOMETRY_BAD, "no such geometry: %s",
			   strerror(-res));
}

static int
create_check(struct arrays *a, const struct create_request *req, struct plan *p,
	     struct failure *f)
{
	int err = create_check_shape(req, f);

	if (!err)
		err = create_check_name(a, req->name, f);
	p->count = err ? 0 : req->member_count;
	for (unsigned i = 0; i < p->count; i++)
		p->members[i].device.fd = -1;
	for (unsigned i = 0; i < p->count && !err; i++)
		err = create_open(a, p, i, req->members[i], f);
	for (unsigned i = 0; i < p->count && !err; i++) {
		err = create_check_ours(req, &p->members[i], f);
		if (!err)
			err = create_check_blank(req, &p->members[i], f);
	}
	if (!err)
		err = create_check_sectors(req, p, f);
	return err ? err : create_check_size(p, f);
}

static int
create_superblock(const struct plan *p, const char *name, struct sb *sb)
{
	uint64_t nonce;

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return -EIO;
	uuid_generate_random(sb->array_uuid);
	snprintf(sb->name, sizeof(sb->name), "%s", name);
	sb->created_s = (uint64_t)time(NULL);
	sb->geometry = p->geometry;
	sb->layout = p->layout;
	for (unsigned i = 0; i < p->count; i++)
		uuid_generate_random(
			sb_place(sb, i / p->geometry.legs, i % p->geometry.legs)
				->member_uuid);
	sb_create(sb, nonce);
	return 0;
}

static int
create_wipe(struct plan *p, struct failure *f)
{
	for (unsigned i = 0; i < p->count; i++) {
		int res = take_wipe(&p->members[i].device);
		int err;

		if (!res)
			continue;
		err = failure_set(f, MSG_CREATE_FAILED, "cannot write %s",
				  p->members[i].device.path);
		failure_cause(f, "%s", strerror(-res));
		return err;
	}
	return 0;
}

static int
create_volume(struct arrays *a, struct plan *p, const struct sb *sb,
	      struct array *array, struct failure *f)
{
	struct raid_leg_config legs[MEMBERS_MAX] = {0};
	struct device *devices = calloc(MEMBERS_MAX, sizeof(*devices));
	struct volume_config cfg = {
		.raid = {.sb = sb,
			 .create = true,
			 .bare = a->config->measure_bare,
			 .legs = legs,
			 .limits = memory_limits(a, sb),
			 .wall_s = (uint64_t)time(NULL)},
		.devices = devices,
		.name = array->name,
		.lock_memory = a->config->lock_memory,
		.queue_depth = (uint32_t)a->config->queue_depth,
		.wait_ns = a->config->hang_wait_s * 1000000000ull,
	};
	int res;

	if (!devices)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	for (unsigned i = 0; i < p->count; i++) {
		struct device *d = &p->members[i].device;

		legs[i] = (struct raid_leg_config){
			.present = true,
			.sector_bytes = d->sector_bytes,
			.write_through = d->write_through,
			.bytes = d->bytes,
		};
		memcpy(legs[i].member_uuid,
		       sb_place_const(sb, i / p->geometry.legs,
				      i % p->geometry.legs)
			       ->member_uuid,
		       16);
		devices[i] = *d;
		/* The volume's from here on. */
		d->fd = -1;
	}
	array->sums_cache_bytes = memory_of_pages(&cfg.raid);
	res = volume_start(&array->volume, &cfg, a->poller, notes_cb, array);
	free(devices);
	if (!res)
		return 0;
	array->volume = NULL;
	res = failure_set(f, MSG_CREATE_FAILED, "cannot create '%s': %s",
			  array->name, strerror(-res));
	failure_cause(f, "the members could not be laid out; see the log");
	return res;
}

static int
create_do(struct arrays *a, const struct create_request *req, struct plan *p,
	  struct failure *f)
{
	struct sb *sb = calloc(1, sizeof(*sb));
	struct array *array = NULL;
	int err = sb ? create_superblock(p, req->name, sb) : -ENOMEM;

	if (!err)
		array = arrays_add(a, sb->array_uuid, req->name);
	if (!array) {
		free(sb);
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	}
	err = create_wipe(p, f);
	if (!err)
		err = create_volume(a, p, sb, array, f);
	for (unsigned i = 0; i < p->count && !err; i++)
		if (arrays_know(a,
				sb_place(sb, i / p->geometry.legs,
					 i % p->geometry.legs)
					->member_uuid,
				p->members[i].device.path,
				&p->members[i].identity))
			log_warning(req->name, "no memory for a path");
	arrays_remember(a);
	if (err) {
		arrays_remove(array);
	} else {
		array->state = ARRAY_SERVING;
		array->sets = p->geometry.sets;
		array->legs = p->geometry.legs;
		log_notice(req->name, "created: %u sets of %u legs",
			   p->geometry.sets, p->geometry.legs);
	}
	free(sb);
	return err;
}

int
create_array(struct arrays *a, const struct create_request *req, json_t **plan,
	     struct failure *f)
{
	struct plan *p = calloc(1, sizeof(*p));
	int err = 0;

	if (!p)
		return failure_set(f, MSG_NO_MEMORY, "no memory");
	p->geometry = (struct geometry){
		.sets = req->legs ? req->member_count / req->legs : 0,
		.legs = req->legs,
		.chunk_bytes = req->chunk_bytes,
		.block_bytes = 512,
		.region_blocks = a->config->measure_region_blocks
					 ? a->config->measure_region_blocks
					 : REGION_BLOCKS,
	};
	if (arrays_scan(a, 0))
		err = failure_set(f, MSG_NO_MEMORY, "no memory");
	if (!err)
		err = create_check(a, req, p, f);
	if (!err) {
		*plan = plan_json(a, req, p);
		if (!req->dry_run)
			err = create_do(a, req, p, f);
		if (err) {
			json_decref(*plan);
			*plan = NULL;
		}
	}
	for (unsigned i = 0; i < p->count; i++) {
		take_close_one(&p->members[i].device);
		if (p->members[i].inspection)
			inspect_free(p->members[i].inspection);
	}
	free(p);
	return err;
}
