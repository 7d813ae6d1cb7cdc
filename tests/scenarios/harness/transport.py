"""Sockets that keep a transcript. All timeouts are in seconds; "silence" is two of them (requirements, section 1.3)."""
import collections
import os
import re
import socket
import ssl
import time

from harness.check import PATIENT, Failure

SILENCE = 2.0
PATIENCE = 8.0 * PATIENT


class Transcript:
    """What went over the wires last in this test, printed when it fails."""

    def __init__(self):
        self.started, self.entries = time.monotonic(), collections.deque(maxlen=40)

    def note(self, direction, who, data):
        self.entries.append((time.monotonic() - self.started, direction, who, data))

    def __str__(self):
        lines = []
        for when, direction, who, data in self.entries:
            lines.append("%7.3f %s %s (%d octets)" % (when, direction, who, len(data)))
            lines += ["          " + ascii(line)[2:-1] for line in data[:3000].split(b"\r\n")]
        return "\n".join(lines)


def own_address(n=0):
    """A loopback address that no other test process of this machine uses, so that any port of it is free; n < 3.
    Odd, so that it is never what it is masked as."""
    pid = os.getpid()
    return "127.%d.%d.%d" % (64 * (n + 1) + (pid >> 15 & 63), pid >> 7 & 255, 2 * (pid & 127) + 1)


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class Udp:
    reliable = False

    def __init__(self, server, transcript, bind=None, header=b""):
        self.server, self.transcript, self.header = server, transcript, header  # of a load balancer
        self.socket = socket.socket(family(server[0]), socket.SOCK_DGRAM)
        local = "::1" if ":" in server[0] else "127.0.0.1"
        self.socket.bind(bind or (local, 0))
        self.local = self.socket.getsockname()[:2]
        self.name = "udp %s:%d" % self.local

    def send(self, data):
        self.transcript.note(">", self.name, bytes(data))
        self.socket.sendto(self.header + bytes(data), self.server)

    def receive(self, timeout=PATIENCE):
        """One datagram, or None after the timeout."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data, source = self.socket.recvfrom(65536)
        except (socket.timeout, ConnectionRefusedError):
            return None
        self.transcript.note("<", self.name, data)
        self.source = source[:2]
        return data

    def close(self):
        self.socket.close()


class Stream:
    """TCP, or TLS when a context is given."""
    reliable = True

    def __init__(self, server, transcript, tls=None, server_name=None, bind=None, header=b"", patience=PATIENCE):
        self.transcript, self.buffer, self.ended = transcript, b"", False
        self.socket = socket.create_connection(server, timeout=patience, source_address=bind)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.local = self.socket.getsockname()[:2]
        self.name = "%s %s:%d" % ("tls" if tls else "tcp", *self.local)
        self.socket.sendall(header)  # of a load balancer, before anything else
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name)

    def send(self, data):
        self.transcript.note(">", self.name, bytes(data))
        self.socket.sendall(bytes(data))

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or self.ended:
            return False
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            return False
        except (ConnectionError, ssl.SSLError):
            data = b""
        if data:
            self.transcript.note("<", self.name, data)
        self.buffer, self.ended = self.buffer + data, not data
        return bool(data)

    def receive(self, timeout=PATIENCE):
        """One whole message, framed by its Content-Length; None after the timeout or at the end of the stream."""
        deadline = time.monotonic() + timeout
        while True:
            while self.buffer.startswith(b"\r\n"):
                self.buffer = self.buffer[2:]
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            if separator:
                length = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)", head, re.I)
                if not length:
                    raise Failure("stream response without Content-Length: %r" % head[:200])
                if len(rest) >= int(length.group(1)):
                    size = len(head) + 4 + int(length.group(1))
                    message, self.buffer = self.buffer[:size], self.buffer[size:]
                    return message
            if not self._fill(deadline):
                return None

    def octets(self, count, timeout=PATIENCE):
        """Exactly so many octets as they come (keep-alive pongs), fewer when time or stream end."""
        deadline = time.monotonic() + timeout
        while len(self.buffer) < count and self._fill(deadline):
            pass
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def closed(self, timeout=PATIENCE):
        """Waits for the end of the stream; what arrives before it stays readable."""
        deadline = time.monotonic() + timeout
        while not self.ended and self._fill(deadline):
            pass
        return self.ended

    def shutdown(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()
