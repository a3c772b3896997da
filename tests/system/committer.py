#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Commits numbered rows, and keeps a list of those acknowledged.

    committer.py PSQL HOST CLIENT FILE

One psql is fed one INSERT at a time; a number goes to FILE, and FILE to the
disk, only when psql has said that the row is committed.  FILE is outside of
the volume.  Ends, with status 3, when the database goes away.
"""

import os
import subprocess
import sys


def main(psql, host, client, path):
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    db = subprocess.Popen(
        [psql, "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", host, "-U", "postgres",
         "postgres"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    number = 0
    try:
        while True:
            number += 1
            db.stdin.write(
                "INSERT INTO ledger (client, number, filler) VALUES"
                f" ({client}, {number}, repeat(md5('{number}'), 20))"
                " RETURNING number;\n")
            if db.stdout.readline().strip() != str(number):
                return 3
            os.write(out, b"%d\n" % number)
            os.fdatasync(out)
    except BrokenPipeError:
        return 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
