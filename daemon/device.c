/* SPDX-License-Identifier: MIT */
/*
 * Opening a member's disk, and what can be asked about it.
 *
 * The exclusive hold and the I/O are on one descriptor (R10): a process that
 * died keeps its hold until its last write has drained, so who gets it next
 * cannot be overtaken by such a write.
 */
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "log.h"

#define BUSY_POLL_NS     20000000u
#define SECTOR_BYTES_MAX 4096u

/* First line of a file in sysfs, without the spaces around it; "" if it
 * cannot be had. */
static void
sysfs_read(const char *dir, const char *name, char *out, size_t out_bytes)
{
	char path[PATH_MAX];
	char line[256] = "";

	out[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path))
		return;
	FILE *f = fopen(path, "re");

	if (!f)
		return;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	char *start = line + strspn(line, " \t\n");
	size_t end = strlen(start);

	while (end && strchr(" \t\n", start[end - 1]))
		end--;
	start[end] = '\0';
	snprintf(out, out_bytes, "%s", start);
}

/* The disk's folder in sysfs; a partition's is inside its disk's. */
static int
sysfs_disk(dev_t dev, char *out)
{
	char link[64];

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev),
		 minor(dev));
	if (!realpath(link, out))
		return -errno;
	char partition[PATH_MAX + 16];

	snprintf(partition, sizeof(partition), "%s/partition", out);
	if (access(partition, F_OK) == 0)
		*strrchr(out, '/') = '\0';
	return 0;
}

static void
describe_disk(struct device *d, dev_t dev)
{
	char disk[PATH_MAX];
	char word[64];

	if (sysfs_disk(dev, disk))
		return;
	sysfs_read(disk, "device/model", d->model, sizeof(d->model));
	sysfs_read(disk, "device/firmware_rev", d->firmware,
		   sizeof(d->firmware));
	if (!d->firmware[0])
		sysfs_read(disk, "device/rev", d->firmware,
			   sizeof(d->firmware));
	sysfs_read(disk, "device/serial", d->serial, sizeof(d->serial));
	if (!d->serial[0])
		sysfs_read(disk, "serial", d->serial, sizeof(d->serial));
	if (!d->serial[0])
		sysfs_read(disk, "device/wwid", d->serial, sizeof(d->serial));
	sysfs_read(disk, "queue/write_cache", word, sizeof(word));
	/* Unless it is said that there is none, there is a cache. */
	d->write_through = strcmp(word, "write through") == 0;
	sysfs_read(disk, "queue/fua", word, sizeof(word));
	d->has_fua = strcmp(word, "1") == 0;
	sysfs_read(disk, "queue/discard_max_bytes", word, sizeof(word));
	d->can_discard = strtoull(word, NULL, 10) > 0;
}

bool
device_commits_slowly(const struct device *d, char *out, size_t out_bytes)
{
	if (d->is_file || d->write_through || d->has_fua)
		return false;
	snprintf(out, out_bytes,
		 "%s (serial %s) has a volatile cache and no FUA: each commit "
		 "waits until all of the cache is written; if the disk's cache "
		 "survives a power cut, say so (echo \"write through\" > its "
		 "queue/write_cache in /sys/block), else a disk with power-"
		 "loss protection is faster",
		 d->path, device_serial(d));
	return true;
}

static int
measure_disk(struct device *d, const struct stat *st)
{
	uint64_t bytes;
	int sector;

	if (ioctl(d->fd, BLKGETSIZE64, &bytes) ||
	    ioctl(d->fd, BLKSSZGET, &sector))
		return -errno;
	if (sector <= 0 || sector > (int)SECTOR_BYTES_MAX)
		return -EINVAL;
	d->bytes = bytes;
	/* The array knows two sizes; a disk of 1 or 2 KiB sectors is served
	 * in whole 4 KiB. */
	d->sector_bytes = sector == 512 ? 512 : SECTOR_BYTES_MAX;
	describe_disk(d, st->st_rdev);
	return 0;
}

/* What a direct transfer to this file must be aligned to: 0 is not known.
 * (statx's answer where there is one, from 6.1.) */
static uint32_t
file_alignment(int fd)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
	    (stx.stx_mask & STATX_DIOALIGN))
		return stx.stx_dio_offset_align;
#else
	(void)fd;
#endif
	return 0;
}

/* Whether direct writes with RWF_DSYNC, sent by io_uring, are durable when
 * they end.  On FUSE they are not: the kernel (6.18) syncs after such a write
 * only if it waited for it, and io_uring does not.  Trusted is only where it
 * was seen to be so. */
