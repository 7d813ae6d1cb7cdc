"""Process trees: who belongs to one, what memory each has, which cores they may use."""
import os
import threading


def tree(pid):
    """The process and all that it started and that live."""
    found = [pid]
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
                for child in file.read().split():
                    found += tree(int(child))
    except OSError:  # it ended meanwhile
        pass
    return found


def resident_mb(pid):
    """What is in memory of one process, shared pages counted in full."""
    try:
        with open("/proc/%d/status" % pid) as file:
            return next((int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS:")), 0)
    except OSError:
        return 0


def pin(roots, cores):
    """Every process of these trees may use these cores only, and so may what it starts."""
    for root in roots:
        for pid in tree(root):
            os.sched_setaffinity(pid, cores)


class MemoryWatch(threading.Thread):
    """Looks every half a second at each process of a tree, until end() tells {pid: (MB at first, most MB)}."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root, self.seen, self.ending = root, {}, threading.Event()
        self.look()
        self.start()

    def look(self):
        for pid in tree(self.root):
            now = resident_mb(pid)
            first, most = self.seen.get(pid, (now, now))
            self.seen[pid] = (first, max(most, now))

    def run(self):
        while not self.ending.wait(0.5):
            self.look()

    def end(self):
        self.ending.set()
        self.join()
        self.look()
        return self.seen
