/* SPDX-License-Identifier: MIT */
/*
 * Which disk is it?  What is printed on its label (model, serial number), for
 * people, and what tells two names of one disk, for us.
 */
#ifndef RAIDD_IDENTITY_H
#define RAIDD_IDENTITY_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define IDENTITY_TEXT_MAX 64

struct identity {
	bool is_file;
	dev_t dev; /* the block device; of a file: where it lies */
	ino_t ino; /* 0 for a block device */
	char model[IDENTITY_TEXT_MAX];
	char serial[IDENTITY_TEXT_MAX];
	char firmware[IDENTITY_TEXT_MAX];
};

/* Which one it is, without its label.  0, or -EINVAL: neither a file nor a
 * block device. */
int identity_of(const struct stat *st, struct identity *out);
/* The label too: asks sysfs. */
void identity_describe(struct identity *id);
/* For messages. */
static inline const char *
identity_serial(const struct identity *id)
{
	return id->serial[0] ? id->serial : "unknown";
}

bool identity_same(const struct identity *a, const struct identity *b);

#endif
