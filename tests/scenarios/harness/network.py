"""A rollcalld in a network of its own, whose addresses and neighbours a test can make and take away."""
import ctypes
import os
import subprocess

from harness.check import Failure, Skip

CLONE_NEWNET = 0x40000000


class Inside:
    """Sockets that this thread makes meanwhile are in the network of that process, and stay there."""

    def __init__(self, pid):
        self.network = os.open("/proc/%d/ns/net" % pid, os.O_RDONLY | os.O_CLOEXEC)
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def enter(self, network):
        if ctypes.CDLL(None, use_errno=True).setns(network, CLONE_NEWNET) != 0:
            raise Failure("setns: " + os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self.enter(self.network)

    def __exit__(self, *_):
        self.enter(self.own)
        os.close(self.network)
        os.close(self.own)


def ip(pid, arguments):
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *arguments.split()], check=True)


def start_apart(server, *setup):
    """Starts the server in a network that these arguments of ip have made; its lo is up."""
    script = " && ".join("ip " + arguments for arguments in ("link set lo up", *setup)) + ' && exec "$@"'
    apart = lambda *command: ["unshare", "-n", "sh", "-c", script, "sh", *command]
    try:
        tried = subprocess.run(apart("true"), capture_output=True, text=True)
    except FileNotFoundError as missing:
        raise Skip("there is no unshare: %s" % missing) from None
    if tried.returncode != 0:
        raise Skip("no network can be made here: " + tried.stderr.strip()[:200])
    whole = server.command
    server.command = lambda *options: apart(*whole(*options))
    server.launch()
    server.wait_log(" notice ready ", 15)
