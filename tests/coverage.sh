#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Which branches of raid/ no test reaches: the engine, compiled with gcov,
# under its unit tests and the simulator.  "make coverage" says what to link
# it with; SEEDS and JOBS may be given.
#
# Writes coverage/index.html and coverage/unreached into the build directory,
# and fails if that is more than $unreached_max branches.  Left out are
#
#  - CHECK(): it is for what cannot be; ARENA_TAKE(); a switch's way past
#    all cases (coverage.awk);
#  - a line with a comment "never: why" on it, or just before it.  One of
#    which all was reached is a failure, too.

set -u
# In a build made with ../../configure it has dots in it, and lcov's names not.
top=$(cd "${top_srcdir:-$(dirname "$0")/..}" && pwd)
build=${top_builddir:-$top/build/gcc}
cc=${CC:-gcc}
seeds=${SEEDS:-300}
jobs=${JOBS:-$(nproc)}
work=$build/coverage
lcov=(lcov -q --rc lcov_branch_coverage=1)

# It may only become less.
unreached_max=50

die() {
	echo "coverage: $*" >&2
	exit 2
}

# --- building ----------------------------------------------------------------

compile() {
	# shellcheck disable=SC2086 # a list of options
	$cc -std=gnu11 -O0 -g --coverage ${RAID_CPPFLAGS:-} -I"$top/raid" \
		-c "$1" -o "$work/engine/$(basename "$1" .c).o"
}

# link PROGRAM OBJECT... LIBRARY...: with the engine.
link() {
	$cc --coverage ${RAID_LDFLAGS:-} -o "$work/$1" "$work"/engine/*.o \
		"${@:2}"
}

# is_of_engine TEST.c: includes nothing of ours but from raid/ and tests/unit.
is_of_engine() {
	local h
	for h in $(sed -n 's/^#include "\(.*\)"/\1/p' "$1"); do
		[ -e "$top/raid/$h" ] || [ -e "$top/tests/unit/$h" ] || return 1
	done
}

build_all() {
	local f n pids=()
	rm -rf "$work"
	mkdir -p "$work/engine" "$work/unit"
	for f in "$top"/raid/*.c; do
		compile "$f" &
		pids+=($!)
		[ ${#pids[@]} -lt "$jobs" ] || {
			wait "${pids[0]}" || return 1
			pids=("${pids[@]:1}")
		}
	done
	for f in "${pids[@]}"; do wait "$f" || return 1; done
	# shellcheck disable=SC2086 # lists
	(cd "$build" && link sim $SIM_OBJECTS ${SIM_LIBS:-}) || return 1
	for f in "$top"/tests/unit/test_*.c; do
		is_of_engine "$f" || continue
		n=$(basename "$f" .c)
		# shellcheck disable=SC2086 # lists
		link "unit/$n" "$build/tests/unit/$n.o" \
			"$build/tests/unit/libsupport.a" ${UNIT_LIBS:-} ||
			return 1
	done
}

# --- running -----------------------------------------------------------------

run_all() {
	local f s
	for f in "$work"/unit/test_*; do
		"$f" || die "$f failed"
	done
	for s in $(grep -oE '^[0-9]+' "$top/tests/sim/seeds"); do
		"$work/sim" "$s" || die "seed $s failed"
	done
	"$work/sim" --seeds "$seeds" --jobs "$jobs" || die "sim failed"
}

# --- what was not reached ----------------------------------------------------

# measure: coverage.info, without the branches of lines that are left out.
measure() {
	rm -f "$work/unreached" "$work/outdated"
	touch "$work/unreached" "$work/outdated"
	"${lcov[@]}" -c -d "$work/engine" -b "$top/raid" \
		--include "$top/raid/*" -o "$work/each.info" &&
		"${lcov[@]}" -a "$work/each.info" -o "$work/all.info" ||
		return 1
	awk -v dir="$top/" -v unreached="$work/unreached" \
		-v outdated="$work/outdated" \
		-f "$top/tests/coverage.awk" "$work/all.info" \
		>"$work/coverage.info" || return 1
	genhtml -q --branch-coverage -p "$top" -t "raid/ under its tests" \
		-o "$work" "$work/coverage.info"
}

judge() {
	local n
	sort -t : -k 1,1 -k 2,2n "$work/unreached"
	sed 's/^/says "never", and all was reached: /' "$work/outdated"
	n=$(awk -F ': ' '{ n += $2 == "not called" ? 1 : $2 + 0 }
		END { print n + 0 }' "$work/unreached")
	"${lcov[@]}" --summary "$work/coverage.info" 2>&1 | grep branches
	echo "$n branches unreached, $unreached_max allowed;" \
		"see $work/index.html"
	[ "$n" -le "$unreached_max" ] && [ ! -s "$work/outdated" ]
}

[ -n "${SIM_OBJECTS:-}" ] || die "run \"make coverage\""
build_all || die "cannot be built"
run_all
measure || die "gcov or lcov failed"
judge
