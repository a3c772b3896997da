#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The same block rots on both legs: one I/O error, named with its place on the
# device, also after a kill and a stop; gone when it is overwritten, discarded,
# or well again.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq qemu-io

# rot SET OFFSET: one bit, on both legs of the set; again: as it was.
rot() {
	local leg file at byte
	for leg in 0 1; do
		file=$dir/m$(($1 * 2 + leg))
		at=$((data + $2 + 1234))
		byte=$(od -An -tu1 -j "$at" -N 1 "$file")
		# shellcheck disable=SC2059 # a byte is what it makes
		printf "\\x$(printf %x $((byte ^ 1)))" |
			dd of="$file" bs=1 seek="$at" conv=notrunc,fsync \
				status=none
	done
}

good() { qemu-io -r -f raw -c "read -P 1 $1 $2" "$(uri a)"; }
bad() {
	expect 1 good "$1" "$2"
	says "Input/output error"
}

# listed EXTENT...: the list is these, each SET:OFFSET:LENGTH:DEVICE RANGES.
listed() {
	local got
	got=$(json '.lost.extents[] | "\(.set):\(.offset):\(.length):" +
		([.device_ranges[] | "\(.offset)+\(.length)"] | join(","))' \
		show --lost a | sort | paste -sd ' ')
	[ "$got" = "$*" ] || fail "listed: $got, not: $*"
}

members 4 64M
raidd_start
ctl create a -y "${members[@]}"
pattern_write a 1
expect 0 ctl show --lost a
says "a: nothing is lost"
expect 0 ctl status a
says_not RD-2004
data=$(json '.layout.data_offset' examine "$dir/m0")

# Chunk 5 of the device is the third of set 1; of set 0 the last block of its
# first chunk, and the first of its second, which is the third of the device.
rot 1 $((2 * 262144 + 8192))
rot 0 $((262144 - 4096))
rot 0 262144
one=$((5 * 262144 + 8192))
bad $one 4k
bad $((262144 - 4096)) 4k
bad $((2 * 262144)) 4k
good $((one - 8192)) 8k
good $((one + 4096)) 64k
both="0:258048:8192:258048+4096,524288+4096 1:532480:4096:$one+4096"
# shellcheck disable=SC2086 # two words
listed $both
expect 0 ctl show a --lost
says "a: 12.0 KiB cannot be read"
says "$one"
since=$(json '.lost.extents[0].since' show --lost a)
[ $(($(date +%s) - $(date -d "$since" +%s))) -lt 600 ] ||
	fail "lost since $since"
expect 0 ctl status a
says "problem  RD-2004 set 0 has no good copy of 2 blocks"
says "raidctl show --lost a"

raidd_kill
raidd_start
expect 0 ctl wait a --for started --timeout 20
# shellcheck disable=SC2086
listed $both
[ "$(json '.lost.extents[0].since' show --lost a)" = "$since" ] ||
	fail "since when is forgotten"
bad $one 4k
ctl stop a
expect 7 ctl show --lost a
says "not"
ctl start a
# shellcheck disable=SC2086
listed $both

# Overwritten; its neighbour discarded.
expect 0 qemu-io -f raw -c "write -P 1 $one 4k" "$(uri a)"
listed "0:258048:8192:258048+4096,524288+4096"
expect 0 good $one 4k
expect 0 qemu-io -f raw -d unmap -c "discard 524288 4k" "$(uri a)"
listed "0:258048:4096:258048+4096"
raidd_kill
raidd_start
expect 0 ctl wait a --for started --timeout 20
listed "0:258048:4096:258048+4096"
expect 0 good $one 4k

# Well again, as with a cable: the next start finds it.
rot 0 $((262144 - 4096))
ctl stop a
ctl start a
wait_for 10 "the list to be empty" listed
expect 0 good 0 256k
expect 0 ctl show --lost a
says "a: nothing is lost"
expect 0 ctl status a
says_not RD-2004
grep -q "no leg has a good copy at byte 258048 of the set" "$dir/raidd.log"
grep -q "at byte 532480 of the set was overwritten" "$dir/raidd.log"
grep -q "at byte 262144 of the set was discarded" "$dir/raidd.log"
grep -q "at byte 258048 of the set can be read again" "$dir/raidd.log"
raidd_stop
