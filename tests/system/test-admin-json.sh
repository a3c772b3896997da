#!/bin/bash
# SPDX-License-Identifier: MIT
#
# --json: one valid document on standard output, whatever happens, in the same
# envelope; talk goes to standard error.
. "$(dirname "$0")/functions.sh"
. "$top_srcdir/tests/system/admin.sh"
requires jq

# doc STATUS SCHEMA ARG...
doc() {
	local want=$1 schema=$2 got=0
	shift 2
	ctl "$@" --json >"$dir/doc" 2>"$dir/talk" || got=$?
	[ $got = "$want" ] || fail "$*: exit status $got, not $want"
	jq -e --arg s "raidctl.$schema" --argjson bad "$want" '
		.schema == $s and .version.major == 1 and (.node | type) == "string"
		and (.time | test("^[0-9-]{10}T[0-9:.]{12}Z$"))
		and ((.error == null) == ($bad == 0))
		and (.error == null or (.error | .id and .message and has("cause")
			and has("remedy") and .exit_code == $bad))' \
		"$dir/doc" >/dev/null || {
		cat "$dir/doc" >&2
		fail "$*: not the envelope"
	}
}

members 4 64M
doc 3 status status
doc 3 list list
jq -e '.arrays == []' "$dir/doc" >/dev/null
raidd_start
doc 0 status status
jq -e '.arrays == []' "$dir/doc" >/dev/null
doc 0 create create a -n "${members[@]}"
jq -e '.plan.steps | length > 0' "$dir/doc" >/dev/null
doc 6 create create a "${members[@]}"
# Nothing is printed above: the plan is to be asked for.
jq -e '.error.remedy | contains("-n")' "$dir/doc" >/dev/null
doc 0 create create a -y "${members[@]}"
doc 0 status status
jq -e '.arrays[0] | .name == "a" and .health == "optimal"
	and .state == "serving" and (.sets | length) == 2
	and (.size_bytes | type) == "number" and .problems == []
	and .device == null' "$dir/doc" >/dev/null
doc 0 list list
doc 0 show show a
doc 0 lost show a --lost
doc 0 faults show a --faults
doc 7 salvage show a --salvage
doc 0 wait wait a
doc 8 wait wait a --for degraded --timeout 1
doc 4 show show nix
doc 2 usage nonsense
doc 2 show show
doc 0 member.fail member fail a 0.1 -y
doc 0 status status a
jq -e '.arrays[0] | .health == "degraded" and
	(.problems[0] | .id == "RD-2001" and .risk and .action)' \
	"$dir/doc" >/dev/null
doc 0 stop stop a
doc 0 examine examine "$dir/m0"
jq -e '.array == "a" and .leg == "0.0" and (.superblocks | length) == 4
	and .journal.records >= 0 and .held == false' "$dir/doc" >/dev/null
doc 1 examine examine /dev/zero
doc 4 examine examine "$dir/nosuch"
doc 0 start start a
doc 6 destroy destroy a
doc 0 destroy destroy a -y
raidd_stop
