"""The faults: each does its damage while clients are at work and returns when what it hit may serve again.

A round's recovery is counted from then. `closed` is the time in which nothing could be committed, with the nodes that it concerns:
whoever was answered 200 to what was sent and answered within it was lied to.
"""
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Optional

from harness import Failure
from harness.faults import admin, alive, children, on_commit, without_fault, workers
from harness.http import ask

PIPED, ALL = (0,), (0, 1)
PAUSES = (0.0, 0.3, 1.0)  # how long PostgreSQL stays away, in seconds


@dataclass
class Outcome:
    what: str  # in a few words
    began: float  # when it struck
    again: float  # when it was over: PostgreSQL accepts, the process is gone, the connections are cut
    back: Optional[float] = None  # seconds until the process that died was served by a successor
    process: str = ""  # which
    node: Optional[int] = None  # whose
    closed: Optional[tuple] = None  # (from, to, nodes)


def name_of(server):
    return server.configuration["server"]["name"]


def wait(condition, what, timeout=60.0):
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Failure("after %g s still not: %s" % (timeout, what))
        time.sleep(0.005)
    return found


# --- processes of rollcall ---

PROBES = 10


def answered_again(server, began):
    """Seconds from `began` until each of ten sockets is answered: the kernel spreads them over the workers."""
    phones = [server.phone() for _ in range(PROBES)]
    waiting, deadline = set(phones), began + 60
    while waiting:
        if time.monotonic() > deadline:
            raise Failure("a killed worker has no successor after a minute")
        for phone in waiting:
            phone.send(phone.request("OPTIONS", "sip:example.com"))
        until = time.monotonic() + 0.02
        waiting = {phone for phone in waiting if phone.wire.receive(until - time.monotonic()) is None}
    took = time.monotonic() - began
    for phone in phones:
        server.phones.remove(phone)
        phone.close()
    return took


def kill_worker(ground, rng):
    server = rng.choice(ground.servers)
    victim = rng.choice(sorted(wait(lambda: workers(server), "a worker")))
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait(lambda: not alive(victim), "worker %d is gone" % victim)
    again = time.monotonic()
    return Outcome("a worker of %s" % name_of(server), began, again, answered_again(server, began), "worker",
                   ground.servers.index(server))


def kill_admin(ground, rng):
    server = rng.choice(ground.servers)
    victim = wait(lambda: admin(server), "an admin process")
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait(lambda: not alive(victim), "the admin process is gone")
    again = time.monotonic()

    def answers():
        try:
            return ask(server.socket, "GET", "/api/v1/stats").status == 200
        except OSError:
            return False
    wait(answers, "the admin process answers")
    return Outcome("the admin process of %s" % name_of(server), began, again, time.monotonic() - began, "admin",
                   ground.servers.index(server))


def kill_master(ground, rng):
    """Its children end with it; whoever supervises it starts it again."""
    server = rng.choice(ground.servers)
    left = children(server.process.pid)
    began = time.monotonic()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.process = None
    wait(lambda: not any(alive(pid) for pid in left), "the children of a dead master are gone")
    server.launch()
    server.wait_ready(60)
    return Outcome("the master of %s" % name_of(server), began, time.monotonic(), time.monotonic() - began, "master",
                   ground.servers.index(server))


# --- PostgreSQL ---

def kill_backend(ground, rng):
    """PostgreSQL takes this as a crash of its own and begins anew."""
    pair = ground.pair
    victim, before = rng.choice(pair.backends()), children(pair.postmaster)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    pair.wait_crash_restart(before)
    return Outcome("a backend of PostgreSQL", began, time.monotonic())


def at_next_change(ground, strike):
    """Strikes in the very moment in which an acknowledgement arrives, before its client does anything else."""
    struck = threading.Event()
    failure = []

    def now():
        try:
            strike()
        except Exception as error:  # told to whoever waits
            failure.append(error)
        struck.set()
    ground.load.at_next_change = now
    if not struck.wait(60):
        raise Failure("no change was acknowledged within a minute")
    if failure:
        raise failure[0]


def struck_down(ground, rng, what, strike, gone):
    """PostgreSQL dies just behind an acknowledgement, stays away for a while, and recovers when it is started."""
    cluster, began = ground.pair.primary, time.monotonic()
    at_next_change(ground, strike)
    wait(gone, "PostgreSQL is gone")
    shut = time.monotonic()
    time.sleep(rng.choice(PAUSES))  # the fault itself
    opened = time.monotonic()
    cluster.start()
    return Outcome(what, began, time.monotonic(), closed=(shut, opened, ALL))


