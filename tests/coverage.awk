# SPDX-License-Identifier: MIT
#
# Filters lcov's tracefile: without the branches that are left out.  To the
# files "unreached" and "outdated" goes what tests/coverage.sh says of them.
# A "never" before a line that opens a block is for all of the block.

# source(FILE): its lines into text, and whose branches are left out.
function source(file,    n, line, comment, target, open)
{
	delete text
	delete out
	delete nevers
	while ((getline line <file) > 0) {
		text[++n] = line
		if (line ~ /(^|[^_A-Z])CHECK\(/)
			out[n] = 1
		if (line ~ /never: /)
			target = 1
		comment = line ~ /^[ \t]*(\/\*| \*)/
		if (target && !comment) {
			target = 0
			nevers[n] = 1
			out[n] = 1
			if (line ~ /\{( *\/\*.*)?$/ && line ~ /^\t/) {
				match(line, /^\t*/)
				open = substr(line, 1, RLENGTH) "}"
			}
		} else if (open != "") {
			out[n] = 1
			if (index(line, open) == 1)
				open = ""
		}
	}
	close(file)
}

function place(n)
{
	return name ":" n ": "
}

function trimmed(n,    s)
{
	s = text[n]
	gsub(/^[ \t]+/, "", s)
	gsub(/\t/, " ", s)
	return s
}

/^SF:/ {
	name = substr($0, 4)
	source(name)
	sub(dir, "", name)
	delete all
	delete missed
	delete at
	lines = 0
}

/^FN:/ {
	split(substr($0, 4), f, ",")
	at[f[2]] = f[1]
}

/^FNDA:0,/ {
	f[2] = substr($0, 8)
	missed[at[f[2]]]++
	if (!(at[f[2]] in out))
		print place(at[f[2]]) "not called: " f[2] >unreached
}

/^BRDA:/ {
	split(substr($0, 6), f, ",")
	if (!(f[1] in all))
		order[++lines] = f[1]
	all[f[1]]++
	if (f[4] == "-" || f[4] == "0")
		missed[f[1]]++
	if (f[1] in out)
		next
}

/^end_of_record/ {
	for (i = 1; i <= lines; i++) {
		n = order[i]
		if (missed[n] > 0 && !(n in out))
			print place(n) missed[n] " of " all[n] ": " \
				trimmed(n) >unreached
	}
	for (n in nevers)
		if (missed[n] == 0)
			print place(n) trimmed(n) >outdated
}

# The totals are counted anew by who reads it.
/^(BRF|BRH):/ {
	next
}

{
	print
}
