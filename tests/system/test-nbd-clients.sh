#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The clients people use, well behaved: libnbd's tools and qemu's see the size
# and the abilities that were promised, write and read back, and find holes
# where nothing was written.
. "$(dirname "$0")/functions.sh"
requires nbdinfo nbdcopy qemu-img qemu-io

# The one whose libnbd is the distribution's, whatever else is in PATH.
python=/usr/bin/python3
[ -x $python ] || python=python3
$python -c 'import nbd' 2>/dev/null || skip "libnbd's Python module is missing"

members 4 96M
raidd_start
expect 0 nbdinfo --list "nbd+unix:///?socket=$nbd"
ctl create a -y "${members[@]}"
u=$(uri a)

# What it can.
for can in flush fua trim zero fast-zero cache df multi-conn; do
	nbdinfo --can "$can" "$u" || fail "cannot $can"
done
expect 2 nbdinfo --is read-only "$u"
expect 0 nbdinfo --list "nbd+unix:///?socket=$nbd"
says 'export="a"'
expect 0 nbdinfo --json "$u"
says '"base:allocation"'
says '"block_size_maximum": 67108864'
size=$(nbdinfo --size "$u")
[ "$size" -gt $((128 << 20)) ] || fail "only $size bytes"

# No name is the only one.
[ "$(nbdinfo --size "nbd+unix:///?socket=$nbd")" = "$size" ]
expect 1 nbdinfo "$(uri b)"

# Nothing written: one hole.
expect 0 nbdinfo --map "$u"
says "$size    3  hole,zero"

# A whole image, by several connections and large requests, and back.
head -c 40M /dev/urandom >"$dir/image"
truncate -s "$size" "$dir/image"
nbdcopy -C 4 -R 16 --request-size=$((32 << 20)) "$dir/image" "$u"
nbdcopy -C 4 -R 64 "$u" "$dir/back"
cmp "$dir/image" "$dir/back"
qemu-img compare -f raw -F raw "$dir/image" "$u"
expect 0 nbdinfo --map "$u"
says "hole,zero"

# Largest request, requests at no boundary, zeroes and discards of each kind.
qemu-io -f raw \
	-c 'write -q -P 1 0 32M' -c 'write -q -P 2 1000001 2000003' \
	-c 'read -q -P 1 0 1000001' -c 'read -q -P 2 1000001 2000003' \
	-c 'read -q -P 1 3000004 1M' \
	-c 'write -q -z 1000100 100' -c 'read -q -P 0 1000100 100' \
	-c 'read -q -P 2 1000001 99' -c 'read -q -P 2 1000200 4096' \
	-c 'write -q -z -u 8M 1M' -c 'read -q -P 0 8M 1M' \
	-c 'write -q -z 9M 1M' -c 'read -q -P 0 9M 1M' \
	-c 'discard -q 10M 1M' -c 'read -q -P 0 10M 1M' \
	-c 'write -q -f -P 3 11M 64k' -c flush -c 'read -q -P 3 11M 64k' \
	"$u" >"$dir/out"
[ ! -s "$dir/out" ] || fail "$(cat "$dir/out")"
expect 0 qemu-img map --output=json -f raw "$u"
says '"start": 8388608, "length": 1048576, "depth": 0, "present": true, "zero": true, "data": false'

# 64 MiB in one request, both ways; DF; and what libnbd's checks would stop.
$python - "$u" <<'END'
import errno
import sys

import nbd

h = nbd.NBD()
h.connect_uri(sys.argv[1])
big = bytes(range(256)) * (1 << 18)
h.pwrite(big, 512, nbd.CMD_FLAG_FUA)
assert h.pread(len(big), 512) == big
pieces = []
back = h.pread_structured(
    1 << 20, 512, lambda data, offset, status, err:
    pieces.append((offset, len(data), status)), nbd.CMD_FLAG_DF)
assert back == big[:1 << 20]
assert pieces == [(512, 1 << 20, nbd.READ_DATA)], pieces
h.zero(1 << 20, 0, nbd.CMD_FLAG_FAST_ZERO)
assert h.pread(1 << 20, 0) == bytes(1 << 20)
h.cache(1 << 20, 0)
h.set_strict_mode(0)
for call in (lambda: h.zero(4096, 0, nbd.CMD_FLAG_FAST_ZERO |
                            nbd.CMD_FLAG_NO_HOLE),
             lambda: h.pread(512, h.get_size()),
             lambda: h.pwrite(b"x" * 512, h.get_size() - 1)):
    try:
        call()
        raise SystemExit("no error")
    except nbd.Error as e:
        assert e.errnum in (errno.ENOTSUP, errno.EINVAL, errno.ENOSPC), e
h.shutdown()
END

# All of it after a restart.
nbdcopy "$u" "$dir/back"
raidd_stop
raidd_start
qemu-img compare -f raw -F raw "$dir/back" "$u"
