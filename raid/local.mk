# SPDX-License-Identifier: MIT
# The engine: linked into raidd, raidctl and the tests, never installed.
noinst_LIBRARIES += raid/libraid.a

raid_libraid_a_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/raid $(ISAL_CFLAGS)
raid_libraid_a_CFLAGS = $(BASE_CFLAGS) -Wconversion -Wsign-conversion
raid_libraid_a_SOURCES = \
	raid/arena.h \
	raid/assemble.h \
	raid/check.h \
	raid/crc.c \
	raid/crc.h \
	raid/fan.h \
	raid/io.h \
	raid/layout.c \
	raid/layout.h \
	raid/le.h \
	raid/list.h \
	raid/map.c \
	raid/map.h \
	raid/note.c \
	raid/note.h \
	raid/raid.h \
	raid/record.c \
	raid/record.h \
	raid/sums.c \
	raid/sums.h \
	raid/superblock.c \
	raid/superblock.h \
	$(NULL)

EXTRA_DIST += raid/README
