"""What each process of a server holds: user memory and descriptors."""
import os
import re

from harness.check import Failure
from harness.faults import admin, workers


def memory_kb(pid):
    """Its share of what is in memory (PSS): a page that n processes have counts n-th to each."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return int(re.search(r"^Pss: +(\d+) kB", file.read(), re.MULTILINE).group(1))


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


class Processes:
    """All of a server, by what they are; they must live as long as we look."""

    def __init__(self, server):
        self.server = server
        self.pids = {"master": server.process.pid, "admin": admin(server)}
        self.pids.update(("worker %d" % (i + 1), pid) for i, pid in enumerate(workers(server)))

    def look(self):
        """{name: (memory in KB, descriptors)}"""
        try:
            return {name: (memory_kb(pid), descriptors(pid)) for name, pid in self.pids.items()}
        except (FileNotFoundError, ProcessLookupError) as gone:
            raise Failure("a process ended: %s\n%s" % (gone, self.server.log[-3000:]))
