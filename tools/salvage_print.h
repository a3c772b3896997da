/* SPDX-License-Identifier: MIT */
/* The report of a salvage or a recovery, for people. */
#ifndef RAIDCTL_SALVAGE_PRINT_H
#define RAIDCTL_SALVAGE_PRINT_H

#include <jansson.h>

void salvage_print(const json_t *report);

#endif
