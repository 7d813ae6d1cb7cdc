"""Calls that fail in a server: tests/faults/failing.c is preloaded, and this tells it which."""
import errno
import mmap
import os
import struct

PLAN = struct.Struct("=24siii20s3qQ32s")  # struct plan, up to its places
SIZE = PLAN.size + 8 * 16384
PLAIN_BUILD = os.environ.get("ROLLCALL_TEST_PLAIN", "")


class Failing:
    """One server whose calls can be made to fail."""

    def __init__(self, env, changes=None, **how):
        self.path = os.path.join(env.directory, "failing%d" % id(self))
        with open(self.path, "wb") as file:
            file.truncate(SIZE)
        with open(self.path, "r+b") as file:
            self.plan = mmap.mmap(file.fileno(), SIZE)
        library = os.path.join(env.sockets, "failing.so")  # a path with a blank would be two
        if not os.path.islink(library):
            os.symlink(os.path.join(PLAIN_BUILD, "tests", "failing.so"), library)
        self.server = env.make(changes, environment={"LD_PRELOAD": library, "ROLLCALL_FAILING": self.path}, **how)
        self.server.build = PLAIN_BUILD

    def arm(self, call, error="ENOMEM", after=0, times=1, pid=0, depth=0, spared=""):
        """From now on: so many calls go well, so many then fail. With a depth, those fail that come from a place of the code, so
        many callers deep, from where none has failed yet, but for what the spared library wants."""
        self.plan[:24] = bytes(24)
        self.plan[24:PLAN.size] = PLAN.pack(b"", pid, getattr(errno, error), depth, spared.encode(), after, times, 0, 0, b"")[24:]
        self.plan[:24] = call.encode().ljust(24, b"\0")

    def forget_places(self):
        self.plan[PLAN.size:] = bytes(SIZE - PLAN.size)

    def count(self):
        """How many failed so far."""
        return PLAN.unpack(self.plan[:PLAN.size])[7]

    def disarm(self):
        """How many failed, and where the last one was called from."""
        self.plan[:24] = bytes(24)
        fields = PLAN.unpack(self.plan[:PLAN.size])
        return fields[7], "%s+0x%x" % (fields[9].rstrip(b"\0").decode(), fields[8])
