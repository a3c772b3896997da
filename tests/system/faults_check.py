#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares what raidctl show --faults says with what flip.py did.

    faults_check.py FAULTS FILE...

FAULTS is the JSON of raidctl show --faults, FILE what flip.py data printed.
Each fault must be a flip, each flip be named at most once, as a mismatch that
was healed, at the right place of the right leg, and the counters must be their
number.  A block that was written anew before it was read is healed unseen:
nine of ten flips must have been found.  One that was written anew between that
and its repair was not repaired: no more than one of a hundred may be such.
"""

import collections
import json
import sys


def flips(paths):
    for path in paths:
        with open(path) as f:
            for line in f:
                leg, on_set, on_device = line.split()
                yield leg, int(on_set), int(on_device)


def wrong(said, made):
    """What is not as it should be, as texts."""
    found = collections.Counter()
    for fault in said["faults"]:
        place = fault["leg"], fault["set_offset"], fault["device_offset"]
        found[place] += 1
        rest = fault["kind"], fault["length"], fault["outcome"]
        if place not in made:
            yield f"not flipped: {fault}"
        elif rest != ("mismatch", 4096, "healed"):
            yield f"not a mismatch that was healed: {fault}"
        elif not fault["path"] or not fault["serial"]:
            yield f"the disk is not named: {fault}"
    for place, times in found.items():
        if times > 1:
            yield f"named {times} times: {place}"
    if said["faults_dropped"]:
        yield f"not kept: {said['faults_dropped']}"
    for leg in said["legs"]:
        count = sum(1 for place in found if place[0] == leg["leg"])
        if (leg["mismatch"] != count or
                not count - 1 - count // 100 <= leg["repaired"] <= count):
            yield f"not {count} mismatches, all repaired: {leg}"
        for kind in ("read-error", "lost-write", "misdirected", "page-bad",
                     "went-back", "write-error"):
            if leg[kind]:
                yield f"{leg['leg']}: {kind} is {leg[kind]}"
    if len(found) < len(made) * 9 // 10:
        yield f"only {len(found)} of {len(made)} flips were found"


def main(faults, *paths):
    with open(faults) as f:
        said = json.load(f)
    made = set(flips(paths))
    bad = list(wrong(said, made))
    print(f"{len(made)} flips, {len(said['faults'])} found, {len(bad)} wrong")
    for text in bad[:20]:
        print(text)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
