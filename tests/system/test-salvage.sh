#!/bin/bash
# SPDX-License-Identifier: MIT
#
# An array that cannot start is read as far as it can be, without a byte being
# written to its members; then it goes on, and what was given up is written
# down.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires_root
requires jq python3 qemu-io
/usr/bin/python3 -c 'import nbd' || skip "python3-libnbd is not installed"

conf_line raidd start_wait_s 2
conf_line raidd rescan_s 0
conf_line raidd state_dir "$dir/state"

# blocks put FROM COUNT GENERATION: blocks that say where and when, flushed.
# blocks get FROM COUNT: one word each: its generation, zeros, EIO or WRONG.
blocks() {
	timeout 120 /usr/bin/python3 - "$(uri a)" "$@" <<-'END'
	import errno, struct, sys
	import nbd
	what, first, count = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
	h = nbd.NBD()
	h.connect_uri(sys.argv[1])
	for b in range(first, first + count):
	    if what == "put":
	        h.pwrite(struct.pack("<QQ", b, int(sys.argv[5])) * 256,
	                 b * 4096, nbd.CMD_FLAG_FUA)
	        continue
	    try:
	        data = bytes(h.pread(4096, b * 4096))
	    except nbd.Error as e:
	        assert e.errnum == errno.EIO, e
	        print("EIO")
	        continue
	    place, generation = struct.unpack("<QQ", data[:16])
	    if data == bytes(4096):
	        print("zeros")
	    elif data == data[:16] * 256 and place == b:
	        print(generation)
	    else:
	        print("WRONG")
	if what == "put":
	    h.flush()
	END
}

# only WORD...: the answers in $dir/got are of these, and each is there.
only() {
	[ "$(sort -u "$dir/got" | xargs)" = "$(printf '%s\n' "$@" | sort -u | xargs)" ] || {
		sort "$dir/got" | uniq -c >&2
		fail "blocks read as other things than $*"
	}
}

# rot MEMBER OFFSET: one byte.
rot() {
	printf '\x5a' | dd of="$1" bs=1 seek=$(($2 + 777)) conv=notrunc \
		status=none
}

journal_of() {
	ctl examine --json "$1" | jq '.. | .journal_offset? // empty' | head -n 1
}

sums() {
	sha256sum "$dir"/m?
}

# salvage: read-only, and all members stay as they are.
salvage() {
	sums >"$dir/before"
	expect 0 ctl start a --salvage
	says "read-only"
	expect 0 ctl status a
	says "recover a --accept-loss"
	[ "$(ctl show a --json | jq -r '.. | .mode? // empty')" = read-only ] ||
		fail "it is not shown as read-only"
}

unsalvage() {
	expect 0 ctl stop a
	sums >"$dir/after"
	cmp "$dir/before" "$dir/after" || fail "a salvage wrote to a member"
}

source_of() {
	ctl show a --salvage --json | jq -r ".. | .sets? // empty | .[$1].source"
}

# --- both legs' journals are damaged, at the same record ---------------------

members 2 64M
raidd_start
ctl create a -y "${members[@]}"
for i in 0 1 2 3 4 5 6 7; do
	blocks put $((i * 64)) 16 1
done
raidd_kill
for m in "${members[@]}"; do
	rot "$m" $(($(journal_of "$m") + 60 * 4096))
done
raidd_start
expect 1 ctl start a
says "start a --salvage"
expect 7 ctl show a --salvage
salvage
[ "$(source_of 0)" = damaged ] || fail "it is not read from a damaged leg"
# A leg is named by the same word everywhere.
ctl show a --salvage --json | jq -e '.schema == "raidctl.salvage" and
	(.sets[0] | (.leg | test("^0[.][01]$")) and
	([.legs[].leg] == ["0.0", "0.1"]) and
	(.legs[0].member | startswith("0.0 (")))' >"$dir/out" ||
	fail "show --salvage --json"
ctl show a --salvage | grep -q ", by its metadata" ||
	fail "whose metadata it is, is not said"
blocks get 0 16 >"$dir/got"
only 1
blocks get 448 16 >"$dir/got"
only EIO
blocks get 0 512 >"$dir/got"
only 1 zeros EIO
sort "$dir/got" | uniq -c
expect 1 qemu-io -f raw -c "write 0 4k" "$(uri a)"
expect 0 ctl verify a
says "cannot be read: offset"
expect 1 ctl verify a --exit-code
ctl verify a --json >"$dir/verify"
eio=$(grep -c EIO "$dir/got")
[ "$(jq '.. | .unreadable_bytes? // empty' "$dir/verify")" -ge $((eio * 4096)) ] ||
	fail "verify does not list what cannot be read"
if [ -e /dev/fuse ] && [ -e /dev/loop-control ] && command -v nbdfuse >/dev/null; then
	device=$(ctl attach a)
	[ "$(blockdev --getro "$device")" = 1 ] || fail "$device takes writes"
	dd if="$device" bs=4096 count=16 status=none | /usr/bin/python3 -c '
