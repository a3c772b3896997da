#!/bin/sh
# SPDX-License-Identifier: MIT
# I34 over compilers: each DIRECTORY has a build, by gcc, by clang, with
# sanitizers; the same seeds have the same traces in all.
set -eu
[ $# -ge 2 ] || {
	echo "usage: check-hashes.sh DIRECTORY DIRECTORY..." >&2
	exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for build; do
	"$build/tests/sim/sim" --hashes --seeds "${SIM_SEEDS:-60}" \
		--jobs "$(nproc)" | sort -n >"$work/hashes"
	[ "$(wc -l <"$work/hashes")" -eq "${SIM_SEEDS:-60}" ] || {
		echo "$build: not every seed has run"
		exit 1
	}
	[ -e "$work/first" ] || cp "$work/hashes" "$work/first"
	diff "$work/first" "$work/hashes" || {
		echo "$build and $1: these seeds differ"
		exit 1
	}
done
echo "${SIM_SEEDS:-60} seeds have the same traces in $# builds"
