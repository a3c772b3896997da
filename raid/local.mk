# SPDX-License-Identifier: MIT
# The engine: linked into raidd, raidctl and the tests, never installed.
noinst_LIBRARIES += raid/libraid.a

raid_libraid_a_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/raid $(ISAL_CFLAGS)
raid_libraid_a_CFLAGS = $(BASE_CFLAGS) -Wconversion -Wsign-conversion
raid_libraid_a_SOURCES = \
	raid/arena.h \
	raid/assemble.c \
	raid/assemble.h \
	raid/bare.c \
	raid/check.h \
	raid/checkpoint.c \
	raid/cleaner.c \
	raid/crc.c \
	raid/crc.h \
	raid/create.c \
	raid/evidence.c \
	raid/extents.c \
	raid/extents.h \
	raid/fan.c \
	raid/fan.h \
	raid/fetch.c \
	raid/flush.c \
	raid/heal.c \
	raid/io.h \
	raid/journal.c \
	raid/judge.c \
	raid/layout.c \
	raid/layout.h \
	raid/le.h \
	raid/leg.c \
	raid/line.c \
	raid/line.h \
	raid/list.h \
	raid/lost.c \
	raid/lost.h \
	raid/map.c \
	raid/map.h \
	raid/messages.h \
	raid/meta.c \
	raid/note.c \
	raid/note.h \
	raid/op.c \
	raid/op.h \
	raid/pages.c \
	raid/part.c \
	raid/plant.h \
	raid/prepare.c \
	raid/raid.c \
	raid/raid.h \
	raid/range.c \
	raid/range.h \
	raid/read.c \
	raid/recall.c \
	raid/record.c \
	raid/record.h \
	raid/reference.c \
	raid/repair.c \
	raid/replay.c \
	raid/request.c \
	raid/salvage.c \
	raid/scan.c \
	raid/set.h \
	raid/settle.c \
	raid/settle.h \
	raid/settler.c \
	raid/start.c \
	raid/start.h \
	raid/status.c \
	raid/steps.h \
	raid/stop.c \
	raid/store.c \
	raid/sums.c \
	raid/sums.h \
	raid/superblock.c \
	raid/superblock.h \
	raid/superblock_valid.c \
	raid/table.c \
	raid/tail.c \
	raid/trim.c \
	raid/units.c \
	raid/units.h \
	raid/unwritten.c \
	raid/verdict.c \
	raid/write.c \
	$(NULL)

EXTRA_DIST += raid/README
