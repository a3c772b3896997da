#!/bin/sh
# SPDX-License-Identifier: MIT
# raid/ makes no system call: what it leaves undefined is on the list, or we
# fail.  And includes point in one direction only.
set -eu
top=${top_srcdir:-$(dirname "$0")/..}
lib=${top_builddir:-$top/build/gcc}/raid/libraid.a
status=0

complain() {
	echo "$*"
	status=1
}

symbols() {
	allowed='^(mem(cpy|move|set|cmp)|__mem[a-z]*_chk|str(len|nlen|cmp|ncmp)'
	allowed="$allowed|check_failed|__stack_chk_fail|crc32_iscsi"
	allowed="$allowed|__(popcount|clz|ctz|ffs)[sd]i2" # the compiler's own
	allowed="$allowed|_GLOBAL_OFFSET_TABLE_)\$"
	own=$(nm --defined-only "$lib" 2>/dev/null |
		awk 'NF == 3 { print $3 }' | sort -u)
	bad=$(nm -u "$lib" 2>/dev/null | awk '$1 == "U" { print $2 }' |
		sort -u | grep -Ev "$allowed" | grep -Fvx "$own") || :
	[ -z "$bad" ] || complain "raid/ reaches outside:" "$bad"
}

# Sanitizers and coverage bring symbols of their own.
if [ -n "${instrumented:-}" ]; then
	:
elif [ -e "$lib" ]; then
	symbols
else
	complain "$lib is not built"
fi

cd "$top"

# includes FOLDER: the lines "file:header" of what its files include.
includes() {
	grep -HoE '^#include [<"][^>"]+' "$1"/*.c "$1"/*.h 2>/dev/null |
		sed 's/#include [<"]//'
}

# none FOLDER PATTERN WHY: no file of the folder includes such a header.
none() {
	bad=$(includes "$1" | grep -E ":($2)\$") || :
	[ -z "$bad" ] || complain "$1/ $3:" "$bad"
}

bad=$(includes raid | while IFS=: read -r f h; do
	case $h in
	endian.h | errno.h | inttypes.h | limits.h) ;;
	stdbool.h | stddef.h | stdint.h | string.h) ;;
	isa-l/crc.h | isa-l.h | crc.h) ;;
	*) [ -e "raid/$h" ] || echo "$f:$h" ;;
	esac
done)
[ -z "$bad" ] || complain "raid/ includes from outside:" "$bad"

daemon_headers=$(cd daemon && printf '%s|' *.h)
tools_headers=$(cd tools && printf '%s|' *.h)
none daemon "(\.\./)?tools/.*|${tools_headers%|}" "includes from tools/"
none tools "(\.\./)?daemon/.*|${daemon_headers%|}" "includes from daemon/"
exit $status
