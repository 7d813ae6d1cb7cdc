"""What a supervisor like systemd is told, and what its unit promises."""
import os
import re
import shutil
import socket
import subprocess
import time

from harness import Skip, equal, true
from harness.database import ROOT
from harness.failing import Failing
from harness.faults import Stopped, workers
from test_hardening import NOBODY, for_nobody


class Supervisor:
    """A notify socket of the test's own, bound to a path or, with "@", in the abstract namespace."""

    def __init__(self, name):
        self.name, self.said = name, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.setblocking(False)

    def hear(self):
        while True:
            try:
                message = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.said
            self.said.append(dict(line.split("=", 1) for line in message.splitlines()))

    def signs_of_life(self):
        return len([m for m in self.hear() if m.get("WATCHDOG") == "1"])

    def state(self, key):
        return [m for m in self.hear() if m.get(key) == "1"]


def supervised(env, name, environment=None, changes=None):
    supervisor = Supervisor(name)
    env.cleanups.append(supervisor.socket.close)
    server = env.make(changes, environment={"NOTIFY_SOCKET": name, **(environment or {})})
    return supervisor, server


def test_a_life_as_the_supervisor_hears_it(env):
    for name in (os.path.join(env.sockets, "notify"), "@rollcall-test-%d" % os.getpid()):
        supervisor, server = supervised(env, name)
        server.start()
        server.wait(lambda: supervisor.state("READY"), "READY=1")
        equal(supervisor.said[0], {"STATUS": "starting: waiting for the workers and their database"}, "the first word")
        equal(supervisor.state("READY"), [{"READY": "1", "STATUS": "serving"}], "when it serves")
        server.reload()
        server.wait(lambda: len(supervisor.state("READY")) == 2, "READY=1 after the reload")
        at = supervisor.said.index(supervisor.state("RELOADING")[0])
        true(int(supervisor.said[at]["MONOTONIC_USEC"]) > 0, "no time in %s" % supervisor.said[at])
        equal(supervisor.said[at + 1], {"READY": "1", "STATUS": "serving"}, "after RELOADING=1")
        server.stop()
        equal(supervisor.hear()[at + 2:], [{"STATUS": "draining, still serving"},
                                           {"STOPPING": "1", "STATUS": "draining, the listeners are closed"}], "the last words")


def test_ready_waits_for_the_database(env):
    cluster = env.own_cluster()
    database = env.new_database(cluster)
    cluster.stop()
    name = os.path.join(env.sockets, "notify-db")
    supervisor = Supervisor(name)
    env.cleanups.append(supervisor.socket.close)
    server = env.make(database=database, environment={"NOTIFY_SOCKET": name})
    server.launch()
    server.wait_log(r" db\.down ")
    equal(supervisor.state("READY"), [], "READY=1 without a database")
    cluster.start()
    server.wait(lambda: supervisor.state("READY"), "READY=1", 30)


def test_a_refused_reload_ends_ready(env):
    supervisor, server = supervised(env, os.path.join(env.sockets, "notify-refused"))
    server.start()
    server.wait(lambda: supervisor.state("READY"), "READY=1")
    with open(server.configuration_path, "a") as file:
        file.write("nonsense\n")
    server.reload()
    server.wait_log("reload refused")
    server.wait(lambda: len(supervisor.state("READY")) == 2, "READY=1 after the refusal")
    equal(supervisor.said[-1]["STATUS"], "serving; the last reload was refused, the log says why", "what systemctl status shows")
    server.configure({})
    server.reload()
    server.wait(lambda: len(supervisor.state("READY")) == 3, "READY=1 after another reload")
    equal(supervisor.said[-1]["STATUS"], "serving", "behind a reload that was not refused")


def test_who_was_never_ready_ends_at_once(env):
    """No balancer sends anything to a node that has not been ready, so there is none that has to notice."""
    cluster = env.own_cluster()
    database = env.new_database(cluster)
    cluster.stop()
    server = env.make({"health": {"drain_delay": "10m", "drain_timeout": "20m"}}, database=database)
    server.launch()
    server.wait_log(r" db\.down ")
    server.stop()


