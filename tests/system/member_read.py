#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Computes an array's bytes from its members, knowing only doc/format.md.

    member_read.py [--leg N] MEMBER... > BYTES

Every block is taken from the first in-sync leg among the members given (or
from leg N of each set) and checked against its sum; unwritten ones are zeros.
Fails if a set has no leg, or anything does not verify.  The array must have
been stopped.
"""

import argparse
import ctypes
import os
import struct
import sys

BLOCK = 4096
SB_BYTES = 32768


def crc_function():
    """crc(data, before=0), by isa-l, or slowly by hand."""
    try:
        lib = ctypes.CDLL("libisal.so.2")
    except OSError:
        table = []
        for n in range(256):
            for _ in range(8):
                n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
            table.append(n)

        def slow(data, before=0):
            crc = before ^ 0xFFFFFFFF
            for byte in data:
                crc = crc >> 8 ^ table[(crc ^ byte) & 255]
            return crc ^ 0xFFFFFFFF

        return slow
    lib.crc32_iscsi.restype = ctypes.c_uint

    def fast(data, before=0):
        return lib.crc32_iscsi(bytes(data), len(data),
                               ctypes.c_uint(before ^ 0xFFFFFFFF)) ^ 0xFFFFFFFF

    return fast


crc32c = crc_function()
assert crc32c(b"123456789") == 0xE3069283


def u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def u64(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def without_crc(block, at):
    """The block's CRC, its own four bytes at `at` taken as zero."""
    return crc32c(block[:at] + bytes(4) + block[at + 4:])


