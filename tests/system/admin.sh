# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For tests of raidd and raidctl: bytes in and out of an array, members in
# every state of decay.  Sourced after functions.sh.

# json FILTER ARG...: what raidctl's JSON has there.
json() {
	local filter=$1
	shift
	ctl "$@" --json | jq -r "$filter"
}

# pattern_write ARRAY BYTE: the first 8 MiB, and flush.
pattern_write() {
	qemu-io -f raw -c "write -P $2 0 8M" -c flush "$(uri "$1")" \
		>"$dir/io" 2>&1 && ! grep -qi -e failed -e error "$dir/io" || {
		cat "$dir/io" >&2
		return 1
	}
}

# pattern_check ARRAY BYTE
pattern_check() {
	qemu-io -r -f raw -c "read -P $2 0 8M" "$(uri "$1")" \
		>"$dir/io" 2>&1 && ! grep -qi -e failed -e error "$dir/io" || {
		cat "$dir/io" >&2
		return 1
	}
}

# sb_edit MEMBER KEY=NUMBER...: change fields of all good superblock copies,
# with a right checksum.  Keys: version, incompat, sequence.
sb_edit() {
	python3 "$top_srcdir/tests/system/sb_edit.py" "$@"
}

# copy_damage MEMBER COPY: 0, 1 in front, 2, 3 at the back.
copy_damage() {
	local bytes at
	bytes=$(stat -c %s "$1")
	case $2 in
	0) at=65536 ;;
	1) at=98304 ;;
	2) at=$((bytes - 65536)) ;;
	3) at=$((bytes - 32768)) ;;
	esac
	printf 'garbage' | dd of="$1" bs=1 seek=$((at + 700)) conv=notrunc \
		status=none
}

# member_failing N [SIZE]: $dir/mN, on which reads and flushes fail while
# $dir/failN is there, and writes while $dir/fullN is.  Needs root, nbdkit,
# nbdfuse.
member_failing() {
	local sock=$dir/disk$1.sock
	: >"$dir/m$1"
	nbdkit -U "$sock" -P "$dir/nbdkit$1.pid" --filter=error \
		memory "${2:-64M}" \
		error=EIO error-rate=100% error-file="$dir/fail$1" \
		error-pwrite=ENOSPC error-pwrite-rate=100% \
		error-pwrite-file="$dir/full$1" \
		error-zero-rate=0 error-trim-rate=0 2>>"$dir/nbdkit.log"
	cleanup_fn member_gone "$1"
	nbdfuse -P "$dir/nbdfuse$1.pid" "$dir/m$1" --unix "$sock" \
		2>>"$dir/nbdkit.log" &
	wait_for 10 "member $1" test -s "$dir/nbdfuse$1.pid"
}

member_gone() {
	local i
	raidd_reap
	for ((i = 0; i < 50; i++)); do
		mountpoint -q "$dir/m$1" || break
		umount "$dir/m$1" 2>/dev/null && break
		sleep 0.1
	done
	kill "$(cat "$dir/nbdkit$1.pid")" 2>/dev/null
}

# rpc LINE...: each to raidd, in one connection; the answers to $dir/rpc.
rpc() {
	python3 - "$socket" "$@" >"$dir/rpc" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.settimeout(20)
	s.connect(sys.argv[1])
	f = s.makefile("rb")
	for line in sys.argv[2:]:
	    s.sendall(line.encode("utf-8", "surrogateescape") + b"\n")
	    sys.stdout.write(f.readline().decode())
	END
}

# says_not TEXT: the last expect's output does not hold it.
says_not() {
	! grep -qF -e "$1" "$dir/out" || {
		cat "$dir/out" >&2
		fail "output says: $1"
	}
}
