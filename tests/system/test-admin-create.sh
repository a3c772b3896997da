#!/bin/bash
# SPDX-License-Identifier: MIT
#
# create: the plan says who mirrors whom and who decides the size; nothing is
# written unless it is confirmed.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq script

members 4 64M
truncate -s 48M "$dir/m2"
raidd_start

expect 0 ctl create a -n "${members[@]}"
says "$dir/m0"
says "the smallest member decides: 48.0 MiB"
expect 4 ctl examine "$dir/m3"

# What is missing is named.
expect 2 ctl create
says "create lacks NAME"
expect 2 ctl create a
says "create lacks MEMBER..."
expect 2 ctl member fail a
says "member fail lacks SET.LEG"

# Nobody to ask.
expect 6 ctl create a "${members[@]}" </dev/null
says "error RD-4003"
says "remedy:"
expect 4 ctl examine "$dir/m0"

# The wrong name, then the right one, typed.
typed() {
	printf '%s\n' "$1" | script -qec \
		"$raidctl --socket $socket create a ${members[*]}" /dev/null
}
expect 6 typed b
expect 4 ctl examine "$dir/m0"
expect 0 typed a
# Nothing stands behind a line but its end; and who cannot be told is told so.
ctl status >"$dir/out"
! grep -n " $" "$dir/out" || fail "there are blanks at the end"
full() {
	ctl status >/dev/full
}
expect 1 full
says "No space left"
expect 0 ctl list
says serving
[ "$(json '.arrays[0].sets | length' show a)" = 2 ]
[ "$(json '.arrays[0].sets[1].legs[0].path' show a)" = "$dir/m2" ]

expect 7 ctl create a -y "${members[@]}"
says "error RD-1202"

# Three legs, another chunk.
members=("$dir/n0" "$dir/n1" "$dir/n2")
truncate -s 32M "${members[@]}"
expect 0 ctl create b -y --legs 3 --chunk 64K "${members[@]}"
says "matches no 'scan' pattern"
[ "$(json '.arrays[0] | "\(.legs_per_set) \(.chunk_bytes)"' show b)" = \
	"3 65536" ]
raidd_stop
