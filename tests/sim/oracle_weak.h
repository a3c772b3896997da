/* SPDX-License-Identifier: MIT */
/*
 * The weaker promise where all disks lie: the oracle's own business.
 */
#ifndef SIM_ORACLE_WEAK_H
#define SIM_ORACLE_WEAK_H

#include "oracle.h"

void oracle_weak_fini(struct oracle *o);
/* A request is sent, and is over. */
void oracle_weak_ask(struct oracle *o, uint64_t id,
		     const struct oracle_slot *s);
void oracle_weak_over(struct oracle *o, uint64_t id);
/* Power fails. */
void oracle_weak_cut(struct oracle *o, uint64_t blocks);

/* Zeros, or what some request wrote at this place some time. */
bool oracle_weak_was_ever(uint64_t offset, uint64_t length,
			  const uint8_t *data);
/* Is no sector of what was read a mix?  If one is, the reason. */
bool oracle_weak_check(struct oracle *o, const struct oracle_slot *s,
		       const uint8_t *data);

#endif
