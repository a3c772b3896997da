#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The bytes that the device shows are those that a script, which knows only
# doc/format.md, computes from the members, from each leg alone: after writes,
# discards and zeroes of all sizes, a crash, and a clean stop.
. "$(dirname "$0")/functions.sh"
requires nbdcopy qemu-io python3

compute() {
	python3 "$top_srcdir/tests/system/member_read.py" "$@"
}

# Random changes, by a seed, so that a failure can be had again.
change() {
	python3 - "$1" "$size" <<-'END' >"$dir/changes"
	import random, sys
	r = random.Random(int(sys.argv[1]))
	size = int(sys.argv[2])
	for _ in range(400):
	    length = r.choice((512, 4096, 8192, 65536, 262144, 5 << 20))
	    at = r.randrange(0, size - length, 512)
	    if r.random() < .5:
	        at = at // 4096 * 4096
	    what = r.choice(("write -q -P 0x%02x" % r.randrange(1, 256),) * 6 +
	                    ("discard -q", "write -q -z", "write -q -z -u"))
	    print(what, at, length)
	    if r.random() < .1:
	        print("flush")
	END
	qemu-io -f raw "$(uri a)" <"$dir/changes" >"$dir/qemu-io.log"
	! grep -i -E 'fail|error' "$dir/qemu-io.log" || fail "qemu-io failed"
}

compare() {
	local leg
	nbdcopy "$(uri a)" "$dir/shown"
	ctl stop a
	raidd_stop
	for leg in 0 1; do
		compute --leg $leg "${members[@]}" | cmp - "$dir/shown" ||
			fail "leg $leg holds other bytes than were shown"
	done
}

members 4 64M
raidd_start
ctl create a --chunk 64K -y "${members[@]}"
size=$(nbdinfo --size "$(uri a)")
change 1
compare

raidd_start
change 2
raidd_kill
raidd_start
compare

# A byte that has rotted is noticed.
python3 - "${members[0]}" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(20 << 20)
    data = bytearray(f.read(30 << 20))
    at = next(i for i, b in enumerate(data) if b)
    f.seek((20 << 20) + at)
    f.write(bytes([data[at] ^ 1]))
END
expect 1 compute --leg 0 "${members[@]}"
says "does not match its sum"
