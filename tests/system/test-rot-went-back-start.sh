#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The file of a leg is replaced by an older copy of itself, once while the
# array is stopped and once after raidd was killed: at the next start the leg is
# named as having gone back, it is not used, and all is read as it was written.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
. "$top_srcdir/tests/system/rot.sh"
requires jq qemu-io python3

array=a

# Of leg 0.1, and of nothing else.
says_back() {
	faults
	jq -e --arg path "$dir/m1" '[.faults[] |
		[.leg, .kind, .outcome, .path, .older, .behind > 0]] ==
		[["0.1", "went-back", "leg-failed", $path, "journal", true]]' \
		"$dir/faults.json" >"$dir/jq.log" || {
		cp "$dir/faults.json" "$dir/faults.log"
		fail "no verdict that 0.1 went back"
	}
	[ "$(json '[.arrays[0].sets[].legs[].state] | join(" ")' show a)" = \
		"in-sync failed in-sync in-sync" ] ||
		fail "0.1 is used, or another leg is not"
	expect 1 ctl status a --exit-code
	says RD-2001
	says "member 0.1 ($dir/m1"
}

# back_at_start END: of raidd, before the copy is put back.
back_at_start() {
	local i
	rm -f "$dir"/m?
	members 4 64M
	raidd_start
	ctl create a -y "${members[@]}"
	pattern_write a 1
	old_take "${members[1]}"
	# More than the last record, which a crash may take from a leg.
	for i in 3 4 2; do
		pattern_write a $i
	done
	"$1"
	old_put "${members[1]}"
	raidd_start
	pattern_check a 2
	says_back
	for i in 1 2 3 4; do
		pattern_check a 2
	done
	# It is out for good.
	raidd_kill
	raidd_start
	pattern_check a 2
	[ "$(json '.arrays[0].sets[0].legs[1].state' show a)" = failed ]
	ctl destroy a -y
	raidd_stop
}

back_at_start raidd_stop
back_at_start raidd_kill
