"""User and system time of whole process trees, from the kernel's accounting of each thread, in nanoseconds."""
import os
import threading
import time

INTERVAL = 0.1


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


def spent(pid):
    """{pid: ns} of each process of the tree."""
    result = {}
    for process in tree(pid):
        try:
            result[process] = 0
            for thread in os.listdir("/proc/%d/task" % process):
                with open("/proc/%d/task/%s/schedstat" % (process, thread)) as file:
                    result[process] += int(file.read().split()[0])
        except OSError:
            pass
    return result


class Meter(threading.Thread):
    """Remembers what each of some trees had spent at which time, so that a part of a run can be charged afterwards."""

    def __init__(self, roots):
        super().__init__(daemon=True)
        self.roots, self.samples, self.ending = roots, [], threading.Event()
        self.sample()
        self.start()

    def sample(self):
        self.samples.append((time.monotonic(), {name: spent(pid) for name, pid in self.roots.items()}))

    def run(self):
        while not self.ending.wait(INTERVAL):
            self.sample()

    def end(self):
        self.ending.set()
        self.join()
        self.sample()

    def charge(self, seconds):
        """{name: us} of about the last so many seconds, scaled to them."""
        until, last = self.samples[-1]
        since, first = min(self.samples, key=lambda sample: abs(until - seconds - sample[0]))
        return {name: sum(ns - first[name].get(pid, 0) for pid, ns in last[name].items()) / 1e3 * seconds / (until - since)
                for name in self.roots}
