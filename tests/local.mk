# SPDX-License-Identifier: MIT
# Unit tests are one Criterion program a file; the simulator is one program;
# each fuzzer, built without libFuzzer, replays its corpus.  System tests need
# root: "check" at the top runs them, "make check" does not.
AM_CPPFLAGS = $(BASE_CPPFLAGS) -I$(top_srcdir)/raid -I$(top_srcdir)/daemon \
	-I$(top_srcdir)/tools -I$(top_srcdir)/tests/unit $(URING_CFLAGS) \
	$(JANSSON_CFLAGS) $(INIH_CFLAGS) $(BLKID_CFLAGS) $(UUID_CFLAGS) \
	$(SMARTCOLS_CFLAGS) $(SYSTEMD_CFLAGS) $(ISAL_CFLAGS) $(CRITERION_CFLAGS) \
	-DGOLDEN_DIR='"$(abs_top_srcdir)/tests/golden"'
AM_CFLAGS = $(BASE_CFLAGS) -pthread

UNIT_TESTS = \
	$(NULL)

if HAVE_CRITERION
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

STATIC_CHECKS = \
	tests/check-docs.sh \
	tests/check-headers.sh \
	tests/check-layering.sh \
	tests/check-lists.sh \
	tests/check-words.sh \
	$(NULL)

TESTS += $(STATIC_CHECKS)

TEST_EXTENSIONS = .sh
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	instrumented='$(SAN_CFLAGS)'; export instrumented; \
	CC='$(CC)'; export CC;

EXTRA_DIST += \
	tests/README \
	tests/check-dist.sh \
	tests/setup.sh \
	tests/system/functions.sh \
	tests/system/member_read.py \
	tests/system/postgres.sh \
	tests/system/test-postgres-crash.sh \
	tests/system/test-postgres-leg.sh \
	tests/system/test-quickstart.sh \
	$(STATIC_CHECKS) \
	$(NULL)
