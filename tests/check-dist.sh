#!/bin/bash
# SPDX-License-Identifier: MIT
# check-dist.sh TARBALL: it holds what git tracks, and what autoreconf makes;
# nothing more, nothing less.
set -eu
tarball=$(realpath -e "$1")
cd "${top_srcdir:-$(dirname "$0")/..}"
git rev-parse --git-dir >/dev/null 2>&1 || {
	echo "skipped: no git here to compare with"
	exit 77
}
generated='^(aclocal\.m4|configure|Makefile\.in|build-aux/.*)$'
made=$(tar -tf "$tarball" | grep -v '/$' | sed 's:^[^/]*/::' |
	grep -Ev "$generated" | sort)
tracked=$(git ls-files | sort)
lines=$(diff <(echo "$tracked") <(echo "$made")) && exit 0
echo "$lines" | sed -n 's/^</not in the tarball:/p; s/^>/not tracked:/p'
exit 1
