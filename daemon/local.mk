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
	daemon/config.c \
	daemon/config.h \
	daemon/device.c \
	daemon/device.h \
	daemon/failure.c \
	daemon/failure.h \
	daemon/journal.c \
	daemon/journal.h \
	daemon/log.c \
	daemon/log.h \
	daemon/messages.def \
	daemon/nbd.h \
	daemon/poll.c \
	daemon/poll.h \
	daemon/ring.c \
	daemon/ring.h \
	daemon/uring.c \
	daemon/uring.h \
	daemon/volume.h \
	$(NULL)

raidd_CPPFLAGS = $(DAEMON_CPPFLAGS)
raidd_CFLAGS = $(BASE_CFLAGS) -pthread
raidd_SOURCES = daemon/main.c
raidd_LDADD = daemon/libraidd.a raid/libraid.a $(DAEMON_LIBS)

EXTRA_DIST += daemon/README
