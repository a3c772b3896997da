#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A bit flips in one block of a table, on both legs, under PostgreSQL: who reads
# it gets one EIO, and nobody else does; raidd names the block, by which the
# file is found; when the block is written anew all is well.
. "$(dirname "$0")/rot_postgres.sh"
requires xfs_bmap

rot_begin
# Nothing of the table in PostgreSQL's own cache.
ledger_stop
cluster_stop
cluster_start
ledger_run
commits 200
# Else the kernel reads up to 2 MiB at a time, and errors reach as far.
blockdev --setra 0 "$device"

# The table's block 1000, of 8 KiB: where is it on the device?
file=$pg_data/$(sql -c "SELECT pg_relation_filepath('rows')")
at=$((1000 * 8192))
sync "$file"
device_offset() {
	xfs_bmap "$file" | python3 -c '
import re, sys
at = int(sys.argv[1]) // 512
for first, last, to in re.findall(r"\[(\d+)\.\.(\d+)\]: (\d+)\.\.",
                                  sys.stdin.read()):
    if int(first) <= at <= int(last):
        print((int(to) + at - int(first)) * 512)' "$at"
}
place=$(device_offset)
[ -n "$place" ] || fail "the file system does not tell where the file lies"
dd if="$file" of="$dir/before" bs=8192 skip=1000 count=1 iflag=direct \
	status=none
flip place "$place" >"$dir/flips"
flip at 0 "$dir/flips"
flip at 1 "$dir/flips"
read -r leg on_set on_device <"$dir/flips"
[ "$on_device" = "$place" ]

cache_drop "$pg_data"
count="SELECT count(*) FROM rows WHERE filler IS NOT NULL"
expect 1 sql -c "$count"
says "could not read block 1000 in file"
says "Input/output error"
says_not "PANIC"

# It is named: on both legs, and as lost, at its place; nothing else is.
says_lost() {
	[ "$(json '.lost.extents[] | [.set, .offset, .what,
		(.device_ranges[] | .offset, .length)] | tostring' \
		show "$array" --lost)" = \
		"[${leg%.*},$on_set,\"data\",$place,4096]" ] ||
		fail "not that block is lost"
}
says_lost
faults
jq -e --arg set "${leg%.*}" --argjson at "$on_set" --argjson place "$place" '
	[.faults[] | [.leg, .kind, .set_offset, .device_offset, .outcome]] |
	sort == [[$set + ".0", "mismatch", $at, $place, "lost"],
		[$set + ".1", "mismatch", $at, $place, "lost"]]' \
	"$dir/faults.json" >"$dir/jq.log" || {
	cp "$dir/faults.json" "$dir/faults.log"
	fail "other faults than on that block, lost"
}
expect 0 ctl status "$array"
says RD-2004

# All others go on, also with other blocks of the table.
commits 200
[ "$(sql -c "SELECT count(*) FROM rows WHERE ctid < '(1000,0)'")" -gt 1000 ]
says_lost

# As the manual says: written anew, from what a backup has.
dd if="$dir/before" of="$file" bs=8192 seek=1000 conv=notrunc oflag=direct \
	status=none
[ "$(json '.lost | [.lost_bytes, (.extents | length)] | tostring' \
	show "$array" --lost)" = "[0,0]" ] || fail "it is lost still"
table_check
read_whole
commits 200
ledger_stop
expect 0 ctl status "$array" --exit-code
says_not RD-2004
rot_end
raidd_stop
good_on_each_leg
