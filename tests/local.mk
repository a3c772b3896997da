# SPDX-License-Identifier: MIT
# Unit tests are one Criterion program a file; the simulator is one program;
# each fuzzer, built without libFuzzer, replays its corpus.  System tests need
# root: "check" at the top runs them, "make check" does not.
AM_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/raid -I$(top_srcdir)/daemon \
	-I$(top_srcdir)/tools -I$(top_srcdir)/tests/unit $(URING_CFLAGS) \
	$(JANSSON_CFLAGS) $(INIH_CFLAGS) $(BLKID_CFLAGS) $(UUID_CFLAGS) \
	$(SMARTCOLS_CFLAGS) $(SYSTEMD_CFLAGS) $(ISAL_CFLAGS) $(CRITERION_CFLAGS) \
	$(FUZZ_CPPFLAGS) -DGOLDEN_DIR='"$(abs_top_srcdir)/tests/golden"'
AM_CFLAGS = $(BASE_CFLAGS) -pthread

UNIT_TESTS = \
	tests/unit/test_assemble \
	tests/unit/test_assemble_member \
	tests/unit/test_assemble_walk \
	tests/unit/test_bare \
	tests/unit/test_config \
	tests/unit/test_copies \
	tests/unit/test_crc \
	tests/unit/test_device \
	tests/unit/test_faults \
	tests/unit/test_evidence \
	tests/unit/test_golden \
	tests/unit/test_hang \
	tests/unit/test_heal \
	tests/unit/test_kept \
	tests/unit/test_large \
	tests/unit/test_last_leg \
	tests/unit/test_layout \
	tests/unit/test_leg \
	tests/unit/test_lost \
	tests/unit/test_line \
	tests/unit/test_map \
	tests/unit/test_memory \
	tests/unit/test_nbd_conn \
	tests/unit/test_nbd_wire \
	tests/unit/test_notes \
	tests/unit/test_notebox \
	tests/unit/test_pages \
	tests/unit/test_pool \
	tests/unit/test_probe \
	tests/unit/test_order \
	tests/unit/test_range \
	tests/unit/test_recall \
	tests/unit/test_record \
	tests/unit/test_replay \
	tests/unit/test_request \
	tests/unit/test_room \
	tests/unit/test_salvage \
	tests/unit/test_settle \
	tests/unit/test_settler \
	tests/unit/test_stamp \
	tests/unit/test_start \
	tests/unit/test_sums \
	tests/unit/test_superblock \
	tests/unit/test_trim \
	tests/unit/test_units \
	tests/unit/test_uring \
	tests/unit/test_verdict \
	tests/unit/test_verdict \
	$(NULL)

# Programs without a list of sources are one .c file of their name.  The
# support library uses the engine, and gives it check_failed().
LDADD = tests/unit/libsupport.a tools/libraidctl.a daemon/libraidd.a \
	raid/libraid.a tests/unit/libsupport.a raid/libraid.a \
	$(DAEMON_LIBS) $(TOOLS_LIBS) \
	$(CRITERION_LIBS)

tests_unit_test_stamp_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim \
	-I$(top_srcdir)/tests/system
tests_unit_test_stamp_SOURCES = \
	tests/system/stamp_history.c \
	tests/system/stamp_sector.c \
	tests/unit/test_stamp.c \
	$(NULL)

check_LIBRARIES = tests/unit/libsupport.a
tests_unit_libsupport_a_SOURCES = \
	tests/unit/memio.c \
	tests/unit/memio.h \
	tests/unit/offer.c \
	tests/unit/offer.h \
	tests/unit/settling.c \
	tests/unit/settling.h \
	tests/unit/support.c \
	tests/unit/support.h \
	tests/unit/trial.c \
	tests/unit/trial.h \
	$(NULL)

if HAVE_CRITERION
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

