"""Calls that fail in a running server: tests/faults/failing.c is preloaded, and this tells it which."""
import errno
import mmap
import os
import struct

PLAN = struct.Struct("=24sii3qQ32s")  # struct plan
PLAIN_BUILD = os.environ.get("ROLLCALL_TEST_PLAIN", "")


class Failing:
    """One running server whose calls can be made to fail."""

    def __init__(self, env, changes=None, **how):
        self.path = os.path.join(env.directory, "failing%d" % id(self))
        with open(self.path, "wb") as file:
            file.write(bytes(PLAN.size))
        with open(self.path, "r+b") as file:
            self.plan = mmap.mmap(file.fileno(), PLAN.size)
        library = os.path.join(env.sockets, "failing.so")  # a path with a blank would be two
        if not os.path.islink(library):
            os.symlink(os.path.join(PLAIN_BUILD, "tests", "failing.so"), library)
        self.server = env.make(changes, environment={"LD_PRELOAD": library, "ROLLCALL_FAILING": self.path}, **how)
        self.server.build = PLAIN_BUILD
        self.server.start()

    def arm(self, call, error="ENOMEM", after=0, times=1, pid=0):
        """From now on: so many calls go well, so many then fail."""
        self.plan[:24] = bytes(24)
        self.plan[24:] = PLAN.pack(b"", pid, getattr(errno, error), after, times, 0, 0, b"")[24:]
        self.plan[:24] = call.encode().ljust(24, b"\0")

    def count(self):
        """How many failed so far."""
        return PLAN.unpack(self.plan[:])[5]

    def disarm(self):
        """How many failed, and where the last one was called from."""
        self.plan[:24] = bytes(24)
        _, _, _, _, _, failed, caller, where = PLAN.unpack(self.plan[:])
        return failed, "%s+0x%x" % (where.rstrip(b"\0").decode(), caller)
