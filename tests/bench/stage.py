"""The directory, the cluster and the registrars of one bench, all of them gone when it ends."""
import contextlib
import os
import resource
import shutil
import subprocess
import time

import machine
from ground import ROOT, say

from harness.environment import Environment


# A database that is written to this much is not run with what PostgreSQL takes where nobody says anything: 128 MB and 1 GB,
# which means a checkpoint every half minute and each page written anew after it.
TUNED = {"shared_buffers": "2GB", "max_wal_size": "16GB", "checkpoint_timeout": "15min"}


@contextlib.contextmanager
def stage(name):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor a connection, on both sides
    env = Environment("bench_" + name, {})
    try:
        yield env
    finally:
        env.close()
        shutil.rmtree(env.directory, ignore_errors=True)


def tune_database(env, settings):
    """Restarts the cluster with other settings of PostgreSQL: before there is a registrar."""
    for name, value in settings.items():
        env.cluster.psql("postgres", "alter system set %s = '%s'" % (name, value))
    home = os.path.join(os.environ["ROLLCALL_TEST_STATE"], "database")
    for words in (["stop", home], ["start", home, env.cluster.sockets]):
        subprocess.run([os.path.join(ROOT, ".ci", "dev", "cluster"), *words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)


def settle(target):
    """Until no autovacuum is at work that a run before has caused, or half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and target.database.value(
            "select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'") != "0":
        time.sleep(0.2)


def print_settings(targets):
    """Everything that the figures above depend on."""
    say(machine.describe())
    say("PostgreSQL: %s; flush %.0f us" % (machine.postgresql(targets[0].database),
                                           machine.flush_us(os.environ["ROLLCALL_TEST_STATE"])))
    for target in targets:
        say(target.settings())
