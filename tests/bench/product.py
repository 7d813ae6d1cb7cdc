"""rollcall as it is benched: release build, the harness of the scenarios, the users that Kamailio has too."""
import re
import subprocess

from ground import DOMAIN, PHONES, fill_accounts

WORKERS = 1  # on two cores that generator and PostgreSQL share; docs/benchmarks.md
# What depends on the program alone is as shipped; the rates are those of a loopback address, which is exempt from all but the
# rate of an address-of-record: in a bench a phone refreshes many times a second.
CONFIGURATION = {
    "server": {"name": "bench", "workers": str(WORKERS)},
    ("domain", "example.com"): None,
    ("domain", "other.example"): None,
    ("domain", DOMAIN): {"algorithms": ["MD5"]},
    "limits": {"per_aor_rate": "100000/s"},
    "log": {"level": "warning"},
}
SHOWN = (("server", "workers"), ("server", "transaction_memory"), ("database", "connections_per_worker"),
         ("database", "batch_rows"), ("database", "queue_limit"), ("database", "durability"), ("auth", "nonce_ttl"),
         ("auth", "remembered_records"), ("registration", "expires_jitter"), ("limits", "per_aor_rate"), ("limits", "exempt"),
         ("limits", "overload_delay"))


class Product:
    """One running rollcall."""

    name = "rollcall, durable"

    def __init__(self, env, changes=None, count=PHONES, fill=fill_accounts, database=None):
        fresh = database is None
        self.server = env.make({**CONFIGURATION, **(changes or {})}, database=database)
        if fresh:
            fill(self.server.database, count)
        self.server.start(60)

    port = property(lambda self: self.server.port)
    tls_port = property(lambda self: self.server.tls_port)
    pid = property(lambda self: self.server.process.pid)
    database = property(lambda self: self.server.database)

    def stop(self):
        self.server.stop()

    def fresh(self):
        """Started again."""
        self.server.stop()
        self.server.start(60)

    def crashed(self):
        return "process.died" in self.server.log

    def prove(self):
        """Nothing: the scenarios prove that passwords are checked, and the generator that 200 comes."""

    def effective(self):
        """{(section, key): value}, as the daemon itself says."""
        done = subprocess.run(self.server.command("--print-config"), capture_output=True, text=True, check=True)
        found, section = {}, None
        for line in done.stdout.splitlines():
            opened, pair = re.match(r"(\w+).*\{\s*$", line), re.match(r"\s+(\w+)\s*=\s*([^#]*[^#\s])", line)
            if opened:
                section = opened.group(1)
            elif pair:
                found[section, pair.group(1)] = pair.group(2)
        return found

    def settings(self):
        found = self.effective()
        return "%s: %s, algorithms=MD5" % (self.name, ", ".join(
            "%s=%s" % (key, found[section, key]) for section, key in SHOWN if (section, key) in found))
