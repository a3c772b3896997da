#!/bin/bash
# SPDX-License-Identifier: MIT
#
# All legs of a set fail: I/O errors for what lies there and for nothing else;
# the array is shown as what it is; after the disks are well again and the
# array was started anew, everything acknowledged is there.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires_root
requires nbdkit nbdfuse qemu-io jq
[ -e /dev/fuse ] || skip "no /dev/fuse"

conf_line raidd start_wait_s 2
members 4 64M
rm "$dir/m2" "$dir/m3"
member_failing 2
member_failing 3
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1

touch "$dir/fail2" "$dir/fail3" "$dir/full2" "$dir/full3"
# Chunk 0 is set 0's, chunk 1 set 1's.
good() { qemu-io -r -f raw -c "read -P 1 0 256k" "$(uri a)"; }
bad() { timeout 30 qemu-io -r -f raw -c "read -P 1 256k 256k" "$(uri a)"; }
expect 0 good
expect 1 bad
says "Input/output error"
expect 0 good
expect 0 timeout 30 qemu-io -f raw -c "write -P 1 0 256k" "$(uri a)"
expect 1 timeout 30 qemu-io -f raw -c "write -P 7 256k 4k" -c flush "$(uri a)"
expect 0 ctl status a
says "set 1"
[ "$(ctl status a --exit-code >/dev/null || echo $?)" -gt 0 ] ||
	fail "shown as optimal"

# A stop ends, though it cannot be clean.
ctl stop a || :
expect 0 ctl wait a --for stopped --timeout 20
rm "$dir/fail2" "$dir/fail3" "$dir/full2" "$dir/full3"
wait_for 20 "a start" ctl start a
# The write of 4 KiB had no answer: either value is right, the rest is not
# to be touched.
qemu-io -r -f raw -c "read -P 1 260k 252k" -c "read -P 1 512k 7680k" \
	"$(uri a)" >"$dir/io"
! grep -i -e failed -e error "$dir/io" || fail "acknowledged bytes are lost"
expect 0 good
raidd_stop
