# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Members that hang when told to: not only reads and writes of them, whatever is
# asked of their path.  Sourced after functions.sh.

requires_hang() {
	requires_root
	requires nbdkit nbdfuse jq
	[ -e /dev/fuse ] || skip "no /dev/fuse"
}

# member_hanging N [SIZE]: $dir/mN, which hangs from hang N to go_on N.
member_hanging() {
	local sock=$dir/disk$1.sock
	: >"$dir/m$1"
	nbdkit -U "$sock" -P "$dir/nbdkit$1.pid" memory "${2:-64M}" \
		2>>"$dir/nbdkit.log"
	nbdfuse -P "$dir/nbdfuse$1.pid" "$dir/m$1" --unix "$sock" \
		2>>"$dir/nbdkit.log" &
	cleanup_fn hanging_gone "$1"
	wait_for 10 "member $1" test -s "$dir/nbdfuse$1.pid"
}

hang() {
	kill -STOP "$(cat "$dir/nbdfuse$1.pid")"
}

go_on() {
	kill -CONT "$(cat "$dir/nbdfuse$1.pid")"
}

# pull N: the disk is gone, and with it what it was asked.
pull() {
	kill -9 "$(cat "$dir/nbdfuse$1.pid")"
	wait_for 10 "member $1 to go" umount -l "$dir/m$1"
}

hanging_gone() {
	kill -9 "$(cat "$dir/nbdfuse$1.pid")" 2>/dev/null
	umount -l "$dir/m$1" 2>/dev/null
	kill "$(cat "$dir/nbdkit$1.pid")" 2>/dev/null
}

# soon COMMAND...: it is over within four seconds.
soon() {
	local from=$EPOCHREALTIME took
	"$@"
	took=$(((${EPOCHREALTIME/./} - ${from/./}) / 1000))
	[ $took -lt 4000 ] || fail "took $took ms: $*"
}

# leg ARRAY LEG KEY
leg() {
	ctl status --json "$1" |
		jq -r ".. | objects | select(.leg? == \"$2\") | .$3"
}
