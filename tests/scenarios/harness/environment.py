"""What a test is given: the module's shared server, servers of its own, and cleaning up after it."""
import os
import shutil
import subprocess
import tempfile

from harness.check import Failure
from harness.database import Cluster, OwnCluster, ROOT
from harness.server import BUILD, Server, add_baseline_users
from harness.transport import Transcript

NAMES = "URI:sip:example.com, URI:sip:other.example, DNS:example.com, DNS:other.example, IP:127.0.0.1"
CERTIFICATE = """[req]
prompt = no
distinguished_name = name
[name]
CN = example.com
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = %s
"""


class Environment:
    def __init__(self, module, configuration):
        self.module, self.configuration, self.transcript = module, configuration, Transcript()
        self.directory = os.path.join(os.environ["ROLLCALL_TEST_STATE"], module)
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        self.sockets = tempfile.mkdtemp(prefix="rollcall-adm.", dir="/tmp")
        self.cluster, self.shared, self.own, self.cleanups, self.count = Cluster(), None, [], [], 0

    def certificates(self, name="tls", names=NAMES):
        """A directory with a CA and a server certificate for these names."""
        directory = os.path.join(self.directory, name)
        if not os.path.exists(directory):
            request = os.path.join(self.directory, name + ".cnf")
            with open(request, "w") as file:
                file.write(CERTIFICATE % names)
            subprocess.run([os.path.join(ROOT, "certs", "make"), directory, request], check=True, capture_output=True)
        return directory

    def new_database(self, cluster=None):
        """A fresh database with the baseline users."""
        self.count += 1
        database = (cluster or self.cluster).database("%s_%d" % (self.module, self.count))
        add_baseline_users(database)
        return database

    def _server(self, changes, options=(), cluster=None, database=None):
        database = database or self.new_database(cluster)
        self.count += 1
        return Server(os.path.join(self.directory, "server%d" % self.count), self.sockets, self.certificates(), database,
                      self.transcript, changes, options)

    @property
    def server(self):
        """The server of the module: the baseline, with the module's CONFIGURATION; started when first asked for."""
        if self.shared is None:
            self.shared = self._server(self.configuration)
            self.shared.start()
        return self.shared

    def make(self, changes=None, options=(), cluster=None, database=None, environment=None):
        """A server of the test's own, not started yet; with a database it becomes one more node on that. environment is
        added to that of the tests."""
        server = self._server(changes or {}, options, cluster, database)
        server.environment = environment or {}
        self.own.append(server)
        return server

    def start(self, changes=None, options=(), cluster=None, database=None):
        """A server of the test's own; changes as in Server.configure()."""
        return self.make(changes, options, cluster, database).start()

    def own_cluster(self):
        """A PostgreSQL cluster that this test may stop and freeze."""
        def migrate(url):
            subprocess.run([os.path.join(BUILD, "rollcallctl"), "db", "migrate", "--url", url], check=True,
                           capture_output=True)
        return self._cluster(migrate)

    def standby_place(self):
        """A place for a standby of another cluster, with sockets of its own: see OwnCluster.follow()."""
        return self._cluster(None)

    def _cluster(self, migrate):
        self.count += 1
        cluster = OwnCluster(os.path.join(self.directory, "own%d" % self.count))
        self.cleanups.append(cluster.remove)
        if migrate is not None:
            cluster.create(migrate)
        return cluster

    # --- between tests ---

    def begin(self):
        self.transcript.__init__()
        if self.shared is not None:
            if self.shared.process.poll() is not None:
                self.shared = None
                raise Failure("the shared server died in an earlier test")
            self.shared.database.clear_bindings()

    def logs(self):
        servers = self.own + ([self.shared] if self.shared else [])
        return "\n".join("log of %s\n%s" % (s.directory, "\n".join(s.log.splitlines()[-30:])) for s in servers)

    def end(self):
        """Stops what the test started; the first complaint is raised when everything is cleaned up."""
        complaints = []
        steps = [s.stop for s in self.own] + self.cleanups
        if self.shared:
            steps.append(self.shared.judge_log)
            for phone in self.shared.phones:
                phone.close()
            self.shared.phones = []
        self.own, self.cleanups = [], []
        for step in steps:
            try:
                step()
            except Exception as complaint:  # cleaning up goes on whatever happens
                complaints.append(complaint)
        if complaints:
            raise complaints[0]

    def close(self):
        if self.shared:
            self.own.append(self.shared)
            self.shared = None
        try:
            self.end()
        finally:
            shutil.rmtree(self.sockets, ignore_errors=True)
