#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A leg failed by the operator: shown with path and serial, what is at risk is
# said, the data stays; the last leg is not to be had; after a restart the
# failed one stays out.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq qemu-io

members 4 64M
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1
expect 0 ctl status --exit-code
expect 2 ctl member fail a 1 -y
expect 2 ctl member fail a x.0 -y
expect 4 ctl member fail a 2.0 -y
expect 4 ctl member fail nix 0.0 -y
# Nobody to ask, and no -y: nothing is done.
expect 6 ctl member fail a 1.1
expect 0 ctl member fail a 1.1 -y
says "is failed"
expect 0 ctl wait a --for degraded --timeout 5
expect 1 ctl status --exit-code
says "problem  RD-2001"
says "$dir/m3"
says "risk     losing 1.0 ($dir/m2, serial file:"
expect 7 ctl member fail a 1.1 -y
says "remedy:  nothing is to be done"
expect 6 ctl member fail a 1.0 -y
says "error RD-1401"
says "remedy:  leave it in"
grep -q " notice a: member 1\.0 ($dir/m2.*was refused" "$dir/raidd.log" ||
	fail "the log does not say that it was refused, or cries"
pattern_check a 1
pattern_write a 2
raidd_stop
raidd_start
expect 0 ctl wait a --for degraded --timeout 5
pattern_check a 2
[ "$(json '.arrays[0].sets[1].legs[1].state' status)" = failed ]

# It is here still: told once, with what it may be good for; once in the tree.
once() {
	expect 0 ctl status
	says "member 1.1 ($dir/m3, serial file:"
	says "keep $dir/m3 as it is for now"
	says_not RD-2007
	[ "$(grep -c "1\.1) *$dir/m3\|1\.1 $dir/m3" "$dir/out")" = 1 ] ||
		fail "it stands in the tree more than once, or not at all"
}
once
[ "$(json '.arrays[0].other_disks[0].role' status)" = failed ]
expect 0 ctl stop a
once
says "has failed"

# The last leg of its set is away, too: who lacks is said of a stopped array.
mv "$dir/m2" "$dir/away2"
expect 0 ctl status
says "failed"
says "problem  RD-2002 set 1 has no leg in sync: member 1.0 ("
says ") is absent, member 1.1 ($dir/m3"
says "raidctl start a --salvage"
mv "$dir/away2" "$dir/m2"
expect 0 ctl start a
raidd_stop
