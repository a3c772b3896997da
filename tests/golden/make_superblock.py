#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A superblock made from doc/format.md alone, as a hex dump.

usage: make_superblock.py > superblock.hex

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


def uuid(first):
    return bytes((first + i) % 256 for i in range(16))


KIB, MIB = 1 << 10, 1 << 20
OFFSET = 96 * KIB  # front end, slot 1

sb = bytearray(32 * KIB)
struct.pack_into("<8sIIQQQQQ", sb, 0, b"RAIDD SB", 1, 0, OFFSET, 41, 0, 0, 0)
struct.pack_into("<16s64sQ", sb, 64, uuid(0x10), b"BizTalk.Msg_Box-1",
                 1750000000)
# 2 sets of 3 legs, chunk 64 KiB, blocks of 512, regions of 1024 blocks
struct.pack_into("<5I", sb, 152, 2, 3, 64 * KIB, 512, 1024)
struct.pack_into("<16sII", sb, 192, uuid(0x94), 1, 1)

# 1000 regions, journal 32 MiB
regions, journal = 1000, 32 * MIB
map_bytes = 4096 * (1 + -(-regions // 504))
maps = 128 * KIB + journal
sums = maps + 2 * map_bytes
data = -(-(sums + regions * 8192) // MIB) * MIB
areas = [(128 * KIB, journal), (maps, map_bytes),
         (maps + map_bytes, map_bytes), (sums, regions * 8192),
         (data, regions * 4 * MIB)]
for i, (offset, length) in enumerate(areas):
    struct.pack_into("<QQ", sb, 256 + 64 * i, offset, length)
struct.pack_into("<16s", sb, 640, uuid(0xE0))

# Epoch 5 came after a failed leg; epoch 3, a start, is known in force.
nonce = {n: 0xABCDEF0000000000 + n for n in range(1, 6)}
history = [(5, 3, 2), (4, 3, 2), (3, 1, 3), (2, 1, 4), (1, 0, 1)]
struct.pack_into("<QQ", sb, 704, 3, nonce[3])
for i, (number, in_force, how) in enumerate(history):
    struct.pack_into("<QQQI", sb, 768 + 32 * i, number, nonce[number],
                     in_force, how)

EMPTY, IN_SYNC, REBUILDING, STALE, FAILED = range(5)
COUNTED, KEPT = 1, 2
places = {
    (0, 0): (0x90, IN_SYNC, COUNTED | KEPT, 5),
    (0, 1): (0x91, FAILED, COUNTED, 4),
    (0, 2): (0x92, STALE, 0, 2),
    (1, 0): (0x93, REBUILDING, 0, 0),
    (1, 1): (0x94, IN_SYNC, COUNTED | KEPT, 5),
    (1, 2): (0x95, IN_SYNC, COUNTED, 5),
}
for (s, leg), (first, state, flags, last) in places.items():
    struct.pack_into("<16sIIQQ", sb, 2048 + 64 * (s * 4 + leg), uuid(first),
                     state, flags, last, 1750000000 + 60 * s + leg)

struct.pack_into("<I", sb, 12, crc32c(sb))
for at in range(0, len(sb), 32):
    if any(sb[at:at + 32]):
        print("%04x" % at, sb[at:at + 32].hex())
