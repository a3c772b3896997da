# SPDX-License-Identifier: MIT
"""What the benchmarks share: members, servers, fio, waiting for quiet."""

import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

MEMBER_MIB_MIN = 8192
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def call(*args):
    return subprocess.run([str(a) for a in args], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain for " + what)
        time.sleep(0.05)


class Disks:
    """Files, or loop devices over them; gone again at the end."""

    def __init__(self, kind, tmp):
        self.loops = []
        self.loop = kind == "loop"
        base = "/dev/shm" if kind in ("shm", "loop") else kind
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="raidd-bench.",
                                                 dir=base))
        self.tmp = tmp

    def make(self, name, mib):
        path = self.dir / name
        with open(path, "wb") as f:
            f.truncate(mib << 20)
        if not self.loop:
            return str(path)
        dev = call("losetup", "--find", "--show", "--direct-io=on", path)
        self.loops.append(dev)
        return dev

    def remove(self):
        for dev in self.loops:
            subprocess.run(["losetup", "--detach", dev], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)


class Server:
    def __init__(self, tmp):
        self.log = open(tmp / (self.name + ".log"), "wb")

    def spawn(self, *args):
        self.process = subprocess.Popen([str(a) for a in args],
                                        stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)

    def uri(self):
        return "nbd+unix:///%s?socket=%s" % (self.export, self.socket)

    def cpu_seconds(self):
        stat = pathlib.Path("/proc/%d/stat" % self.process.pid).read_text()
        fields = stat.rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Raidd(Server):
    name = "raidd"
    export = "bench"

    def __init__(self, tmp, disks, mib, builddir, name="raidd", sets=2,
                 limits=(), options=(), shape=()):
        self.name = name
        super().__init__(tmp)
        self.socket = tmp / (name + ".nbd")
        self.control = tmp / (name + ".sock")
        self.builddir = builddir
        self.conf = tmp / (name + ".conf")
        self.conf.write_text(
            "[raidd]\nsocket = %s\nnbd_socket = %s\nnbd_tcp = 127.0.0.1:0\n"
            "[limits]\n%s" % (self.control, self.socket,
                             "".join(l + "\n" for l in limits)))
        self.options = options
        # Sparse, and larger than what is used: a small member has a small
        # journal, which is not what a database server has.
        self.members = [disks.make("%s%d" % (name, i),
                                   max(mib, MEMBER_MIB_MIN))
                        for i in range(2 * sets)]
        self.start()
        self.ctl("create", "-y", *shape, self.export, *self.members)

    def start(self):
        self.control.unlink(missing_ok=True)
        self.spawn(self.builddir / "raidd", "--config", self.conf,
                   "--foreground", *self.options,
                   *(w for m in self.members for w in ("--scan", m)))
        wait_for("raidd", self.control.exists)

    def ctl(self, *words):
        return call(self.builddir / "raidctl", "--socket", self.control,
                    *words)

    def status(self):
        return json.loads(self.ctl("status", "--json",
                                   self.export))["arrays"][0]

    def tcp_uri(self):
        """Where each write is durable when answered."""
        log = pathlib.Path(self.log.name).read_text()
        return "nbd://127.0.0.1:%s/%s" % (
            re.findall(r"NBD listens on 127.0.0.1 port (\d+)", log)[-1],
            self.export)


def fio(server, mib, rw, bs, depth, seconds, more=(), uri=None):
    args = ["fio", "--name=x", "--ioengine=nbd",
            "--uri=" + (uri or server.uri()),
            "--rw=" + rw, "--bs=" + bs, "--iodepth=%d" % depth,
            "--size=%dM" % mib, "--output-format=json", *more]
    if seconds:
        args += ["--time_based", "--runtime=%dms" % (seconds * 1000),
                 "--ramp_time=300ms", "--norandommap", "--randrepeat=0"]
    before = server.cpu_seconds()
    out = call(*args)
    used = server.cpu_seconds() - before
    job = json.loads(out[out.index("{"):])["jobs"][0]
    side = job["read" if "read" in rw else "write"]
    return {"iops": side["iops"],
            "p99_us": side["clat_ns"].get("percentile", {}).get(
                "99.000000", 0) / 1000,
            "cpu_us": used * 1e6 / max(side["total_ios"], 1)}


def median(runs, key):
    return statistics.median(r[key] for r in runs)


def idle_share(seconds):
    def ticks():
        line = pathlib.Path("/proc/stat").read_text().splitlines()[0]
        fields = [int(f) for f in line.split()[1:]]
        return fields[3] + fields[4], sum(fields)
    idle, total = ticks()
    time.sleep(seconds)
    idle2, total2 = ticks()
    return (idle2 - idle) / max(total2 - total, 1)


def wait_for_quiet(patience):
    end = time.monotonic() + patience
    while time.monotonic() < end and idle_share(0.3) < 0.9:
        pass


def describe(args):
    model = [line.split(":")[1].strip() for line in
             pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    print("members: %s, %d MiB; %g s, median of %d; %d x %s; Linux %s" % (
        args.members, args.size, args.seconds, args.repeat, len(model),
        model[0] if model else "?", os.uname().release))
