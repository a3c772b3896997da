#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Talks NBD to a server byte by byte, and badly: nbd_rude.py SOCKET EXPORT.

Each function below is one case and raises AssertionError when the server did
something else than the protocol says.  After each the server must still serve
a well-behaved client.
"""
import random
import socket
import struct
import sys
import time

PATH, EXPORT = sys.argv[1], sys.argv[2]

IHAVEOPT = 0x49484156454F5054
OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST, OPT_STARTTLS = 1, 2, 3, 5
OPT_INFO, OPT_GO, OPT_STRUCTURED = 6, 7, 8
OPT_LIST_META, OPT_SET_META = 9, 10
ACK, SERVER, INFO, META = 1, 2, 3, 4
UNSUP, POLICY, INVALID, UNKNOWN = [0x80000000 + n for n in (1, 2, 3, 6)]
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO = 1, 2, 4, 8, 16
EINVAL, ENOSPC, ENOTSUP = 22, 28, 95
MIB = 1 << 20


class Closed(Exception):
    """The server ended the connection."""


class Client:
    def __init__(self, flags=3):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(PATH)
        magic, opt, self.server_flags = struct.unpack(">QQH", self.get(18))
        assert magic == 0x4E42444D41474943 and opt == IHAVEOPT
        assert self.server_flags & 1
        self.structured = False
        if flags is not None:
            self.put(struct.pack(">I", flags))

    def put(self, data):
        try:
            self.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed from e

    def get(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                more = self.s.recv(count - len(data))
            except ConnectionResetError as e:
                raise Closed from e
            if not more:
                raise Closed
            data += more
        return bytes(data)

    def close(self):
        self.s.close()

    # Negotiation.

    def option(self, number, data=b"", length=None):
        length = len(data) if length is None else length
        self.put(struct.pack(">QII", IHAVEOPT, number, length) + data)

    def answer(self, number):
        magic, opt, kind, length = struct.unpack(">QIII", self.get(20))
        assert magic == 0x0003E889045565A9 and opt == number
        return kind, self.get(length)

    def answers(self, number):
        """All up to the one that ends them."""
        got = []
        while True:
            kind, data = self.answer(number)
            got.append((kind, data))
            if kind == ACK or kind & 0x80000000:
                return got

    def go(self, name=EXPORT, number=OPT_GO, infos=()):
        raw = name.encode()
        self.option(number, struct.pack(">I", len(raw)) + raw +
                    struct.pack(">H", len(infos)) +
                    b"".join(struct.pack(">H", i) for i in infos))
        got = self.answers(number)
        for kind, data in got:
            if kind == INFO and data[:2] == b"\0\0":
                self.size, self.flags = struct.unpack(">QH", data[2:])
        return got[-1][0]

    def want_structured(self):
        self.option(OPT_STRUCTURED)
        assert self.answers(OPT_STRUCTURED)[-1][0] == ACK
        self.structured = True

    def want_status(self, name=EXPORT, queries=("base:allocation",)):
        raw = name.encode()
        data = struct.pack(">I", len(raw)) + raw
        data += struct.pack(">I", len(queries))
        for q in queries:
            data += struct.pack(">I", len(q)) + q.encode()
        self.option(OPT_SET_META, data)
        return self.answers(OPT_SET_META)

    # Transmission.

    def request(self, kind, offset=0, length=0, flags=0, cookie=7, data=b"",
                magic=0x25609513):
        self.put(struct.pack(">IHHQQI", magic, flags, kind, cookie, offset,
                             length) + data)

    def simple(self):
        magic, error, cookie = struct.unpack(">IIQ", self.get(16))
        assert magic == 0x67446698, hex(magic)
        return error, cookie

    def chunk(self):
        magic, flags, kind, cookie, length = struct.unpack(
            ">IHHQI", self.get(20))
        assert magic == 0x668E33EF and flags == 1 and cookie == 7
        return kind, self.get(length)

    def error_of(self, *args, **kwargs):
        self.request(*args, **kwargs)
        if self.structured and args[0] in (READ, STATUS):
            kind, data = self.chunk()
            assert kind == 0x8001, kind
            return struct.unpack(">I", data[:4])[0]
        error, cookie = self.simple()
        assert cookie == kwargs.get("cookie", 7)
        return error


def ready(structured=False, status=False):
    """A client in transmission.  Those that hung up just now may still hold
    their places for a moment."""
    end = time.monotonic() + 20
    while True:
        c = try_ready(structured, status)
        if c:
            return c
        assert time.monotonic() < end
        time.sleep(0.05)


def try_ready(structured, status):
    c = Client()
    if structured or status:
        c.want_structured()
    if status:
        got = c.want_status()
        assert [k for k, _ in got] == [META, ACK]
        assert got[0][1][4:] == b"base:allocation"
    if c.go() == ACK:
        return c
    c.close()
    return None


def is_closed(c):
    try:
        c.get(1)
    except Closed:
        return True
    return False


def serves():
    """A client with manners is served."""
    c = ready()
    c.request(WRITE, 0, 5, data=b"hello")
    assert c.simple() == (0, 7)
    c.request(READ, 0, 5)
    assert c.simple() == (0, 7) and c.get(5) == b"hello"
    c.request(DISC)
    assert is_closed(c)
    c.close()


# --- negotiation ---------------------------------------------------------

def unknown_client_flags_end_it():
    assert is_closed(Client(flags=0x80000003))


def an_unknown_option_is_refused_and_the_next_one_heard():
    c = Client()
    for number in (4, 5, 11, 12, 99, 0xFFFFFFFF):
        c.option(number, b"x" * (number % 100))
        assert c.answers(number)[-1][0] == UNSUP
    assert c.go() == ACK
    c.close()


def a_wrong_option_magic_ends_it():
    c = Client()
    c.put(struct.pack(">QII", 1, OPT_LIST, 0))
    assert is_closed(c)


def an_option_too_long_ends_it_unread():
    for length in (65537, 1 << 30, 0xFFFFFFFF):
        c = Client()
        c.option(OPT_GO, b"", length)
        assert is_closed(c)


def the_longest_option_is_read():
    c = Client()
    c.option(99, bytes(65536))
    assert c.answers(99)[-1][0] == UNSUP
    assert c.go() == ACK
    c.close()


def too_many_options_end_it():
    c = Client()
    n = 0
    try:
        while n < 1000:
            c.option(99)
            c.answers(99)
            n += 1
    except Closed:
        pass
    assert n == 128, n


def lengths_inside_an_option_are_not_believed():
    c = Client()
    for data in (b"", b"\0", b"\0\0\0\4", b"\0\0\0\4ab",
                 b"\xff\xff\xff\xff" + b"a" * 10,
                 b"\0\0\0\1a", b"\0\0\0\1a\0", b"\0\0\0\1a\0\1",
                 b"\0\0\0\1a\0\0extra", b"\0\0\x20\0" + b"a" * 0x2002):
        for number in (OPT_GO, OPT_INFO):
            c.option(number, data)
            assert c.answers(number)[-1][0] == INVALID, data
    c.want_structured()
    for data in (b"", b"\0\0\0\1", b"\0\0\0\1a\0\0\0\1",
                 b"\0\0\0\1a\0\0\0\1\0\0\0\5abc", b"\0\0\0\1a\0\0\0\0x",
                 b"\0\0\0\1a\xff\xff\xff\xff\0\0\0\1a"):
        for number in (OPT_LIST_META, OPT_SET_META):
            c.option(number, data)
            assert c.answers(number)[-1][0] == INVALID, data
    for number in (OPT_LIST, OPT_STRUCTURED):
        c.option(number, b"x")
        assert c.answers(number)[-1][0] == INVALID
    assert c.go() == ACK
    c.close()


def an_unknown_export_is_refused_and_the_next_one_heard():
    c = Client()
    for name in ("nobody", "x" * 4096, "a\0b", EXPORT + "\0", "../" + EXPORT):
        assert c.go(name) == UNKNOWN, name
        assert c.go(name, OPT_INFO) == UNKNOWN
    assert c.go() == ACK
    c.close()


def export_name_serves_and_hangs_up_on_an_unknown_one():
    for flags, extra in ((3, 0), (1, 124), (0, 124)):
        c = Client(flags)
        c.option(OPT_EXPORT_NAME, EXPORT.encode())
        size, _ = struct.unpack(">QH", c.get(10))
        assert size > 0 and c.get(extra) == bytes(extra)
        c.request(READ, 0, 512)
        assert c.simple()[0] == 0 and len(c.get(512)) == 512
        c.close()
    c = Client()
    c.option(OPT_EXPORT_NAME, b"nobody")
    assert is_closed(c)


def without_fixed_newstyle_other_options_end_it():
    c = Client(flags=0)
    c.option(OPT_LIST)
    assert is_closed(c)


def abort_is_acknowledged():
    c = Client()
    c.option(OPT_ABORT)
    assert c.answers(OPT_ABORT)[-1][0] == ACK
    assert is_closed(c)


def the_list_names_the_export():
    c = Client()
    c.option(OPT_LIST)
    got = c.answers(OPT_LIST)
    assert got[-1][0] == ACK
    assert EXPORT.encode() in [d[4:] for k, d in got if k == SERVER]
    c.close()


def info_answers_what_is_asked():
    c = Client()
    raw = EXPORT.encode()
    c.option(OPT_INFO, struct.pack(">I", len(raw)) + raw +
             struct.pack(">HHHHH", 4, 1, 2, 3, 77))
    got = c.answers(OPT_INFO)
    kinds = sorted(struct.unpack(">H", d[:2])[0] for k, d in got if k == INFO)
    assert kinds == [0, 1, 2, 3], kinds
    for k, d in got:
        if k == INFO and d[:2] == b"\0\3":
            low, good, high = struct.unpack(">III", d[2:])
            assert low in (512, 4096) and good >= 4096 and high == 64 * MIB
    assert c.go() == ACK
    c.close()


def questions_without_end_are_too_many():
    c = Client()
    assert c.go(infos=[2] * 30000) == 0x80000009
    assert c.go() == ACK
    c.close()


def a_context_needs_structured_replies():
    c = Client()
    assert c.want_status()[-1][0] == INVALID
    assert c.go() == ACK
    assert c.error_of(STATUS, 0, 4096) == EINVAL
    c.close()


def the_last_choice_of_contexts_counts():
    c = Client()
    c.want_structured()
    assert [k for k, _ in c.want_status()] == [META, ACK]
    assert [k for k, _ in c.want_status(queries=("x:y",))] == [ACK]
    assert c.go() == ACK
    assert c.error_of(STATUS, 0, 4096) == EINVAL
    c.close()


def one_who_connects_and_says_nothing_is_let_go():
    c = Client(flags=None)
    start = time.monotonic()
    assert is_closed(c)
    assert 5 < time.monotonic() - start < 20


def a_crowd_that_says_nothing_keeps_nobody_out_for_long():
    crowd = []
    for _ in range(100):
        try:
            crowd.append(Client(flags=None))
        except Closed:
            break
    assert len(crowd) >= 60
    for c in crowd:
        c.close()
    end = time.monotonic() + 10
    while True:
        try:
            serves()
            break
        except Closed:
            assert time.monotonic() < end


def garbage_instead_of_negotiation():
    rng = random.Random(2)
    for _ in range(50):
        c = Client(flags=None)
        try:
            c.put(struct.pack(">I", 3))
            for _ in range(20):
                c.option(rng.randrange(12),
                         rng.randbytes(rng.choice((0, 1, 6, 40, 5000))))
        except Closed:
            pass
        c.close()


def hanging_up_at_every_byte_of_negotiation():
    raw = EXPORT.encode()
    whole = (struct.pack(">I", 3) +
             struct.pack(">QII", IHAVEOPT, OPT_STRUCTURED, 0) +
             struct.pack(">QIII", IHAVEOPT, OPT_GO, 6 + len(raw), len(raw)) +
             raw + b"\0\0")
    for cut in range(len(whole) + 1):
        c = Client(flags=None)
        c.put(whole[:cut])
        c.close()


# --- transmission ----------------------------------------------------------

def ranges_beyond_the_end_are_refused():
    for structured in (False, True):
        c = ready(structured)
        end = c.size
        for offset, length in ((end, 1), (end - 1, 2), (end - 512, 1024),
                               (1 << 63, 512), ((1 << 64) - 1, 1),
                               ((1 << 64) - 512, 4096), (end + 4096, 4096)):
            data = bytes(length)
            assert c.error_of(READ, offset, length) == EINVAL
            assert c.error_of(WRITE, offset, length, data=data) == ENOSPC
            assert c.error_of(ZEROES, offset, length) == ENOSPC
            assert c.error_of(TRIM, offset, length) == EINVAL
            assert c.error_of(CACHE, offset, length) == EINVAL
        assert c.error_of(READ, 0, 0) == EINVAL
        c.request(READ, end - 1, 1)
        if structured:
            assert c.chunk()[0] == 1
        else:
            assert c.simple() == (0, 7) and len(c.get(1)) == 1
        c.close()


def an_oversized_request_is_refused_and_the_next_one_heard():
    c = ready()
    big = 64 * MIB + 1
    assert c.error_of(READ, 0, big) == EINVAL
    assert c.error_of(READ, 0, 0xFFFFFFFF) == EINVAL
    c.request(WRITE, 0, big)
    for _ in range(64):
        c.put(bytes(MIB))
    c.put(b"x")
    assert c.simple()[0] in (EINVAL, ENOSPC)
    c.request(READ, 0, 512)
    assert c.simple() == (0, 7) and len(c.get(512)) == 512
    c.close()


def unknown_commands_and_flags_are_refused():
    c = ready(status=True)
    for kind in (8, 9, 255, 65535):
        assert c.error_of(kind, 0, 512) == EINVAL
    for kind, flag in ((READ, NO_HOLE), (READ, 1 << 15), (WRITE, DF),
                       (TRIM, NO_HOLE), (ZEROES, REQ_ONE), (FLUSH, DF),
                       (STATUS, FAST_ZERO), (CACHE, REQ_ONE)):
        data = bytes(512) if kind == WRITE else b""
        assert c.error_of(kind, 0, 512, flags=flag, data=data) == EINVAL
    assert c.error_of(ZEROES, 0, 4096, flags=NO_HOLE | FAST_ZERO) == ENOTSUP
    assert c.error_of(ZEROES, 0, 4096, flags=FAST_ZERO) == 0
    assert c.error_of(ZEROES, 0, 4096, flags=NO_HOLE | FUA) == 0
    assert c.error_of(TRIM, 0, 4096, flags=FUA) == 0
    assert c.error_of(FLUSH, flags=FUA) == 0
    assert c.error_of(CACHE, 0, 4096) == 0
    c.close()


def df_needs_structured_replies():
    c = ready()
    assert c.error_of(READ, 0, 512, flags=DF) == EINVAL
    c.close()
    c = ready(structured=True)
    c.request(READ, 0, 2 * MIB, flags=DF)
    kind, data = c.chunk()
    assert kind == 1 and len(data) == 8 + 2 * MIB
    c.close()


def a_wrong_request_magic_ends_it():
    c = ready()
    c.request(READ, 0, 512, magic=0x25609514)
    assert is_closed(c)


def replies_come_for_all_that_was_asked_before_disc():
    c = ready()
    for i in range(200):
        c.request(WRITE, i * 4096, 4096, cookie=i, data=bytes([i]) * 4096)
    c.request(DISC)
    got = sorted(c.simple() for _ in range(200))
    assert got == [(0, i) for i in range(200)]
    assert is_closed(c)


def half_closing_is_no_reason_to_drop_replies():
    c = ready()
    for i in range(50):
        c.request(READ, i * 4096, 4096, cookie=i)
    c.s.shutdown(socket.SHUT_WR)
    cookies = set()
    for _ in range(50):
        error, cookie = c.simple()
        assert error == 0
        c.get(4096)
        cookies.add(cookie)
    assert cookies == set(range(50)) and is_closed(c)


def hanging_up_at_many_points_of_a_write():
    whole = struct.pack(">IHHQQI", 0x25609513, 0, WRITE, 7, 8192, 65536) + \
        b"z" * 65536
    for cut in list(range(0, 40)) + [4096, 20000, 65000, len(whole)]:
        c = ready()
        c.put(whole[:cut])
        c.close()


def hanging_up_with_everything_in_flight():
    rng = random.Random(3)
    for _ in range(30):
        c = ready(structured=rng.random() < 0.5)
        try:
            for i in range(rng.randrange(1, 120)):
                length = rng.choice((512, 4096, 8192, 262144))
                offset = rng.randrange(0, 2 * MIB, 512)
                if rng.random() < 0.5:
                    c.request(READ, offset, length, cookie=i)
                else:
                    c.s.settimeout(0.2)
                    c.request(WRITE, offset, length, cookie=i,
                              data=bytes(length))
        except (Closed, socket.timeout):
            pass
        c.close()


def one_who_does_not_read_holds_up_only_itself():
    crowd = []
    for size in (4096, 65536, MIB, 64 * MIB):
        lazy = ready()
        lazy.s.settimeout(0.2)
        try:
            for i in range(1000):
                lazy.request(READ, 0, size, cookie=i)
        except socket.timeout:
            pass
        crowd.append(lazy)
        # Another kind of it: stops in the middle of a write.
        lazy = ready()
        lazy.request(WRITE, 32 * MIB, size, data=bytes(100))
        crowd.append(lazy)
    for size in (512, 8192, 131072, 2 * MIB, 64 * MIB):
        c = ready()
        c.request(READ, 0, size)
        assert c.simple() == (0, 7) and len(c.get(size)) == size
        c.close()
    for lazy in crowd:
        lazy.close()


def byte_by_byte_is_slow_but_well():
    c = ready()
    raw = struct.pack(">IHHQQI", 0x25609513, 0, WRITE, 7, 100, 20) + b"q" * 20
    for i in range(len(raw)):
        c.put(raw[i:i + 1])
    assert c.simple() == (0, 7)
    c.request(READ, 100, 20)
    assert c.simple() == (0, 7) and c.get(20) == b"q" * 20
    c.close()


def many_in_one_send_are_all_served():
    c = ready()
    batch = b"".join(struct.pack(">IHHQQI", 0x25609513, 0, READ, i, 0, 512)
                     for i in range(1000))
    c.put(batch)
    seen = set()
    for _ in range(1000):
        error, cookie = c.simple()
        assert error == 0
        c.get(512)
        seen.add(cookie)
    assert seen == set(range(1000))
    c.close()


def garbage_after_negotiation():
    rng = random.Random(4)
    for _ in range(50):
        c = ready(status=True)
        try:
            for _ in range(rng.randrange(1, 20)):
                kind = rng.randrange(10)
                length = rng.choice((0, 1, 512, 4096, 70000, 1 << 31))
                offset = rng.choice((0, 1, 511, 4095, 1 << 20, 1 << 40,
                                     (1 << 64) - 1))
                data = b""
                if kind == WRITE:
                    length %= 1 << 17
                    data = bytes(length)
                c.s.settimeout(1)
                c.request(kind, offset, length, rng.randrange(64), data=data)
            c.put(rng.randbytes(200))
        except (Closed, socket.timeout):
            pass
        c.close()


def seventeen_connections_are_one_too_many():
    crowd = [ready() for _ in range(16)]
    c = Client()
    assert c.go() == POLICY
    c.close()
    for k in crowd:
        k.request(READ, 0, 512)
    for k in crowd:
        assert k.simple()[0] == 0 and len(k.get(512)) == 512
        k.close()
    end = time.monotonic() + 10
    while Client().go() != ACK:
        assert time.monotonic() < end


# --- block status ------------------------------------------------------------

def extents(c, offset, length, flags=0):
    c.request(STATUS, offset, length, flags=flags)
    kind, data = c.chunk()
    assert kind == 5, kind
    assert struct.unpack(">I", data[:4])[0] == 1
    pairs = struct.unpack(">%dI" % ((len(data) - 4) // 4), data[4:])
    return list(zip(pairs[::2], pairs[1::2]))


def status_tells_written_from_unwritten():
    c = ready(status=True)
    base = 8 * MIB
    assert c.error_of(TRIM, base, 4 * MIB) == 0
    assert c.error_of(WRITE, base + 65536, 8192, data=b"a" * 8192) == 0
    assert c.error_of(WRITE, base + 131072, 1, data=b"b") == 0
    want = [(65536, 3), (8192, 0), (57344, 3), (4096, 0), (4096, 3)]
    assert extents(c, base, 139264) == want
    assert extents(c, base, 139264, REQ_ONE) == want[:1]
    assert extents(c, base + 65536 + 100, 200) == [(200, 0)]
    assert extents(c, base + 65535, 2) == [(1, 3), (1, 0)]
    for offset, length in ((c.size, 1), (0, 0), (c.size - 1, 2)):
        assert c.error_of(STATUS, offset, length) == EINVAL
    total = sum(n for n, _ in extents(c, 0, min(c.size, 0xFFFFFFFF)))
    assert 0 < total <= c.size
    c.close()


def a_checkered_range_is_answered_in_part():
    c = ready(status=True)
    base, blocks = 16 * MIB, 2048
    assert c.error_of(TRIM, base, blocks * 4096) == 0
    for i in range(0, blocks, 2):
        c.request(WRITE, base + i * 4096, 4096, data=bytes(4096))
        if i % 64 == 62:
            for _ in range(32):
                assert c.simple()[0] == 0
    got = extents(c, base, blocks * 4096)
    assert got == [(4096, 3 * (i % 2)) for i in range(len(got))]
    assert len(got) == blocks
    assert c.error_of(TRIM, base, blocks * 4096) == 0
    c.close()


def main():
    cases = [f for name, f in list(globals().items())
             if "_" in name and callable(f) and f.__module__ == __name__
             and f.__code__.co_argcount == 0 and name not in ("is_closed",)]
    only = sys.argv[3:]
    for case in cases:
        if only and case.__name__ not in only:
            continue
        start = time.monotonic()
        case()
        serves()
        print("%-60s %.1f s" % (case.__name__, time.monotonic() - start),
              flush=True)


main()
