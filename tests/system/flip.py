#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Flips bits in members of an array that is being served, by doc/format.md.

    flip.py data LEG COUNT SEED [--not FILE] MEMBER... > FILE
        one bit in each of COUNT written blocks of leg LEG of the sets
    flip.py at LEG FILE MEMBER...
        one bit in each block that FILE lists, on leg LEG
    flip.py pages|journal|map LEG MEMBER...
        one bit in each page of sums in use, in each block of the journal
        from which a start would replay, in each block of the newest map
    flip.py place OFFSET MEMBER... > FILE
        changes nothing; the place of a byte of the array's device
    flip.py differ FILE MEMBER...
        prints the lines of FILE whose block is not the same on all legs
    flip.py differences MEMBER...
        prints the place of each written block that is not

MEMBER... are all members of the array.  A line of FILE is a place: leg, as
"1.0", offset on the set, offset on the array's device.

Reads and writes are direct, as raidd's are: neither may see a page cache.  A
block is chosen only if it matches its sum when it is read, so a flip is
something that raidd must find, unless the block is written anew before it is
read.
"""

import argparse
import mmap
import os
import random
import sys
import time

from member_read import BLOCK, Leg, Member, crc32c, struct


class Rotting(Member):
    """A member that is read and written around the page cache."""

    def __init__(self, path):
        self.direct = os.open(path, os.O_RDWR | os.O_DIRECT)
        super().__init__(path)

    def read(self, offset, length):
        with mmap.mmap(-1, length) as buf:
            if os.preadv(self.direct, [buf], offset) != length:
                sys.exit(f"{self.path}: short read at {offset}")
            return buf[:]

    def flip(self, offset, bit):
        with mmap.mmap(-1, BLOCK) as buf:
            if os.preadv(self.direct, [buf], offset) != BLOCK:
                sys.exit(f"{self.path}: short read at {offset}")
            buf[bit // 8] ^= 1 << bit % 8
            if os.pwritev(self.direct, [buf], offset) != BLOCK:
                sys.exit(f"{self.path}: short write at {offset}")

    def device_offset(self, offset):
        chunk, within = divmod(offset, self.chunk)
        return (chunk * self.sets + self.set) * self.chunk + within


def look(member):
    """What its metadata say; they are being written meanwhile."""
    for _ in range(20):
        try:
            return Leg(member)
        except SystemExit:
            time.sleep(0.05)
    return Leg(member)


def matches(leg, block):
    """Whether the block is written, and is what its sum says."""
    m = leg.member
    want = leg.sums[block // m.region_blocks][block % m.region_blocks]
    if want == 0:
        return False
    data = m.read(m.data_at + block * BLOCK, BLOCK)
    got = crc32c(data) ^ crc32c(m.array + struct.pack("<IQ", m.set, block))
    return (got or 0xFFFFFFFF) == want


def places(path):
    with open(path) as f:
        for line in f:
            leg, offset, _ = line.split()
            yield line, int(leg.split(".")[0]), int(offset)


def flip_data(args, rng, members):
    barred = set()
    if args.bar:
        barred = {(s, at) for _, s, at in places(args.bar)}
    legs = {m.set: look(m) for m in members if m.leg == args.leg}
    written = [(s, r * leg.member.region_blocks + i)
               for s, leg in legs.items()
               for r, page in enumerate(leg.sums)
               for i, value in enumerate(page) if value]
    rng.shuffle(written)
    count = 0
    for set_, block in written:
        leg, at = legs[set_], block * BLOCK
        if (set_, at) in barred or not matches(leg, block):
            continue
        leg.member.flip(leg.member.data_at + at, rng.randrange(8 * BLOCK))
        print(f"{set_}.{args.leg} {at} {leg.member.device_offset(at)}")
        count += 1
        if count == args.count:
            return
    sys.exit(f"only {count} blocks are written")


def flip_at(args, rng, members):
    by_set = {m.set: m for m in members if m.leg == args.leg}
    for _, set_, at in places(args.file):
        by_set[set_].flip(by_set[set_].data_at + at, rng.randrange(8 * BLOCK))


def flip_pages(args, rng, members):
    for m in members:
        if m.leg != args.leg:
            continue
        for region, entry in enumerate(look(m).map):
            if entry & 3 not in (1, 2):
                continue
            # Within the sums that there are.
            m.flip(m.sums_at + (region * 2 + (entry & 3) - 1) * BLOCK,
                   rng.randrange(8 * 4 * m.region_blocks))
            at = region * m.region_blocks * BLOCK
            print(f"{m.set}.{m.leg} {at} {m.device_offset(at)}")


class Chain(Leg):
    """Which blocks of the ring a start would read."""

    def __init__(self, member):
        self.blocks = []
        super().__init__(member)

    def record(self, sequence, index, before):
        blocks, crc = super().record(sequence, index, before)
        ring = self.member.journal_bytes // BLOCK
        self.blocks += [(index + i) % ring for i in range(len(blocks or []))]
        return blocks, crc


def flip_journal(args, rng, members):
    for m in members:
        if m.leg != args.leg:
            continue
        for index in Chain(m).blocks:
            at = m.journal + index * BLOCK
            m.flip(at, rng.randrange(8 * BLOCK))
            print(f"{m.set}.{m.leg} {at}")


def flip_map(args, rng, members):
    for m in members:
        if m.leg != args.leg:
            continue
        heads = [(struct.unpack_from("<Q", h, 64)[0], at) for at, h in
                 ((at, m.block(at, b"RDMH")) for at in m.maps) if h]
        _, at = max(heads)
        for i in range(1 + (m.regions + 503) // 504):
            m.flip(at + i * BLOCK, rng.randrange(8 * BLOCK))
            print(f"{m.set}.{m.leg} {at + i * BLOCK}")


def place(args, _, members):
    m = members[0]
    chunk, within = divmod(args.offset // BLOCK * BLOCK, m.chunk)
    at = chunk // m.sets * m.chunk + within
    print(f"{chunk % m.sets}.0 {at} {args.offset // BLOCK * BLOCK}")


def is_same(members, set_, at):
    return len({m.read(m.data_at + at, BLOCK)
                for m in members if m.set == set_}) == 1


def differ(args, _, members):
    for line, set_, at in places(args.file):
        if not is_same(members, set_, at):
            print(line, end="")


def differences(args, _, members):
    for m in members:
        if m.leg != 0:
            continue
        others = [o for o in members if o.set == m.set and o.leg != 0]
        for r, page in enumerate(look(m).sums):
            length = m.region_blocks * BLOCK
            at = r * length
            mine = m.read(m.data_at + at, length) if any(page) else b""
            for theirs in (o.read(o.data_at + at, len(mine)) for o in others
                           if mine):
                for i in range(0, length if theirs != mine else 0, BLOCK):
                    if (page[i // BLOCK] and
                            mine[i:i + BLOCK] != theirs[i:i + BLOCK]):
                        print(m.set, at + i, m.device_offset(at + i))


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(required=True)

    def verb(name, function, *numbers):
        v = verbs.add_parser(name)
        v.set_defaults(function=function, seed=1)
        for n in numbers:
            v.add_argument(n, type=int)
        return v

    verb("data", flip_data, "leg", "count", "seed").add_argument(
        "--not", dest="bar")
    verb("at", flip_at, "leg").add_argument("file")
    verb("pages", flip_pages, "leg")
    verb("journal", flip_journal, "leg")
    verb("map", flip_map, "leg")
    verb("place", place, "offset")
    verb("differ", differ).add_argument("file")
    verb("differences", differences)
    for v in verbs.choices.values():
        v.add_argument("members", nargs="+")
    args = parser.parse_args()
    args.function(args, random.Random(args.seed),
                  [Rotting(p) for p in args.members])


if __name__ == "__main__":
    main()
