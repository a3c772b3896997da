#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A block of a journal record, a map header and a block of map entries, made
from doc/format.md alone, as a hex dump: 4096 bytes each, one after the other.

usage: make_journal.py > journal.hex

Zero lines are left out: each line is an offset and the bytes from there on.
"""
import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


UUID = bytes(range(0x10, 0x20))
SET = 1


def sealed(block):
    assert len(block) == 4096
    struct.pack_into("<I", block, 4, 0)
    struct.pack_into("<I", block, 4, crc32c(block))
    return block


DIRTY, CLEAN, SUMS, UNWRITTEN, PAGE, STALE, LOST = range(1, 8)
BASE, FULL, AGAIN, GONE, PAGES, MORE = 1, 2, 4, 8, 16, 32


def item(kind, start, tail, flags=0, stale=0, slot=0, count=0):
    if kind != SUMS:
        tail = struct.pack("<Q", tail)
    else:
        count = len(tail)
        tail = struct.pack("<%dI" % count, *tail)
        tail += bytes(-len(tail) % 8)
    return struct.pack("<BBBBIQ", kind, flags, stale, slot, count,
                       start) + tail


# Block 2 of 3 of a record, at 0x25000 of the member
items = b"".join([
    item(DIRTY, 7, 1 << 63 | 5, stale=4),
    item(SUMS, 7168, [0xE3069283, 1, 0xFFFFFFFF]),
    item(SUMS, 9000, [0x11, 0x12], flags=BASE),
    item(SUMS, 9001, [0x13], flags=AGAIN),
    item(CLEAN, 6, 1),
    item(UNWRITTEN, 4096, 2048),
    item(PAGE, 7, 0x1234567890, flags=FULL, slot=1, count=0x0BADCAFE),
    item(STALE, 0, 1000, stale=2, slot=1),
    item(LOST, 513, 3, count=1750000000),
    item(LOST, 515, 1, flags=GONE),
    item(LOST, 9, 2, flags=PAGES, count=1750000001),
    item(LOST, 0, 0, flags=MORE),
])
record = bytearray(4096)
struct.pack_into("<4sI16sIIQQQIII", record, 0, b"RDJL", 0, UUID, SET,
                 len(items), 0x25000, 0x123456789A, 0xFEDCBA9876543210,
                 2, 3, 0x89ABCDEF)
record[80:80 + len(items)] = items

# The map: 1000 regions, its header at 33 MiB
AT = 33 << 20


def map_block(magic, offset, index):
    block = bytearray(4096)
    struct.pack_into("<4sI16sIIQQ", block, 0, magic, 0, UUID, SET, 0, offset,
                     index)
    return block


head = map_block(b"RDMH", AT, 0)
struct.pack_into("<QQQIIQQ", head, 64, 12, 0x1234567899, 5, 0x76543210, 0,
                 1000, 0x12345678AB)

entries = map_block(b"RDMB", AT + 2 * 4096, 1)


def entry(slot, full, stale, crc):
    return slot | full << 2 | stale << 8 | crc << 32


struct.pack_into("<4Q", entries, 64, entry(0, 0, 0, 0),
                 entry(1, 0, 0b101, 0xCAFEF00D), entry(2, 1, 0, 0x80000001),
                 entry(3, 0, 0xFF, 0))

for start, block in enumerate([record, head, entries]):
    sealed(block)
    for at in range(0, 4096, 32):
        if any(block[at:at + 32]):
            print("%04x" % (start * 4096 + at), block[at:at + 32].hex())
