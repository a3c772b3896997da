/* SPDX-License-Identifier: MIT */
/* An array for people: head line, problems, the tree of sets and legs. */
#ifndef RAIDCTL_TREE_H
#define RAIDCTL_TREE_H

#include <jansson.h>

/* array: as raidd's status gives it.  To stdout. */
void tree_print(const json_t *array);

#endif
