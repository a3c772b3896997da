#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a write over NBD is worth without a flush, after a power cut: over TCP,
# and where it is asked for, as much as with one.  Members lose their caches.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/crash.sh"
requires_crash_disks
/usr/bin/python3 -c 'import nbd' || skip "python3-libnbd is not installed"

disks=()

power_on() {
	local i
	for i in 0 1; do
		"$top_builddir/tests/system/crash_disk" "$dir/disk$i" \
			"$dir/m$i" "$i" >>"$dir/disks.log" 2>&1 &
		disks+=($!)
		wait_for 20 "disk $i" mounted "$dir/m$i"
	done
	raidd_start
}

# mountpoint(1) knows folders only.
mounted() {
	local at
	while read -r _ at _; do
		[ "$at" != "$1" ] || return 0
	done </proc/self/mounts
	return 1
}

# raidd first: it shall not answer to what the disks do.
power_cut() {
	raidd_kill
	kill -9 "${disks[@]}"
	wait "${disks[@]}" 2>/dev/null || true
	disks=()
	umount -l "$dir/m0" "$dir/m1"
}

tcp_uri() {
	echo "nbd://127.0.0.1:$(sed -n \
		's/.*NBD listens on 127.0.0.1 port \([0-9]*\).*/\1/p' \
		"$dir/raidd.log" | tail -n 1)/a"
}

# put URI BYTE FLAGS: into 64 blocks, without a flush.
put() {
	timeout 60 /usr/bin/python3 -c "import nbd
h = nbd.NBD()
h.connect_uri('$1')
for i in range(64): h.pwrite(bytes([$2]) * 4096, i * 4096, $3)"
}

# How many of the blocks hold BYTE.
count() {
	timeout 60 /usr/bin/python3 -c "import nbd
h = nbd.NBD()
h.connect_uri('$(uri a)')
print(sum(h.pread(4096, i * 4096) == bytes([$1]) * 4096 for i in range(64)))"
}

for i in 0 1; do
	truncate -s 64M "$dir/disk$i"
	truncate -s 64M "$dir/m$i"
done
conf_line raidd nbd_tcp 127.0.0.1:0
power_on
ctl create a -y "$dir/m0" "$dir/m1"

put "$(uri a)" 1 nbd.CMD_FLAG_FUA
put "$(tcp_uri)" 2 0
power_cut
power_on
[ "$(count 2)" = 64 ] || fail "writes over TCP were lost"

# The same without: or else nothing was shown.
put "$(uri a)" 3 0
power_cut
power_on
[ "$(count 3)" -lt 64 ] || fail "nothing was lost that was not flushed"

raidd_stop
conf_line raidd nbd_write_through yes
conf_line raidd nbd_tcp_write_through no
raidd_start
put "$(uri a)" 4 0
power_cut
power_on
[ "$(count 4)" = 64 ] || fail "writes over the socket were lost"
put "$(tcp_uri)" 5 0
power_cut
power_on
[ "$(count 5)" -lt 64 ] || fail "nothing was lost over TCP"
[ "$(ctl status a --json | jq -r '.arrays[0].export |
	"\(.nbd_write_through) \(.nbd_tcp_write_through)"')" = "true false" ] ||
	fail "the export does not say how it writes"
