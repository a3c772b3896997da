#!/bin/bash
# SPDX-License-Identifier: MIT
# A disk that hangs (R10): reads go to the other leg at once; a leg that does
# not answer at all is dropped in time, no client gets an error, and a stop does
# not wait for it.  Member m0 is served by nbdkit, which can be told to pause.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
requires_root
requires nbdkit nbdfuse jq
/usr/bin/python3 -c 'import nbd' || skip "python3-libnbd is not installed"
[ -e /dev/fuse ] || skip "no /dev/fuse"
[ -e "$(nbdkit --dump-config | sed -n 's/^filterdir=//p')/nbdkit-pause-filter.so" ] ||
	skip "nbdkit has no pause filter"

pause=$dir/pause.sock

# say CHARACTER: p pauses, r resumes; nbdkit answers when it has.
say() {
	timeout 60 python3 - "$pause" "$1" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	s.sendall(sys.argv[2].encode())
	assert s.recv(1).decode() == sys.argv[2].upper()
	END
}

slow_member() {
	truncate -s 64M "$dir/disk"
	: >"$dir/m0"
	nbdkit -f -U "$dir/disk.sock" --filter=pause file "$dir/disk" \
		pause-control="$pause" >"$dir/nbdkit.log" 2>&1 </dev/null &
	cleanup_fn kill -9 $!
	wait_for 10 "nbdkit" test -S "$pause"
	nbdfuse -P "$dir/nbdfuse.pid" "$dir/m0" --unix "$dir/disk.sock" \
		>"$dir/nbdfuse.log" 2>&1 </dev/null &
	cleanup_fn umount -l "$dir/m0"
	wait_for 10 "nbdfuse" test -s "$dir/nbdfuse.pid"
	cleanup_fn sh -c "kill -9 \$(cat $dir/nbdfuse.pid)"
	truncate -s 64M "$dir/m1"
}

# client PYTHON: with h connected.
client() {
	timeout 240 /usr/bin/python3 -c "import nbd
h = nbd.NBD()
h.connect_uri('$(uri a)')
$1"
}

leg() {
	ctl status --json a | jq -r ".. | objects | select(.leg? == \"$1\") | .$2"
}

settled() {
	[ "$(leg 0.0 abandoned)" = 0 ]
}

slow_member
conf_line limits io_deadline_ms 60000
raidd_start
ctl create a -y "$dir/m0" "$dir/m1"
client 'for i in range(64): h.pwrite(bytes([i + 1]) * 65536, i * 65536, nbd.CMD_FLAG_FUA)'

# Reads, while the disk says nothing.  Half of them would wait for it.
say p
client 'for i in range(64): assert h.pread(65536, i * 65536) == bytes([i + 1]) * 65536
for i in range(64): assert h.pread(512, i * 65536 + 1024) == bytes([i + 1]) * 512'
[ "$(leg 0.0 state)" = in-sync ] || fail "a slow read evicted the leg"
[ "$(leg 0.0 slow_reads)" -gt 0 ] || fail "no read was slow"
[ "$(leg 0.0 abandoned)" -gt 0 ] || fail "nothing is being waited for"
say r
wait_for 60 "the late reads" settled
client 'for i in range(64): assert h.pread(65536, i * 65536) == bytes([i + 1]) * 65536'
ctl stop a
raidd_stop

# Writes: the leg is out, and they are answered.
sed -i 's/60000/2000/' "$conf"
raidd_start
wait_for 60 "the array" sh -c "nbdinfo --size '$(uri a)'"
say p
client 'for i in range(64): h.pwrite(bytes([i + 101]) * 4096, i * 65536)
h.flush()
for i in range(64): assert h.pread(65536, i * 65536) == bytes([i + 101]) * 4096 + bytes([i + 1]) * 61440'
[ "$(leg 0.0 state)" = failed ] || fail "the leg is $(leg 0.0 state)"
grep -q "m0.* failed (.*deadline" "$dir/raidd.log" || fail "the log does not say why"

# Nothing waits for it: neither a stop, nor what comes after.
timeout 60 "$raidctl" --socket "$socket" stop a
timeout 60 "$raidctl" --socket "$socket" list
say r

# When it answered at last it is free again, and is not used.
released() {
	flock -n "$dir/m1" true
}
wait_for 60 "the members" released
ctl start a
client 'for i in range(64): assert h.pread(65536, i * 65536) == bytes([i + 101]) * 4096 + bytes([i + 1]) * 61440'
[ "$(leg 0.0 state)" != in-sync ] || fail "the leg came back by itself"
ctl stop a
raidd_stop
