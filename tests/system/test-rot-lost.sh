#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A bit flips in one block, on both legs: reads of it, and writes of a part of
# it, fail, and nothing else does; raidd names the place, also after a clean
# stop and after a crash; it is gone when the block is overwritten, or
# discarded.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/rot.sh"
requires jq qemu-io nbdinfo python3

array=a
members 4 64M
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1
size=$(nbdinfo --size "$(uri a)")

# io COMMAND: of qemu-io.
io() {
	qemu-io -f raw -c "$1" "$(uri a)" >"$dir/io" 2>&1 || :
	! grep -qi -e failed -e error "$dir/io"
}

io_fails() {
	! io "$1" || fail "no error: $1"
	grep -q "Input/output error" "$dir/io" || fail "$(cat "$dir/io")"
}

# All of the device but the 4 KiB at AT, and those.
only_fails_at() {
	local at=$1
	[ "$at" = 0 ] || io "read 0 $at" || fail "an error before $at"
	io "read $((at + 4096)) $((size - at - 4096))" ||
		fail "an error behind $at"
	io_fails "read $at 4096"
	io_fails "read $((at + 1024)) 512"
}

# lost_is PLACE...: as "SET SET_OFFSET DEVICE_OFFSET LENGTH".
lost_is() {
	json '.lost.extents[] | [.set, .offset, .device_ranges[0].offset,
		.length] | join(" ")' show a --lost >"$dir/lost"
	printf '%s\n' "$@" | diff - "$dir/lost" ||
		fail "other blocks are lost"
	[ "$(json '[.lost.extents[] | .what, .since != null,
		(.device_ranges | length)] | unique | tostring' \
		show a --lost)" = '[true,1,"data"]' ]
	[ "$(json .lost.lost_bytes show a --lost)" = $(($# * 4096)) ]
	[ "$(json '[.arrays[0].sets[].lost_blocks] | add' show a)" = $# ]
	expect 0 ctl status a
	says RD-2004
}

lost_is_nothing() {
	[ "$(json '.lost | [.lost_bytes, .more, (.extents | length)] |
		tostring' show a --lost)" = '[0,false,0]' ] ||
		fail "something is lost still"
	[ "$(json '[.arrays[0].sets[].lost_blocks] | add' show a)" = 0 ]
	expect 0 ctl status a
	says_not RD-2004
}

lost_is_nothing
flip data 0 1 7 >"$dir/flips"
flip at 1 "$dir/flips"
read -r leg at place <"$dir/flips"
lost="${leg%.*} $at $place 4096"
only_fails_at "$place"
lost_is "$lost"
[ "$(json '.arrays[0].health' status a)" = optimal ]
# Told once of each leg, however often it was read.
[ "$(json '.faults | map([.leg, .kind, .set_offset, .device_offset, .outcome])
	| sort | tostring' show a --faults)" = "$(printf \
	'[["%s.0","mismatch",%s,%s,"lost"],["%s.1","mismatch",%s,%s,"lost"]]' \
	"${leg%.*}" "$at" "$place" "${leg%.*}" "$at" "$place")" ] ||
	fail "not one verdict on each leg"

# A part of it cannot be written: there is nothing to write it into.
io_fails "write -P 9 $((place + 512)) 512"
io "flush" || fail "a flush failed"
lost_is "$lost"
only_fails_at "$place"

# What it was is no better known after a stop, or a crash.
ctl stop a
ctl start a
lost_is "$lost"
only_fails_at "$place"
raidd_kill
raidd_start
lost_is "$lost"
only_fails_at "$place"
lost_is "$lost"

# A second one, and the first is overwritten.
flip data 1 1 8 --not "$dir/flips" >"$dir/second"
flip at 0 "$dir/second"
read -r leg at second <"$dir/second"
io_fails "read $second 4096"
[ "$(json '.lost.lost_bytes' show a --lost)" = 8192 ]
io "write -P 5 $place 4096" || fail "it cannot be overwritten"
io "read -P 5 $place 4096" || fail "not what was written"
lost_is "${leg%.*} $at $second 4096"
only_fails_at "$second"

# Nothing brings it back.
raidd_kill
raidd_start
io "read -P 5 $place 4096" || fail "not what was written"
lost_is "${leg%.*} $at $second 4096"

io "discard $second 4096" || fail "it cannot be discarded"
io "read -P 0 $second 4096" || fail "not zeros"
lost_is_nothing
ctl stop a
ctl start a
lost_is_nothing
io "read 0 $size" || fail "an error still"
io "write -P 1 $second 4096"
io "write -P 1 $place 4096"
pattern_check a 1
raidd_stop
good_on_each_leg
