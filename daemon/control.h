/* SPDX-License-Identifier: MIT */
/*
 * The control socket: a line in, a line out (rpc.h).  Never blocks on a
 * client; what a client may cost is bounded: number, length of a line, time
 * without a request, answers it does not fetch.
 */
#ifndef RAIDD_CONTROL_H
#define RAIDD_CONTROL_H

struct arrays;
struct config;
struct control;
struct poller;

/*
 * Takes the lock beside the socket first (socket path + ".lock"), which says
 * that there is one raidd for it.  0; -EADDRINUSE: there is another; -errno.
 */
int control_start(struct control **out, struct poller *p, struct arrays *a,
		  const struct config *c);
void control_stop(struct control *c);

/* Those who were put off, one after the other (rpc_handle's later).  Also
 * called now and then by itself. */
void control_go_on(struct control *c);

#endif
