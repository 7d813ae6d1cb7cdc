"""PgBouncer between a daemon and its cluster."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from harness.check import Failure, Skip
from harness.database import DAEMON_PASSWORD, PSQL
from harness.server import free_ports

PGBOUNCER = "/usr/sbin/pgbouncer"


class PgBouncer:
    def __init__(self, cluster, mode="transaction", **settings):
        """settings: of its section [pgbouncer], beside those that docs/operations.md gives."""
        if not os.path.exists(PGBOUNCER):
            raise Skip("pgbouncer is not installed")
        self.directory, self.port, self.process = tempfile.mkdtemp(prefix="rollcall-pooler.", dir="/tmp"), free_ports(1), None
        self.log_path = os.path.join(self.directory, "log")
        self.settings = {
            "listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": "", "auth_type": "scram-sha-256",
            "auth_file": self.directory + "/users", "admin_users": "pooler", "pool_mode": mode, "server_login_retry": 1,
            **settings}
        with open(self.directory + "/users", "w") as file:
            for user, password in ("rollcall", DAEMON_PASSWORD), ("pooler", "pooler"), ("postgres", cluster.password):
                file.write('"%s" "%s"\n' % (user, password))
        self.lead_to(cluster)
        for name in ("", "/users", "/ini"):
            if os.getuid() == 0:
                shutil.chown(self.directory + name, "postgres")

    def lead_to(self, cluster):
        self.cluster = cluster
        with open(self.directory + "/ini", "w") as file:
            file.write("[databases]\n* = host=%s\n[pgbouncer]\n" % cluster.sockets)
            file.writelines("%s = %s\n" % setting for setting in self.settings.items())

    def url(self, database, user="rollcall"):
        return "postgresql://%s@127.0.0.1:%d/%s" % (user, self.port, database.name)

    def start(self):
        user = ["-u", "postgres"] if os.getuid() == 0 else []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([PGBOUNCER, *user, self.directory + "/ini"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.say("show version")
                return self
            except Failure:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failure("pgbouncer does not start: %s" % self.log[-2000:])
                time.sleep(0.05)

    def say(self, command):
        """On its console."""
        done = subprocess.run([PSQL, "-X", "-At", "-h", "127.0.0.1", "-p", str(self.port), "-U", "pooler", "-c", command,
                               "pgbouncer"], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PGPASSWORD": "pooler"})
        if done.returncode != 0:
            raise Failure("pgbouncer: %s: %s" % (command, done.stderr.strip()))
        return done.stdout

    def end(self, signal_number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(signal_number)
            self.process.wait()
            self.process = None

    def remove(self):
        self.end()
        shutil.rmtree(self.directory)

    @property
    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def statement(sql):
    """Parse, Bind, Describe, Execute and Sync."""
    return (message(b"P", b"\0" + sql.encode() + b"\0\0\0") + message(b"B", bytes(8)) + message(b"D", b"P\0") +
            message(b"E", bytes(5)) + message(b"S", b""))


class Deserter:
    """Sends several statements at once and leaves behind the first answer; PgBouncer must trust who logs in."""

    def __init__(self, pooler, database):
        self.wire = socket.create_connection(("127.0.0.1", pooler.port), timeout=10)
        body = struct.pack("!I", 3 << 16) + b"user\0rollcall\0database\0%s\0\0" % database.name.encode()
        self.wire.sendall(struct.pack("!I", len(body) + 4) + body)
        self.await_ready()

    def await_ready(self):
        """ReadyForQuery is the last that is sent."""
        heard = b""
        while not heard.endswith(b"Z\0\0\0\5I"):
            heard += self.wire.recv(4096)

    def send(self, *statements):
        self.wire.sendall(b"".join(map(statement, statements)))
        self.await_ready()

    def leave(self):
        self.wire.close()