def test_what_could_not_be_told_is_told_again(env):
    """A supervisor that missed READY=1 would end the daemon when its patience is over."""
    supervisor = Supervisor(os.path.join(env.sockets, "notify-again"))
    env.cleanups.append(supervisor.socket.close)
    failing = Failing(env)
    failing.server.environment["NOTIFY_SOCKET"] = supervisor.name
    server = failing.server.start()
    server.wait(lambda: supervisor.state("READY"), "READY=1")
    failing.arm("sendto", "EAGAIN", times=3, pid=server.process.pid)
    server.reload()
    server.wait(lambda: len(supervisor.state("READY")) == 2, "READY=1 after the reload")
    equal(failing.disarm()[0], 3, "datagrams that did not go")


def test_what_is_told_again_has_the_newest_status(env):
    """READY=1 of a start that is told again while the node drains must not say that it serves."""
    supervisor = Supervisor(os.path.join(env.sockets, "notify-late"))
    env.cleanups.append(supervisor.socket.close)
    failing = Failing(env, {"health": {"drain_delay": "10m", "drain_timeout": "20m"}})
    failing.server.environment["NOTIFY_SOCKET"] = supervisor.name
    server = failing.server.start()
    server.wait(lambda: supervisor.state("READY"), "READY=1")
    failing.arm("sendto", "EAGAIN", times=1000000, pid=server.process.pid)
    server.reload()
    server.wait_log("configuration applied")
    equal(server.api("/drain", "POST", "{}")[0], 202, "status")
    server.wait_log("drain")
    failing.disarm()
    server.wait(lambda: len(supervisor.state("READY")) == 2, "READY=1 after the reload")
    equal(supervisor.hear()[-1], {"READY": "1", "STATUS": "draining, still serving"}, "what is told last")
    equal(server.api("/drain", "POST", '{"now": true}')[0], 202, "status")
    equal(server.process.wait(20), 0, "exit status")


def test_a_drain_that_is_called_off_does_not_stop(env):
    """STOPPING=1 is final for systemd: it is said when the listeners close and there is no way back."""
    supervisor, server = supervised(env, os.path.join(env.sockets, "notify-drain"), changes={"health": {"drain_delay": "10m", "drain_timeout": "20m"}})
    server.start()
    server.wait(lambda: supervisor.state("READY"), "READY=1")
    equal(server.api("/drain", "POST", "{}")[0], 202, "status")
    server.wait(lambda: {"STATUS": "draining, still serving"} in supervisor.hear(), "the drain")
    equal(server.api("/drain", "DELETE")[0], 200, "status")
    server.wait(lambda: supervisor.hear()[-1] == {"STATUS": "serving"}, "that it is called off")
    equal(supervisor.state("STOPPING"), [], "STOPPING=1")
    equal(server.api("/drain", "POST", '{"now": true}')[0], 202, "status")
    server.wait(lambda: supervisor.state("STOPPING"), "STOPPING=1")
    equal(server.process.wait(20), 0, "exit status")


def test_watchdog_is_fed_while_the_loops_turn(env):
    """A period of 400 ms is fed every 200 ms; with a worker that stands still nothing comes until there is another."""
    supervisor, server = supervised(env, os.path.join(env.sockets, "notify-dog"), {"WATCHDOG_USEC": "400000"})
    server.start()
    server.wait(lambda: supervisor.signs_of_life() >= 3, "WATCHDOG=1 again and again")
    with Stopped(workers(server)[0]):
        server.wait(lambda: server.health("/livez")[0] == 503, "/livez says that a loop is stuck", 20)

        def silent():
            """For a second, and not ten times as long under valgrind: then another worker is there."""
            before, end = supervisor.signs_of_life(), time.monotonic() + 1.0
            while time.monotonic() < end:
                if supervisor.signs_of_life() > before:
                    return False
                time.sleep(0.02)
            return True
        server.wait(silent, "no WATCHDOG=1 while /livez is bad", 10)
        server.wait(lambda: server.health("/livez")[0] == 200, "another worker", 30)
        before = supervisor.signs_of_life()
        server.wait(lambda: supervisor.signs_of_life() > before, "WATCHDOG=1 again")


def test_watchdog_is_meant_for_another_process(env):
    supervisor, server = supervised(env, os.path.join(env.sockets, "notify-pid"),
                                    {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
    server.start()
    server.wait(lambda: supervisor.state("READY"), "READY=1")
    server.reload()
    server.wait(lambda: len(supervisor.state("READY")) == 2, "READY=1 after a reload")
    equal(supervisor.signs_of_life(), 0, "WATCHDOG=1 of a process that was not asked")


def test_nonsense_in_the_environment_does_no_harm(env):
    for environment in ({"NOTIFY_SOCKET": "relative"}, {"NOTIFY_SOCKET": "@"}, {"NOTIFY_SOCKET": "/" + "x" * 200},
                        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "x"}):
        server = env.make(environment=environment)
        server.start()
        server.stop()


# --- the check before a reload ---

def check(server, *prefix, **environment):
    return subprocess.run([*prefix, *server.command("-t", "-q")], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})


