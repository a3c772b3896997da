#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Bytes change in members' files while they are served: no client sees it, and
# raidctl show --faults has each place, once, with the disk's name, and says
# that it was healed.  Then one leg is put back to what it was a moment ago.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq qemu-io

members 4 64M
conf_line limits read_error_budget 100000
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1
expect 0 ctl show a --faults
says "leg 0.0  $dir/m0"
says "no faults"
says "budget: 0 of 100000, halved hourly"
data=$(ctl examine "$dir/m0" --json | jq '[.. | .data_offset? // empty][0]')

# flip MEMBER BLOCK...: a byte of each block of its data.
flip() {
	python3 - "$data" "$@" <<-'END'
	import os, sys
	fd = os.open(sys.argv[2], os.O_RDWR)
	for b in sys.argv[3:]:
	    at = int(sys.argv[1]) + int(b) * 4096 + int(b) % 4096
	    c = os.pread(fd, 1, at)[0]
	    os.pwrite(fd, bytes([c ^ 16]), at)
	os.fsync(fd)
	END
}

# Reads take turns between legs: an odd one, of each set, and all is read from
# the other.
read_all() {
	pattern_check a "$1"
	qemu-io -r -f raw -c "read 0 4k" -c "read 256k 4k" "$(uri a)" \
		>"$dir/io"
	pattern_check a "$1"
}

# Until as many are healed as there should be.
read_all_until() {
	local i
	for ((i = 0; i < 40; i++)); do
		read_all "$2"
		[ "$(json '[.faults[] | select(.outcome == "healed")] | length' \
			show a --faults)" -lt "$1" ] || return 0
	done
	ctl show a --faults >&2
	fail "not $1 faults that were healed"
}

# 100 blocks of 0.0 and, of other units, 100 of 1.1.
# shellcheck disable=SC2046 # lists of numbers
flip "$dir/m0" $(seq 0 10 999)
# shellcheck disable=SC2046
flip "$dir/m3" $(seq 7 10 999)
read_all_until 200 1
json '.faults[] | [.leg, .kind, .set_offset, .device_offset, .length,
	.outcome, .path] | map(tostring) | join(" ")' show a --faults |
	sort >"$dir/found"
python3 - "$dir" >"$dir/wanted" <<-'END'
import sys
CHUNK = 256 << 10
for leg, first, path in (0, 0, "m0"), (1, 7, "m3"):
    for b in range(first, 1000, 10):
        at = b * 4096
        device = (at // CHUNK * 2 + leg) * CHUNK + at % CHUNK
        print("%d.%d mismatch %d %d 4096 healed %s/%s" % (
            leg, leg, at, device, sys.argv[1], path))
END
sort "$dir/wanted" | diff - "$dir/found" || fail "other faults than were made"
[ "$(json '[.legs[].mismatch] | join(" ")' show a --faults)" = "100 0 0 100" ]
[ "$(json '[.legs[].repaired] | join(" ")' show a --faults)" = "100 0 0 100" ]
[ "$(json .schema show a --faults)" = raidctl.faults ]
expect 0 ctl show a --faults
says "100 mismatches, 100 repaired"
says "budget: 100 of 100000, halved hourly"
says "4096 bytes at 40960 of set 0, at 40960 of the device  $dir/m0 (model"
expect 4 ctl show b --faults
grep -q "data does not match its checksum at byte [0-9]* of the set, byte [0-9]" \
	"$dir/raidd.log"

# One leg as it was a moment ago, in place, while it is being served.
cp --sparse=always "$dir/m1" "$dir/old"
pattern_write a 2
dd if="$dir/old" of="$dir/m1" bs=1M conv=notrunc,fsync status=none
rm "$dir/old"
for ((i = 0; i < 10; i++)); do
	read_all 2
done
says_back() {
	[ "$(json '[.faults[] | select(.kind == "went-back" and .leg == "0.1"
		and .outcome == "healed")] | length' show a --faults)" = 1 ]
}
wait_for 10 "the verdict that 0.1 went back" says_back
[ "$(json '[.faults[] | select(.outcome != "healed")] | length' \
	show a --faults)" = 0 ]
[ "$(json '.faults_dropped' show a --faults)" -ge 0 ]
raidd_stop

# It does not say so any more after a restart, and the leg is in use.
raidd_start
[ "$(json '.faults | length' show a --faults)" = 0 ]
[ "$(json '.arrays[0].health' status)" = optimal ]
pattern_check a 2
raidd_stop
