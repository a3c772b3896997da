/* SPDX-License-Identifier: MIT */
/*
 * Model, serial number and firmware of a disk, from sysfs.  The places differ: NVMe
 * and MMC have device/serial, virtio has serial, SCSI keeps its unit serial
 * number as the raw page 0x80 with four bytes before the text.
 */
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Printable text, without spaces at its ends. */
static void
text_tidy(char *text)
{
	size_t length;
	size_t lead;

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = ' ';
	lead = strspn(text, " ");
	memmove(text, text + lead, strlen(text + lead) + 1);
	length = strlen(text);
	while (length && text[length - 1] == ' ')
		text[--length] = '\0';
}

static bool
sysfs_text(const char *dir, const char *name, size_t skip,
	   char out[IDENTITY_TEXT_MAX])
{
	char path[256];
	char raw[IDENTITY_TEXT_MAX + 8];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, raw, sizeof(raw) - 1);
	close(fd);
	if (n <= (ssize_t)skip)
		return false;
	raw[n] = '\0';
	snprintf(out, IDENTITY_TEXT_MAX, "%.*s", IDENTITY_TEXT_MAX - 1,
		 raw + skip);
	text_tidy(out);
	return out[0] != '\0';
}

static void
identity_of_disk(struct identity *id)
{
	char dir[128];
	char probe[160];

	snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u", major(id->dev),
		 minor(id->dev));
	snprintf(probe, sizeof(probe), "%s/partition", dir);
	/* A partition has no label of its own. */
	if (!access(probe, F_OK))
		snprintf(dir, sizeof(dir), "/sys/dev/block/%u:%u/..",
			 major(id->dev), minor(id->dev));
	sysfs_text(dir, "device/model", 0, id->model);
	if (!sysfs_text(dir, "device/firmware_rev", 0, id->firmware))
		sysfs_text(dir, "device/rev", 0, id->firmware);
	if (sysfs_text(dir, "device/serial", 0, id->serial) ||
	    sysfs_text(dir, "serial", 0, id->serial) ||
	    sysfs_text(dir, "device/vpd_pg80", 4, id->serial) ||
	    sysfs_text(dir, "wwid", 0, id->serial))
		return;
	sysfs_text(dir, "device/wwid", 0, id->serial);
}

int
identity_of(const struct stat *st, struct identity *out)
{
	memset(out, 0, sizeof(*out));
	if (S_ISREG(st->st_mode)) {
		out->is_file = true;
		out->dev = st->st_dev;
		out->ino = st->st_ino;
		return 0;
	}
	if (!S_ISBLK(st->st_mode))
		return -EINVAL;
	out->dev = st->st_rdev;
	return 0;
}

void
identity_describe(struct identity *id)
{
	if (id->is_file)
		snprintf(id->serial, sizeof(id->serial), "file:%lx:%lu",
			 (unsigned long)id->dev, (unsigned long)id->ino);
	else
		identity_of_disk(id);
}

bool
identity_same(const struct identity *a, const struct identity *b)
{
	return a->is_file == b->is_file && a->dev == b->dev && a->ino == b->ino;
}
