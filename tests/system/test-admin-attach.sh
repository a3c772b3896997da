#!/bin/bash
# SPDX-License-Identifier: MIT
#
# attach makes a block device of 4 KiB sectors whose fsync reaches raidd;
# detach undoes it, and whatever is left of one that went wrong.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires_attach
requires jq

members 4 64M
raidd_start
ctl create a -y "${members[@]}"
cleanup_fn ctl detach a

expect 0 ctl detach a
says "not attached"
expect 4 ctl attach nix
device=$(ctl attach a)
[ -b "$device" ]
[ "$(ctl attach a)" = "$device" ] # a second time changes nothing
[ "$(json .arrays[0].device status)" = "$device" ]
[ "$(blockdev --getss "$device")" = 4096 ]
[ "$(blockdev --getsize64 "$device")" = "$(json .arrays[0].size_bytes status)" ]

flushes() { json .arrays[0].counters.flushes show a; }
before=$(flushes)
dd if=/dev/urandom of="$dir/bytes" bs=1M count=8 status=none
dd if="$dir/bytes" of="$device" bs=1M oflag=direct conv=fsync,notrunc status=none
[ "$(flushes)" -gt "$before" ] || fail "fsync did not reach raidd"
dd if="$device" bs=1M count=8 iflag=direct status=none | cmp - "$dir/bytes"

# In use: by a process, then by a mount.
sleep 60 <"$device" &
holder=$!
expect 7 ctl detach a
says "open by sleep (pid $holder)"
kill $holder
wait $holder || :
mkfs.ext4 -q -F "$device" # xfs wants 300 MiB
mkdir "$dir/mnt"
mount "$device" "$dir/mnt"
cleanup_fn umount "$dir/mnt"
expect 7 ctl detach a
says "mounted at $dir/mnt"
expect 7 ctl stop a
says "attached as $device"
echo kept >"$dir/mnt/file"
umount "$dir/mnt"
expect 0 ctl detach a
expect 0 ctl detach a
expect 0 ctl stop a
expect 0 ctl start a
device=$(ctl attach a)
mount "$device" "$dir/mnt"
[ "$(cat "$dir/mnt/file")" = kept ]
umount "$dir/mnt"

# raidd dies: the device is dead; status says so; attach makes a new one.
raidd_kill
raidd_start
expect 0 ctl status
says "has lost its connection"
device=$(ctl attach a)
mount "$device" "$dir/mnt"
[ "$(cat "$dir/mnt/file")" = kept ]
umount "$dir/mnt"

# Detach without a daemon.
raidd_kill
expect 0 ctl detach a
says "to be expected"
[ ! -e "$dir/attach" ]
! losetup -a | grep -F "$dir" || fail "a loop device is left"
! grep -F "$dir" /proc/self/mountinfo || fail "a mount is left"

# Half done: nbdfuse killed under the loop device; then the state file gone.
raidd_start
device=$(ctl attach a)
kill -9 "$(cat "$dir/attach/a/nbdfuse.pid")"
expect 0 ctl detach a
device=$(ctl attach a)
rm "$dir/attach/a/state.json"
expect 0 ctl detach a
! losetup -a | grep -F "$dir" || fail "a loop device is left"
! grep -F "$dir" /proc/self/mountinfo || fail "a mount is left"
raidd_stop
