"""What each process of a server holds: user memory and descriptors."""
import os
import re
from collections import namedtuple

from harness.check import Failure
from harness.faults import admin, workers


# In KB: share is what it has of the memory (PSS: a page that n processes have counts n-th to each), so the shares of all are
# what they take together. Pages of files are left out: everybody who uses the same library changes those shares. mapped is all that
# it has touched (RSS), which no other process changes.
Look = namedtuple("Look", "share mapped descriptors")


def look(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        found = dict(re.findall(r"^(\w+): +(\d+) kB", file.read(), re.MULTILINE))
    return Look(int(found["Pss_Anon"]) + int(found["Pss_Shmem"]), int(found["Rss"]), len(os.listdir("/proc/%d/fd" % pid)))


class Processes:
    """All of a server, by what they are; they must live as long as we look."""

    def __init__(self, server):
        self.server = server
        self.pids = {"master": server.process.pid, "admin": admin(server)}
        self.pids.update(("worker %d" % (i + 1), pid) for i, pid in enumerate(workers(server)))

    def look(self):
        """{name: Look}"""
        try:
            return {name: look(pid) for name, pid in self.pids.items()}
        except (FileNotFoundError, ProcessLookupError) as gone:
            raise Failure("a process ended: %s\n%s" % (gone, self.server.log[-3000:]))
