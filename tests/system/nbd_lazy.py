#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nbd_lazy.py SOCKET EXPORT: asks for much, reads nothing, and waits until the
server ends the connection.  Says "asked" when it has asked."""
import socket
import struct
import sys

s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.recv(18, socket.MSG_WAITALL)
s.sendall(struct.pack(">IQII", 3, 0x49484156454F5054, 1, len(sys.argv[2])) +
          sys.argv[2].encode())
s.recv(10, socket.MSG_WAITALL)
for i in range(64):
    s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, 0, 1 << 20))
print("asked", flush=True)
# Readable is not what is waited for: that the other end has gone is.
p = __import__("select").poll()
p.register(s, 0x2000)  # POLLRDHUP
p.poll()
