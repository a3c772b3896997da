#!/bin/sh
# SPDX-License-Identifier: MIT
# run-fuzz.sh [PROGRAM...]: hand each fuzzer, or those given, every file of
# its corpus.
set -eu
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
[ $# -gt 0 ] || for c in "$top"/tests/fuzz/corpus/*/; do
	set -- "$@" "${top_builddir:-$top/build/gcc}/tests/fuzz/fuzz_$(basename "$c")"
done
for f; do
	name=$(basename "$f")
	"$f" "$top/tests/fuzz/corpus/${name#fuzz_}"/*
done
