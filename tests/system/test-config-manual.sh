#!/bin/bash
# SPDX-License-Identifier: MIT
#
# raidd.conf(5) has every key, with its default, and no other; protocol.md has
# every method; raidctl(8) every verb.
. "$(dirname "$0")/functions.sh"
doc=$top_srcdir/doc

"$raidd" --defaults | sed -n 's/^\([a-z_]*\) = .*/\1/p' | sort >"$dir/keys"
[ -s "$dir/keys" ]
sed -n 's/^\.It Cm \([a-z_]*\) =.*/\1/p' "$doc/raidd.conf.5" | sort \
	>"$dir/manual"
diff -u "$dir/keys" "$dir/manual"

sed -n 's/^\tX([A-Z_]*, "\([a-z.]*\)", \(true\|false\)).*/\1/p' \
	"$top_srcdir/daemon/rpc.h" | sort >"$dir/methods"
[ -s "$dir/methods" ]
sed -n 's/^### `\([a-z.]*\)`.*/\1/p' "$doc/protocol.md" | sort >"$dir/manual"
diff -u "$dir/methods" "$dir/manual"

"$raidctl" --help | sed -n 's/^  \([a-z]*\)\( .*\)\?$/\1/p' | sort -u \
	>"$dir/verbs"
[ -s "$dir/verbs" ]
while read -r verb; do
	grep -q "^\.It Cm $verb" "$doc/raidctl.8" ||
		fail "raidctl.8 does not tell of $verb"
done <"$dir/verbs"

# Every message has its line in protocol.md.
sed -n 's/^\tX([A-Z_]*, \([0-9]*\), .*/RD-\1/p' \
	"$top_srcdir/raid/messages.h" | sort >"$dir/messages"
[ -s "$dir/messages" ]
sed -n 's/^| \(RD-[0-9]*\) |.*/\1/p' "$doc/protocol.md" | sort >"$dir/manual"
diff -u "$dir/messages" "$dir/manual"
