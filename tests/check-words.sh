#!/bin/sh
# SPDX-License-Identifier: MIT
# What should not be written, and what to write instead; and a licence line
# in every source.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"
status=0

# Everything people read as text but the documents of design, which quote.
files=$(find raid daemon tools tests -type f \
	\( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.mk' \
	-o -name '*.sql' -o -name README \) ! -name check-words.sh)
sources=$(echo "$files" | grep -E '\.[ch]$')
code=$(echo "$sources" | grep -E '^(raid|daemon|tools)/')
engine=$(echo "$sources" | grep '^raid/')

# no PATTERN INSTEAD FILE...
no() {
	pattern=$1
	instead=$2
	shift 2
	[ $# -gt 0 ] || return 0
	found=$(grep -nE -e "$pattern" "$@" /dev/null) || return 0
	echo "$found" | head -n 5
	echo "  ^ $instead"
	status=1
}

# shellcheck disable=SC2086 # lists of files
{
	no '\b(TODO|FIXME|HACK)\b' "do it, or make it an issue" $files
	no '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\(' \
		"a call with a bound" $code
	no '(^|[^_a-z])assert\(' "CHECK stays on in production" $code
	no '\b(malloc|calloc|realloc|free|strdup)\(' \
		"raid/ takes all its memory at start" $engine
	no '\b[Rr]esilver' "rebuild" $files
	no '\bbit ?map\b' "region map" $code
	no '\bfaulty\b' "failed" $code
	no '\b[Hh]ot[- ]spare' "spare" $files
	no '\bgeneration (number|count)' "epoch" $code
	no '[[:space:]]+$' "no space at the end of a line" $files
	no '/(work|farm)/' "no paths of one machine" $files
}

for f in $files check quickstart .ci/run Makefile.am configure.ac; do
	case $f in */README | tests/golden/*) continue ;; esac
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: MIT' && continue
	echo "$f: no SPDX line on top"
	status=1
done
exit $status
