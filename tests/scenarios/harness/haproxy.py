"""HAProxy as docs/operations.md sets it up, in front of two nodes."""
import os
import re
import signal
import socket
import subprocess
import time

from harness.check import Failure, Skip
from harness.database import ROOT
from harness.server import free_ports

HAPROXY = "/usr/sbin/haproxy"


def documented():
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        return re.search(r"^```haproxy\n(.*?)^```\n", file.read(), re.M | re.S).group(1)


class Haproxy:
    def __init__(self, nodes):
        """nodes: two servers, reg-1 and reg-2; configuration and log lie beside those of the first."""
        if not os.path.exists(HAPROXY):
            raise Skip("haproxy is not installed")
        self.port = free_ports(2)
        self.tls_port = self.port + 1
        directory = nodes[0].directory
        self.log_path, self.process = os.path.join(directory, "haproxy.log"), None
        self.configuration_path = os.path.join(directory, "haproxy.cfg")
        with open(self.configuration_path, "w") as file:
            file.write("global\n\tlog stdout format raw local0\n\n" + self.moved(documented(), nodes))

    def moved(self, text, nodes):
        """The documented configuration with the addresses of this test, and checks that do not keep it waiting."""
        def one(pattern, replacement):
            nonlocal text
            text, count = re.subn(pattern, replacement, text)
            if count == 0:
                raise Failure("docs/operations.md: no %s in the HAProxy configuration" % pattern)
        one(r"bind :5060", "bind 127.0.0.1:%d" % self.port)
        one(r"bind :5061", "bind 127.0.0.1:%d" % self.tls_port)
        one(r"inter 2s", "inter 200ms")
        for n, node in enumerate(nodes, 1):
            one(r"10\.0\.3\.1%d:5060" % n, "127.0.0.1:%d" % node.port)
            one(r"10\.0\.3\.1%d:5061( check port) 8081" % n, r"127.0.0.1:%d\1 %d" % (node.tls_port, node.health_port))
        return text

    def start(self):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen([HAPROXY, "-db", "-f", self.configuration_path], stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, start_new_session=True)
        log.close()
        deadline = time.monotonic() + 40
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure("haproxy does not start: %s" % self.log[-2000:])
            time.sleep(0.02)

    def listens(self):
        try:
            for port in (self.port, self.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=8).close()
        except ConnectionRefusedError:
            return False
        return True

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    @property
    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def said(self, pattern):
        return len(re.findall(pattern, self.log))

    def wait_said(self, pattern, count=1, timeout=40.0):
        """Waits until the log has so many matches."""
        deadline = time.monotonic() + timeout
        while self.said(pattern) < count:
            if self.process.poll() is not None:
                raise Failure("haproxy ended with status %s: %s" % (self.process.returncode, self.log[-2000:]))
            if time.monotonic() > deadline:
                raise Failure("haproxy has not said /%s/ %d times within %g s:\n%s" % (pattern, count, timeout, self.log[-3000:]))
            time.sleep(0.02)
