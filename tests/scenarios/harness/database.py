"""PostgreSQL through psql: the cluster of this test run, or one of a test's own that it may stop and freeze."""
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time

from harness.check import Failure
from harness.digest import h
from harness.faults import alive

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROGRAMS = os.environ.get("ROLLCALL_POSTGRESQL", "/usr/lib/postgresql/15/bin")  # those of the PATH are scripts around them
PSQL = os.path.join(PROGRAMS, "psql")
DAEMON_PASSWORD = "rollcall-of-the-tests"


class Cluster:
    """Where to connect as superuser; the base class is the cluster that ./dev test started."""

    def __init__(self):
        self.sockets, self.password = os.environ["PGHOST"], os.environ["PGPASSWORD"]

    def psql(self, database, sql, *options):
        done = subprocess.run(
            [PSQL, "-X", "-q", "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", self.sockets, "-U", "postgres",
             "-d", database, *options],
            input=sql, capture_output=True, text=True, timeout=60, env={**os.environ, "PGPASSWORD": self.password})
        if done.returncode != 0:
            raise Failure("psql: %s\n%s" % (done.stderr.strip(), sql))
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def database(self, name):
        """A fresh copy of the migrated template."""
        self.psql("postgres", """drop database if exists "%s" with (force);
                                 create database "%s" template rollcall_template;""" % (name, name))
        return Database(self, name)


