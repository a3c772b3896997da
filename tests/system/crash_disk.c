/* SPDX-License-Identifier: MIT */
/*
 * crash_disk: a disk with a volatile cache, as a file.
 *
 *     crash_disk IMAGE FILE SEED
 *
 * FILE, which must exist, becomes a FUSE mount until the process ends.  The
 * image is the medium; what was written and not flushed is held in memory, all
 * of it, none of it, or sector by sector, as the seed draws, and now and then
 * a held sector goes to the medium by itself.  So to kill it is to cut its
 * power: each write since the last flush is kept, dropped or torn.
 *
 * Opened with FOPEN_DIRECT_IO the kernel caches nothing of it, and passes FUA
 * (O_DSYNC) on with the write instead of following it by an fsync.  So a write
 * with FUA makes itself durable and nothing else, as on a real disk; through
 * nbdfuse, which has no such thing, it makes all durable that went before.
 */
#define FUSE_USE_VERSION 35

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rng.h"

#define SECTOR_BYTES  512u

static struct disk {
	int image;
	uint64_t sectors;
	uint8_t **held;	     /* by sector: what the medium has not; or NULL */
	uint64_t *held_list; /* which they are, in no order */
	uint64_t held_count;
	struct rng rng;
} disk;

static void
medium_write(uint64_t sector, const void *data)
{
	if (pwrite(disk.image, data, SECTOR_BYTES,
		   (off_t)(sector * SECTOR_BYTES)) != SECTOR_BYTES)
		abort();
}

/* The held sector at this place of the list goes to the medium. */
static void
held_write(uint64_t i)
{
	uint64_t sector = disk.held_list[i];

	medium_write(sector, disk.held[sector]);
	free(disk.held[sector]);
	disk.held[sector] = NULL;
	disk.held_list[i] = disk.held_list[--disk.held_count];
}

static void
sector_hold(uint64_t sector, const uint8_t *data)
{
	if (!disk.held[sector]) {
		disk.held[sector] = malloc(SECTOR_BYTES);
		if (!disk.held[sector])
			abort();
		disk.held_list[disk.held_count++] = sector;
	}
	memcpy(disk.held[sector], data, SECTOR_BYTES);
}

static void
sector_to_medium(uint64_t sector, const uint8_t *data)
{
	medium_write(sector, data);
	/* Held, it would be older; it is as good to hold what is there now. */
	if (disk.held[sector])
		memcpy(disk.held[sector], data, SECTOR_BYTES);
}

static int
disk_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	if (strcmp(path, "/") != 0)
		return -ENOENT;
	*st = (struct stat){
		.st_mode = S_IFREG | 0600,
		.st_nlink = 1,
		.st_size = (off_t)(disk.sectors * SECTOR_BYTES),
	};
	return 0;
}

static int
disk_open(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	/* Nothing of it in the kernel's cache, which would outlive a cut. */
	fi->direct_io = 1;
	return 0;
}

static bool
is_inside(size_t bytes, off_t offset)
{
	return bytes % SECTOR_BYTES == 0 && offset >= 0 &&
	       (uint64_t)offset % SECTOR_BYTES == 0 &&
	       (uint64_t)offset + bytes <= disk.sectors * SECTOR_BYTES;
}

static int
disk_read(const char *path, char *buf, size_t bytes, off_t offset,
	  struct fuse_file_info *fi)
{
	uint64_t first = (uint64_t)offset / SECTOR_BYTES;

	(void)path;
	(void)fi;
	if (!is_inside(bytes, offset))
		return -EINVAL;
	if (pread(disk.image, buf, bytes, offset) != (ssize_t)bytes)
		return -EIO;
	for (size_t i = 0; i < bytes / SECTOR_BYTES; i++)
		if (disk.held[first + i])
			memcpy(buf + i * SECTOR_BYTES, disk.held[first + i],
			       SECTOR_BYTES);
	return (int)bytes;
}

/* All held, all written, or either by sector. */
static void
put(uint64_t first, uint64_t count, const uint8_t *data, bool fua)
{
	unsigned hold_percent =
		fua ? 0 : (unsigned)RNG_PICK(&disk.rng, 100, 100, 50, 0);

	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *from = data ? data + i * SECTOR_BYTES :
			(const uint8_t[SECTOR_BYTES]){0};

		if (rng_percent(&disk.rng, hold_percent))
			sector_hold(first + i, from);
		else
			sector_to_medium(first + i, from);
	}
	while (disk.held_count && rng_percent(&disk.rng, 40))
		held_write(rng_below(&disk.rng, disk.held_count));
}

static int
disk_write(const char *path, const char *buf, size_t bytes, off_t offset,
	   struct fuse_file_info *fi)
{
	bool fua = fi->flags & O_DSYNC;

	(void)path;
	if (!is_inside(bytes, offset))
		return -EINVAL;
	put((uint64_t)offset / SECTOR_BYTES, bytes / SECTOR_BYTES,
	    (const uint8_t *)buf, fua);
	return (int)bytes;
}

static int
disk_fallocate(const char *path, int mode, off_t offset, off_t bytes,
	       struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	if (!(mode & FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (!is_inside((size_t)bytes, offset))
		return -EINVAL;
	put((uint64_t)offset / SECTOR_BYTES, (uint64_t)bytes / SECTOR_BYTES,
	    NULL, false);
	return 0;
}

static int
disk_fsync(const char *path, int datasync, struct fuse_file_info *fi)
{
	(void)path;
	(void)datasync;
	(void)fi;
	while (disk.held_count)
		held_write(disk.held_count - 1);
	return 0;
}

static const struct fuse_operations operations = {
	.getattr = disk_getattr,
	.open = disk_open,
	.read = disk_read,
	.write = disk_write,
	.fallocate = disk_fallocate,
	.fsync = disk_fsync,
};

int
main(int argc, char **argv)
{
	struct stat st;

	if (argc != 4) {
		fprintf(stderr, "usage: crash_disk IMAGE FILE SEED\n");
		return 2;
	}
	disk.image = open(argv[1], O_RDWR | O_CLOEXEC);
	if (disk.image < 0 || fstat(disk.image, &st)) {
		perror(argv[1]);
		return 2;
	}
	disk.sectors = (uint64_t)st.st_size / SECTOR_BYTES;
	disk.held = calloc(disk.sectors, sizeof(*disk.held));
	disk.held_list = calloc(disk.sectors, sizeof(*disk.held_list));
	if (!disk.held || !disk.held_list)
		abort();
	rng_init(&disk.rng, strtoull(argv[3], NULL, 0), "disk", 0);
	/* One thread, in the foreground. */
	char *args[] = {argv[0], (char[]){"-f"}, (char[]){"-s"}, argv[2], NULL};

	return fuse_main(4, args, &operations, NULL);
}
