/* SPDX-License-Identifier: MIT */
/*
 * A disk that is to become a member: which it is, and what is on it.  Both are
 * looks (probe.h): it may hang.  Control thread only.
 */
#ifndef RAIDD_INSPECT_H
#define RAIDD_INSPECT_H

#include "device.h"
#include "identity.h"
#include "scan.h"

struct inspection {
	struct device device;        /* opened exclusively */
	char users[512];             /* who has it all the same; "": nobody */
	struct candidate *candidate; /* what superblocks say; ->res */
	int signature_err;           /* looking for one failed */
	char signature[256];         /* foreign; "": none */
};

/* Which disk a path names, with its label.  0 or -errno. */
int inspect_identity(const char *path, struct identity *out);

/* Open it and look.  0 and out, for inspect_free; or -errno. */
int inspect_disk(const char *path, const struct identity *id,
		 struct inspection **out);
/* Closes the device if it is still there. */
void inspect_free(struct inspection *in);

#endif
