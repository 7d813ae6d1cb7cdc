"""One rollcalld: its configuration, its processes, its log, and clients for it."""
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from harness.check import PATIENT, Failure
from harness.database import DAEMON_PASSWORD, account
from harness.phone import ALICE_PASSWORD, Phone
from harness.transport import Stream, Udp

BUILD = os.environ.get("ROLLCALL_TEST_BUILD", "")
PREFIX = os.environ.get("ROLLCALL_TEST_PREFIX", "").split()  # valgrind, whose reports begin with ==PID==
SANITIZER = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed|"
                       r"^==\d+== ", re.MULTILINE)


RESERVED = []


def free_ports(count):
    """Consecutive ports free for UDP and TCP on both loopbacks, away from the ephemeral range. An abstract socket keeps
    other test runs of this machine from choosing the same ones before our server has bound them."""
    for _ in range(400):
        first = random.randrange(12000, 28000, 8)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind("\0rollcall-test-ports-%d" % first)
        except OSError:
            mark.close()
            continue
        RESERVED.append(mark)
        if count <= 8 and all(port_free(first + i) for i in range(count)):
            return first
    raise Failure("no free ports")


def port_free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        for host in ("127.0.0.1", "::1"):
            probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
            try:
                probe.bind((host, port))
            except OSError:
                return False
            finally:
                probe.close()
    return True


def baseline(server):
    """Requirements, section 1.3. Sections with a title are keyed (section, title)."""
    sip, tls, health = server.port, server.tls_port, server.port + 2
    return {
        "server": {"name": "reg-test", "workers": "1"},
        ("domain", "example.com"): {"aliases": ["registrar.example.com", "[2001:db8::10]"]},
        ("domain", "other.example"): {},
        ("listener", "sip"): {"bind": ["127.0.0.1:%d" % sip, "[::1]:%d" % sip], "transport": ["udp", "tcp"]},
        ("listener", "tls"): {"bind": ["127.0.0.1:%d" % tls, "[::1]:%d" % tls], "transport": ["tls"]},
        ("certificate", "main"): {"chain": server.certificates + "/server.pem",
                                  "key": server.certificates + "/server.key"},
        "registration": {"expires_min": "60s", "expires_default": "1h", "expires_max": "2h", "expires_jitter": "0%",
                         "max_contacts": 10, "max_contacts_per_request": 10},
        "database": {"url": server.database.url, "password_file": server.directory + "/password"},
        "admin": {"socket": server.socket, "listen": ""},
        "health": {"listen": ["127.0.0.1:%d" % health], "drain_delay": "0s", "drain_spread": "0s",
                   "drain_timeout": "10s"},
        "log": {"level": "debug", "format": "text"},
    }


def render(configuration):
    def value(v):
        if isinstance(v, (list, tuple)):
            return "{%s}" % ", ".join(value(x) for x in v)
        return str(v) if isinstance(v, int) else '"%s"' % v
    lines = []
    for section, keys in configuration.items():
        title = '%s "%s"' % section if isinstance(section, tuple) else section
        lines.append("%s {" % title)
        lines += ["\t%s = %s" % (k, value(v)) for k, v in keys.items()]
        lines.append("}")
    return "\n".join(lines) + "\n"


