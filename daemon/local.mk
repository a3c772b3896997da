# SPDX-License-Identifier: MIT
# raidd: main.c, and the rest as a library that tests can link too.
noinst_LIBRARIES += daemon/libraidd.a
sbin_PROGRAMS += raidd

DAEMON_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/raid -I$(top_srcdir)/daemon \
	$(URING_CFLAGS) $(JANSSON_CFLAGS) $(INIH_CFLAGS) $(BLKID_CFLAGS) \
	$(UUID_CFLAGS) $(SYSTEMD_CFLAGS) $(ISAL_CFLAGS)
DAEMON_LIBS = $(URING_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(BLKID_LIBS) \
	$(UUID_LIBS) $(SYSTEMD_LIBS) $(ISAL_LIBS)

daemon_libraidd_a_CPPFLAGS = $(DAEMON_CPPFLAGS)
daemon_libraidd_a_CFLAGS = $(BASE_CFLAGS) -pthread
daemon_libraidd_a_SOURCES = \
	daemon/array_start.c \
	daemon/array_stop.c \
	daemon/arrays.c \
	daemon/arrays.h \
	daemon/attach.c \
	daemon/attach.h \
	daemon/blank.c \
	daemon/blank.h \
	daemon/config.c \
	daemon/config.h \
	daemon/config_key.c \
	daemon/config_key.h \
	daemon/control.c \
	daemon/control.h \
	daemon/create.c \
	daemon/create.h \
	daemon/device.c \
	daemon/device.h \
	daemon/engine.c \
	daemon/engine.h \
	daemon/failure.c \
	daemon/failure.h \
	daemon/faults.c \
	daemon/faults.h \
	daemon/frontend.h \
	daemon/health.c \
	daemon/health.h \
	daemon/identity.c \
	daemon/identity.h \
	daemon/inspect.c \
	daemon/inspect.h \
	daemon/journal.c \
	daemon/journal.h \
	daemon/known.c \
	daemon/known.h \
	daemon/listener.c \
	daemon/listener.h \
	daemon/log.c \
	daemon/log.h \
	daemon/mailbox.c \
	daemon/mailbox.h \
	daemon/nbd.c \
	daemon/nbd.h \
	daemon/nbd_conn.c \
	daemon/nbd_conn.h \
	daemon/nbd_frontend.h \
	daemon/nbd_negotiate.c \
	daemon/nbd_negotiate.h \
	daemon/nbd_proto.h \
	daemon/nbd_reply.c \
	daemon/nbd_server.c \
	daemon/nbd_wire.c \
	daemon/nbd_wire.h \
	daemon/memory.c \
	daemon/memory.h \
	daemon/notebox.c \
	daemon/notebox.h \
	daemon/notes.c \
	daemon/notes.h \
	daemon/plan.c \
	daemon/plan.h \
	daemon/poll.c \
	daemon/poll.h \
	daemon/pool.c \
	daemon/pool.h \
	daemon/probe.c \
	daemon/probe.h \
	daemon/problems.c \
	daemon/process.c \
	daemon/process.h \
	daemon/remember.c \
	daemon/remember.h \
	daemon/ring.c \
	daemon/ring.h \
	daemon/rpc.c \
	daemon/rpc.h \
	daemon/rpc_change.c \
	daemon/rpc_decode.c \
	daemon/rpc_read.c \
	daemon/rpc_salvage.c \
	daemon/salvage.c \
	daemon/salvage.h \
	daemon/scan.c \
	daemon/scan.h \
	daemon/show.c \
	daemon/show_lost.c \
	daemon/show.h \
	daemon/show_faults.c \
	daemon/take.c \
	daemon/take.h \
	daemon/uring.c \
	daemon/uring.h \
	daemon/volume.c \
	daemon/volume.h \
	$(NULL)

raidd_CPPFLAGS = $(DAEMON_CPPFLAGS)
raidd_CFLAGS = $(BASE_CFLAGS) -pthread
raidd_SOURCES = daemon/main.c
raidd_LDADD = daemon/libraidd.a raid/libraid.a $(DAEMON_LIBS)

EXTRA_DIST += daemon/README
