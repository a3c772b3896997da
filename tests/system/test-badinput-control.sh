#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Control requests malformed, too long, unknown; too many clients; clients
# that go in the middle: each gets its error, the daemon goes on.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq

members 2 64M
raidd_start
ctl create a -y "${members[@]}"

# answer CODE ID LINE
answer() {
	rpc "$3"
	jq -e --argjson c "$1" --arg i "$2" '.jsonrpc == "2.0" and
		.error.code == $c and .error.data.id == $i' "$dir/rpc" \
		>/dev/null || {
		cat "$dir/rpc" >&2
		fail "not error $1 $2: $3"
	}
}
answer -32700 RD-1001 '{'
answer -32700 RD-1001 ''
answer -32700 RD-1001 $'\xff\xfe'
answer -32700 RD-1001 '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'
answer -32700 RD-1001 "$(printf '[%.0s' {1..5000})"
answer -32600 RD-1001 '[]'
answer -32600 RD-1001 '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'
answer -32600 RD-1001 '{"jsonrpc":"2.0","method":"ping"}'
answer -32600 RD-1001 '{"jsonrpc":"1.0","id":1,"method":"ping"}'
answer -32600 RD-1001 '{"jsonrpc":"2.0","id":1,"method":5}'
answer -32600 RD-1001 '{"jsonrpc":"2.0","id":1,"method":"ping","x":1}'
answer -32601 RD-1003 '{"jsonrpc":"2.0","id":1,"method":"format.c"}'
call() { printf '{"jsonrpc":"2.0","id":7,"method":"%s","params":%s}' "$@"; }
answer -32602 RD-1004 "$(call show '{}')"
answer -32602 RD-1004 "$(call show '["a"]')"
answer -32602 RD-1004 "$(call show '{"name":"a","x":1}')"
answer -32602 RD-1004 "$(call member.fail '{"name":"a","set":-1,"leg":0}')"
answer -32602 RD-1004 "$(call member.fail '{"name":"a","set":0.5,"leg":0}')"
answer -32602 RD-1004 "$(call create '{"name":"b","members":"x"}')"
answer -32000 RD-1101 "$(call show '{"name":"../../etc"}')"
answer -32000 RD-1205 "$(call create \
	'{"name":"b","members":["relative","/dev/zero"]}')"

# Several on one connection are answered in order.
rpc "$(call ping '{}')" '{' "$(call list '{}')"
[ "$(wc -l <"$dir/rpc")" = 3 ]
jq -se '.[0].result == {} and .[1].error and .[2].result.arrays[0].name == "a"' \
	"$dir/rpc" >/dev/null

python3 - "$socket" <<'END'
import json, socket, sys, time

def client():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    while True:
        try:
            s.connect(sys.argv[1])
            return s
        except BlockingIOError: # more than its queue takes
            time.sleep(0.01)

def line(s):
    data = b""
    while not data.endswith(b"\n"):
        more = s.recv(65536)
        if not more:
            break
        data += more
    return data

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n'

# Too long: told so, and hung up on.
s = client()
try:
    for _ in range(40):
        s.sendall(b"x" * 65536)
except OSError:
    pass
error = json.loads(line(s))["error"]
assert error["data"]["id"] == "RD-1002", error
try:
    assert s.recv(1) == b""
except ConnectionResetError:
    pass

# Byte by byte is a line all the same.
s = client()
for byte in PING:
    s.sendall(bytes([byte]))
assert json.loads(line(s))["result"] == {}
s.close()

# Many answers not fetched: no memory without bound, others are served.
greedy = client()
greedy.setblocking(False)
STATUS = b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'
sent = 0
end = time.monotonic() + 2
while time.monotonic() < end:
    try:
        sent += greedy.send(STATUS * 100)
    except BlockingIOError:
        time.sleep(0.01)
s = client()
s.sendall(PING)
assert json.loads(line(s))["result"] == {}
s.close()
greedy.close()

# In the middle of a line, gone.
for _ in range(100):
    s = client()
    s.sendall(PING[:20])
    s.close()

# All of these seen off: a client is served only in its turn.
s = client()
s.sendall(PING)
assert json.loads(line(s))["result"] == {}
s.close()
time.sleep(0.5)

# Too many: the last ones are told, the first go on.
crowd = [client() for _ in range(40)]
told = 0
for s in crowd[32:]:
    if json.loads(line(s))["error"]["data"]["id"] == "RD-1005":
        told += 1
assert told == 8, told
crowd[0].sendall(PING)
assert json.loads(line(crowd[0]))["result"] == {}
for s in crowd:
    s.close()
END
expect 0 ctl wait a --for optimal --timeout 5

# raidctl against what is no raidd.
expect 3 "$raidctl" --socket "$dir/nosuch.sock" status
says "remedy:"
expect 3 "$raidctl" --socket "$dir/m0" status
expect 2 ctl stauts
says "did you mean 'status'?"
expect 2 ctl status --legs 3
expect 2 ctl list a
expect 2 ctl create a
expect 2 ctl wait a --for ever
expect 2 ctl status --json=9
raidd_stop
