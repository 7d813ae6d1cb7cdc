"""The console examples of docs/operations.md, in their order, on a node like the one that the page sets up."""
import os
import re

from harness import add_test
from harness.check import Failure
from harness.console import compare, examples, run
from harness.database import ROOT
from harness.server import BUILD

PAGE = os.path.join(ROOT, "docs", "operations.md")
# Commands that change the machine or need another one. Everything else is run.
NOT_RUN = (r"^apt(-get)? ", r"^cmake ", r"^install ", r"^useradd ", r"^setpriv ", r"^systemctl ", r"^ssh ", r"^token=", r"^echo ",
           r"^curl -H ", r"--url (unix:|https?:)", r"^journalctl ", r"^dpkg ", r"^logrotate ", r"^fail2ban-")


class World:
    """One node, made when the first example wants it, and the directory in which the commands are typed."""

    def __init__(self):
        self.server = None

    def start(self, env):
        server = self.server = env.start({
            "server": {"name": "reg-1"}, ("domain", "other.example"): None, "health": {"db_grace": "30s"}})
        server.database.psql("delete from account")
        self.directory = server.directory
        with open(os.path.join(self.directory, "staff.csv"), "w") as file:
            file.write("username,domain,password\nbob,example.com,kR7v-Tq9m-Xe2p\n")

    def here(self, command):
        """The command as the page has it, with the places of this run."""
        for theirs, ours in (("http://127.0.0.1:8081", "http://127.0.0.1:%d" % self.server.health_port),):
            command = command.replace(theirs, ours)
        return command

    def environment(self):
        return {**{k: v for k, v in os.environ.items() if not k.startswith("PG")},
                "PATH": BUILD + ":" + os.environ["PATH"], "ROLLCALL_URL": "unix:" + self.server.socket}


def replay(commands):
    def test(env):
        world = World()
        world.start(env)
        for command, wanted in commands:
            if not any(re.search(pattern, command) for pattern in NOT_RUN):
                got = run(world.here(command), world.directory, world.environment())
                compare(command, wanted, [line.rstrip() for line in got])
    return test


def sections():
    with open(PAGE, encoding="utf-8") as file:
        found = examples(file.read())
    if not found:
        raise Failure("%s has no console examples" % PAGE)
    for heading, commands in found:
        yield heading, commands


for heading, commands in sections():
    if any(not any(re.search(pattern, command) for pattern in NOT_RUN) for command, _ in commands):
        name = "operations_" + re.sub(r"\W+", "_", commands[0][0][:40]).strip("_").lower()
        add_test(globals(), name, replay(commands))
