/* SPDX-License-Identifier: MIT */
/* Finding members: expand the patterns, read four superblock copies each. */
#include "scan.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config.h"
#include "device.h"
#include "probe.h"

#define COPIES (2u * SB_SLOTS)

typedef int read_f(void *arg, void *buf, uint64_t length, uint64_t offset);

static int
read_fd(void *arg, void *buf, uint64_t length, uint64_t offset)
{
	const int *fd = arg;
	uint64_t done = 0;

	while (done < length) {
		ssize_t n = pread(*fd, (char *)buf + done, length - done,
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

static int
read_device(void *arg, void *buf, uint64_t length, uint64_t offset)
{
	return device_read(*(const struct device **)arg, buf, length, offset);
}

static void
candidate_choose(struct candidate *c, const struct sb_copy copies[COPIES])
{
	int chosen = sb_choose(copies, &c->res);

	c->bad_copies = 0;
	c->sequence = 0;
	for (unsigned i = 0; i < COPIES; i++) {
		int res = copies[i].res;

		if (!res && copies[i].sb.sequence > c->sequence)
			c->sequence = copies[i].sb.sequence;
		if (res && res != -ENOENT)
			c->bad_copies++;
	}
	if (chosen < 0)
		return;
	c->sb = copies[chosen].sb;
	c->slot = (uint8_t)((unsigned)chosen % SB_SLOTS);
	c->res = 0;
	if (layout_validate(&c->sb.geometry, &c->sb.layout, c->bytes))
		c->res = -ENOSPC;
	/* A write of one block would no longer be one. */
	else if (c->sector_bytes > c->sb.geometry.block_bytes)
		c->res = -EMEDIUMTYPE;
}

static void
candidate_read_copies(struct candidate *c, read_f *rd, void *arg)
{
	struct sb_copy *copies = calloc(COPIES, sizeof(*copies));
	void *buf = NULL;

	if (!copies || posix_memalign(&buf, 4096, SB_BYTES)) {
		free(copies);
		c->res = -ENOMEM;
		return;
	}
	for (unsigned i = 0; i < COPIES; i++) {
		uint64_t at = sb_offset(c->bytes, i / SB_SLOTS, i % SB_SLOTS);

		copies[i].res = -EIO;
		if (!rd(arg, buf, SB_BYTES, at))
			copies[i].res = sb_decode(buf, at, &copies[i].sb);
	}
	candidate_choose(c, copies);
	free(buf);
	free(copies);
}

void
candidate_read(struct candidate *c, const struct device *d)
{
	c->bytes = d->bytes;
	c->sector_bytes = d->sector_bytes;
	/* It may have been detached while we waited for it. */
	if (c->bytes < MEMBER_BYTES_MIN) {
		c->index = -1;
		c->res = -ENOENT;
		return;
	}
	candidate_read_copies(c, read_device, &d);
}

static int
candidate_size(struct candidate *c, int fd, const struct stat *st)
{
	uint64_t bytes = (uint64_t)st->st_size;
	int sector = 512;

	if (!c->identity.is_file) {
		if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 ||
		    ioctl(fd, BLKSSZGET, &sector) < 0)
			return -errno;
	}
	c->bytes = bytes & ~(uint64_t)(BLOCK_BYTES - 1);
	c->sector_bytes = (uint32_t)sector;
	return 0;
}

/* 0 or -errno: what kept us from looking for superblocks. */
static int
candidate_look(void *arg)
{
	struct candidate *c = arg;
	struct stat st;
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) < 0 ? -errno : identity_of(&st, &c->identity);
	if (!err)
		identity_describe(&c->identity);
	if (!err)
		err = candidate_size(c, fd, &st);
	if (!err && c->bytes < MEMBER_BYTES_MIN)
		err = -ENOENT;
	if (!err)
		candidate_read_copies(c, read_fd, &fd);
	close(fd);
	return err;
}

struct candidate *
candidate_of(const char *path)
{
	struct candidate *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->index = -1;
	c->path = strdup(path);
	if (!c->path) {
		free(c);
		return NULL;
	}
	return c;
}

void
candidate_free(struct candidate *c)
{
	if (!c)
		return;
	free(c->path);
	free(c);
}

struct candidate *
candidate_copy(const struct candidate *c)
{
	struct candidate *copy = candidate_of(c->path);

	if (copy)
		candidate_update(copy, c);
	return copy;
}

void
candidate_update(struct candidate *c, const struct candidate *from)
{
	struct candidate *next = c->next;
	char *path = c->path;

	*c = *from;
	c->next = next;
	c->path = path;
}

static void
candidate_drop(void *c)
{
	candidate_free(c);
}

struct candidate *
candidate_new(const char *path, uint64_t end_ns)
{
	struct candidate *c = candidate_of(path);
	int err;

	if (!c)
		return NULL;
	err = probe(path, end_ns, candidate_look, c, candidate_drop);
	if (err == -ENOMEM)
		return NULL;
	if (err == -ETIMEDOUT) {
		c = candidate_of(path);
		if (!c)
			return NULL;
	}
	if (err)
		c->res = err;
	return c;
}

const char *
candidate_trouble(int res)
{
	switch (res) {
	case -EBADMSG:
		return "no copy of its superblock is whole";
	case -EPROTONOSUPPORT:
		return "its format is newer than this raidd knows";
	case -EINVAL:
		return "its superblock says impossible things";
	case -EMEDIUMTYPE:
		return "its sectors are larger than the array's blocks";
	case -ENOSPC:
		return "it is smaller than when it became a member";
	case -EIO:
		return "its superblocks cannot be read";
	case -ENOENT:
		return "it carries no superblock";
	case -ETIMEDOUT:
		return "it does not answer";
	default:
		return strerror(-res);
	}
}

bool
candidate_has_array(const struct candidate *c)
{
	return !c->res || c->res == -ENOSPC || c->res == -EMEDIUMTYPE;
}

/* What has no superblock, or cannot be opened at all, is none of ours. */
static bool
candidate_is_ours(const struct candidate *c)
{
	return candidate_has_array(c) || c->res == -EBADMSG ||
	       c->res == -EPROTONOSUPPORT ||
	       (c->res == -EINVAL && c->bad_copies);
}

static bool
scan_has(const struct scan *s, const struct identity *id)
{
	for (const struct candidate *c = s->first; c; c = c->next)
		if (identity_same(&c->identity, id))
			return true;
	return false;
}

struct sight {
	struct identity identity;
	char path[];
};

static int
sight_look(void *arg)
{
	struct sight *s = arg;
	struct stat st;

	if (stat(s->path, &st) < 0)
		return -ENOENT;
	return identity_of(&st, &s->identity);
}

/* Which disk has this name?  0, -ENOMEM, or what kept us from seeing it. */
static int
scan_identify(const char *path, uint64_t end_ns, struct identity *out)
{
	size_t bytes = strlen(path) + 1;
	struct sight *s = malloc(sizeof(*s) + bytes);
	int err;

	if (!s)
		return -ENOMEM;
	memcpy(s->path, path, bytes);
	err = probe(path, end_ns, sight_look, s, free);
	if (err == -ENOMEM || err == -ETIMEDOUT)
		return err;
	*out = s->identity;
	free(s);
	return err;
}

static int
scan_path(struct scan *s, const char *path, scan_skip_f *skip, void *arg)
{
	struct candidate *c;
	struct candidate **end = &s->first;
	struct identity id;
	int err = scan_identify(path, s->end_ns, &id);

	if (err)
		return err == -ENOMEM ? err : 0;
	if (scan_has(s, &id) || (skip && skip(&id, arg)))
		return 0;
	c = candidate_new(path, s->end_ns);
	if (!c)
		return -ENOMEM;
	if (!candidate_is_ours(c)) {
		candidate_free(c);
		return 0;
	}
	while (*end)
		end = &(*end)->next;
	*end = c;
	s->count++;
	return 0;
}

struct match {
	int res; /* glob's */
	glob_t found;
	char pattern[];
};

static int
match_look(void *arg)
{
	struct match *m = arg;

	m->res = glob(m->pattern, 0, NULL, &m->found);
	return m->res == GLOB_NOSPACE ? -ENOMEM : 0;
}

static void
match_free(void *arg)
{
	struct match *m = arg;

	globfree(&m->found);
	free(m);
}

static int
scan_glob(struct scan *s, const char *pattern, scan_skip_f *skip, void *arg)
{
	size_t bytes = strlen(pattern) + 1;
	struct match *m = calloc(1, sizeof(*m) + bytes);
	int err;

	if (!m)
		return -ENOMEM;
	memcpy(m->pattern, pattern, bytes);
	err = probe(pattern, s->end_ns, match_look, m, match_free);
	if (err)
		return err == -ENOMEM ? err : 0;
	for (size_t i = 0; !m->res && i < m->found.gl_pathc && !err; i++)
		err = scan_path(s, m->found.gl_pathv[i], skip, arg);
	match_free(m);
	return err;
}

int
scan_disks(struct scan *s, const struct config *c, const char *const *extra,
	   uint64_t end_ns, scan_skip_f *skip, void *arg)
{
	int err = 0;

	memset(s, 0, sizeof(*s));
	s->end_ns = end_ns;
	for (uint64_t i = 0; i < c->glob_count && !err; i++)
		err = scan_glob(s, c->globs[i], skip, arg);
	for (; extra && *extra && !err; extra++)
		err = scan_path(s, *extra, skip, arg);
	if (err)
		scan_free(s);
	return err;
}

void
scan_free(struct scan *s)
{
	while (s->first) {
		struct candidate *c = s->first;

		s->first = c->next;
		candidate_free(c);
	}
	s->count = 0;
}
