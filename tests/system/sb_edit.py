#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sb_edit.py MEMBER KEY=NUMBER...: change the superblocks of a member.

All copies that are there get the change and a right checksum: what a newer
raidd, or an older one, might have left.  Knows doc/format.md only.
"""
import os
import struct
import sys

SB_BYTES = 32768
FIELDS = {"version": (8, "<I"), "sequence": (24, "<Q"),
          "incompat": (48, "<Q"), "sets": (152, "<I")}


def table():
    out = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        out.append(n)
    return out


TABLE = table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def main():
    path = sys.argv[1]
    changes = [c.split("=") for c in sys.argv[2:]]
    size = os.stat(path).st_size // 4096 * 4096
    edited = 0
    with open(path, "r+b") as f:
        for at in (65536, 98304, size - 65536, size - 32768):
            f.seek(at)
            sb = bytearray(f.read(SB_BYTES))
            if sb[:8] != b"RAIDD SB":
                continue
            for key, value in changes:
                where, how = FIELDS[key]
                struct.pack_into(how, sb, where, int(value))
            struct.pack_into("<I", sb, 12, 0)
            struct.pack_into("<I", sb, 12, crc32c(sb))
            f.seek(at)
            f.write(sb)
            edited += 1
    assert edited, "no superblock"


main()