check_PROGRAMS += tests/sim/sim
tests_sim_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/sim
tests_sim_sim_LDADD = raid/libraid.a $(ISAL_LIBS)
tests_sim_sim_SOURCES = \
	tests/sim/boot.c \
	tests/sim/calm.c \
	tests/sim/candidate.c \
	tests/sim/candidate.h \
	tests/sim/engine.c \
	tests/sim/exhaust.c \
	tests/sim/exhaust.h \
	tests/sim/exhaust_check.c \
	tests/sim/exhaust_client.c \
	tests/sim/exhaust_disk.c \
	tests/sim/exhaust_disk.h \
	tests/sim/exhaust_engine.c \
	tests/sim/exhaust_image.c \
	tests/sim/exhaust_image.h \
	tests/sim/exhaust_oracle.c \
	tests/sim/exhaust_oracle.h \
	tests/sim/exhaust_run.c \
	tests/sim/exhaust_world.c \
	tests/sim/exhaust_world.h \
	tests/sim/listed.c \
	tests/sim/many.c \
	tests/sim/many.h \
	tests/sim/faults.c \
	tests/sim/faults.h \
	tests/sim/faults_between.c \
	tests/sim/members.c \
	tests/sim/opset.c \
	tests/sim/opset.h \
	tests/sim/options.c \
	tests/sim/options.h \
	tests/sim/oracle.c \
	tests/sim/oracle.h \
	tests/sim/oracle_check.c \
	tests/sim/oracle_weak.c \
	tests/sim/oracle_weak.h \
	tests/sim/pattern.c \
	tests/sim/pattern.h \
	tests/sim/pool.c \
	tests/sim/pool.h \
	tests/sim/queue.c \
	tests/sim/queue.h \
	tests/sim/reader.c \
	tests/sim/reader.h \
	tests/sim/rng.h \
	tests/sim/rules.c \
	tests/sim/rules.h \
	tests/sim/run.c \
	tests/sim/run.h \
	tests/sim/salvage.c \
	tests/sim/scenarios.c \
	tests/sim/scenarios_crash.c \
	tests/sim/scenarios_decay.c \
	tests/sim/scenarios_lost.c \
	tests/sim/scenarios_member.c \
	tests/sim/scenarios_planted.c \
	tests/sim/scenarios_review.c \
	tests/sim/scenarios_salvage.c \
	tests/sim/scenarios_slow.c \
	tests/sim/scenarios_verdict.c \
	tests/sim/script.c \
	tests/sim/script.h \
	tests/sim/setting.c \
	tests/sim/setting.h \
	tests/sim/shrink.c \
	tests/sim/shrink.h \
	tests/sim/sim.c \
	tests/sim/sim.h \
	tests/sim/sim_cache.c \
	tests/sim/sim_cache.h \
	tests/sim/sim_client.c \
	tests/sim/sim_client.h \
	tests/sim/sim_disk.c \
	tests/sim/sim_disk.h \
	tests/sim/sim_io.c \
	tests/sim/sim_io.h \
	tests/sim/sim_lies.c \
	tests/sim/storm.c \
	tests/sim/trace.c \
	tests/sim/trace.h \
	tests/sim/trace_print.c \
	tests/sim/verdict.c \
	tests/sim/verdict.h \
	tests/sim/versions.c \
	tests/sim/versions.h \
	tests/sim/watch.c \
	tests/sim/watch.h \
	tests/sim/watch_answers.c \
	tests/sim/watch_records.c \
	tests/sim/witness.c \
	tests/sim/witness.h \
	$(NULL)

# Models of the rules, searched whole.
check_PROGRAMS += tests/model/model
tests_model_model_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/model
tests_model_model_LDADD = raid/libraid.a $(ISAL_LIBS)
tests_model_model_SOURCES = \
	tests/model/block.c \
	tests/model/block.h \
	tests/model/block_bugs.def \
	tests/model/block_chain.c \
	tests/model/block_client.c \
	tests/model/block_flush.c \
	tests/model/block_journal.c \
	tests/model/block_settle.c \
	tests/model/block_start.c \
	tests/model/block_table.c \
	tests/model/members.c \
	tests/model/members.h \
	tests/model/members_back.c \
	tests/model/members_bugs.def \
	tests/model/members_code.c \
	tests/model/members_judge.c \
	tests/model/members_run.c \
	tests/model/members_table.c \
	tests/model/model.c \
	tests/model/model.h \
	tests/model/search.c \
	tests/model/search.h \
	$(NULL)

check-model: tests/model/model$(EXEEXT)
	tests/model/model

# What the crash tests check raidd with.
if HAVE_LIBNBD
check_PROGRAMS += tests/system/stamp
endif
tests_system_stamp_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/tests/sim \
	$(LIBNBD_CFLAGS)