class Member:
    """A member and its superblock."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "rb", buffering=0)
        end = self.file.seek(0, os.SEEK_END) // BLOCK * BLOCK
        copies = [self.superblock(at) for at in
                  (65536, 98304, end - 65536, end - 32768)]
        copies = [sb for sb in copies if sb]
        if not copies:
            sys.exit(f"{path}: no superblock")
        sb = max(copies, key=lambda sb: (u64(sb, 144), u64(sb, 24)))
        self.array = sb[64:80]
        (self.sets, self.legs, self.chunk, _,
         self.region_blocks) = struct.unpack_from("<5I", sb, 152)
        self.set, self.leg = u32(sb, 208), u32(sb, 212)
        extents = [struct.unpack_from("<QQ", sb, 256 + 64 * i)
                   for i in range(5)]
        (self.journal, self.journal_bytes), *maps, sums, data = extents
        self.maps = [at for at, _ in maps]
        self.sums_at = sums[0]
        self.data_at, self.data_bytes = data
        self.regions = self.data_bytes // (self.region_blocks * BLOCK)
        self.epoch = u64(sb, 768)
        self.states = {(i // 4, i % 4): u32(sb, 2048 + 64 * i + 16)
                       for i in range(256)}

    def read(self, offset, length):
        data = os.pread(self.file.fileno(), length, offset)
        if len(data) != length:
            sys.exit(f"{self.path}: short read at {offset}")
        return data

    def superblock(self, at):
        sb = self.read(at, SB_BYTES)
        if sb[:8] != b"RAIDD SB" or u32(sb, 8) != 1 or u64(sb, 16) != at:
            return None
        return sb if without_crc(sb, 12) == u32(sb, 12) else None

    def block(self, at, magic):
        """A block of the journal or the map, if it is what it should be."""
        b = self.read(at, BLOCK)
        good = (b[:4] == magic and b[8:24] == self.array and
                u32(b, 24) == self.set and u64(b, 32) == at and
                without_crc(b, 4) == u32(b, 4))
        return b if good else None


class Leg:
    """What map, journal and pages of a member say of its blocks."""

    def __init__(self, member):
        self.member = member
        self.said = {}  # block: sum, by the journal, overruling the page
        head = self.read_map()
        self.read_journal(u64(head, 72), u64(head, 80), u32(head, 88))
        self.sums = [self.page(r) for r in range(member.regions)]
        per = member.region_blocks
        for block, value in self.said.items():
            self.sums[block // per][block % per] = value

    def read_map(self):
        m = self.member
        heads = [(u64(h, 64), at, h) for at, h in
                 ((at, m.block(at, b"RDMH")) for at in m.maps) if h]
        if not heads:
            sys.exit(f"{m.path}: no map header")
        _, at, head = max(heads)
        self.map = []
        for i in range((m.regions + 503) // 504):
            b = m.block(at + BLOCK * (i + 1), b"RDMB")
            if not b or u64(b, 40) != i:
                sys.exit(f"{m.path}: map block {i} is bad")
            self.map += struct.unpack_from("<504Q", b, 64)
        return head

    def record(self, sequence, index, before):
        """The blocks of a record and its CRC, or nothing."""
        m, blocks, crc = self.member, [], 0
        ring = m.journal_bytes // BLOCK
        while not blocks or len(blocks) < u32(blocks[0], 60):
            at = m.journal + (index + len(blocks)) % ring * BLOCK
            b = m.block(at, b"RDJL")
            if (not b or u64(b, 40) != sequence or
                    u32(b, 56) != len(blocks) or u32(b, 64) != before):
                return None, 0
            blocks.append(b)
            crc = crc32c(b[4:8], crc)
        return blocks, crc

    def read_journal(self, sequence, index, before):
        ring = self.member.journal_bytes // BLOCK
        while True:
            blocks, crc = self.record(sequence, index, before)
            if not blocks:
                return
            for b in blocks:
                self.read_items(b[80:80 + u32(b, 28)])
            sequence, before = sequence + 1, crc
            index = (index + len(blocks)) % ring

    def read_items(self, items):
        at = 0
        while at < len(items):
            kind, _, _, slot, count, start = struct.unpack_from(
                "<BBBBIQ", items, at)
            extra = u64(items, at + 16)
            if kind == 3:  # sums
                for i in range(count):
                    self.said[start + i] = u32(items, at + 16 + 4 * i)
            elif kind == 4:  # unwritten
                self.unwritten(start, extra)
            elif kind == 5:  # page
                self.forget(start)
                self.map[start] = slot + 1 | count << 32
            at += 16 + ((count * 4 + 7) // 8 * 8 if kind == 3 else 8)

    def forget(self, region):
        per = self.member.region_blocks
        for block in range(region * per, (region + 1) * per):
            self.said.pop(block, None)

    def unwritten(self, start, count):
        per = self.member.region_blocks
        for block in range(start, start + count):
            self.said[block] = 0
        for region in range(-(-start // per), (start + count) // per):
            self.forget(region)
            self.map[region] = 0

    def page(self, region):
        m, entry = self.member, self.map[region]
        per, slot = m.region_blocks, entry & 3
        if slot == 0:
            return [0] * per
        if slot == 3:
            sys.exit(f"{m.path}: region {region} has no sums")
        page = m.read(m.sums_at + (region * 2 + slot - 1) * BLOCK, BLOCK)
        name = m.array + struct.pack("<IIQ", m.set, slot - 1, region)
        if crc32c(page, crc32c(name)) != entry >> 32:
            sys.exit(f"{m.path}: the page of region {region} is bad")
        return list(struct.unpack_from(f"<{per}I", page))

    def data(self, block):
        m = self.member
        want = self.sums[block // m.region_blocks][block % m.region_blocks]
        if want == 0:
            return bytes(BLOCK)
        data = m.read(m.data_at + block * BLOCK, BLOCK)
        got = crc32c(data) ^ crc32c(m.array + struct.pack("<IQ", m.set, block))
        if (got or 0xFFFFFFFF) != want:
            sys.exit(f"{m.path}: block {block} does not match its sum")
        return data


def choose(members, leg):
    """For each set one member that the freshest superblock calls in-sync."""
    freshest = max(members, key=lambda m: m.epoch)
    chosen = []
    for set_ in range(freshest.sets):
        legs = sorted((m.leg, m) for m in members if m.set == set_ and
                      freshest.states[m.set, m.leg] == 1 and
                      leg in (None, m.leg))
        if not legs:
            sys.exit(f"set {set_}: no in-sync leg was given")
        chosen.append(legs[0][1])
    return chosen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--leg", type=int)
    parser.add_argument("members", nargs="+")
    args = parser.parse_args()
    legs = [Leg(m) for m in
            choose([Member(p) for p in args.members], args.leg)]
    first = legs[0].member
    per = first.chunk // BLOCK
    for chunk in range(first.data_bytes // first.chunk * first.sets):
        leg, at = legs[chunk % first.sets], chunk // first.sets * per
        for block in range(at, at + per):
            sys.stdout.buffer.write(leg.data(block))


if __name__ == "__main__":
    main()
