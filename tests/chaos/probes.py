#!/usr/bin/env python3
"""A load balancer's view: /livez and /readyz of every node, ten times a second, each time over a new connection.

The prober is a process of its own, or it would wait for the phones, which share an interpreter. Its clock is that of the phones.
"""
import os
import socket
import subprocess
import sys
import threading
import time
from collections import namedtuple

PATHS = ("/livez", "/readyz")
PERIOD, PATIENCE = 0.1, 5.0

Probe = namedtuple("Probe", "node path sent ended status")  # status 0: no answer


def probe(port, path):
    """The status of an answer, 0 for none."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
            head = connection.recv(4096)
        return int(head.split()[1]) if head.startswith(b"HTTP/1.") else 0
    except OSError:
        return 0


def probe_on(node, port, path):
    due = time.monotonic()
    while True:
        sent = time.monotonic()
        status = probe(port, path)
        os.write(1, b"%d %s %.6f %.6f %d\n" % (node, path.encode(), sent, time.monotonic(), status))
        due = max(due + PERIOD, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


class Probes:
    """The prober at work, seen from the driver."""

    def __init__(self, servers, path):
        self.file = open(path, "w+")
        ports = [str(server.health_port) for server in servers]
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), *ports], stdin=subprocess.PIPE, stdout=self.file)
        self.reader = open(path)
        self.rest = ""

    def take(self):
        """What was asked and answered since the last call."""
        text = self.rest + self.reader.read()
        whole, _, self.rest = text.rpartition("\n")
        lines = [line.split() for line in whole.splitlines()]
        return [Probe(int(node), path, float(sent), float(ended), int(status)) for node, path, sent, ended, status in lines]

    def end(self):
        self.process.stdin.close()  # it ends with its driver, also with one that was killed
        self.process.wait()
        self.reader.close()
        self.file.close()


if __name__ == "__main__":
    for _node, _port in enumerate(sys.argv[1:]):
        for _path in PATHS:
            threading.Thread(target=probe_on, args=(_node, int(_port), _path), daemon=True).start()
    sys.stdin.read()
    os._exit(0)
