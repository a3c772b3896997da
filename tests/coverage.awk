# SPDX-License-Identifier: MIT
#
# Filters lcov's tracefile: without the branches that are left out.  To the
# files "unreached" and "outdated" goes what tests/coverage.sh says of them.
# A "never" before a line that opens a block is for all of the block.
#
# Left out without a word, being the compiler's or a macro's: CHECK();
# ARENA_TAKE(), which looks twice if there is an owner; of a switch without
# "default:" the way past all cases (it is over an enum: -Wswitch), which gcc
# counts last.

# source(FILE): its lines into text, and whose branches are left out.
function source(file,    n, line, comment, target, open)
{
	delete text
	delete out
	delete nevers
	delete switches
	while ((getline line <file) > 0) {
		text[++n] = line
		if (line ~ /(^|[^_A-Z])(CHECK|ARENA_TAKE|ARENA_TAKE_BUFFERS)\(/)
			out[n] = 1
		if (line ~ /^\tswitch \(/) {
			at_switch = n
			switches[n] = 1
		} else if (line ~ /^\tdefault:/) {
			delete switches[at_switch]
		}
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

# branch(RECORD): of a line, as BRDA says.
function branch(record,    f)
{
	split(substr(record, 6), f, ",")
	if (!(f[1] in all))
		order[++lines] = f[1]
	all[f[1]]++
	if (f[4] == "-" || f[4] == "0")
		missed[f[1]]++
	if (!(f[1] in out))
		print record
}

# The last one of a switch is dropped: each waits for the next.
/^BRDA:/ {
	split(substr($0, 6), f, ",")
	if (held != "" && held_line == f[1])
		branch(held)
	held = ""
	if (f[1] in switches) {
		held = $0
		held_line = f[1]
	} else {
		branch($0)
	}
	next
}

{
	held = ""
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