def stop_postmaster(ground, rng):
    postmaster = ground.pair.postmaster
    return struck_down(ground, rng, "the postmaster, immediate stop", lambda: os.kill(postmaster, signal.SIGQUIT),
                       lambda: not alive(postmaster))


def power(ground, rng):
    return struck_down(ground, rng, "SIGKILL for all of PostgreSQL", ground.pair.primary.kill, lambda: True)


def freeze(ground, rng):
    cluster, seconds = ground.pair.primary, rng.choice((0.3, 0.8, 2.5, 3.5))
    began = time.monotonic()
    cluster.freeze()
    shut = time.monotonic()
    try:
        time.sleep(seconds)  # the fault itself
        opened = time.monotonic()
    finally:
        cluster.thaw()
    return Outcome("PostgreSQL stopped for %.1f s" % seconds, began, time.monotonic(), closed=(shut, opened, ALL))


def fail_over(ground, rng):
    """The primary dies just behind an acknowledgement, and its synchronous standby takes over."""
    pair, began = ground.pair, time.monotonic()
    at_next_change(ground, pair.primary.kill)
    shut = time.monotonic()
    time.sleep(rng.choice(PAUSES))  # the fault itself
    opened = time.monotonic()
    pair.promote()
    return Outcome("the primary; its standby takes over", began, time.monotonic(), closed=(shut, opened, ALL))


# --- connections ---

def reset_clients(ground, rng):
    began = time.monotonic()
    count = ground.load.reset_connections(0.7, rng)
    return Outcome("%d connections of phones reset" % count, began, time.monotonic())


def reset_database(ground, _rng):
    began = time.monotonic()
    ground.pair.pipe.reset()
    ground.pair.database.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rollcall'")
    return Outcome("all connections to the database cut", began, time.monotonic())


def cut(ground, rng, where):
    pipe, count, began = ground.pair.pipe, rng.randrange(1, 6), time.monotonic()
    setattr(pipe, where, count)
    wait(lambda: getattr(pipe, where) == 0, "%d commits were cut off" % count)
    return Outcome("%d times cut %s a commit" % (count, where.partition("_")[2]), began, time.monotonic())


def cut_before(ground, rng):
    return cut(ground, rng, "cut_before")


def cut_behind(ground, rng):
    return cut(ground, rng, "cut_behind")


def hold(ground, rng):
    """Commits are on their way and do not arrive: nothing that is sent meanwhile may be acknowledged."""
    pipe, seconds = ground.pair.pipe, rng.choice((0.2, 0.4, 1.0))
    began = time.monotonic()
    pipe.hold()
    shut = time.monotonic()
    time.sleep(seconds)  # the fault itself
    opened = time.monotonic()
    pipe.release()
    return Outcome("the way to the database held for %.1f s" % seconds, began, time.monotonic(), closed=(shut, opened, PIPED))


# --- errors of statements ---

INJECTED_SECONDS = 0.5


def inject(ground, sqlstate, share, what):
    """For half a second so many of the rows that are written fail with this error."""
    database, began = ground.pair.database, time.monotonic()
    on_commit(database, "if random() < %g then raise exception 'made to fail' using errcode = '%s'; end if;" % (share, sqlstate),
              user=None)
    try:
        time.sleep(INJECTED_SECONDS)  # the fault itself
    finally:
        without_fault(database)
    return Outcome(what, began, time.monotonic())


def deadlock(ground, _rng):
    return inject(ground, "40P01", 0.3, "deadlocks")


def serialization(ground, _rng):
    return inject(ground, "40001", 0.3, "serialization failures")


def disk_full(ground, _rng):
    return inject(ground, "53100", 0.5, "disk full")


FAULTS = {
    "worker": kill_worker, "admin": kill_admin, "master": kill_master,
    "backend": kill_backend, "postmaster": stop_postmaster, "power": power, "freeze": freeze, "failover": fail_over,
    "phones": reset_clients, "connections": reset_database, "before": cut_before, "behind": cut_behind, "hold": hold,
    "deadlock": deadlock, "serialization": serialization, "disk": disk_full,
}
PREPARATIONS = {"failover": lambda ground: ground.pair.make_standby()}
