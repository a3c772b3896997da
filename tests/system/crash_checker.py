#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows that stamp complains of a server that breaks its promises, and of no
other.

    crash_checker.py DIR STAMP

The server is nbdkit, on a file, killed between two parts of a load.  What is
lost, and what stamp is told about it, differs.
"""

import os
import shutil
import subprocess
import sys

from crash import Stamp
from crash_members import PATIENCE_S, Failure, wait_until

SECTOR = 512
# Of stamp's log, before and after: some thousand requests.
LOG_BYTES = 150000


class Server:
    """nbdkit in the place of raidd."""

    def __init__(self, directory, words):
        self.nbd = directory + "/nbd.sock"
        self.image = directory + "/image"
        self.words = words
        self.process = None

    def start(self):
        if os.path.exists(self.nbd):
            os.unlink(self.nbd)
        self.process = subprocess.Popen(
            ["nbdkit", "-f", "-U", self.nbd] +
            [self.image if w == "IMAGE" else w for w in self.words],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def check_alive(self):
        if self.process and self.process.poll() is not None:
            raise Failure("nbdkit ended by itself")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None


def stamped(f):
    """Places that are stamped, in the medium: all of them, since some may be
    written again before they are read."""
    places = []
    for place in range(os.fstat(f.fileno()).st_size // SECTOR):
        f.seek(place * SECTOR)
        if f.read(8) == b"rdstamap":
            places.append(place)
    return places


def rot(image, _):
    with open(image, "r+b") as f:
        for place in stamped(f):
            f.seek(place * SECTOR + 200)
            byte = f.read(1)[0]
            f.seek(place * SECTOR + 200)
            f.write(bytes((byte ^ 1,)))


def misdirect(image, _):
    with open(image, "r+b") as f:
        places = stamped(f)
        for a, b in zip(places[::2], places[1::2]):
            f.seek(a * SECTOR)
            data = f.read(SECTOR)
            f.seek(b * SECTOR)
            f.write(data)


def overrun(image, _):
    """The end of the device's first window is never written."""
    with open(image, "r+b") as f:
        f.seek(511 * SECTOR)
        f.write(b"x")


def go_back(image, older):
    shutil.copyfile(older, image)


# One request at a time: a file's reads may see half of a write's sector.
FILE = ["--filter=noparallel", "file", "IMAGE", "serialize=requests"]
CACHE = ["--filter=cache", "file", "IMAGE", "cache=writeback",
         "cache-min-block-size=4K"]
LIAR = ["--filter=cache", "file", "IMAGE", "cache=unsafe",
        "cache-min-block-size=4K"]
ERRORS = ["--filter=error", "--filter=noparallel", "file", "IMAGE",
          "serialize=requests", "error-pwrite=EIO", "error-pwrite-rate=5%"]

# What is wrong may not have come about yet: a kill that comes right after a
# flush loses nothing.
TRIES = 20

# Name, server, what stamp is told, what is done to the medium, what stamp
# then says (None: nothing).
CASES = (
    ("a kill of an honest server", FILE, "kill", None, None),
    ("a cut of an honest server", CACHE, "cut", None, None),
    ("answered, and lost by a kill", CACHE, "kill", None, "FAIL sector"),
    ("flushed, and lost by a cut", LIAR, "cut", None, "FAIL sector"),
    ("an older image, by a kill", FILE, "kill", go_back, "FAIL sector"),
    ("an older image, by a cut", FILE, "cut", go_back, "FAIL sector"),
    ("a bit that changed", FILE, "cut", rot, "torn or damaged"),
    ("a write to a wrong place", FILE, "cut", misdirect, "of another place"),
    ("a write beyond its end", FILE, "cut", overrun, "not what anybody wrote"),
    ("an error as an answer", ERRORS, None, None, "write of sectors"),
)


class Args:
    def __init__(self, directory, stamp):
        self.dir = directory
        self.stamp = stamp


def load(stamp, path):
    """Until so much more has been asked and answered."""
    goal = os.path.getsize(path) + LOG_BYTES
    wait_until("stamp's log", lambda: stamp.hear("nothing", 0.01) or
               os.path.getsize(path) > goal)


def play(args, server, told, harm, seed):
    """Load, kill, harm, load; raises what stamp complains of."""
    # A discard goes past nbdkit's cache, and what is there may still be read.
    stamp = Stamp(args, server, seed, "--no-trim")
    log = args.dir + "/stamp.history"
    try:
        server.start()
        stamp.tell("up")
        stamp.must_hear("verified")
        load(stamp, log)
        shutil.copyfile(server.image, server.image + ".old")
        load(stamp, log)
        server.kill()
        stamp.tell(told or "kill")
        stamp.must_hear("down", dropped_is_fine=True)
        if harm:
            harm(server.image, server.image + ".old")
        server.start()
        stamp.tell("up")
        stamp.must_hear("verified")
        stamp.tell("rest")
        stamp.must_hear("rest")
        stamp.end()
    finally:
        for p in (server.process, stamp.process):
            if p and p.poll() is None:
                p.kill()
                p.wait(timeout=PATIENCE_S)


def complaint(args, words, told, harm, seed):
    """What stamp says of a new server; None if it is content."""
    server = Server(args.dir, words)
    with open(server.image, "wb") as f:
        f.truncate(16 << 20)
    try:
        play(args, server, told, harm, seed)
    except Failure as e:
        return str(e)
    return None


def main(directory, stamp):
    args = Args(directory, stamp)
    bad = 0
    for name, words, told, harm, wanted in CASES:
        said = None
        for seed in range(TRIES if wanted else 1):
            said = said or complaint(args, words, told, harm, seed)
        right = said is None if wanted is None else said and wanted in said
        bad += not right
        print("%s: %s\n  %s" % ("ok" if right else "WRONG", name,
                                said and said.split("\n")[0]), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
