#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Many reads, small and large, of clients while a leg hangs (R10): what it still
# has keeps neither the buffers nor the requests that others need, so reads go
# on from the other leg and from other sets.
# shellcheck source=functions.sh
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/hang.sh"
requires_hang
/usr/bin/python3 -c 'import nbd' || skip "python3-libnbd is not installed"

conf_line limits io_deadline_ms 3000
member_hanging 0
truncate -s 64M "$dir"/m{1,2,3}
raidd_start
ctl create a -y "$dir/m0" "$dir/m1" "$dir/m2" "$dir/m3"

# reads LENGTH ROUNDS: rounds of 128 at a time on one connection; each round is
# over in time: the deadline, a second's grace, and what a busy machine takes.
reads() {
	timeout 240 /usr/bin/python3 - "$(uri a)" "$1" "$2" <<-'END'
	import nbd, sys, time
	h = nbd.NBD()
	h.connect_uri(sys.argv[1])
	length, rounds = int(sys.argv[2]), int(sys.argv[3])
	for r in range(rounds):
	    start = time.monotonic()
	    bufs = [nbd.Buffer(length) for i in range(128)]
	    for i, b in enumerate(bufs):
	        h.aio_pread(b, i * 524288 % (64 << 20))
	    while h.aio_in_flight():
	        if time.monotonic() - start > 15:
	            sys.exit("round %d of %d: %d reads are stuck" %
	                     (r, length, h.aio_in_flight()))
	        h.poll(1000)
	        while h.aio_in_flight() and h.aio_peek_command_completed() > 0:
	            h.aio_command_completed(h.aio_peek_command_completed())
	    for i, b in enumerate(bufs):
	        at = i * 524288 % (64 << 20)
	        want = bytes([at // 1048576 + 1])
	        assert b.to_bytearray()[:512] == want * 512, i
	END
}

/usr/bin/python3 - "$(uri a)" <<'END'
import nbd, sys
h = nbd.NBD()
h.connect_uri(sys.argv[1])
for i in range(66):
    h.pwrite(bytes([i + 1]) * 1048576, i * 1048576)
h.flush()
END

# Large ones: four buffers of their size are a connection's share.
hang 0
for _ in 1 2 3; do
	reads 1048576 2
	sleep 5 # then the leg is tried again
done
[ "$(leg a 0.0 abandoned)" -gt 4 ] || fail "few reads were given up"

# It comes back; then small ones, as many as a connection may have in flight.
go_on 0
settled() { [ "$(leg a 0.0 abandoned)" = 0 ]; }
wait_for 30 "the late reads" settled
if [ "$(leg a 0.0 state)" = in-sync ]; then
	hang 0
	reads 4096 5
	go_on 0
fi
raidd_stop
