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
TUNED = {"shared_buffers": "2GB", "max_wal_size": "16GB", "min_wal_size": "4GB", "checkpoint_timeout": "15min"}
SEGMENTS = 60  # of 16 MB: what a busy database keeps with a max_wal_size of 1 GB
SEGMENTS_TUNED = 250


@contextlib.contextmanager
def stage(name):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor a connection, on both sides
    env = Environment("bench_" + name, {})
    try:
        set_database(env, {"min_wal_size": "1GB"})
        env.cluster.psql("postgres", "select pg_reload_conf()")
        grow_log(env, SEGMENTS)
        yield env
    finally:
        env.close()
        shutil.rmtree(env.directory, ignore_errors=True)


def set_database(env, settings):
    for name, value in settings.items():
        env.cluster.psql("postgres", "alter system set %s = '%s'" % (name, value))


def grow_log(env, segments):
    """A database that has run for a day writes its log into files that it had before. A new one makes each file when it comes to
    it, and all commits wait until 16 MB of zeros are on the disk."""
    fill = "select pg_logical_emit_message(false, 'bench', 'x'), pg_switch_wal();"
    env.cluster.psql("postgres", fill * segments + "checkpoint;" + fill + "checkpoint;")


def tune_database(env):
    """Restarts the cluster with the settings of PostgreSQL that such a load wants: before there is a registrar."""
    set_database(env, TUNED)
    home = os.path.join(os.environ["ROLLCALL_TEST_STATE"], "database")
    for words in (["stop", home], ["start", home, env.cluster.sockets]):
        subprocess.run([os.path.join(ROOT, ".ci", "dev", "cluster"), *words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
    grow_log(env, SEGMENTS_TUNED)


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
