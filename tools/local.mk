# SPDX-License-Identifier: MIT
# raidctl: raidctl.c, and the rest as a library that tests can link too.
noinst_LIBRARIES += tools/libraidctl.a
sbin_PROGRAMS += raidctl

TOOLS_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/raid -I$(top_srcdir)/tools \
	$(JANSSON_CFLAGS) $(SMARTCOLS_CFLAGS) $(BLKID_CFLAGS) $(UUID_CFLAGS)
TOOLS_LIBS = $(JANSSON_LIBS) $(SMARTCOLS_LIBS) $(BLKID_LIBS) $(UUID_LIBS) \
	$(ISAL_LIBS)

tools_libraidctl_a_CPPFLAGS = $(TOOLS_CPPFLAGS)
tools_libraidctl_a_CFLAGS = $(BASE_CFLAGS)
tools_libraidctl_a_SOURCES = \
	tools/client.c \
	tools/cmd_array.c \
	tools/cmd_attach.c \
	tools/cmd_create.c \
	tools/cmd_examine.c \
	tools/cmd_faults.c \
	tools/cmd_lost.c \
	tools/cmd_salvage.c \
	tools/cmd_status.c \
	tools/ctl.c \
	tools/ctl.h \
	tools/kernel_nbd.c \
	tools/kernel_nbd.h \
	tools/look.h \
	tools/loop.c \
	tools/loop.h \
	tools/member.c \
	tools/member.h \
	tools/member_meta.c \
	tools/nbd_read.c \
	tools/nbd_read.h \
	tools/nbdfuse.c \
	tools/nbdfuse.h \
	tools/run.c \
	tools/run.h \
	tools/salvage_print.c \
	tools/salvage_print.h \
	tools/size.c \
	tools/size.h \
	tools/tree.c \
	tools/tree.h \
	$(NULL)

raidctl_CPPFLAGS = $(TOOLS_CPPFLAGS)
raidctl_CFLAGS = $(BASE_CFLAGS)
raidctl_SOURCES = tools/raidctl.c
raidctl_LDADD = tools/libraidctl.a raid/libraid.a $(TOOLS_LIBS)

EXTRA_DIST += \
	tools/README \
	tools/quickstart/bam.pgbench \
	tools/quickstart/messagebox.pgbench \
	tools/quickstart/schema.sql \
	$(NULL)
