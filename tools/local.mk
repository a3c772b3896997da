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
	$(NULL)

raidctl_CPPFLAGS = $(TOOLS_CPPFLAGS)
raidctl_CFLAGS = $(BASE_CFLAGS)
raidctl_SOURCES = tools/raidctl.c
raidctl_LDADD = tools/libraidctl.a raid/libraid.a $(TOOLS_LIBS)

EXTRA_DIST += tools/README
