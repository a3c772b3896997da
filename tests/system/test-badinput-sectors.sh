#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Members of other sector sizes: refused, or taken by the operator's word, and
# then the larger is the array's.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires_root
requires losetup jq qemu-io
[ -e /dev/loop-control ] || skip "no loop devices"

truncate -s 64M "$dir/f0" "$dir/f1"
small=$(losetup --find --show --direct-io=on --sector-size 512 "$dir/f0") ||
	skip "no loop device"
cleanup_fn losetup -d "$small"
large=$(losetup --find --show --direct-io=on --sector-size 4096 "$dir/f1")
cleanup_fn losetup -d "$large"
ln -s "$small" "$dir/m0"
ln -s "$large" "$dir/m1"

raidd_start
expect 6 ctl create a -y "$dir/m0" "$dir/m1"
says "error RD-1212"
says "$dir/m0 has sectors of 512 bytes, $dir/m1 of 4096"
says "--force=mixed-sectors"
expect 0 ctl create a -y --force=mixed-sectors "$dir/m0" "$dir/m1"
[ "$(json '.arrays[0].block_bytes' show a)" = 4096 ]
pattern_write a 5
raidd_kill
raidd_start
expect 0 ctl wait a --timeout 10
pattern_check a 5
raidd_stop

# An array of small blocks, one member of which was copied to such a disk.
rm "$dir/m0" "$dir/m1"
members 2 64M
raidd_start
ctl create b -y "${members[@]}"
pattern_write b 6
raidd_stop
cp --sparse=always "$dir/m1" "$dir/f2"
rm "$dir/m1"
copy=$(losetup --find --show --direct-io=on --sector-size 4096 "$dir/f2")
cleanup_fn losetup -d "$copy"
ln -s "$copy" "$dir/m1"
raidd_start
expect 0 ctl status b
says "its sectors are larger than the array's blocks"
expect 0 ctl start b --degraded
expect 1 ctl status b --exit-code
pattern_check b 6
raidd_stop
