#!/bin/sh
# SPDX-License-Identifier: MIT
# What can be typed is documented, each file is in its folder's README, and
# the manual pages are sound.
set -eu
top=$(cd "${top_srcdir:-$(dirname "$0")/..}" && pwd)
bin=${top_builddir:-$top/build/gcc}
cd "$top"
status=0

complain() {
	echo "$*"
	status=1
}

# named FILE README: there is a word in it that is the name, or, with a * in
# it, a pattern that fits the name.
named() {
	grep -qE "(^|[[:space:]/])$1(/|:|,|[[:space:]]|\$)" "$2" && return
	for pattern in $(grep -oE '[^[:space:]]+\*[^[:space:],]+' "$2"); do
		# shellcheck disable=SC2254 # a pattern is what it is
		case $1 in $pattern) return 0 ;; esac
	done
	return 1
}

for d in raid daemon tools tests; do
	for f in "$d"/* "$d"/unit/* "$d"/sim/* "$d"/fuzz/* "$d"/system/* \
		"$d"/bench/* "$d"/planted/*; do
		n=${f##*/}
		case $n in README | local.mk | '*' | corpus | quickstart) continue ;; esac
		case $f in tests/fuzz/*.corpus) continue ;; esac
		named "$n" "$d/README" ||
			complain "$f is not in $d/README"
	done
done

# Links to files lead somewhere.
for p in README.md doc/*.md; do
	for l in $(grep -oE '\]\([^)#:]+\)' "$p" | tr -d '])('); do
		[ -e "$(dirname "$p")/$l" ] || complain "$p: no file $l"
	done
done

# in_page PAGE PATTERN: it stands in the page, written in mdoc.
in_page() {
	sed 's/\\-/-/g; s/ Ns / /g' "$1" | grep -qE -e "$2"
}

# The options and verbs a program's --help names.
helped() {
	page=$1
	shift
	[ -e "$page" ] || {
		complain "there is no $page"
		return
	}
	help=$("$@" --help 2>&1 </dev/null) || :
	[ -n "$help" ] || complain "$1 --help says nothing"
	for o in $(echo "$help" | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		in_page "$page" "Fl (Fl |-)${o#--}( |\$|=)" ||
			complain "$page does not tell of $o"
	done
}

helped doc/raidd.8 "$bin/raidd"
helped doc/raidctl.8 "$bin/raidctl"

if command -v mandoc >/dev/null; then
	for p in doc/*.[0-9]; do
		[ -e "$p" ] || continue
		mandoc -Tlint -Wwarning "$p" || complain "$p: mandoc complains"
	done
fi
exit $status