class Server:
    def __init__(self, directory, sockets, certificates, database, transcript, changes=None, options=()):
        os.makedirs(directory, exist_ok=True)
        self.directory, self.certificates, self.database = directory, certificates, database
        self.transcript, self.options, self.phones = transcript, list(options), []
        self.environment = {}  # added to that of the tests
        self.build = BUILD
        self.scraped_until = 0.0  # harness/metrics.py
        self.port = free_ports(4)
        self.tls_port, self.health_port = self.port + 1, self.port + 2
        self.socket = os.path.join(sockets, "a%d.sock" % self.port)
        self.log_path, self.process = os.path.join(directory, "log"), None
        with open(os.path.join(directory, "password"), "w") as file:
            os.chmod(file.fileno(), 0o600)
            file.write(DAEMON_PASSWORD)
        self.configuration = baseline(self)
        self.configure(changes or {})

    # --- life ---

    @property
    def configuration_path(self):
        return os.path.join(self.directory, "rollcall.conf")

    def configure(self, changes):
        """{section: {key: value}}; a value None removes the key, a section None removes the section."""
        for section, keys in changes.items():
            if keys is None:
                self.configuration.pop(section, None)
                continue
            target = self.configuration.setdefault(section, {})
            target.update(keys)
            for key in [k for k, v in keys.items() if v is None]:
                target.pop(key)
        with open(self.configuration_path, "w") as file:
            file.write(render(self.configuration))

    def command(self, *options):
        return [os.path.join(self.build, "rollcalld"), "-c", self.configuration_path, *self.options, *options]

    def launch(self):
        log = open(self.log_path, "ab")
        prefix = PREFIX if self.build == BUILD else []
        self.process = subprocess.Popen(prefix + self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        start_new_session=True, env={**os.environ, **self.environment})
        log.close()

    def start(self, timeout=15.0):
        self.launch()
        self.wait_ready(timeout)
        return self

    def health(self, path="/readyz"):
        """(status, body) of the health listener."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.health_port, path), timeout=5 * PATIENT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait(self, condition, what, timeout=10.0):
        timeout *= PATIENT
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = condition()
            if found:
                return found
            time.sleep(0.02)
        raise Failure("after %g s still not: %s" % (timeout, what))

    def wait_ready(self, timeout=15.0):
        def ready():
            if self.process.poll() is not None:
                raise Failure("rollcalld ended with status %s while starting" % self.process.returncode)
            return self.health()[0] == 200
        self.wait(ready, "ready", timeout)

    def stop(self, signal_number=signal.SIGTERM, timeout=20.0):
        """Ends it as an operator would, and has its log judged."""
        for phone in self.phones:
            phone.close()
        self.phones = []
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal_number)
            try:
                self.process.wait(timeout * PATIENT)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise Failure("rollcalld did not stop within %g s" % timeout)
            finally:
                status, self.process = self.process.returncode, None
            if status not in (0, -signal_number):
                raise Failure("rollcalld ended with status %s" % status)
        self.judge_log()

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    # --- what it says ---

    @property
    def log(self):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def wait_log(self, pattern, timeout=8.0):
        return self.wait(lambda: re.search(pattern, self.log), "log line /%s/" % pattern, timeout)

    def judge_log(self):
        found = SANITIZER.search(self.log)
        if found:
            raise Failure("sanitizer report or assertion in the daemon's log: %s" % self.log[found.start():][:3000])

    def api(self, path, method="GET", body=None):
        """(status, text) of the admin API, asked through its socket."""
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10 * PATIENT)
        connection.sock.connect(self.socket)
        try:
            connection.request(method, "/api/v1" + path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def stats(self):
        return json.loads(self.api("/stats")[1])

    def reason(self, check):
        """What an operator is told of one of the checks of health, and strangers are not; "" while there is nobody to ask."""
        try:
            return next(c["detail"] for c in self.stats()["checks"] if c["name"] == check)
        except OSError:
            return ""

    def outcomes(self, *reasons, transport=None):
        """How many requests and connections ended with one of these reasons."""
        found = self.stats()["outcomes"]
        return sum(n for reason in reasons for t, n in found[reason].items() if transport in (None, t))

    def ctl(self, *arguments, input="", check=True):
        done = subprocess.run([*PREFIX, os.path.join(BUILD, "rollcallctl"), *arguments], input=input, capture_output=True,
                              text=True, timeout=60 * PATIENT, env={**os.environ, "ROLLCALL_URL": "unix:" + self.socket})
        if SANITIZER.search(done.stderr):
            raise Failure("sanitizer report of rollcallctl %s: %s" % (arguments, done.stderr[:3000]))
        if check and done.returncode != 0:
            raise Failure("rollcallctl %s: status %d: %s" % (arguments, done.returncode, done.stderr))
        return done

    def ctl_json(self, *arguments):
        return json.loads(self.ctl(*arguments, "--json").stdout)

    def counter(self, name):
        """A counter of all processes together, by its name in include/base/stats.h."""
        return self.stats()["counters"][name]

    # --- clients ---

    def host(self, ipv6):
        return "::1" if ipv6 else "127.0.0.1"

    def udp(self, ipv6=False, bind=None, header=b""):
        return Udp((self.host(ipv6), self.port), self.transcript, bind, header)

    def tcp(self, ipv6=False, bind=None, header=b""):
        return Stream((self.host(ipv6), self.port), self.transcript, bind=bind, header=header)

    def tls_context(self):
        """Verifies the test CA; tests change it as they need."""
        return ssl.create_default_context(cafile=self.certificates + "/ca.pem")

    def tls(self, ipv6=False, context=None, server_name="example.com", bind=None, header=b"", **how):
        return Stream((self.host(ipv6), self.tls_port), self.transcript, context or self.tls_context(), server_name,
                      bind, header, **how)

    def wire(self, transport, **how):
        return {"udp": self.udp, "tcp": self.tcp, "tls": self.tls}[transport](**how)

    def phone(self, transport="udp", user="alice", ipv6=False, bind=None, **how):
        """A phone of a baseline user; closed when the server stops."""
        phone = Phone(self.wire(transport, ipv6=ipv6, bind=bind), transport, user, **how)
        self.phones.append(phone)
        return phone


def add_baseline_users(database):
    database.query(";".join((
        account("alice", "example.com", ALICE_PASSWORD), account("bob", "example.com", ALICE_PASSWORD),
        account("gateway", "example.com", ALICE_PASSWORD, may_register="{*}"),
        account("alice", "other.example", ALICE_PASSWORD))))
