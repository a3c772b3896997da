/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong with disks and operators (the kinds: options.h).
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "superblock.h"

/* Offered to assemble(), and no member of the array. */
#define FAULTS_STRANGER (SIM_LEGS_MAX + 1u)

struct sim;
struct sim_op;

void faults_init(struct sim *s);
void faults_fini(struct sim *s);

/* May a fault be injected on this member (storm.c)? */
bool faults_may_hit(const struct sim *s, unsigned member);

/* It suffered something: it can be nobody's guard any more. */
void faults_taint(struct sim *s, unsigned member);
void faults_note(struct sim *s, enum fault kind, unsigned member,
		 uint64_t offset, uint64_t more);

/* At submission: the result it will have; nanoseconds that it hangs. */
int faults_draw_error(struct sim *s, const struct sim_op *op);
uint64_t faults_draw_stall(struct sim *s, unsigned member);
/* At landing.  True: the write went nowhere, or elsewhere. */
bool faults_divert(struct sim *s, struct sim_op *op);
/* What was read may be something else. */
void faults_misread(struct sim *s, struct sim_op *op);

/* Something happens now, and again later. */
void faults_event(struct sim *s);

/* Power fails: what a lying disk must have kept all the same. */
void faults_pay(struct sim *s, unsigned member);
/* A run has ended: nothing is wrong any more where much is in doubt. */
void faults_settle(struct sim *s);
/* Before a start: disks come back, go back, lose an end. */
void faults_between_runs(struct sim *s);
/* For when no start is possible otherwise. */
void faults_heal(struct sim *s);

/* Members in the order in which they are found, with strangers between. */
void faults_offer(struct sim *s, const struct sb **sbs, unsigned *index,
		  unsigned *count);

#endif
