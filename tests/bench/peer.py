"""Kamailio from Debian's packages, with the configuration in tests/bench/kamailio/ and tables of its own on the same cluster."""
import os
import shutil
import signal
import socket
import subprocess
import time

from ground import DOMAIN, HERE, PASSWORD, PHONES

from harness.check import Failure
from harness.database import Database
from harness.phone import Phone
from harness.server import free_ports
from harness.transport import Udp

WRITE_THROUGH, MEMORY = 1, 0  # usrloc db_mode
SCHEMA = "/usr/share/kamailio/postgres"
LOGIN, LOGIN_PASSWORD = "kamailio_bench", "kamailio-of-the-bench"
SHARED_MB, PRIVATE_MB = 768, 16
# Processes that receive over UDP and over TLS, for each mode: the best of those that `./dev bench peer` tries (docs/benchmarks.md).
WORKERS = {WRITE_THROUGH: (12, 8), MEMORY: (3, 3)}
# Managers of the shared memory (-x): the plain one, which costs least, and the one that looks for errors, which is the default.
PLAIN, DEFAULT = "fm", "qm"
FILL = """
set synchronous_commit = off;
insert into subscriber (username, domain, ha1)
select 'user' || n, '%(domain)s', md5('user' || n || ':%(domain)s:%(password)s') from generate_series(1, %(count)d) n;
vacuum (analyze) subscriber;
"""
ROLE = """
do $$ begin if not exists (select from pg_roles where rolname = '%(login)s') then
create role %(login)s login password '%(password)s'; end if; end $$;
"""


def make_database(cluster, count=PHONES, name="kamailio_bench"):
    """Kamailio's own schema with the same users; indexes and all as Debian ships it."""
    cluster.psql("postgres", 'drop database if exists "%s" with (force)' % name)
    cluster.psql("postgres", ROLE % {"login": LOGIN, "password": LOGIN_PASSWORD})
    cluster.psql("postgres", 'create database "%s" owner %s' % (name, LOGIN))
    database = Database(cluster, name)
    for part in ("standard", "usrloc", "auth_db"):
        with open("%s/%s-create.sql" % (SCHEMA, part)) as file:
            database.query("set role %s; %s" % (LOGIN, file.read()))
    database.query(FILL % {"domain": DOMAIN, "password": PASSWORD, "count": count})
    return database


def version():
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "kamailio"], capture_output=True, text=True)
    return done.stdout or "unknown"


class Peer:
    """One running Kamailio."""

    def __init__(self, env, database, mode, workers=None, manager=PLAIN, tls=False, reserve=True, stream_workers=None):
        """reserve: touch all shared memory at the start. workers: for UDP. stream_workers: for TLS."""
        self.database, self.mode, self.workers, self.manager, self.tls = database, mode, workers or WORKERS[mode][0], manager, tls
        self.reserve, self.stream_workers = reserve, stream_workers or WORKERS[mode][1]
        self.name = "Kamailio%s, %s" % (" as shipped" if manager == DEFAULT else "",
                                        "write-through" if mode == WRITE_THROUGH else "memory only")
        self.port = free_ports(4)
        self.tls_port = self.port + 1
        self.directory = os.path.join(env.sockets, "kamailio%d" % self.port)
        os.makedirs(self.directory)
        self.certificates, self.transcript = env.certificates(), env.transcript
        env.cleanups.append(self.stop)
        self.start()

    # --- life ---

    def start(self):
        self.launch()
        self.wait_answers()

    def fresh(self):
        """Started again."""
        self.stop()
        self.start()

    def defines(self):
        database = "postgres://%s:%s@/%s" % (LOGIN, LOGIN_PASSWORD, self.database.name)
        yield from ("CHILDREN=%d" % self.workers, "ADDRESS=127.0.0.1", "PORT=%d" % self.port,
                    'DATABASE="%s"' % database, "DB_MODE=%d" % self.mode)
        if self.mode == WRITE_THROUGH:
            yield "WITH_LOCATION"
        if self.reserve:
            yield "RESERVE"
        if self.tls:
            yield from ("WITH_TLS", "STREAM_CHILDREN=%d" % self.stream_workers, "TLS_PORT=%d" % self.tls_port)

    def write_configuration(self):
        with open(os.path.join(HERE, "kamailio", "tls.cfg")) as file:
            text = file.read()
        for word, name in (("CERTIFICATE", "server.pem"), ("KEY", "server.key")):
            shutil.copy(os.path.join(self.certificates, name), self.directory)  # Kamailio takes no blank in a path
            text = text.replace(word, os.path.join(self.directory, name))
        with open(self.directory + "/tls.cfg", "w") as file:
            file.write(text)
        with open(os.path.join(HERE, "kamailio", "registrar.cfg")) as file:
            text = file.read().replace("TLS_CONFIG", self.directory + "/tls.cfg")
        with open(self.directory + "/kamailio.cfg", "w") as file:
            file.write(text)

    def launch(self):
        self.write_configuration()
        defines = [word for define in self.defines() for word in ("-A", define)]
        self.log_path = self.directory + "/log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                ["kamailio", "-DD", "-E", "-m", str(SHARED_MB), "-M", str(PRIVATE_MB), "-x", self.manager, "-f", self.directory + "/kamailio.cfg",
                 "-Y", self.directory, "-P", self.directory + "/pid", *defines],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PGHOST": self.database.cluster.sockets, "TZ": "UTC"})

    @property
    def pid(self):
        return self.process.pid

    def phone(self, user, password):
        return Phone(Udp(("127.0.0.1", self.port), self.transcript), "udp", user=user, domain=DOMAIN, password=password)

    def wait_answers(self):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.connect(("127.0.0.1", self.port))
        probe.settimeout(0.2)
        request = ("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKprobe\r\nMax-Forwards: 70\r\n"
                   "From: <sip:probe@%s>;tag=1\r\nTo: <sip:%s>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\n"
                   "Content-Length: 0\r\n\r\n" % (DOMAIN, DOMAIN, DOMAIN)).encode()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                probe.send(request)
                probe.recv(65536)
                return probe.close()
            except OSError:
                time.sleep(0.1)
        raise Failure("kamailio does not answer\n" + self.log())

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()[-4000:]

    def stop(self):
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def crashed(self):
        return "exited by a signal" in self.log()

    # --- what it must do for its figures to count ---

    def prove(self):
        """A right password registers and a wrong one does not; write-through writes, memory only does not."""
        def stored():
            return self.database.value("select cseq || ' ' || expires from location where username = 'user1'")
        good, before = self.phone("user1", PASSWORD), stored()
        for _ in range(2):  # the second from remembered credentials
            if good.reg("<sip:user1@192.0.2.10:5062>").status != 200:
                raise Failure("kamailio refuses the right password\n" + self.log())
            bad = self.phone("user1", "wrong")
            if bad.reg("<sip:user1@192.0.2.66>").status != 401:
                raise Failure("kamailio accepts a wrong password")
            bad.close()
        good.close()
        if (stored() != before) != (self.mode == WRITE_THROUGH):
            raise Failure("kamailio with db_mode=%d: location was %s, is %s" % (self.mode, before, stored()))

    def settings(self):
        return ("%s: version %s, %d UDP workers%s, db_mode=%d, %d MB shared (-x %s) and %d MB private memory, credentials in htable, "
                "nonce_count=1, nonce_expire=300, hash_size=15, tls method=TLSv1.2+" %
                (self.name, version(), self.workers, ", %d TCP workers" % self.stream_workers if self.tls else "", self.mode, SHARED_MB,
                 self.manager, PRIVATE_MB))