static bool
file_has_fua(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

/* Where a server answers, it may also have to say how large the file is, now,
 * before the kernel takes a request: whoever asks waits for that. */
static bool
file_is_served(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return false;
	/* As unsigned: of 32 bits, with a sign in some headers. */
	switch ((uint32_t)fs.f_type) {
	case FUSE_SUPER_MAGIC:
	case NFS_SUPER_MAGIC:
	case CEPH_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static int
measure_file(struct device *d, const struct stat *st)
{
	uint32_t align = file_alignment(d->fd);

	if (align > SECTOR_BYTES_MAX)
		return -EINVAL;
	d->fua_by_flush = !file_has_fua(d->fd);
	d->may_block = file_is_served(d->fd);
	d->bytes = (uint64_t)st->st_size;
	d->sector_bytes = align > 512 ? SECTOR_BYTES_MAX : 512;
	d->can_discard = true;
	snprintf(d->serial, sizeof(d->serial), "file:%lx:%lu",
		 (unsigned long)st->st_dev, (unsigned long)st->st_ino);
	return 0;
}

static int
open_direct(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT);

	if (fd >= 0 || errno != EINVAL)
		return fd >= 0 ? fd : -errno;
	fd = open(path, flags);
	if (fd < 0)
		return -errno;
	log_notice(NULL, "%s: no direct I/O here: through the page cache",
		   path);
	return fd;
}

/* One try.  The kind is looked at first, since O_EXCL means nothing for a
 * file, and again on the descriptor, since the path may have changed. */
static int
open_once(const char *path, int access, struct stat *st)
{
	int flags = access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	if (stat(path, st))
		return -errno;
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return -EINVAL;
	mode_t kind = st->st_mode & S_IFMT;
	int fd = open_direct(path, S_ISBLK(kind) ? flags | O_EXCL : flags);

	if (fd < 0)
		return fd;
	int rc = 0;

	if (fstat(fd, st))
		rc = -errno;
	else if ((st->st_mode & S_IFMT) != kind)
		rc = -EINVAL;
	else if (S_ISREG(kind) && flock(fd, LOCK_EX | LOCK_NB))
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int
open_patiently(const char *path, int access, uint64_t wait_ns, struct stat *st)
{
	uint64_t deadline_ns = clock_ns() + wait_ns;
	int fd = open_once(path, access, st);

	while (fd == -EBUSY && clock_ns() < deadline_ns) {
		nanosleep(&(struct timespec){.tv_nsec = BUSY_POLL_NS}, NULL);
		fd = open_once(path, access, st);
	}
	return fd;
}

/* A descriptor that says EAGAIN instead of waiting is not what I/O wants;
 * O_NONBLOCK was for opening only. */
static int
clear_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK))
		return -errno;
	return 0;
}

static int
device_open_as(struct device *d, const char *path, int access, uint64_t wait_ns)
{
	struct stat st;

	memset(d, 0, sizeof(*d));
	d->fd = -1;
	if (snprintf(d->path, sizeof(d->path), "%s", path) >=
	    (int)sizeof(d->path))
		return -ENAMETOOLONG;
	int fd = open_patiently(path, access, wait_ns, &st);

	if (fd < 0)
		return fd;
	d->fd = fd;
	d->is_file = S_ISREG(st.st_mode);
	int rc = identity_of(&st, &d->identity);

	if (!rc)
		rc = clear_nonblock(fd);
	if (!rc)
		rc = d->is_file ? measure_file(d, &st) : measure_disk(d, &st);
	d->bytes &= ~(uint64_t)4095;
	if (rc)
		device_close(d);
	return rc;
}

int
device_open(struct device *d, const char *path, uint64_t wait_ns)
{
	return device_open_as(d, path, O_RDWR, wait_ns);
}

int
device_open_readonly(struct device *d, const char *path, uint64_t wait_ns)
{
	return device_open_as(d, path, O_RDONLY, wait_ns);
}

void
device_close(struct device *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

int
device_read(const struct device *d, void *buf, uint64_t length, uint64_t offset)
{
	char *at = buf;

	while (length) {
		ssize_t got = pread(d->fd, at, length, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		at += got;
		offset += (uint64_t)got;
		length -= (uint64_t)got;
	}
	return 0;
}

int
device_write(const struct device *d, const void *buf, uint64_t length,
	     uint64_t offset)
{
	const char *at = buf;

	while (length) {
		ssize_t put = pwrite(d->fd, at, length, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		at += put;
		offset += (uint64_t)put;
		length -= (uint64_t)put;
	}
	return 0;
}

int
device_flush(const struct device *d)
{
	return fdatasync(d->fd) ? -errno : 0;
}