def test_mistakes_have_their_level_in_the_journal(env):
    """Who asks the journal for errors sees why a start or a reload failed, and not only that it did."""
    def said(command):
        with open(os.path.join(env.directory, "journal"), "w+") as journal:
            entry = os.fstat(journal.fileno())
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=journal, timeout=60,
                                  env={**os.environ, "JOURNAL_STREAM": "%d:%d" % (entry.st_dev, entry.st_ino)})
            equal(done.returncode, 1, "status")
            journal.seek(0)
            return journal.read()
    server = env.make({"registration": {"expire_max": "1h"}})
    for command in (server.command(), server.command("-t", "-q")):
        text = said(command)
        true(text.startswith("<3>%s:" % server.configuration_path) and 'error: no such option "expire_max"' in text, text)
    true(check(server).stderr.startswith(server.configuration_path), "a mark without a journal")
    server.configure({"registration": {"expire_max": None}, ("certificate", "main"): {"key": "/nowhere"}})
    text = said(server.command("-t", "-q"))
    true(text.startswith("<3>error: "), text)


def test_a_credential_is_hidden_from_the_check(env):
    """systemd 252 shows what LoadCredential= names to the daemon alone, and to ExecReload= a directory that nobody can enter; the
    daemon itself judges the file when it reloads."""
    if os.geteuid() != 0:
        raise Skip("needs root, to be nobody")
    server = for_nobody(env)
    credentials = os.path.join(server.directory, "credentials")
    os.mkdir(credentials)
    password = os.path.join(credentials, "db-password")
    shutil.copy(os.path.join(server.directory, "password"), password)
    os.chmod(password, 0o644)
    server.configure({"database": {"password_file": "${CREDENTIALS_DIRECTORY}/db-password"}})
    equal(check(server, *NOBODY, CREDENTIALS_DIRECTORY=credentials).returncode, 0, "status where it is shown")
    os.chmod(credentials, 0)
    done = check(server, *NOBODY, CREDENTIALS_DIRECTORY=credentials)
    true(done.returncode == 0 and "db-password" not in done.stderr, "one that is hidden: " + done.stderr)
    os.chmod(credentials, 0o755)
    os.unlink(password)
    done = check(server, *NOBODY, CREDENTIALS_DIRECTORY=credentials)
    true(done.returncode == 1 and "No such file" in done.stderr, "one that is missing: " + done.stderr)
    server.configure({"database": {"password_file": os.path.join(server.directory, "password")}})
    os.chmod(os.path.join(server.directory, "password"), 0o600)
    done = check(server, *NOBODY, CREDENTIALS_DIRECTORY=credentials)
    true(done.returncode == 1 and "Permission denied" in done.stderr, "one that is no credential: " + done.stderr)


# --- the unit ---

def unit(directory):
    """The unit as it is installed under /usr."""
    path = os.path.join(directory, "rollcalld.service")
    with open(os.path.join(ROOT, "src", "packaging", "rollcalld.service.in")) as source, open(path, "w") as file:
        file.write(source.read().replace("@CMAKE_INSTALL_FULL_SBINDIR@", "/usr/sbin"))
    return path


def test_unit_is_hardened(env):
    if not shutil.which("systemd-analyze"):
        raise Skip("no systemd-analyze here")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15",
                           unit(env.directory)], capture_output=True, text=True, timeout=60)
    level = re.search(r"Overall exposure level for rollcalld\.service: ([\d.]+)", done.stdout + done.stderr)
    true(level, "no verdict: %s %s" % (done.stdout, done.stderr))
    true(float(level.group(1)) <= 1.5, "exposure level %s:\n%s" % (level.group(1), done.stdout))


def test_unit_gives_a_drain_its_time(env):
    defaults = subprocess.run([env.make().command()[0], "--print-default-config"], capture_output=True, text=True).stdout
    drain = int(re.search(r"drain_timeout = (\d+)s", defaults).group(1))
    with open(unit(env.directory)) as file:
        true(int(re.search(r"^TimeoutStopSec=(\d+)$", file.read(), re.M).group(1)) >= drain + 10, "TimeoutStopSec is short")
