#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills raidd under stamp, which checks it (stamp.c), again and again.

    crash.py kill|cut|nbdkit --dir DIR --raidd RAIDD --raidctl RAIDCTL
             --stamp STAMP --disk CRASH_DISK --preload CRASH_FS
             --seed N --crashes N [--life N] [--seconds S]

kill: members are files; what raidd wrote stays.
cut: members have a volatile cache, and are killed with raidd, or one of them
alone.  nbdkit: the same with nbdkit's cache.  A life is an array, from its
creation to its last clean stop; none begins after S seconds.  Everything is
drawn from the seed but the times things take.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import selectors
import signal
import subprocess
import sys
import time
from crash_members import PATIENCE_S, Disks, Failure, Files, Nbdkit


class Daemon:
    """A raidd, and raidctl for it."""

    def __init__(self, args):
        self.args = args
        self.dir = args.dir
        self.socket = self.dir + "/raidd.sock"
        self.nbd = self.dir + "/nbd.sock"
        self.conf = self.dir + "/raidd.conf"
        self.log = open(self.dir + "/raidd.log", "a")
        self.process = None
        with open(self.conf, "w") as f:
            f.write("[raidd]\nsocket = %s\nnbd_socket = %s\n"
                    % (self.socket, self.nbd))

    def start(self, scan):
        environment = dict(os.environ)
        if self.args.mode == "cut":
            environment["LD_PRELOAD"] = os.path.abspath(self.args.preload)
        self.process = subprocess.Popen(
            [self.args.raidd, "--config", self.conf, "--foreground", "--scan",
             scan], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, env=environment)

    def check_alive(self):
        if self.process and self.process.poll() is not None:
            raise Failure("raidd ended with status %d"
                          % self.process.returncode)

    def ctl(self, *words, check=True):
        end = time.monotonic() + PATIENCE_S
        while True:
            done = subprocess.run(
                [self.args.raidctl, "--socket", self.socket, *words],
                stdin=subprocess.DEVNULL, capture_output=True, text=True)
            # 3: it does not answer yet.
            if done.returncode != 3 or time.monotonic() > end:
                break
            self.check_alive()
            time.sleep(0.02)
        if check and done.returncode:
            raise Failure("raidctl %s: %s" % (" ".join(words), done.stderr))
        return done.stdout

    def kill(self, wait=True):
        self.process.kill()
        if wait:
            self.wait()

    def wait(self):
        self.process.wait(timeout=PATIENCE_S)
        self.process = None

    def stop(self):
        self.process.terminate()
        status = self.process.wait(timeout=PATIENCE_S)
        self.process = None
        if status:
            raise Failure("raidd stopped with status %d" % status)


