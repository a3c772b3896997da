/* SPDX-License-Identifier: MIT */
/*
 * The known members over a restart, in a small file (members_file), so that
 * one that is absent then has a serial number and not only a UUID.  For people
 * only: nothing is decided by it, and nothing breaks without it.
 */
#ifndef RAIDD_REMEMBER_H
#define RAIDD_REMEMBER_H

#include "known.h"

/* What the file has; a file that is not there, or makes no sense, has none. */
void remember_load(struct known **list, const char *path);
/* Control thread only; the writing is a look (probe.h).  What fails is logged,
 * once. */
void remember_save(const struct known *list, const char *path);

#endif
