"""rollcallctl telling the daemon what to do: ready, configuration, reload, log level, draining, certificates."""
import json
import os
import subprocess

from harness import equal, true
from harness.server import BUILD

CTL = os.path.join(BUILD, "rollcallctl")
LONG_DRAIN = {"health": {"drain_delay": "60s", "drain_spread": "1s", "drain_timeout": "90s"}}


def expect(done, status, *words):
    said = done.stdout + done.stderr
    equal(done.returncode, status, "exit status of %s (%s)" % (" ".join(done.args[1:]), said.strip()))
    for word in words:
        true(word in said, "%r is not in %r" % (word, said))
    return done


def run(server, *arguments):
    return server.ctl(*arguments, check=False)


def end_now(server):
    expect(run(server, "drain", "--now", "--yes"), 0)
    server.wait(lambda: server.process.poll() is not None, "the end of the daemon", 30)
    server.process = None


def test_ready(env):
    """And --wait waits for a daemon that is not even there yet."""
    server = env.make(LONG_DRAIN)
    expect(run(server, "ready"), 5, "no rollcalld at")
    expect(run(server, "ready", "--wait", "5"), 2, "--wait 5 is no duration; write 30s, 10m, 1h or 2d")
    waiting = subprocess.Popen([CTL, "ready", "--wait", "2m"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, env={**os.environ, "ROLLCALL_URL": "unix:" + server.socket})
    server.start()
    equal((waiting.communicate(timeout=60)[0], waiting.returncode), ("ready\n", 0), "what --wait says")
    expect(run(server, "ready"), 0, "ready")
    expect(run(server, "drain", "--yes"), 0, "draining")
    expect(run(server, "ready"), 7, "draining")
    expect(run(server, "ready", "--wait", "1s"), 7, "draining")
    expect(run(server, "undrain"), 0, "ready")
    expect(run(server, "ready", "--wait", "1m"), 0, "ready")
    end_now(server)


def test_drain_asks(env):
    server = env.start(LONG_DRAIN)
    expect(run(server, "drain"), 1, "Nobody is there to ask, so nothing was done; say --yes")
    equal(server.health()[0], 200, "readiness")
    end_now(server)


def test_configuration(env):
    server = env.start()
    expect(run(server, "config", "check"), 0, "nothing would change")
    expect(run(server, "reload"), 0, "nothing changed")
    shown = expect(run(server, "config", "show", "--origin"), 0)
    row = next(line for line in shown.stdout.splitlines() if line.startswith("registration.expires_min "))
    true(row.split()[1] == "1m" and "rollcall.conf:" in row, row)
    true("default" not in expect(run(server, "config", "show"), 0).stdout.splitlines()[0].lower(), "no origin unless asked for")
    options = json.loads(expect(run(server, "config", "show", "--json"), 0).stdout)["options"]
    true(any(option["key"] == "server.name" and option["value"].strip('"') == "reg-test" for option in options), "server.name")
    equal(len(expect(run(server, "config", "show", "--ndjson"), 0).stdout.splitlines()), len(options), "rows of ndjson")
    server.configure({"limits": {"per_ip_burst": 777}, "server": {"workers": "2"}})
    for words in (("config", "check"), ("reload",)):
        expect(run(server, *words), 0, "limits.per_ip_burst 200 → 777", "needs restart  server.workers")


def test_configuration_with_mistakes(env):
    server = env.start()
    good = dict(server.configuration["registration"])
    server.configure({"registration": {"expires_may": "1h", "expires_min": "60"}})
    for words in (("config", "check"), ("reload",)):
        done = expect(run(server, *words), 1, 'error: no such option "expires_may" in registration', "rollcall.conf:",
                      "expires_min = 60 has no unit; write 60s or 1m")
    true("The previous configuration is still running." in done.stderr, done.stderr)
    report = json.loads(expect(run(server, "config", "check", "--json"), 1).stdout)
    equal((report["ok"], len(report["errors"])), (False, 2), "report")
    server.configuration["registration"] = good
    server.configure({})


def test_config_check_without_a_daemon(env):
    expect(run(env.make(), "config", "check"), 5, "no rollcalld at", "rollcalld -t checks a file without a daemon")


def test_log_level(env):
    server = env.start({"log": {"level": "info"}})
    equal(expect(run(server, "log", "level"), 0).stdout, "info\n", "level")
    true(expect(run(server, "log", "level", "debug", "--for", "10m"), 0).stdout.startswith("debug until 20"), "until")
    server.phone().reg0("<sip:alice@192.0.2.1>").expect(401)
    server.wait_log("debug auth.challenge")
    equal(expect(run(server, "log", "level", "info"), 0).stdout, "info\n", "level")
    expect(run(server, "log", "level", "loud"), 1, "level is error, warning, notice, info or debug")
    expect(run(server, "log", "level", "--for", "1h"), 2, "say which level")


def test_certificates(env):
    server = env.start()
    table = expect(run(server, "certificate", "list"), 0).stdout.splitlines()
    equal(table[0].split()[:2], ["CERTIFICATE", "EXPIRES"], "first line")
    true(table[1].startswith("main") and "in " in table[1], table[1])
    items = json.loads(expect(run(server, "certificate", "list", "--json"), 0).stdout)["items"]
    equal([(item["certificate"], item["default"]) for item in items], [("main", True)], "items")


def test_filters_and_counts_of_bindings(env):
    server = env.server
    server.phone("tcp").reg("<sip:alice@192.0.2.10:5062>", fields=[("User-Agent", "Yealink T46U")]).expect(200)
    server.phone("udp", user="bob").reg("<sip:bob@192.0.2.11:5062>", fields=[("User-Agent", "Bria 6.7")]).expect(200)
    for filters, wanted in ((("--ip", "127.0.0.0/8"), 2), (("--ip", "192.0.2.0/24"), 0), (("--agent", "yealink"), 1),
                            (("--expires-before", "2h"), 2), (("--expires-before", "1m"), 0), (("--transport", "udp"), 1)):
        rows = expect(run(server, "binding", "list", "--csv", *filters), 0).stdout.splitlines()
        equal(len(rows) - 1, wanted, "rows of %s" % " ".join(filters))
    expect(run(server, "binding", "list", "--limit", "1"), 0, "1 of 2 shown; more: --limit N or --page-token ")
    expect(run(server, "binding", "list", "--expires-before", "soon"), 2, "is no duration")
    expect(run(server, "binding", "stats"), 2, "--by agent, transport, domain or node")
    counted = expect(run(server, "binding", "stats", "--by", "transport", "--csv"), 0).stdout.splitlines()
    equal(sorted(counted), ["tcp,1", "udp,1", "value,bindings"], "by transport")


def test_export_and_import_again(env):
    """What was exported with hashes makes the same accounts elsewhere; a number with + stays one."""
    server, other = env.start(), env.start()
    server.ctl("user", "add", "+4930123@example.com", "--password-stdin", "--display-name", "Caf\u00e9, \"x\"", input="secret-1\n")
    server.ctl("user", "disable", "bob@example.com")
    path = os.path.join(server.directory, "accounts.csv")
    expect(run(server, "user", "export", path, "--with-hashes", "--domain", "example.com"), 0)
    equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    expect(run(server, "user", "export", path), 1, "File exists")
    other.database.query("delete from account")
    expect(run(other, "user", "import", path), 0, "imported    4 users")
    compare = "select aor, login, enabled, display_name, ha1_md5, ha1_sha256, ha1_sha512_256, may_register from account " \
              "where domain = 'example.com' order by aor"
    equal(other.database.query(compare), server.database.query(compare), "accounts")
    other.phone(user="+4930123", password="secret-1").reg("<sip:a@192.0.2.1>").expect(200)
    plain = expect(run(server, "user", "export"), 0).stdout
    true("ha1" not in plain and plain.splitlines()[0].startswith("username,domain,login"), plain[:200])


def test_bans(env):
    server = env.server
    expect(run(server, "ban", "list"), 0, "nobody is banned")
    expect(run(server, "ban", "add", "203.0.113.0/24"), 2, "--for 1h")
    expect(run(server, "ban", "add", "203.0.113.0/24", "--for", "1h", "--comment", "scanner"), 0,
           "203.0.113.0/24 gets silence for 1h")
    table = expect(run(server, "ban", "list"), 0).stdout.splitlines()
    equal(table[0].split(), ["PREFIX", "ENDS", "REASON", "ORIGIN", "NODE", "COMMENT"], "first line")
    true(table[1].startswith("203.0.113.0/24  in ") and table[1].endswith("scanner"), table[1])
    expect(run(server, "ban", "add", "127.0.0.1", "--for", "1h"), 6, "never banned")
    expect(run(server, "ban", "remove", "203.0.113.0/24"), 0, "the ban of 203.0.113.0/24 ended")
    expect(run(server, "ban", "remove", "203.0.113.0/24"), 3)


def test_nodes(env):
    server = env.server
    table = server.wait(lambda: [line for line in run(server, "node", "list").stdout.splitlines() if line.startswith("reg-test")],
                        "the node in its list", 30)
    true(" ready " in table[0] and " ago " in table[0], table[0])