tests_system_stamp_LDADD = $(LIBNBD_LIBS) $(ISAL_LIBS)
tests_system_stamp_SOURCES = \
	tests/system/stamp.c \
	tests/system/stamp_client.c \
	tests/system/stamp_client.h \
	tests/system/stamp_draw.c \
	tests/system/stamp_history.c \
	tests/system/stamp_history.h \
	tests/system/stamp_op.h \
	tests/system/stamp_sector.c \
	tests/system/stamp_sector.h \
	$(NULL)

if HAVE_FUSE
check_PROGRAMS += tests/system/crash_disk tests/system/crash_fs.so
endif
tests_system_crash_disk_CPPFLAGS = $(BASE_CPPFLAGS) \
	-I$(top_srcdir)/tests/sim $(FUSE_CFLAGS)
tests_system_crash_disk_SOURCES = tests/system/crash_disk.c
tests_system_crash_disk_LDADD = $(FUSE_LIBS)
tests_system_crash_fs_so_SOURCES = tests/system/crash_fs.c
tests_system_crash_fs_so_CPPFLAGS = $(BASE_CPPFLAGS)
tests_system_crash_fs_so_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -fPIC
tests_system_crash_fs_so_LDFLAGS = -shared
tests_system_crash_fs_so_LDADD =

TESTS += tests/run-fuzz.sh tests/run-sim.sh

FUZZERS = \
	tests/fuzz/fuzz_nbd \
	tests/fuzz/fuzz_record \
	tests/fuzz/fuzz_rpc \
	tests/fuzz/fuzz_superblock \
	$(NULL)

check_PROGRAMS += $(FUZZERS)

if ENABLE_FUZZERS
FUZZ_CPPFLAGS = -DFUZZ_LIBFUZZER
endif
FUZZER_MAIN = tests/fuzz/fuzzer.h tests/fuzz/replay.c
FUZZER_LINK = $(AM_LDFLAGS) $(FUZZ_CFLAGS)
tests_fuzz_fuzz_nbd_LDFLAGS = $(FUZZER_LINK)
tests_fuzz_fuzz_nbd_SOURCES = tests/fuzz/fuzz_nbd.c $(FUZZER_MAIN)
tests_fuzz_fuzz_record_LDFLAGS = $(FUZZER_LINK)
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c $(FUZZER_MAIN)
tests_fuzz_fuzz_rpc_LDFLAGS = $(FUZZER_LINK)
tests_fuzz_fuzz_rpc_SOURCES = tests/fuzz/fuzz_rpc.c $(FUZZER_MAIN)
tests_fuzz_fuzz_superblock_LDFLAGS = $(FUZZER_LINK)
tests_fuzz_fuzz_superblock_SOURCES = tests/fuzz/fuzz_superblock.c $(FUZZER_MAIN)

STATIC_CHECKS = \
	tests/check-docs.sh \
	tests/check-headers.sh \
	tests/check-layering.sh \
	tests/check-lists.sh \
	tests/check-words.sh \
	$(NULL)

TESTS += $(STATIC_CHECKS)

# Bugs planted in the engine, one at a time, which the simulator must find.
# PLANTED: what tests/planted/run shall do: --verify, names.
check-planted: tests/sim/sim
	top_srcdir='$(abs_top_srcdir)' CC='$(CC)' \
		SIM_OBJECTS='$(tests_sim_sim_OBJECTS)' \
		SIM_LIBS='$(ISAL_LIBS)' SIM_LDFLAGS='$(AM_LDFLAGS)' \
		SIM_CPPFLAGS='$(ISAL_CFLAGS) $(SAN_CFLAGS)' \
		bash $(srcdir)/tests/planted/run $(PLANTED)

# Reports of failing seeds are short and can be replayed.
check-shrink: tests/sim/sim
	top_srcdir='$(abs_top_srcdir)' CC='$(CC)' \
		SIM_OBJECTS='$(tests_sim_sim_OBJECTS)' \
		SIM_LIBS='$(ISAL_LIBS)' SIM_LDFLAGS='$(AM_LDFLAGS)' \
		SIM_CPPFLAGS='$(ISAL_CFLAGS) $(SAN_CFLAGS)' \
		bash $(srcdir)/tests/check-shrink.sh

