#!/bin/bash
# SPDX-License-Identifier: MIT
#
# raidd.conf: every mistake is an error with file and line; the defaults are a
# configuration; what it says is done.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"

# bad LINE TEXT <<CONF
bad() {
	cat >"$dir/bad.conf"
	expect 2 "$raidd" --config "$dir/bad.conf" --socket "$socket"
	says "$dir/bad.conf:$1: "
	says "$2"
}

bad 2 "unknown key 'sockets' in [raidd]; known: socket," <<END
[raidd]
sockets = /x
END
bad 3 "unknown section [daemon]" <<END
; a comment

[daemon]
END
bad 1 "before any [section]" <<END
socket = /x
END
bad 2 "start_wait_s: 'soon' is not a whole number from 0 to 600" <<END
[raidd]
start_wait_s = soon
END
bad 2 "'601' is not a whole number" <<END
[raidd]
start_wait_s = 601
END
bad 4 "lock_memory: 'maybe' is neither yes nor no" <<END
[raidd]
log_level = info

lock_memory = maybe
END
bad 2 "log_level: 'loud' is not one of" <<END
[raidd]
log_level = loud
END
bad 3 "queue_depth is given twice" <<END
[limits]
queue_depth = 8
queue_depth = 9
END
bad 2 "neither [section], key = value" <<END
[raidd]
what is this
END
bad 2 "line longer than" <<END
[raidd]
scan = $(printf 'x%.0s' {1..300})
END

# What only this machine can tell: as much a mistake in the file.
machine() {
	printf '[raidd]\n%s\n' "$2" >"$dir/bad.conf"
	expect 2 "$raidd" --config "$dir/bad.conf"
	says "$1"
}
machine "group: there is no group 'nosuchgroup'" "group = nosuchgroup"
machine "nbd_tcp: 'localhost:10809' is not address:port" \
	"nbd_tcp = localhost:10809"
machine "nbd_tcp: '192.0.2.1:10809' is not a loopback address" \
	"nbd_tcp = 192.0.2.1:10809"

expect 2 "$raidd" --config "$dir/nosuch.conf"
says "$dir/nosuch.conf: No such file"
expect 2 "$raidd" --nonsense
expect 2 "$raidd" word
expect 2 "$raidd" --socket "$(printf '/x%.0s' {1..80})"
says "a socket's path"

# The defaults can be read back.
"$raidd" --defaults >"$conf"
sed -i "s|^socket = .*|socket = $socket|; s|^scan = .*|scan = $dir/x*\n  $dir/m*|" \
	"$conf"
members 2 64M
"$raidd" --config "$conf" >>"$dir/raidd.log" 2>&1 &
raidd_pid=$!
wait_for 30 "raidd's socket" raidd_answers
ctl create a -y "${members[@]}" >"$dir/out"
says_not "matches no 'scan' pattern"
raidd_stop
