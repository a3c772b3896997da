# SPDX-License-Identifier: MIT
"""Members for crash.py: files, and disks with a volatile cache."""

import os
import socket
import subprocess
import time


class Failure(Exception):
    pass


# For what must happen at all, however slow the machine is.
PATIENCE_S = 120


def wait_until(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise Failure("waited in vain for " + what)
        time.sleep(0.002)


def is_mount(path):
    """Whoever serves it may be dead: it must not be touched."""
    with open("/proc/self/mounts") as f:
        return any(line.split()[1] == path for line in f)


def is_listened_to(path):
    """That the socket is there does not mean so."""
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


class Files:
    """Members that are files: a crash of raidd takes nothing from them."""

    can_fail = False

    def __init__(self, args, rng, count):
        self.args = args
        self.rng = rng
        self.paths = ["%s/m%d" % (args.dir, i) for i in range(count)]
        self.scan = args.dir + "/m*"
        self.make(self.paths)

    def make(self, paths):
        for path in paths:
            with open(path, "w") as f:
                f.truncate(self.rng.choice((40, 48, 64)) << 20)

    def restart(self):
        pass

    def crash(self, daemon):
        """Ends raidd; returns what stamp is to be told of it."""
        daemon.kill()
        return "kill"

    def media(self):
        """What holds the bytes, with nobody in between; raidd has ended."""
        return self.paths

    def remove(self):
        for path in self.paths:
            os.unlink(path)

    def undo(self):
        pass


class Disks(Files):
    """Members that crash_disk serves: its end is the end of what was not
    flushed (crash_disk.c)."""

    can_fail = True

    def __init__(self, args, rng, count):
        super().__init__(args, rng, count)
        self.images = ["%s/disk%d" % (args.dir, i) for i in range(count)]
        self.make(self.images)
        self.servers = [[] for _ in range(count)]
        self.away = set()

    def begin(self, i):
        """Starts what serves member i, but for what must wait."""
        self.serve(i, [self.args.disk, self.images[i], self.paths[i],
                       str(self.rng.getrandbits(63))])

    def begin_more(self, i):
        pass

    def serve(self, i, command):
        self.servers[i].append(subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log(),
            stderr=subprocess.STDOUT))

    def log(self):
        return open(self.args.dir + "/disks.log", "a")

    def check(self, i):
        for p in self.servers[i]:
            if p.poll() is not None:
                raise Failure("member %d: %s ended by itself, status %d"
                              % (i, p.args[0], p.returncode))

    def restart(self):
        new = [i for i, s in enumerate(self.servers)
               if not s and i not in self.away]
        for i in new:
            self.begin(i)
        for i in new:
            self.begin_more(i)
        for i in new:
            wait_until("member %d" % i, lambda i=i: self.check(i) or
                       is_mount(self.paths[i]))

    def cut(self, i):
        for p in self.servers[i]:
            p.kill()

    def reap(self, i):
        """After raidd's end.  Lazily: the kernel may still be closing the
        dead one's descriptors, which lead to the dead server only."""
        for p in self.servers[i]:
            p.wait()
        self.servers[i] = []
        if is_mount(self.paths[i]):
            subprocess.run(["umount", "-l", self.paths[i]], check=True)

    def crash(self, daemon):
        if self.rng.random() < 0.15:
            daemon.kill()
            return "kill"
        # raidd first: it shall see no error, and not answer to it.
        daemon.kill(wait=False)
        for i in self.rng.sample(range(len(self.paths)), len(self.paths)):
            self.cut(i)
        daemon.wait()
        for i in range(len(self.paths)):
            self.reap(i)
        return "cut"

    def media(self):
        self.undo()
        return self.images

    def fail(self, i):
        """Member i dies under raidd; it comes back after the next cut."""
        self.cut(i)

    def remove(self):
        self.undo()
        super().remove()
        for path in self.images:
            os.unlink(path)

    def undo(self):
        for i in range(len(self.paths)):
            self.cut(i)
        for i in range(len(self.paths)):
            self.reap(i)


class Nbdkit(Disks):
    """Members that nbdkit's cache filter serves, and nbdfuse makes a file of:
    a cut loses all that was not flushed."""

    def socket_of(self, i):
        return "%s/disk%d.sock" % (self.args.dir, i)

    def begin(self, i):
        if os.path.exists(self.socket_of(i)):
            os.unlink(self.socket_of(i))
        self.serve(i, ["nbdkit", "-f", "-U", self.socket_of(i),
                       "--filter=cache", "file", self.images[i],
                       "cache=writeback", "cache-min-block-size=4K"])

    def begin_more(self, i):
        wait_until("nbdkit %d" % i, lambda: self.check(i) or
                   is_listened_to(self.socket_of(i)))
        self.serve(i, ["nbdfuse", self.paths[i], "nbd+unix:///?socket=" +
                       self.socket_of(i)])
