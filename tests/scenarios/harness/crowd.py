"""A crowd of connections that send one octet now and then, in a process of its own: no process has more than 20,000 descriptors.

Reads an object from stdin: sizes ({kind: connections}), targets ({kind: [host, port] or path}), feeds ({kind: octets as latin-1}),
pace (seconds between two octets), patience (seconds after the last has come). Says "there" when all are connected, and in the
end, as an object, after how many seconds each was cut, by kind; those missing there were not.
"""
import collections
import json
import os
import resource
import select
import socket
import ssl
import subprocess
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.transport import own_address  # noqa: E402


class Member:
    def __init__(self, kind, wire, feed):
        self.kind, self.wire, self.feed, self.sent, self.began = kind, wire, feed, 0, time.monotonic()


class Crowd:
    def __init__(self, sizes, targets, feeds, pace, patience):
        self.sizes, self.targets, self.pace, self.patience = sizes, targets, pace, patience
        self.feeds = {kind: feed.encode("latin-1") for kind, feed in feeds.items()}
        self.members, self.due, self.poll = {}, collections.deque(), select.epoll()
        self.cut = {kind: [] for kind in sizes}
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def join(self, kind):
        """Its time begins before the handshake, as the server's does."""
        target = self.targets[kind]
        wire = socket.socket(socket.AF_INET if isinstance(target, list) else socket.AF_UNIX)
        wire.settimeout(20)
        if isinstance(target, list):
            wire.bind((own_address(), 0))
        wire.connect(tuple(target) if isinstance(target, list) else target)
        member = Member(kind, wire, self.feeds[kind])
        if kind == "tls":
            member.wire = self.context.wrap_socket(wire, server_hostname="example.com")
        member.wire.setblocking(False)
        self.members[member.wire.fileno()] = member
        self.poll.register(member.wire, select.EPOLLIN)
        self.due.append((time.monotonic() + self.pace, member))

    def leave(self, member):
        if self.members.pop(member.wire.fileno(), None) is member:
            self.cut[member.kind].append(time.monotonic() - member.began)
            self.poll.unregister(member.wire)
            member.wire.close()

    def feed(self, member):
        """One octet; the last is kept back, so that nothing is ever whole."""
        try:
            if member.sent < len(member.feed) - 1:
                member.sent += member.wire.send(member.feed[member.sent:member.sent + 1])
        except (ssl.SSLWantReadError, BlockingIOError):
            pass
        except OSError:
            self.leave(member)

    def hear(self, member):
        try:
            over = member.wire.recv(4096) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            over = False
        except OSError:
            over = True
        if over:
            self.leave(member)

    def turn(self, wait):
        for fd, _ in self.poll.poll(wait):
            self.hear(self.members[fd])
        now = time.monotonic()
        while self.due and self.due[0][0] <= now:
            member = self.due.popleft()[1]
            if member.wire.fileno() >= 0:
                self.due.append((now + self.pace, member))
                self.feed(member)

    def run(self):
        for kind, size in self.sizes.items():
            for _ in range(size):
                self.join(kind)
                self.turn(0)
        print("there", flush=True)
        ends = time.monotonic() + self.patience
        while self.members and time.monotonic() < ends:
            self.turn(min(0.02, self.pace / 10))
        return self.cut


class Crowds:
    """with Crowds(sizes, processes, …): so many of these processes, which share the crowd evenly."""

    def __init__(self, sizes, processes, **order):
        self.processes = [subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                          for _ in range(processes)]
        for n, process in enumerate(self.processes):
            share = {kind: size // processes + (n < size % processes) for kind, size in sizes.items()}
            process.stdin.write(json.dumps({"sizes": share, **order}))
            process.stdin.close()

    def gathered(self):
        """Whether all are connected; waits for it."""
        return all([process.stdout.readline() == "there\n" for process in self.processes])

    def cut(self):
        """{kind: [seconds, …]} when all are gone or no longer waited for."""
        found = collections.defaultdict(list)
        for process in self.processes:
            for kind, times in json.loads(process.stdout.read() or "{}").items():
                found[kind] += times
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(Crowd(**json.load(sys.stdin)).run()))
