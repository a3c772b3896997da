#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The disk is full under a file member: that leg is out, the client sees
# nothing of it.  Under the last leg of a set: errors for what cannot be
# written; reads go on, the other set goes on, what was acknowledged is there.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires_root
requires nbdkit nbdfuse qemu-io jq
[ -e /dev/fuse ] || skip "no /dev/fuse"

members 4 64M
rm "$dir/m2" "$dir/m3"
member_failing 2
member_failing 3
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1

touch "$dir/full3"
pattern_write a 2
expect 0 ctl wait a --for degraded --timeout 20
expect 0 ctl status
says "$dir/m3"
grep -q "No space left on device" "$dir/raidd.log"
pattern_check a 2

touch "$dir/full2"
! pattern_write a 3 2>/dev/null || fail "a write nobody took was acknowledged"
expect 0 ctl status a
says "set 1"
# Set 0 has chunk 0, set 1 chunk 1: reads of what was there before answer.
qemu-io -r -f raw -c "read -P 3 0 64k" "$(uri a)" >/dev/null
qemu-io -f raw -c "read 256k 64k" "$(uri a)" >"$dir/io" || :
expect 0 ctl list
says serving
rm "$dir/full2" "$dir/full3"
raidd_kill
raidd_start
expect 0 ctl status a
raidd_stop