class Stamp:
    """A stamp: commands go in, words come out."""

    def __init__(self, args, daemon, seed, *options):
        self.daemon = daemon
        self.last = ""
        self.process = subprocess.Popen(
            [args.stamp, "--socket", daemon.nbd, "--export", "a", "--seed",
             str(seed), "--log", args.dir + "/stamp.history", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = selectors.DefaultSelector()
        os.set_blocking(self.process.stdout.fileno(), False)
        self.lines.register(self.process.stdout, selectors.EVENT_READ)
        self.buffer = ""

    def tell(self, command):
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.hear("the reason", PATIENCE_S)

    def next_line(self, timeout_s):
        """A line, or None if none came in time."""
        end = time.monotonic() + timeout_s
        while "\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not self.lines.select(left):
                return None
            data = os.read(self.process.stdout.fileno(), 65536).decode()
            if not data:
                raise Failure("stamp ended: " + self.buffer)
            self.buffer += data
        line, self.buffer = self.buffer.split("\n", 1)
        return line

    def explain(self, line):
        """The rest of what stamp complains of."""
        out = [line]
        while True:
            try:
                line = self.next_line(PATIENCE_S)
            except Failure:
                raise Failure("\n".join(out)) from None
            out.append(line or "")

    def hear(self, word, timeout_s, dropped_is_fine=False):
        """Wait for a word; False if it did not come in time."""
        end = time.monotonic() + timeout_s
        while True:
            line = self.next_line(min(1, max(0, end - time.monotonic())))
            if line is None:
                self.daemon.check_alive()
                if time.monotonic() >= end:
                    return False
            elif line.startswith("FAIL"):
                self.explain(line)
            elif line == "dropped" and not dropped_is_fine:
                self.daemon.check_alive()
                raise Failure("raidd closed a connection")
            elif line.split()[0] == word:
                self.last = line
                return True

    def must_hear(self, word, dropped_is_fine=False):
        if not self.hear(word, PATIENCE_S, dropped_is_fine):
            raise Failure("waited in vain for '%s' from stamp" % word)

    def end(self):
        self.process.stdin.close()
        if self.process.wait(timeout=PATIENCE_S):
            raise Failure("stamp ended badly")


class Life:
    """One array, from its creation to a clean stop."""

    def __init__(self, args, rng, totals, kind):
        self.args = args
        self.rng = rng
        self.totals = totals
        self.recovery_s = 0.1   # how long it takes, about
        self.legs = rng.choice((2, 2, 3))
        self.sets = rng.choice((1, 2))
        self.members = kind(args, rng, self.legs * self.sets)
        self.out = set()        # members that died alone, once
        self.daemon = Daemon(args)
        self.stamp = None

    def start(self):
        self.members.restart()
        self.started = time.monotonic()
        self.daemon.start(self.members.scan)
        self.stamp.tell("up")

    def create(self):
        self.members.restart()
        self.daemon.start(self.members.scan)
        self.daemon.ctl("create", "a", "--legs", str(self.legs), "--chunk",
                        self.rng.choice(("16K", "64K", "256K")), "-y",
                        *self.members.paths)
        self.stamp = Stamp(self.args, self.daemon, self.rng.getrandbits(63))
        self.started = time.monotonic()
        self.stamp.tell("up")

    def crash(self):
        how = self.members.crash(self.daemon)
        self.totals[how + "s"] += 1
        self.stamp.tell(how)
        self.stamp.must_hear("down", dropped_is_fine=True)

    def run_until_crash(self):
        """Half of the crashes hit a start, or the recovery after it."""
        fault = self.members.can_fail and self.rng.random() < 0.15
        if self.rng.random() < 0.5:
            at = self.started + self.rng.uniform(0, 1.2 * self.recovery_s)
            verified = self.stamp.hear("verified", at - time.monotonic())
            if fault:
                self.fail_a_leg(wait=False)
            self.pause(at - time.monotonic())
        else:
            verified = True
            self.stamp.must_hear("verified")
            took_s = time.monotonic() - self.started
            self.recovery_s = 0.8 * self.recovery_s + 0.2 * took_s
            if fault:
                self.fail_a_leg(wait=self.rng.random() < 0.5)
            self.pause(self.rng.uniform(0, 0.2))
        self.totals["after" if verified else "in recovery"] += 1

    def pause(self, seconds):
        """Time passes, unless stamp complains."""
        self.stamp.hear("nothing", seconds)

    def fail_a_leg(self, wait):
        """One that leaves another in its set, surely in-sync."""
        legs = [range(s * self.legs, (s + 1) * self.legs)
                for s in range(self.sets)]
        legs = [[i for i in s if i not in self.out] for s in legs]
        legs = [i for s in legs if len(s) > 1 for i in s]
        if not legs:
            return
        leg = self.rng.choice(legs)
        self.out.add(leg)
        self.members.fail(leg)
        self.totals["legs cut"] += 1
        if not wait:
            return
        # Only then may it be missing when the array starts.
        end = time.monotonic() + PATIENCE_S
        while not self.is_out(leg):
            if time.monotonic() > end:
                raise Failure("leg %d does not fail" % leg)
            self.pause(0.02)
        if self.rng.random() < 0.5:
            self.members.away.add(leg)

    def status(self):
        out = json.loads(self.daemon.ctl("status", "a", "--json"))
        return out["arrays"][0]

    def is_out(self, leg):
        array = self.status()
        state = array["sets"][leg // self.legs]["legs"][leg % self.legs]
        return (array["epoch"] == array["epoch_in_force"] and
                state["state"] != "in-sync")

    def rest(self):
        """Everything is read, and the array stopped clean."""
        self.stamp.must_hear("verified")
        self.stamp.tell("rest")
        self.stamp.must_hear("rest")
        self.check_status()
        if self.rng.random() < 0.5:
            self.daemon.ctl("stop", "a")
        self.daemon.stop()
        self.totals["clean stops"] += 1

    def check_status(self):
        """Nothing but what was done to it may be wrong with the array."""
        for s in self.status()["sets"]:
            if s["lost_blocks"]:
                raise Failure("blocks are lost: %s" % s)
            for i, leg in enumerate(s["legs"]):
                member = s["set"] * self.legs + i
                if leg["state"] != "in-sync" and member not in self.out:
                    raise Failure("a leg is out for no reason: %s" % leg)

    def check_media(self):
        """After a clean stop each leg alone has all, and it is the same."""
        reader = os.path.dirname(os.path.abspath(__file__))
        reader += "/member_read.py"
        media = self.members.media()
        digests = set()
        for leg in range(self.legs):
            if self.out & set(range(leg, len(media), self.legs)):
                continue
            done = subprocess.run(
                [sys.executable, reader, "--leg", str(leg), *media],
                stdin=subprocess.DEVNULL, capture_output=True)
            if done.returncode:
                raise Failure("leg %d: %s" % (leg, done.stderr.decode()))
            digests.add(hashlib.sha256(done.stdout).hexdigest())
        if len(digests) > 1:
            raise Failure("the legs differ")

    def run(self, crashes):
        self.create()
        while crashes:
            if self.rng.random() < 0.04:
                self.rest()
            else:
                self.run_until_crash()
                self.crash()
                crashes -= 1
            self.start()
        self.rest()
        self.stamp.end()
        self.check_media()
        print("%d sets of %d, %s:" % (
            self.sets, self.legs, type(self.members).__name__.lower()),
            self.stamp.last, flush=True)
        self.members.remove()

    def undo(self):
        for p in (self.daemon.process, self.stamp and self.stamp.process):
            if p and p.poll() is None:
                p.kill()
                p.wait()
        self.members.undo()


def run(args):
    rng = random.Random(args.seed)
    totals = collections.Counter()
    kinds = {"kill": [Files], "cut": [Disks], "nbdkit": [Nbdkit]}[args.mode]
    left = args.crashes
    end = time.monotonic() + args.seconds
    while left and time.monotonic() < end:
        kinds = kinds[1:] + kinds[:1]
        life = Life(args, rng, totals, kinds[0])
        try:
            count = min(left, args.life)
            life.run(count)
            left -= count
        except Failure as e:
            raise Failure("after %d crashes: %s"
                          % (totals["kills"] + totals["cuts"], e)) from None
        finally:
            life.undo()
    print(", ".join("%d %s" % (n, what) for what, n in sorted(totals.items())))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("mode", choices=("kill", "cut", "nbdkit"))
    for name in ("dir", "raidd", "raidctl", "stamp", "disk", "preload"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--seed", type=int, required=True)
    p.add_argument("--crashes", type=int, required=True)
    p.add_argument("--life", type=int, default=40)
    p.add_argument("--seconds", type=float, default=float("inf"))
    args = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print("seed %d" % args.seed, flush=True)
    try:
        run(args)
    except (Failure, subprocess.TimeoutExpired) as e:
        print("failed, seed %d: %s" % (args.seed, e), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
