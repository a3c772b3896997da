#!/bin/sh
# SPDX-License-Identifier: MIT
# Each source file stands in its folder's local.mk, and each test is run.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"
status=0

# missing FRAGMENT FILE...: says which are not named there.
missing() {
	mk=$1
	shift
	for f; do
		[ -e "$f" ] || continue
		grep -qE "(^|[[:space:]])$f([[:space:]]|\$)" "$mk" && continue
		echo "$f is not in $mk"
		status=1
	done
}

for d in raid daemon tools; do
	missing $d/local.mk $d/*.[ch] $d/*.def $d/README
done
for f in tests/unit/test_*.c tests/fuzz/fuzz_*.c; do
	[ ! -e "$f" ] || missing_programs="${missing_programs:-} ${f%.c}"
done
for f in ${missing_programs:-}; do
	grep -qE "^[[:space:]]$f( |\$)" tests/local.mk && continue
	echo "$f is not in tests/local.mk"
	status=1
done
missing tests/local.mk tests/model/* tests/sim/*.[ch] tests/system/* tests/*.sh \
	tests/README tests/unit/*.h tests/unit/support.c tests/fuzz/*.h \
	tests/golden/* tests/bench/* tests/planted/*
missing tools/local.mk tools/quickstart/*
missing doc/local.mk doc/*.md doc/*.[0-9]

# And nothing is named that is not there.
for f in $(grep -hoE '^[[:space:]]+(raid|daemon|tools|tests|doc)/[^ ]+\.[a-z0-9]+' \
	./*/local.mk); do
	case $f in *.a) continue ;; esac
	[ -e "$f" ] && continue
	echo "$f is in a local.mk and not in the tree"
	status=1
done
exit $status
