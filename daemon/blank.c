/* SPDX-License-Identifier: MIT */
/* What is on a disk, and who has it: libblkid, mountinfo, sysfs. */
#include "blank.h"

#include <blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void list_add(char *list, size_t bytes, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void
list_add(char *list, size_t bytes, const char *fmt, ...)
{
	size_t used = strlen(list);
	va_list ap;

	if (used && used + 2 < bytes) {
		memcpy(list + used, ", ", 3);
		used += 2;
	}
	va_start(ap, fmt);
	vsnprintf(list + used, bytes - used, fmt, ap);
	va_end(ap);
}

static void
probe_name(blkid_probe probe, char *found, size_t bytes)
{
	const char *type = NULL;
	const char *table = NULL;
	const char *label = NULL;

	blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
	blkid_probe_lookup_value(probe, "PTTYPE", &table, NULL);
	blkid_probe_lookup_value(probe, "LABEL", &label, NULL);
	if (type)
		list_add(found, bytes, "%s%s%s%s", type,
			 label ? " (label " : "", label ? label : "",
			 label ? ")" : "");
	if (table)
		list_add(found, bytes, "%s partition table", table);
	if (!type && !table)
		list_add(found, bytes, "a signature libblkid knows");
}

/*
 * blkid_do_safeprobe: 0 one thing, 1 nothing, -2 several that contradict each
 * other, -1 trouble.  Several is as good a reason to refuse as one.
 */
static int
probe_run(blkid_probe probe, char *found, size_t bytes)
{
	int res;

	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
							 BLKID_SUBLKS_LABEL |
							 BLKID_SUBLKS_MAGIC);
	blkid_probe_enable_partitions(probe, 1);
	res = blkid_do_safeprobe(probe);
	if (res == 0)
		probe_name(probe, found, bytes);
	else if (res == -2)
		list_add(found, bytes, "several signatures");
	return res == -1 ? -EIO : 0;
}

int
blank_probe(const char *path, char *found, size_t found_bytes)
{
	blkid_probe probe;
	int fd;
	int err;

	found[0] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	probe = blkid_new_probe();
	if (!probe || blkid_probe_set_device(probe, fd, 0, 0))
		err = -EIO;
	else
		err = probe_run(probe, found, found_bytes);
	blkid_free_probe(probe);
	close(fd);
	return err;
}

/* A field of a line of mountinfo has "\040" for a space; people can read it. */
static void
users_mounts(dev_t dev, char *users, size_t bytes)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[2 * PATH_MAX];
	unsigned maj;
	unsigned min;
	char point[PATH_MAX];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &maj, &min,
			   point) == 3 &&
		    makedev(maj, min) == dev)
			list_add(users, bytes, "mounted at %s", point);
	fclose(f);
}

static void
users_swap(const char *path, char *users, size_t bytes)
{
	FILE *f = fopen("/proc/swaps", "re");
	char real[PATH_MAX];
	char line[2 * PATH_MAX];
	char name[PATH_MAX];

	if (!f)
		return;
	if (realpath(path, real))
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "%4095s", name) == 1 &&
			    !strcmp(name, real))
				list_add(users, bytes, "swap");
	fclose(f);
}

/* A disk has one folder for each partition, named as it begins itself. */
static void
users_partitions(const char *dir, char *users, size_t bytes)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[PATH_MAX];
		unsigned maj;
		unsigned min;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s/partition", dir, e->d_name);
		if (access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", dir, e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%u:%u", &maj, &min) == 2)
			users_mounts(makedev(maj, min), users, bytes);
		fclose(f);
	}
	if (d)
		closedir(d);
}

static void
users_holders(const char *sysfs, char *users, size_t bytes)
{
	char dir[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/holders", sysfs);
	d = opendir(dir);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			list_add(users, bytes, "part of %s", e->d_name);
	if (d)
		closedir(d);
}

/* The kernel's word: the path in sysfs may have become another file's, or lie
 * on a mount that does not answer. */
static bool
loop_is_backed_by(const char *loop, const struct identity *id)
{
	struct loop_info64 info;
	char path[PATH_MAX];
	bool same = false;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", loop);
	if (access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", loop);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (!ioctl(fd, LOOP_GET_STATUS64, &info))
		same = id->is_file ? info.lo_device == id->dev &&
					     info.lo_inode == id->ino
				   : info.lo_rdevice == id->dev;
	close(fd);
	return same;
}

static void
users_loops(const struct identity *id, char *users, size_t bytes)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, "loop", 4) &&
		    loop_is_backed_by(e->d_name, id))
			list_add(users, bytes, "backs /dev/%s", e->d_name);
	if (d)
		closedir(d);
}

void
blank_users(const struct identity *id, const char *path, char *users,
	    size_t users_bytes)
{
	char dir[128];

	users[0] = '\0';
	users_swap(path, users, users_bytes);
	users_loops(id, users, users_bytes);
	if (id->is_file)
		return;
	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(id->dev),
		 minor(id->dev));
	users_mounts(id->dev, users, users_bytes);
	users_holders(dir, users, users_bytes);
	users_partitions(dir, users, users_bytes);
}
