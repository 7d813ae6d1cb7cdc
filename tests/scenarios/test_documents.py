"""The console examples of docs/operations.md, one after the other as the page has them, on a node like the one it sets up."""
import glob
import os
import re
import shlex
import shutil

from harness import equal, true
from harness.console import compare, examples, run
from harness.database import ROOT
from harness.server import BUILD
from test_admin import with_tcp

PAGE = os.path.join(ROOT, "docs", "operations.md")
# Commands that change the machine, need another one, or have a test of their own (packages, init, tokens, doctor).
NOT_RUN = re.compile(r"apt |apt-get |cmake |ninja |install |useradd |ssh |umask |\./dev package|fail2ban-regex |curl -H |"
                     r"rollcallctl (init|doctor|--url)")
PROGRESS = "importing "


class World:
    """The node and the directory in which the commands are typed."""

    def __init__(self, env):
        server = self.server = env.make({
            "server": {"name": "reg-1"}, ("domain", "other.example"): None, "limits": {"per_ip_burst": 200}, "log": {"level": "info"}})
        server.database.query("delete from account")
        server.start()
        self.empty = env.cluster
        self.empty.psql("postgres", "drop database if exists documents_empty with (force)")
        self.empty.psql("postgres", "create database documents_empty")
        self.places = {
            "http://127.0.0.1:8081": "http://127.0.0.1:%d" % server.health_port,
            "/run/rollcall/admin.sock": server.socket,
            "postgresql://rollcall_owner@localhost/rollcall": "postgresql:///documents_empty",
        }
        with open(os.path.join(server.directory, "staff.csv"), "w") as file:
            file.write("username,domain,password\nbob,example.com,kR7v-Tq9m-Xe2p\n")

    def close(self):
        self.empty.psql("postgres", "drop database documents_empty with (force)")

    def before(self, command):
        """What the page takes for granted."""
        server = self.server
        if command == "rollcallctl status":
            phone = server.phone(password="Secret-123")
            phone.reg("<sip:alice@192.0.2.1>").expect(200)
            self.until(lambda stats: stats["bindings"] == 1 and stats["users"] == 2)
            phone.reg("<sip:alice@192.0.2.1>").expect(200)
            self.until(lambda stats: (stats["recent"] or {}).get("p50_ms"))
        elif command == "rollcallctl config check":
            server.configure({"limits": {"per_ip_burst": 300}, "server": {"workers": "2"}})
        elif command == "rollcallctl node list":
            server.wait(lambda: '"bindings":null' not in server.api("/nodes")[1], "the bindings of the node were counted", 60)

    def until(self, condition):
        self.server.wait(lambda: condition(self.server.stats()), "the numbers of the page", 60)

    def type(self, command):
        for theirs, ours in self.places.items():
            command = command.replace(theirs, ours)
        environment = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "ROLLCALL_URL": "unix:" + self.server.socket}
        said = run(command, self.server.directory, environment)
        return [line.rstrip() for line in said if not line.startswith(PROGRESS)]


def test_a_token_of_the_page(env):
    """The one block that test_operations leaves out, at a node that has a port for it."""
    with open(PAGE, encoding="utf-8") as file:
        block, = [block for _, block in examples(file.read()) if block[0][0].startswith("umask ")]
    server = with_tcp(env).start()
    places = {"http://127.0.0.1:8080": "http://127.0.0.1:%d" % server.admin_tcp[1],
              "token create": "token create -c " + shlex.quote(server.configuration_path)}
    for command, wanted in block:
        for theirs, ours in places.items():
            command = command.replace(theirs, ours)
        environment = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "ROLLCALL_URL": "unix:" + server.socket}
        said = run(command, server.directory, environment)
        compare(command, wanted, [line.replace(server.tokens, "/etc/rollcall/tokens") for line in said])
    equal(os.stat(os.path.join(server.directory, "read.header")).st_mode & 0o777, 0o600, "mode of the token's file")


def test_no_document_puts_a_token_on_a_command_line(env):
    for path in glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True) + [os.path.join(ROOT, "README.md")]:
        with open(path, encoding="utf-8") as file:
            for _, block in examples(file.read()):
                for command, _ in block:
                    true(not re.search(r"Bearer +[\w$]|(?<!-)--token[ =]", command), "%s: %s" % (path, command))


def test_operations(env):
    with open(PAGE, encoding="utf-8") as file:
        blocks = [block for _, block in examples(file.read()) if not block[0][0].startswith("umask ")]
    commands = [pair for block in blocks for pair in block if not NOT_RUN.match(pair[0])]
    true(len(commands) > 15, "only %d examples were found" % len(commands))
    true(shutil.which("curl"), "curl is missing")
    world = World(env)
    try:
        for command, wanted in commands:
            world.before(command)
            compare(command, [line.rstrip() for line in wanted], world.type(command))
    finally:
        world.close()
