#!/bin/bash
# SPDX-License-Identifier: MIT
#
# sim --shrink makes short reports: with a bug of raid/plant.h planted, a seed
# that fails is reduced to few requests, the command line of the report fails
# the same way each time, and without the bug it passes.  And each line of
# tests/sim/seeds still fails with the bug it names.
#
# "make check-shrink" gives SIM_OBJECTS, SIM_LIBS and CC.

set -u
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
sim=$PWD/tests/sim/sim
bugs=(DATA_WITHOUT_DIRTY CLEAN_BEFORE_FLUSH FIRST_WRITE_CACHED)
requests_max=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "$*"
	exit 1
}

# build BUG: a simulator with it, as $work/BUG.
build() {
	local f objects=()
	[ ! -e "$work/$1" ] || return 0
	mkdir -p "$work/$1.o"
	for f in $(grep -l "PLANTED($1)" "$top"/raid/*.c); do
		objects+=("$work/$1.o/$(basename "$f" .c).o")
		# shellcheck disable=SC2086 # a list of options
		$CC -std=gnu11 -O2 -g ${SIM_CPPFLAGS:-} -I"$top/raid" \
			-DPLANT="PLANT_$1" -c "$f" -o "${objects[-1]}" ||
			fail "$1: does not compile"
	done
	[ ${#objects[@]} -gt 0 ] || fail "$1: there is no such bug"
	# shellcheck disable=SC2086 # lists
	$CC ${SIM_LDFLAGS:-} -o "$work/$1" $SIM_OBJECTS "${objects[@]}" \
		raid/libraid.a $SIM_LIBS || fail "$1: does not link"
}

# What broke, as the simulator says it.
broke() {
	grep -a '^FAILED' | sed 's/^FAILED[^:]*: //; s/: .*//'
}

shrink() {
	local bug=$1 seed report replay name n arguments
	seed=$("$work/$bug" --no-scenarios --seeds 300 --jobs "$(nproc)" \
		2>/dev/null | sed -n 's/^failed: sim \([0-9]*\).*/\1/p' |
		sort -n | head -n 1)
	[ -n "$seed" ] || fail "$bug: no seed of 300 finds it"
	report=$("$work/$bug" --shrink "$seed" --seconds 60) ||
		fail "$bug: seed $seed: no report: $report"
	name=$(sed -n '1s/^[^:]*: \([^:]*\):.*/\1/p' <<<"$report")
	n=$(sed -n 's/^shrunk: \([0-9]*\) requests.*/\1/p' <<<"$report")
	replay=$(sed -n 's/^replay: sim //p' <<<"$report")
	echo "$bug: seed $seed, $name, $n requests: sim $replay"
	[ "${n:-1000}" -le $requests_max ] ||
		fail "$bug: more than $requests_max requests"
	read -ra arguments <<<"$replay"
	for _ in 1 2; do
		[ "$("$work/$bug" "${arguments[@]}" | broke)" = "$name" ] ||
			fail "$bug: the replay does not break $name"
	done
	"$sim" "${arguments[@]}" >/dev/null ||
		fail "$bug: the replay fails without the bug as well"
}

kept() {
	local line bug arguments status seeds
	while IFS='|' read -r line bug _; do
		case $line in \#*) continue ;; esac
		bug=$(tr -d ' \t' <<<"$bug")
		build "$bug"
		read -ra arguments <<<"$line"
		(ulimit -t 60; exec "$work/$bug" "${arguments[@]}") \
			>"$work/said" 2>&1
		status=$?
		seeds=$(grep -ac '^FAILED' "$work/said")
		case $status in
		0) fail "$bug: sim $line does not find it any more" ;;
		2) fail "$bug: sim $line is not understood" ;;
		esac
		echo "$bug: still found, in $seeds seeds, by sim $line"
	done <"$top/tests/sim/seeds"
}

for bug in "${bugs[@]}"; do
	build "$bug"
	shrink "$bug"
done
kept