# A long run: make sim SEEDS=1000000 JOBS=16 FROM=1
SEEDS = 10000
FROM = 1
JOBS = $$(nproc)
sim: tests/sim/sim
	tests/sim/sim --no-scenarios --seeds $(SEEDS) --from $(FROM) \
		--jobs $(JOBS)

.PHONY: check-model check-planted check-shrink sim

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	instrumented='$(SAN_CFLAGS)'; export instrumented; \
	CC='$(CC)'; export CC;

GOLDEN = \
	tests/golden/journal.hex \
	tests/golden/make_journal.py \
	tests/golden/make_superblock.py \
	tests/golden/superblock.hex \
	$(NULL)

SYSTEM = \
	tests/system/admin.sh \
	tests/system/committer.py \
	tests/system/crash.py \
	tests/system/crash.sh \
	tests/system/crash_checker.py \
	tests/system/crash_members.py \
	tests/system/faults_check.py \
	tests/system/flip.py \
	tests/system/functions.sh \
	tests/system/hang.sh \
	tests/system/ledger.sh \
	tests/system/member_read.py \
	tests/system/nbd_lazy.py \
	tests/system/nbd_rude.py \
	tests/system/postgres.sh \
	tests/system/rot.sh \
	tests/system/rot_postgres.sh \
	tests/system/sb_edit.py \
	tests/system/test-admin-absent.sh \
	tests/system/test-admin-attach.sh \
	tests/system/test-admin-create.sh \
	tests/system/test-admin-daemon.sh \
	tests/system/test-admin-json.sh \
	tests/system/test-admin-life.sh \
	tests/system/test-admin-member-fail.sh \
	tests/system/test-admin-rights.sh \
	tests/system/test-badinput-all-legs.sh \
	tests/system/test-badinput-control.sh \
	tests/system/test-badinput-create.sh \
	tests/system/test-badinput-full.sh \
	tests/system/test-badinput-halves.sh \
	tests/system/test-badinput-members.sh \
	tests/system/test-badinput-sectors.sh \
	tests/system/test-badinput-two-daemons.sh \
	tests/system/test-config-errors.sh \
	tests/system/test-config-manual.sh \
	tests/system/test-crash-checker.sh \
	tests/system/test-crash-cut.sh \
	tests/system/test-crash-kill.sh \
	tests/system/test-crash-nbdkit.sh \
	tests/system/test-disk-hangs.sh \
	tests/system/test-faults.sh \
	tests/system/test-format-members.sh \
	tests/system/test-hang-control.sh \
	tests/system/test-hang-evicted.sh \
	tests/system/test-hang-nbd.sh \
	tests/system/test-hang-stop.sh \
	tests/system/test-lost-blocks.sh \
	tests/system/test-nbd-clients.sh \
	tests/system/test-nbd-rude.sh \
	tests/system/test-nbd-stop.sh \
	tests/system/test-nbd-verify.sh \
	tests/system/test-nbd-write-through.sh \
	tests/system/test-postgres-crash.sh \
	tests/system/test-postgres-leg.sh \
	tests/system/test-quickstart.sh \
	tests/system/test-rot-budget.sh \
	tests/system/test-rot-lost.sh \
	tests/system/test-rot-metadata.sh \
	tests/system/test-rot-postgres-both.sh \
	tests/system/test-rot-postgres-lost.sh \
	tests/system/test-rot-postgres.sh \
	tests/system/test-rot-went-back-start.sh \
	tests/system/test-rot-went-back.sh \
	tests/system/test-salvage.sh \
	$(NULL)

BENCH = \
	tests/bench/common.py \
	tests/bench/cost \
	tests/bench/run \
	$(NULL)

EXTRA_DIST += \
	tests/coverage.awk \
	tests/coverage.sh \
	tests/fuzz/corpus \
	tests/planted/run \
	tests/run-fuzz.sh \
	tests/run-sim.sh \
	tests/sim/seeds \
	tests/README \
	tests/check-dist.sh \
	tests/check-hashes.sh \
	tests/check-shrink.sh \
	tests/setup.sh \
	$(STATIC_CHECKS) \
	$(GOLDEN) \
	$(SYSTEM) \
	$(BENCH) \
	$(NULL)
