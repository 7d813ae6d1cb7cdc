"""What figures depend on besides the programs: the machine, the commit, the disk and the settings of PostgreSQL."""
import os
import platform
import subprocess
import time

from ground import ROOT

SETTINGS = ("server_version", "checkpoint_timeout", "synchronous_commit", "fsync", "full_page_writes", "wal_level", "wal_sync_method", "shared_buffers",
            "max_wal_size", "min_wal_size", "commit_delay", "autovacuum")
FLUSHES = 300


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def describe():
    with open("/proc/meminfo") as file:
        kilobytes = int(file.readline().split()[1])
    return "commit %s; %s, %s, %d cores, %d GB, Linux %s" % (
        commit(), processor(), platform.machine(), os.cpu_count(), round(kilobytes / 1048576), platform.release())


def postgresql(database):
    return ", ".join("%s=%s" % (name, database.query("show " + name)[0][0]) for name in SETTINGS)


def flush_us(directory):
    """The median time of a write of 8 KB with fdatasync where the cluster's log lies."""
    path = os.path.join(directory, "flush.%d" % os.getpid())
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        block, took = b"\0" * 8192, []
        for _ in range(64):  # its blocks exist before the clock runs, as those of a recycled log segment do
            os.write(descriptor, block)
        os.fsync(descriptor)
        for i in range(FLUSHES):
            started = time.perf_counter()
            os.pwrite(descriptor, block, i % 64 * 8192)
            os.fdatasync(descriptor)
            took.append(time.perf_counter() - started)
        return sorted(took)[FLUSHES // 2] * 1e6
    finally:
        os.close(descriptor)
        os.unlink(path)