import struct, sys
want = b"".join(struct.pack("<QQ", b, 1) * 256 for b in range(16))
sys.exit(sys.stdin.buffer.read() != want)' ||
		fail "$device reads as something else"
	! dd if=/dev/zero of="$device" bs=4096 count=1 oflag=direct 2>/dev/null ||
		fail "$device took a write"
	expect 7 ctl recover a --accept-loss -y
	expect 0 ctl detach a
fi
unsalvage

# Going on: only with the word, and not before what is lost was shown.
expect 2 ctl recover a
expect 0 ctl recover a -n
says "its journal is damaged"
sums >"$dir/after"
cmp "$dir/before" "$dir/after" || fail "a dry run wrote to a member"
expect 6 ctl recover a --accept-loss </dev/null
[ ! -e "$dir/state" ] || fail "a dry run wrote a report"
expect 0 ctl recover a --accept-loss -y
says "recovered and started"
[ "$(jq -r '.sets[0].source' "$dir"/state/recover-a-*.json)" = damaged ] ||
	fail "what was given up is not written down"
grep -q "recovered: set 0 from 0\.[01] .*serial" "$dir/raidd.log" ||
	fail "the log does not say what was given up"
blocks get 0 16 >"$dir/got"
only 1
blocks put 448 32 2
expect 7 ctl recover a --accept-loss -y
raidd_kill
raidd_start
wait_for 20 "a start by itself" ctl wait a --for started
blocks get 448 32 >"$dir/got"
only 2
blocks get 0 16 >"$dir/got"
only 1
expect 0 ctl verify a --exit-code
ctl stop a

# --- the only in-sync leg is gone; there is one that failed before -----------

ctl destroy a -y
rm -f "$dir"/m?
members 4 64M
ctl create a -y "${members[@]}"
blocks put 0 256 1
ctl member fail a 0.0 -y
blocks put 0 128 2
expect 0 ctl stop a
mv "$dir/m1" "$dir/gone"
expect 7 ctl start a
says "start a --salvage"
salvage
[ "$(source_of 0)" = old ] || fail "it is not read from an old leg"
[ "$(source_of 1)" = whole ] || fail "the other set is not whole"
ctl show a --salvage | grep -q "OLD: .*epoch" || fail "it does not say how old"
blocks get 0 64 >"$dir/got" # set 0
only 1
blocks get 64 64 >"$dir/got" # set 1
only 2
unsalvage
expect 0 ctl recover a --accept-loss -y
blocks get 0 64 >"$dir/got"
only 1
blocks put 0 32 3
expect 0 ctl stop a
mv "$dir/gone" "$dir/m1"
expect 0 ctl start a
blocks get 0 64 >"$dir/got"
only 1 3
expect 0 ctl status a
says "m1"
expect 0 ctl stop a

# --- nothing is left of a set ------------------------------------------------

mv "$dir/m2" "$dir/gone2"
mv "$dir/m3" "$dir/gone3"
salvage
[ "$(source_of 1)" = nothing ] || fail "a set without members has a source"
blocks get 0 64 >"$dir/got"
only 1 3
blocks get 64 64 >"$dir/got"
only EIO
unsalvage
expect 6 ctl recover a --accept-loss -y
says "bring a member of set 1 back"
sums >"$dir/after"
cmp "$dir/before" "$dir/after" || fail "a refused recovery wrote to a member"
mv "$dir/gone2" "$dir/m2"
mv "$dir/gone3" "$dir/m3"
expect 0 ctl start a
expect 7 ctl start a --salvage
ctl stop a

# Nothing is missing: nothing is to be given up.
expect 0 ctl start a --salvage
expect 0 ctl status a
says "raidctl stop a && raidctl start a"
! grep -q "accept-loss" "$dir/out" || fail "a loss is offered without need"
ctl stop a

# --- killed amid writes, then damaged ----------------------------------------

ctl destroy a -y
rm -f "$dir"/m?
members 2 64M
ctl create a -y "${members[@]}"
blocks put 0 400 1
(trap - ERR; blocks put 0 400 2) 2>/dev/null &
writer=$!
sleep 0.3
raidd_kill
wait $writer || true
for m in "${members[@]}"; do
	at=$(journal_of "$m")
	for ((i = 0; i < 256; i += 3)); do
		rot "$m" $((at + i * 4096))
	done
done
raidd_start
expect 1 ctl start a
salvage
blocks get 0 400 >"$dir/got"
sort "$dir/got" | uniq -c
! grep -q -e WRONG -e zeros "$dir/got" || fail "wrong bytes"
unsalvage
expect 0 ctl recover a --accept-loss -y
blocks get 0 400 >"$dir/again"
# What could be read still can; what seemed never written is zeros now.
paste "$dir/got" "$dir/again" | awk '$1 != "EIO" && $1 != $2 { exit 1 }' ||
	fail "what could be read before cannot be any more"
blocks put 0 400 3
blocks get 0 400 >"$dir/got"
only 3
raidd_stop
