"""The load generator (load.c and its companions), told whom to load and whose processor time to charge."""
import json
import os
import subprocess
import time

from ground import DOMAIN, PASSWORD, PHONES, PREFIX

from harness.check import Failure
from harness.server import BUILD

LOAD = os.path.join(os.environ.get("ROLLCALL_LOAD_BUILD", BUILD), "load")
SLOTS = 128
CRASHES_MAX = 5


def postmaster():
    with open(os.path.join(os.environ["ROLLCALL_TEST_STATE"], "database", "data", "postmaster.pid")) as file:
        return int(file.readline())


def command(target, seconds, transport="udp", mode="refresh", first=1, phones=PHONES, slots=SLOTS, rate=0, wait=False,
            extra=()):
    port = target.tls_port if transport == "tls" else target.port
    return [LOAD, "--host", "127.0.0.1", "--port", str(port), "--domain", DOMAIN, "--prefix", PREFIX,
            "--password", PASSWORD, "--md5", "--first", str(first), "--users", str(phones), "--slots", str(min(slots, phones)),
            "--seconds", str(seconds), "--transport", transport, "--mode", mode, "--rate", str(rate),
            "--charge", "server=%d" % target.pid, "--charge", "postgresql=%d" % postmaster(), *(["--wait"] if wait else []), *extra]


class Load:
    """One run against a Peer or a Product, begun at once; result() is the generator's object."""

    def __init__(self, target, seconds, prefix=(), **how):
        """prefix: words before the command, such as those of taskset."""
        self.command = [*prefix, *command(target, seconds, **how)]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_ready(self):
        """With wait: until everybody has registered once and the measured window could begin."""
        if self.process.stderr.readline() != "ready\n":
            self.result()

    def release(self):
        """With wait: the window begins."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def window(self, last):
        """After wait_ready(): the next of several windows, from its beginning to its end."""
        self.release()
        line = self.process.stdout.readline()
        if not line:
            self.result()
        if not last:
            self.wait_ready()
        return json.loads(line)

    def end(self):
        """After the last of several windows."""
        _, complaint = self.process.communicate()
        if self.process.returncode != 0:
            raise Failure("%s\n%s" % (" ".join(self.command), complaint))

    def result(self, some=True):
        """some: it is a failure when nobody was served."""
        output, complaint = self.process.communicate()
        if self.process.returncode != 0 and (some or not output):
            raise Failure("%s\n%s%s" % (" ".join(self.command), output, complaint))
        return json.loads(output)


def load(target, seconds, **how):
    return Load(target, seconds, **how).result()


def soon(condition):
    """The processes of a registrar that crashes do not all end at once."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()


def load_whole(target, seconds, **how):
    """Like load(). Kamailio 5.6 crashes now and then: a run in which it does is repeated with one just started. The result tells
    how often, as crashes."""
    crashes = 0
    while True:
        try:
            run = load(target, seconds, **how)
            if not target.crashed():
                return {**run, "crashes": crashes}
        except Failure as failure:
            if not soon(target.crashed):
                raise Failure("%s: %s" % (target.name, failure)) from None
        crashes += 1
        if crashes > CRASHES_MAX:
            raise Failure("%s crashes again and again" % target.name)
        target.fresh()


def load_tls(target, seconds, **how):
    """Workers of Kamailio share the error queue of OpenSSL 3 (github.com/kamailio/kamailio/issues/3695) and crash when TLS
    connections begin or end, so each run has a registrar just started."""
    target.fresh()
    return load_whole(target, seconds, transport="tls", **how)
