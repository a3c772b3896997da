/* SPDX-License-Identifier: MIT */
/* The plan of a new array, in numbers and in sentences. */
#ifndef RAIDD_PLAN_H
#define RAIDD_PLAN_H

#include <stdbool.h>

#include <jansson.h>

#include "device.h"
#include "identity.h"
#include "superblock.h"

struct arrays;
struct create_request;
struct inspection;

struct plan_member {
	struct device device;
	struct identity identity;
	char signature[256];             /* foreign, overridden */
	struct inspection *inspection;   /* what was seen of it */
	bool ours;                       /* has a superblock of ours */
	char ours_name[SB_NAME_MAX + 1]; /* "": not readable */
};

struct plan {
	struct geometry geometry;
	struct layout layout;
	const struct plan_member *smallest;
	unsigned count;
	struct plan_member members[SB_SETS_MAX * SB_LEGS_MAX];
};

/* A new reference. */
json_t *plan_json(const struct arrays *a, const struct create_request *req,
		  const struct plan *p);

#endif