class OwnCluster(Cluster):
    """A cluster that a test may stop, start and freeze; at first only the place for one, see create() and follow()."""

    def __init__(self, directory):
        self.home, self.tool = os.path.join(directory, "cluster"), os.path.join(ROOT, ".ci", "dev", "cluster")
        self.sockets = tempfile.mkdtemp(prefix="rollcall-own.", dir="/tmp")
        os.chmod(self.sockets, 0o755)

    def create(self, migrate):
        """A copy of a cluster that is made once in a run, with the template and the daemon's log-in."""
        prepared = os.path.join(os.environ["ROLLCALL_TEST_STATE"], "prepared")
        with open(prepared + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(prepared):
                self.prepare(migrate)
                os.rename(self.home, prepared)
        self.run("copy", prepared)
        self.read_password()
        self.start()

    def read_password(self):
        with open(os.path.join(self.home, "superuser.password")) as file:
            self.password = file.read()

    def prepare(self, migrate):
        self.run("create")
        self.read_password()
        self.start()
        self.psql("template1", "revoke create on schema public from public")  # for PostgreSQL 13 and 14
        self.psql("postgres", "create database rollcall_template")
        self.psql("postgres", "create role rollcall login password '%s'" % DAEMON_PASSWORD)
        migrate("postgresql://postgres:%s@/rollcall_template?host=%s" % (self.password, self.sockets))
        self.psql("postgres", "grant rollcall_daemon to rollcall")
        self.stop()

    def follow(self, primary):
        """Becomes a standby of that cluster, which from then on commits nothing that is not on this one's disk as well."""
        self.run("remove")
        self.run("standby", primary.home, primary.sockets)
        self.password = primary.password
        self.start()
        primary.psql("postgres", "alter system set synchronous_standby_names = '*'")
        primary.psql("postgres", "select pg_reload_conf()")
        deadline = time.monotonic() + 30
        while primary.psql("postgres", "select sync_state from pg_stat_replication") != [("sync",)]:
            if time.monotonic() > deadline:
                raise Failure("no synchronous standby after 30 s")
            time.sleep(0.02)

    def run(self, verb, *arguments):
        done = subprocess.run([self.tool, verb, self.home, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=90)
        if done.returncode != 0:
            log = os.path.join(self.home, "data", "server.log")
            tail = open(log).read()[-2000:] if os.path.exists(log) else ""
            raise Failure("cluster %s: %s\n%s" % (verb, done.stderr, tail))

    def start(self):
        self.run("start", self.sockets)

    def stop(self):
        self.run("stop")

    def crash(self):
        """PostgreSQL's immediate stop: nothing is finished, the next start recovers."""
        self.run("crash")

    def promote(self):
        self.run("promote")

    def kill(self):
        """As if the power had gone: SIGKILL for the postmaster and all that it started."""
        self.freeze()  # so that nobody is born meanwhile
        for pid in self.frozen:
            os.kill(pid, signal.SIGKILL)
        while any(alive(pid) for pid in self.frozen):
            time.sleep(0.01)
        # Whoever adopts orphans may be slow to bury them, and a number that is in use looks like a running postmaster.
        for lock in (os.path.join(self.home, "data", "postmaster.pid"), self.sockets + "/.s.PGSQL.5432.lock"):
            os.unlink(lock)

    def processes(self):
        with open(os.path.join(self.home, "data", "postmaster.pid")) as file:
            postmaster = int(file.readline())
        with open("/proc/%d/task/%d/children" % (postmaster, postmaster)) as file:
            return [postmaster] + [int(pid) for pid in file.read().split()]

    def freeze(self):
        """Every process of the cluster stands still; connections stay open and nothing answers."""
        self.frozen = self.processes()
        for pid in self.frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def remove(self):
        self.run("remove")
        shutil.rmtree(self.sockets)  # one that was killed leaves its socket


def account(user, domain, password=None, login=None, may_register=None, algorithms=("MD5", "SHA-256", "SHA-512-256")):
    """The statement that makes an account. user is in canonical escaped form."""
    login = login or user
    columns = {"MD5": "ha1_md5", "SHA-256": "ha1_sha256", "SHA-512-256": "ha1_sha512_256"}
    hashes = {columns[a]: h(a, "%s:%s:%s" % (login, domain, password)) for a in algorithms} if password else {}
    values = {"aor": "%s@%s" % (user, domain), "domain": domain, "username": user, "login": login, **hashes}
    names, literals = list(values), ["'%s'" % v.replace("'", "''") for v in values.values()]
    if may_register:
        names.append("may_register")
        literals.append("'%s'" % may_register)
    return "insert into account (%s) values (%s)" % (", ".join(names), ", ".join(literals))


class Database:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    @property
    def url(self):
        """For the daemon's log-in, without its password."""
        return "postgresql://rollcall@/%s?host=%s" % (self.name, self.cluster.sockets)

    def query(self, sql):
        return self.cluster.psql(self.name, sql)

    def value(self, sql):
        rows = self.query(sql)
        return rows[0][0] if rows else None

    def add_user(self, user, domain, password=None, **how):
        """An account as `rollcallctl user add` makes it; see account()."""
        self.query(account(user, domain, password, **how))

    @contextlib.contextmanager
    def locked(self, sql):
        """Runs the statement in a transaction that stays open as long as the with block."""
        psql = subprocess.Popen(
            [PSQL, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", self.cluster.sockets, "-U", "postgres",
             "-d", self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "PGPASSWORD": self.cluster.password})
        try:
            psql.stdin.write("begin; %s;\n\\echo open\n" % sql)
            while (line := psql.stdout.readline()) != "open\n":
                if not line:
                    raise Failure("psql ended: %s" % sql)
            yield
        finally:
            psql.communicate("commit;\n", timeout=60)

    def clear_bindings(self):
        """As if nobody had ever registered; the version tells workers that remember otherwise."""
        self.query("update aor set bindings = '[]', marks = '{}', expires_at = null, version = version + 1 "
                   "where bindings <> '[]' or marks <> '{}'")

    def dump(self, *options):
        """What restore() puts back, in place of what there is then with the option --clean."""
        done = subprocess.run(
            [os.path.join(PROGRAMS, "pg_dump"), *options, "-h", self.cluster.sockets, "-U", "postgres", self.name],
            capture_output=True, text=True, timeout=60, env={**os.environ, "PGPASSWORD": self.cluster.password})
        if done.returncode != 0:
            raise Failure("pg_dump: " + done.stderr)
        return done.stdout

    def restore(self, dump):
        self.cluster.psql(self.name, dump, "-1")

    def drop(self):
        self.cluster.psql("postgres", 'drop database if exists "%s" with (force)' % self.name)
