#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fio writes and reads back with checksums of its own, through several
# connections, in sizes of a database and in odd ones; then once more what it
# wrote, after a clean stop and after kill -9.
. "$(dirname "$0")/functions.sh"
requires fio
fio --enghelp=nbd >/dev/null 2>&1 || skip "fio has no nbd engine"

members 4 96M
raidd_start
ctl create a -y "${members[@]}"

run_fio() {
	(cd "$dir" && fio --ioengine=nbd --uri="$(uri a)" --verify=crc32c \
		--verify_fatal=1 --randrepeat=1 --thread=0 "$@" \
		>"$dir/fio.log" 2>&1) || {
		cat "$dir/fio.log" >&2
		fail "fio"
	}
}

# Two clients at the same time, each in its half.
run_fio --name=pages --rw=randrw --bs=8k --iodepth=32 --offset=0 --size=48M \
	--fsync=32 --do_verify=1 \
	--name=odd --rw=randwrite --bsrange=512-300k --blockalign=512 \
	--iodepth=16 --offset=64M --size=48M --fsync=64 --do_verify=1

# What was flushed is there: after a clean stop, and after a crash.
run_fio --name=kept --rw=write --bs=64k --iodepth=8 --size=32M --end_fsync=1 \
	--do_verify=0
raidd_stop
raidd_start
run_fio --name=kept --rw=write --bs=64k --iodepth=8 --size=32M --verify_only=1
run_fio --name=more --rw=randwrite --bs=4k --iodepth=32 --size=16M \
	--end_fsync=1 --do_verify=0
raidd_kill
raidd_start
run_fio --name=more --rw=randwrite --bs=4k --iodepth=32 --size=16M \
	--verify_only=1
