"""rollcallctl as people and scripts use it: exit codes, formats, questions, imports, the database, and no secret anywhere."""
import csv
import hashlib
import io
import json
import os
import pty
import re
import resource
import select
import signal
import socket
import subprocess
import threading
import time

from harness import Failure, Skip, equal, long_only, true
from harness.database import Database
from harness.failing import PLAIN_BUILD, Failing
from harness.server import BUILD, SANITIZER

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
CTL = os.path.join(BUILD, "rollcallctl")
SCHEMA = len(os.listdir(os.path.join(os.path.dirname(__file__), "..", "..", "sql", "schema")))


def full_disk(octets):
    """Files grow to so many octets and no further; for preexec_fn, without restore_signals."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))


def ctl(*arguments, input="", timeout=60, text=True, room=None, stdout=subprocess.PIPE, **variables):
    """Without a server: nothing of the environment of the tests points anywhere. room: octets that fit into a file."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ROLLCALL_URL", "PG"))}
    done = subprocess.run([CTL, *arguments], input=input, stdout=stdout, stderr=subprocess.PIPE, text=text, timeout=timeout,
                          env={**environment, **variables}, restore_signals=room is None,
                          preexec_fn=None if room is None else lambda: full_disk(room))
    if text and SANITIZER.search(done.stderr):
        raise Failure("sanitizer report of rollcallctl %s: %s" % (arguments, done.stderr[:3000]))
    return done


def expect(done, status, *words):
    said = (done.stdout or "") + done.stderr
    equal(done.returncode, status, "exit status of %s (%s)" % (" ".join(done.args[1:]), said.strip()))
    for word in words:
        true(word in said, "%r is not in %r" % (word, said))
    return done


# --- help and mistakes ---

def test_bare_and_help(env):
    bare = expect(ctl(), 2, "usage: rollcallctl COMMAND", "Examples\n", "user import")
    equal(expect(ctl("-h"), 0).stdout, bare.stdout, "help")
    expect(ctl("user", "-h"), 0, "user add", "user import")
    expect(ctl("user", "add", "--help"), 0, "usage: rollcallctl user add USER", "example: rollcallctl user add alice@")
    expect(ctl("version"), 0, "rollcallctl ")
    equal(ctl("--version").stdout, ctl("version").stdout, "version")


def test_mistakes(env):
    for words, said in ((["stauts"], 'did you mean "status"?'), (["user", "improt", "x"], 'did you mean "user import"?'),
                        (["user"], '"user" needs a verb:'), (["user", "list", "--limt", "3"], "did you mean --limit?"),
                        (["user", "delete", "alice@example.com", "--dry-run"], "user delete takes no --dry-run"),
                        (["status", "please"], "too many words"), (["user", "show"], "something is missing")):
        done = expect(ctl(*words), 2, said)
        equal(done.stdout, "", "what is on stdout of a mistake")


def test_explain(env):
    expect(ctl("explain", "bad_password"), 0, "bad_password\n")
    expect(ctl("explain", "bad_passwrd"), 3, 'did you mean "bad_password"?')
    expect(ctl("explain", "x"), 3, "these exist:", "  bad_password\n")


# --- where the daemon is ---

def test_daemon_not_running(env):
    path = os.path.join(env.sockets, "nobody.sock")
    expect(ctl("status", "--url", "unix:" + path), 5,
           "error: no rollcalld at %s; start it: systemctl start rollcalld" % path)
    expect(ctl("status", ROLLCALL_URL="unix:" + path), 5, path)
    expect(ctl("status", "--url", "http://127.0.0.1:1"), 5, "no rollcalld at http://127.0.0.1:1")
    expect(ctl("status", "--url", "unix:" + "/x" * 200), 5)
    expect(ctl("status", "--url", "postgresql://user:hunter2@x/"), 2, "the daemon has no address like postgresql://")
    true("hunter2" not in ctl("status", "--url", "postgresql://user:hunter2@x/").stderr, "a password is repeated")


def test_daemon_found_by_the_configuration(env):
    server = env.server
    expect(ctl("status", "-c", server.configuration_path), 0, "on reg-test")
    expect(ctl("status", "-c", server.configuration_path, ROLLCALL_URL="unix:/nonexistent"), 0, "on reg-test")
    expect(ctl("status", "-c", "/nonexistent/rollcall.conf"), 2, "/nonexistent/rollcall.conf")


def as_nobody(*arguments, **variables):
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ROLLCALL", "PG"))}
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CTL, *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env={**environment, **variables})


def test_permission_denied(env):
    server = env.server
    if as_nobody("version").returncode != 0:
        raise Skip("user nobody cannot reach the program in this directory")
    for mode in (0o700, 0o755):
        os.chmod(os.path.dirname(server.socket), mode)
        try:
            expect(as_nobody("status", "--url", "unix:" + server.socket), 4,
                   "error: %s: permission denied; join group rollcall or use sudo" % server.socket)
            expect(as_nobody("ready", "--wait", "1m", "--url", "unix:" + server.socket), 4,
                   "error: %s: permission denied; join group rollcall or use sudo" % server.socket)
        finally:
            os.chmod(os.path.dirname(server.socket), 0o700)


def test_over_tcp_with_a_token(env):
    server = env.make()
    tokens, mine = os.path.join(server.directory, "tokens"), os.path.join(server.directory, "token")
    for path, text in ((tokens, "read %s\n" % hashlib.sha256(b"sesame").hexdigest()), (mine, "sesame\n")):
        with open(path, "w") as file:
            os.chmod(path, 0o600)
            file.write(text)
    server.configure({"admin": {"listen": "127.0.0.1:%d" % (server.port + 3), "tokens_file": tokens}})
    server.start()
    url = "http://127.0.0.1:%d/" % (server.port + 3)
    expect(ctl("status", "--url", url, "--token-file", mine), 0, "READY")
    expect(ctl("user", "list", "--csv", ROLLCALL_URL=url, ROLLCALL_TOKEN_FILE=mine), 0, "alice,example.com")
    expect(ctl("status", "--url", url), 4, "Token needed")
    equal(expect(ctl("ready", "--wait", "1m", "--url", url), 4, "Token needed").stderr, ctl("ready", "--url", url).stderr,
          "what is said at the end of a wait that no time helps")
    expect(ctl("user", "disable", "alice@example.com", "--url", url, "--token-file", mine), 4, "This token may only read.")
    expect(ctl("status", "--url", url, "--token-file", "/nonexistent"), 1, "/nonexistent: No such file or directory")
    true("sesame" not in server.log, "the token is in the log")


def test_ready_waits_no_longer_than_told(env):
    """For a daemon that accepts and says nothing too."""
    path = os.path.join(env.sockets, "mute.sock")
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        began = time.monotonic()
        expect(ctl("ready", "--wait", "2s", "--url", "unix:" + path), 5, "error: %s: Timeout was reached" % path)
        took = time.monotonic() - began
    true(2 <= took < 20, "ready --wait 2s took %.1f s" % took)


# --- users ---

def test_users_by_command(env):
    server = env.server
    done = expect(server.ctl("user", "add", "sip:Carol@Example.Com", "--password-stdin", "--display-name", "Carol, \"C\"",
                             "--may-register", "a@example.com,b@example.com", input="secret\n"), 0, "added ")
    equal(done.stdout, "", "stdout")
    try:
        expect(server.ctl("user", "add", "Carol@example.com", "--password-stdin", input="x\n", check=False), 6,
               "User already exists", "(user_exists)", "Change it with PATCH")
        user = server.ctl_json("user", "show", "Carol@example.com")
        equal((user["display_name"], user["may_register"]), ('Carol, "C"', ["a@example.com", "b@example.com"]), "user")
        rows = list(csv.DictReader(io.StringIO(server.ctl("user", "list", "--csv", "--user", "Ca").stdout)))
        equal([(r["username"], r["display_name"], r["enabled"], r["algorithms"]) for r in rows],
              [("Carol", 'Carol, "C"', "true", "MD5, SHA-256, SHA-512-256")], "CSV")
        lines = server.ctl("user", "list", "--ndjson").stdout.splitlines()
        true("sip:Carol@example.com" in [json.loads(line)["aor"] for line in lines], "NDJSON")
        equal(expect(server.ctl("-q", "user", "disable", "Carol@example.com"), 0).stderr, "", "what -q says")
        table = server.ctl("user", "show", "Carol@example.com").stdout
        true("disabled" in table and "Carol@example.com" in table, table)
        expect(server.ctl("user", "enable", "Carol@example.com"), 0, "enabled")
    finally:
        server.ctl("user", "delete", "Carol@example.com", "--yes", check=False)
    for words in (["show"], ["disable"], ["enable"], ["delete", "--yes"]):
        expect(server.ctl("user", words[0], "Carol@example.com", *words[1:], check=False), 3, "No such user", "(aor_unknown)")
    expect(server.ctl("user", "passwd", "x@example.com", "--password-stdin", input="x\n", check=False), 3)
    expect(server.ctl("user", "add", "x@example.net", "--password-stdin", input="x\n", check=False), 1,
           "The domain is not served here.", "(domain_not_served)", "Add a domain section")
    expect(server.ctl("user", "add", "alice", "--password-stdin", input="x\n", check=False), 2,
           "several domains are served; write the user as name@domain")
    equal(server.ctl("-q", "user", "show", "nobody@example.com", check=False).stderr.count("error: "), 1, "errors under -q")


def test_bare_names_where_one_domain_is_served(env):
    server = env.start({("domain", "other.example"): None, ("domain", "example.com"): {"aliases": []}})
    expect(server.ctl("user", "add", "carl", "--password-stdin", input="x\n"), 0, "added carl@example.com")
    equal(server.ctl_json("user", "show", "carl")["aor"], "sip:carl@example.com", "aor")
    expect(server.ctl("binding", "show", "carl"), 0, "has no bindings")


def test_md5_only_users(env):
    server = env.server
    server.database.add_user("old", "example.com", "x", algorithms=("MD5",))
    try:
        equal([u["username"] for u in server.ctl_json("user", "list", "--algorithm", "md5-only")["items"]], ["old"], "users")
        expect(server.ctl("user", "list", "--algorithm", "sha", check=False), 1, "algorithm: It can be md5-only.")
    finally:
        server.ctl("user", "delete", "old@example.com", "--yes")


def test_passwords_from_stdin(env):
    server = env.server
    add = ("user", "add", "erin@example.com")
    expect(server.ctl(*add, input="secret\n", check=False), 1, "no terminal to ask for the password; say --password-stdin")
    for text, said in (("", "there is no password"), ("\n", "there is no password"), ("x" * 257 + "\n", "256 octets"),
                       ("x" * 400, "the password is longer than 256 octets")):
        expect(server.ctl(*add, "--password-stdin", input=text, check=False), 1, said)
    done = subprocess.run([CTL, *add, "--password-stdin", "--url", "unix:" + server.socket], input=b"\xff\n", capture_output=True)
    equal((done.returncode, b"not UTF-8" in done.stderr), (1, True), "a password that is not UTF-8: %r" % done.stderr)
    secret = "p w\t" + "ä" * 100
    expect(server.ctl(*add, "--password-stdin", input=secret + "\r\nsecond line\n"), 0, "added")
    try:
        server.phone(user="erin", password=secret).reg("<sip:e@192.0.2.1>").expect(200)
    finally:
        server.ctl("user", "delete", "erin@example.com", "--yes")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *arguments, **variables):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([CTL, *arguments], stdin=slave, stdout=slave, stderr=slave, close_fds=True,
                                        start_new_session=True, env={**os.environ, **variables})
        os.close(slave)
        self.seen = ""

    def read(self, deadline):
        if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
            raise Failure("the terminal shows only %r" % self.seen)
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def wait(self, text, timeout=15):
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            if not self.read(deadline):
                raise Failure("%r is not in %r" % (text, self.seen))
        return self

    def type(self, text):
        os.write(self.master, text.encode())
        return self

    def end(self, timeout=30):
        deadline = time.monotonic() + timeout
        while self.read(deadline):
            pass
        os.close(self.master)
        return self.process.wait(timeout)


def on_terminal(server, *arguments):
    return Terminal(*arguments, ROLLCALL_URL="unix:" + server.socket)


def test_passwords_are_asked_twice_without_echo(env):
    server = env.server
    terminal = on_terminal(server, "user", "add", "frank@example.com")
    terminal.wait("Password for frank@example.com: ").type("hidden-one\n").wait("Once more: ").type("hidden-two\n")
    terminal.wait("the two differ")
    equal(terminal.end(), 1, "exit status of two that differ")
    true("hidden" not in terminal.seen, "the password is shown: %r" % terminal.seen)
    terminal = on_terminal(server, "user", "add", "frank@example.com")
    terminal.wait("Password for ").type("hidden\n").wait("Once more: ").type("hidden\n").wait("added frank@example.com")
    equal(terminal.end(), 0, "exit status")
    true("hidden" not in terminal.seen, "the password is shown: %r" % terminal.seen)
    server.phone(user="frank", password="hidden").reg("<sip:f@192.0.2.1>").expect(200)
    terminal = on_terminal(server, "user", "delete", "frank@example.com")
    terminal.wait("Delete frank@example.com with all its bindings? [y/N] ").type("n\n").wait("nothing was done")
    equal(terminal.end(), 1, "exit status of no")
    terminal = on_terminal(server, "user", "delete", "frank@example.com")
    terminal.wait("[y/N] ").type("y\n").wait("deleted")
    equal(terminal.end(), 0, "exit status of yes")


# --- bindings ---

def test_bindings_by_command(env):
    server = env.server
    phone = server.phone("tls", user="bob")
    phone.reg("<sips:bob@192.0.2.20>", expires=600, fields=[("User-Agent", "=cmd|' /C calc'!A0")]).expect(200)
    server.phone().reg(C1, C2).expect(200)
    table = server.ctl("binding", "list").stdout.splitlines()
    equal(table[0].split(), ["AOR", "CONTACT", "FLOW", "EXPIRES", "SINCE", "AGENT"], "columns")
    equal(len(table), 4, "lines")
    true(re.match(r"bob@example.com +sips:bob@192.0.2.20 \(127.0.0.1\) +tls +in (9|10)m +\d+s +=cmd", table[3]), table[3])
    rows = list(csv.DictReader(io.StringIO(server.ctl("binding", "list", "--csv", "--transport", "tls").stdout)))
    equal([(r["aor"], r["contact"], r["user_agent"]) for r in rows],
          [("sip:bob@example.com", "sips:bob@192.0.2.20", "'=cmd|' /C calc'!A0")], "CSV")
    equal(len(server.ctl("binding", "list", "--user", "al", "--ndjson").stdout.splitlines()), 2, "NDJSON lines")
    some = server.ctl("binding", "list", "--limit", "2")
    equal(len(some.stdout.splitlines()), 3, "lines of --limit 2")
    token = re.search(r"2 (?:of 3 )?shown; more: --limit N or --page-token (\S+)", some.stderr).group(1)
    true("bob@example.com" in server.ctl("binding", "list", "--page-token", token).stdout, "the next page")
    shown = server.ctl_json("binding", "show", "alice@example.com")["bindings"]
    one = next(b for b in shown if b["contact"] == C1.strip("<>"))
    refused = expect(server.ctl("binding", "remove", "alice@example.com", "--id", one["id"], check=False), 1,
                     "Remove binding %s of alice@example.com?" % one["id"], "say --yes")
    equal(refused.stdout, "", "stdout of a refusal")
    equal(len(server.ctl_json("binding", "show", "alice@example.com")["bindings"]), 2, "bindings behind the refusal")
    expect(server.ctl("binding", "remove", "alice@example.com", "--id", one["id"], "--yes"), 0, "removed")
    expect(server.ctl("binding", "remove", "alice@example.com", "--id", one["id"], "--yes", check=False), 3, "No such binding")
    expect(server.ctl("binding", "remove", "alice@example.com", "--all", "--yes"), 0, "removed")
    expect(server.ctl("binding", "show", "alice@example.com"), 0, "alice@example.com has no bindings")
    expect(server.ctl("binding", "remove", "alice@example.com", check=False), 2, "say which")
    expect(server.ctl("binding", "remove", "nobody@example.com", "--all", "--yes", check=False), 3, "No such user")
    expect(server.ctl("binding", "list", "--transport", "sctp", check=False), 1, "transport: It can be udp, tcp or tls.")


def test_output_that_cannot_be_written(env):
    with open("/dev/full", "w") as full:
        done = subprocess.run([CTL, "user", "list"], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "ROLLCALL_URL": "unix:" + env.server.socket})
    equal((done.returncode, "cannot write the output: No space left on device" in done.stderr), (1, True),
          "status and words: %r" % done.stderr)


# --- imports ---

def write_csv(env, name, data):
    path = os.path.join(env.directory, name)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return path


def forget_imported(server):
    server.database.query("delete from account where username like 'imp%'")


BAD_ROWS = b'''\xef\xbb\xbfusername,domain,password,display_name,enabled\r
imp1,example.com,secret,"One, ""the first""",\r
imp 2,example.com,x,,\r
\r
imp3,example.com,,,\r
imp4,example.com,x,"two
lines",no\r
imp5,example.com,x\r
imp\xff6,example.com,x,,\r
imp7,example.net,x,,\r
imp8,example.com,x,"open""quote"more,\r
imp9,example.com,x,,maybe\r
alice,example.com,x,,\r
imp1,example.com,x,,\r
'''
# Lines count in the file, so the record over two lines moves what stands behind it.
BAD_BEFORE = [("3", "imp 2", "user part has a space or an @"), ("5", "imp3", "no password"),
              ("8", "", "wrong number of fields"), ("9", "", "not UTF-8"), ("11", "", "text behind a closing quote"),
              ("12", "imp9", "enabled is neither yes nor no")]
BAD_BEHIND = [("10", "imp7", "The domain is not served here."), ("13", "alice", "The user exists."),
              ("14", "imp1", "The address stands twice in this batch.")]


def contents(path):
    with open(path) as file:
        return file.read()


def read_rejects(path):
    with open(path + ".rejects") as file:
        rows = list(csv.reader(file))
    equal(rows[0], ["line", "user", "problem"], "first line of the rejects")
    return [tuple(row) for row in rows[1:]]


def test_import_with_bad_rows(env):
    server = env.server
    path = write_csv(env, "staff.csv", BAD_ROWS)
    done = expect(server.ctl("user", "import", path, "--dry-run", check=False), 1,
                  "checking    11 rows, 6 problems\n", *("line %s: %s\n" % (line, why) for line, _, why in BAD_BEFORE))
    true(not os.path.exists(path + ".rejects"), "rejects of a dry run")
    equal(server.database.query("select 1 from account where username like 'imp%'"), [], "users behind a dry run")
    done = expect(server.ctl("user", "import", path, check=False), 1, "imported    2 users in", "9 rejected: ")
    try:
        equal(read_rejects(path), BAD_BEFORE + BAD_BEHIND, "rejects")
        equal(server.database.query("select username, display_name, enabled from account where username like 'imp%' order by 1"),
              [("imp1", 'One, "the first"', "t"), ("imp4", "two"), ("lines", "f")], "users")
        true("secret" not in done.stderr, "a password is repeated: " + done.stderr)
        server.phone(user="imp1", password="secret").reg("<sip:i@192.0.2.1>").expect(200)
    finally:
        forget_imported(server)


def test_import_again_by_each_rule(env):
    server = env.server
    path = write_csv(env, "again.csv", "username,domain,password\nimpa,example.com,one\nimpb,example.com,one\n")
    try:
        expect(server.ctl("user", "import", path), 0, "imported    2 users", "(0 updated, 0 rejected)",
               "next        rollcallctl user list --domain example.com")
        true(not os.path.exists(path + ".rejects"), "rejects without a problem")
        expect(server.ctl("user", "import", path, check=False), 1, "imported    0 users", "2 rejected")
        expect(server.ctl("user", "import", path, "--on-duplicate", "skip"), 0, "(0 updated, 0 rejected, 2 skipped)")
        true(not os.path.exists(path + ".rejects"), "the rejects of the time before")
        write_csv(env, "again.csv", "username,domain,password\nimpa,example.com,two\nimpc,example.com,two\n")
        expect(server.ctl("user", "import", path, "--on-duplicate", "update"), 0, "imported    2 users", "(1 updated, 0 rejected)")
        server.phone(user="impa", password="two").reg("<sip:i@192.0.2.1>").expect(200)
        server.phone(user="impb", password="one").reg("<sip:i@192.0.2.1>").expect(200)
        expect(server.ctl("user", "import", path, "--on-duplicate", "replace", check=False), 2)
    finally:
        forget_imported(server)


def test_files_that_are_no_import(env):
    server = env.server
    expect(server.ctl("user", "import", "/nonexistent.csv", check=False), 1, "/nonexistent.csv: No such file or directory")
    expect(server.ctl("user", "import", "/tmp", check=False), 1, "must be a regular file")
    expect(server.ctl("user", "import", "/dev/stdin", check=False, input="username\n"), 1, "must be a regular file")
    expect(server.ctl("user", "import", write_csv(env, "a.csv", ""), check=False), 1, "the file is empty")
    expect(server.ctl("user", "import", write_csv(env, "b.csv", "alice,example.com,secret\n"), check=False), 1,
           "b.csv:1: there is no column")
    expect(server.ctl("user", "import", write_csv(env, "c.csv", "user_name,domain,password\n"), check=False), 1,
           'did you mean "username"?')


HASH = "0123456789abcdef" * 2


def many_rows(count):
    return "username,domain,ha1_md5\n" + "".join("imp%d,example.com,%032x\n" % (i, i) for i in range(count))


def test_import_of_5000_shows_its_progress(env):
    server = env.server
    path = write_csv(env, "many.csv", many_rows(5000))
    try:
        done = expect(server.ctl("user", "import", path), 0, "imported    5 000 users")
        lines = [line for line in done.stderr.splitlines() if line.startswith("importing ")]
        equal([re.match(r"importing   ([\d ]+)/5 000   (\d+)%   ", line).groups() for line in lines],
              [("1 000", "20"), ("2 000", "40"), ("3 000", "60"), ("4 000", "80"), ("5 000", "100")], "progress")
        equal(done.stdout, "", "stdout")
        equal(server.database.value("select count(*) from account where username like 'imp%'"), "5000", "users")
        forget_imported(server)
        quiet = server.ctl("-q", "user", "import", path)
        equal(quiet.stderr, "", "what -q says")
        terminal = on_terminal(server, "user", "import", path, "--on-duplicate", "skip")
        equal(terminal.end(), 0, "exit status on a terminal")
        true("█" in terminal.seen and "5 000/5 000  100%" in terminal.seen, "the bar: %r" % terminal.seen[-300:])
    finally:
        forget_imported(server)


@long_only
def test_import_of_100000_within_a_minute(env):
    server = env.start()
    path = write_csv(env, "huge.csv", "username,domain,password\n"
                     + "".join("imp%d,example.com,password-%d\n" % (i, i) for i in range(100000)))
    started = time.monotonic()
    done = expect(server.ctl("user", "import", path), 0, "imported    100 000 users")
    took = time.monotonic() - started
    equal(len([line for line in done.stderr.splitlines() if line.startswith("importing ")]), 10, "lines of progress")
    print("100,000 users imported in %.1f s" % took, flush=True)
    true(took < 60, "it took %.1f s" % took)
    server.phone(user="imp99999", password="password-99999").reg("<sip:i@192.0.2.1>").expect(200)


def test_import_stopped_by_the_daemon_says_how_to_go_on(env):
    """The daemon is gone in the middle: what was sent is there, the message names the line, --resume goes on."""
    server = env.start()
    path = write_csv(env, "half.csv", many_rows(20000))
    process = subprocess.Popen([CTL, "user", "import", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "ROLLCALL_URL": "unix:" + server.socket})
    server.wait(lambda: server.database.value("select count(*) from account") not in ("4",), "the first rows are there")
    server.stop()
    said = process.communicate(timeout=60)[1]
    equal(process.returncode, 5, "exit status: " + said)
    line = int(re.search(r"stopped at line (\d+); when that is mended say --resume to go on", said).group(1))
    there = int(server.database.value("select count(*) from account where username like 'imp%'"))
    true(there in (line - 2, line + 998), "stopped at line %d with %d users" % (line, there))
    server.start()
    done = expect(server.ctl("user", "import", path, "--resume"), 0, "0 rejected")
    known = there - (line - 2)
    true(("%s skipped" % format(known, ",").replace(",", " ") in done.stderr) == (known > 0), done.stderr)
    equal(server.database.value("select count(*) from account where username like 'imp%'"), "20000", "users")
    true(not os.path.exists(path + ".resume"), "what is done need not be resumed")
    expect(server.ctl("user", "import", path, "--resume", check=False), 1, "there is nothing to resume")


def rows_with_names(count):
    """The last column of a row can lose its end and still be a display name."""
    return "username,domain,ha1_md5,display_name\n" + "".join(
        "imp%d,example.com,%s,number %d of many\n" % (i, HASH, i) for i in range(count))


def import_and_meanwhile(server, path, change):
    """(exit status, words) of an import whose file is changed once it has been checked and its beginning was sent."""
    process = subprocess.Popen([CTL, "user", "import", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "ROLLCALL_URL": "unix:" + server.socket})
    server.wait(lambda: os.path.exists(path + ".resume"), "the first batch was sent")
    change()
    said = process.communicate(timeout=60)[1]
    return process.returncode, said


HALVES = "select display_name from account where username like 'imp%' and display_name not like '%of many'"


def test_a_file_that_was_cut_off_meanwhile_is_not_imported(env):
    """Cut off in the middle of a row, of any and of the last: half a row is stored nowhere."""
    server, rows = env.start(), rows_with_names(20000)
    path = write_csv(env, "shrinks.csv", rows)
    for last in (17500, 19999):
        where = rows.index("number %d of many" % last) + len("number %d of" % last)
        status, said = import_and_meanwhile(server, path, lambda: os.truncate(path, where))
        equal(status, 1, "exit status: " + said)
        true("error: %s has changed since it was checked; restore it and say --resume, or " % path in said, said)
        equal(server.database.query(HALVES), [], "halves of rows")
        write_csv(env, "shrinks.csv", rows)
        expect(server.ctl("user", "import", path, "--resume"), 0, "0 rejected")
        equal(server.database.value("select count(*) from account where username like 'imp%'"), "20000", "users")
        true(not os.path.exists(path + ".resume"), "what is done need not be resumed")
        forget_imported(server)


def test_a_file_that_grew_meanwhile_is_said_to_have_changed(env):
    server = env.start()
    path = write_csv(env, "grows.csv", rows_with_names(20000))

    def grow():
        with open(path, "a") as file:
            file.write("late,example.com,%s,unchecked\n" % HASH)
    status, said = import_and_meanwhile(server, path, grow)
    equal(status, 1, "exit status: " + said)
    true("error: %s has changed since it was checked" % path in said, said)
    equal(server.database.query("select 1 from account where username = 'late'"), [], "rows that nobody checked")


def test_a_file_that_was_edited_meanwhile_is_said_to_have_changed(env):
    """In its place and to the same length: some of the rows that were sent nobody has checked."""
    server, rows = env.start(), rows_with_names(20000)
    path = write_csv(env, "edited.csv", rows)

    def edit():
        with open(path, "r+") as file:
            file.write(rows.replace("of many", "of more"))
    status, said = import_and_meanwhile(server, path, edit)
    equal(status, 1, "exit status: " + said)
    true("error: %s has changed since it was checked" % path in said, said)


def test_a_file_that_cannot_be_read_to_its_end_is_not_imported(env):
    """The disk fails in the middle of a row, in the first pass and in the second; --resume goes on."""
    failing, rows = Failing(env), rows_with_names(900)
    server, path = failing.server.start(), write_csv(env, "disk.csv", rows)

    def run():
        return subprocess.run([os.path.join(PLAIN_BUILD, "rollcallctl"), "user", "import", path], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60,
                              env={**os.environ, **failing.server.environment, "ROLLCALL_URL": "unix:" + server.socket})
    middle = rows.index("number 700 of many") + len("number 700 of")
    failing.arm("getc", "EIO", after=middle)
    expect(run(), 1, "error: %s: Input/output error" % path)
    equal((failing.count(), os.path.exists(path + ".rejects")), (1, False), "failures, and a row that is said to be bad")
    failing.arm("getc", "EIO", after=len(rows) + 1 + middle)
    expect(run(), 1, "error: %s: Input/output error; when that is mended say --resume to go on" % path)
    equal(failing.disarm()[0], 1, "failures")
    true(os.path.exists(path + ".resume"), "nothing to resume is left")
    equal(server.database.query(HALVES), [], "halves of rows")
    expect(server.ctl("user", "import", path, "--resume"), 0, "0 rejected")
    equal(server.database.value("select count(*) from account where username like 'imp%'"), "900", "users")


def test_interrupted_import_forgets_no_rejected_row(env):
    """Stopped in the middle: what was refused is in the file by then, and --resume still counts it."""
    server = env.start()
    path = write_csv(env, "cut.csv", many_rows(4) + "lost,nowhere.example,%s\na b,example.com,%s\n" % (HASH, HASH)
                     + "".join("cut%d,example.com,%s\n" % (i, HASH) for i in range(20000)))
    process = subprocess.Popen([CTL, "user", "import", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**os.environ, "ROLLCALL_URL": "unix:" + server.socket})
    server.wait(lambda: os.path.exists(path + ".resume"), "the first batch was sent")
    process.terminate()
    equal(process.wait(20), -signal.SIGTERM, "it was interrupted")
    equal(os.stat(path + ".resume").st_mode & 0o777, 0o600, "mode of what could tell a password that somebody guesses")

    def rejected():
        with open(path + ".rejects") as file:
            return [line.split(",")[:2] for line in file]
    wanted = [["line", "user"], ["7", "a b"], ["6", "lost"]]
    equal(rejected(), wanted, "rejects of the first run")
    expect(server.ctl("user", "import", path, "--resume", check=False), 1, "2 rejected: " + path + ".rejects")
    equal(rejected(), wanted, "rejects in the end")
    equal(server.database.value("select count(*) from account where username like 'cut%'"), "20000", "users")


def resume_of(path, done):
    """What an import that stopped would have left: lines that are done, and rows rejected."""
    with open(path, "rb") as file:
        return "%s %s\n" % (hashlib.sha256(file.read()).hexdigest(), done)


def test_resume_adds_to_the_rejects_and_a_new_start_forgets_it(env):
    """What --resume refuses stands behind what stands there; a start from the beginning leaves nothing to resume."""
    server = env.server
    path = write_csv(env, "two.csv", many_rows(2) + "lost,nowhere.example,%s\n" % HASH)
    try:
        for name, text in ((".resume", resume_of(path, "3 1")), (".rejects", "line,user,problem\n2,imp0,before\n")):
            with open(path + name, "w") as file:
                file.write(text)
        expect(server.ctl("user", "import", path, "--resume", check=False), 1, "imported    0 users", "2 rejected: ")
        equal(read_rejects(path), [("2", "imp0", "before"), ("4", "lost", "The domain is not served here.")], "rejects")
        with open(path + ".resume", "w") as file:
            file.write(resume_of(path, "3 1"))
        expect(server.ctl("user", "import", path, check=False), 1, "imported    2 users", "1 rejected: ")
        equal(read_rejects(path), [("4", "lost", "The domain is not served here.")], "rejects, without those of the time before")
        expect(server.ctl("user", "import", path, "--resume", check=False), 1, "there is nothing to resume")
    finally:
        forget_imported(server)


def test_a_dry_run_leaves_what_an_interrupted_import_left(env):
    """Whoever looks first can still go on, and what the daemon refused before is not forgotten; a bad row goes to the screen."""
    server = env.server
    path = write_csv(env, "look.csv", many_rows(2) + "lost,nowhere.example,%s\na b,example.com,%s\n" % (HASH, HASH))
    left = {".resume": resume_of(path, "3 2"), ".rejects": "line,user,problem\n5,a b,early\n2,imp0,before\n"}
    for name, text in left.items():
        with open(path + name, "w") as file:
            file.write(text)

    def there():
        return {name: contents(path + name) for name in left if os.path.exists(path + name)}
    try:
        expect(server.ctl("user", "import", path, "--dry-run", check=False), 1, "line 5: user part has a space or an @\n",
               "checking    4 rows, 1 problem\n")
        equal(there(), left, "files behind a dry run")
        expect(server.ctl("user", "import", path, "--dry-run", "--resume", check=False), 1,
               "checking    4 rows, 1 problem written to %s.rejects\n" % path)
        equal(there(), left, "files behind a dry run of the rest")
        expect(server.ctl("user", "import", path, "--resume", check=False), 1, "3 rejected: ")
        equal(read_rejects(path), [("5", "a b", "early"), ("2", "imp0", "before"), ("4", "lost", "The domain is not served here.")],
              "rejects")
    finally:
        forget_imported(server)


def test_an_export_is_what_was_imported(env):
    """Whatever is in a name comes back octet for octet from a file; on the terminal it commands nothing."""
    server, name = env.server, "Bell\a, C1 \u0085\u009b31m, two\r\nlines, DEL\x7f"
    path = write_csv(env, "odd.csv", 'username,domain,login,password,display_name\nodd,example.com,lo\u0085gin,secret,"%s"\n' % name)
    there = ("select convert_to(display_name, 'UTF8'), login, ha1_md5, ha1_sha256, ha1_sha512_256 from account "
             "where username = 'odd'")
    try:
        expect(server.ctl("user", "import", path), 0, "imported    1 user")
        before = server.database.query(there)
        equal(before[0][0], "\\x" + name.encode().hex(), "display name")
        exported = os.path.join(env.directory, "exported.csv")
        expect(server.ctl("user", "export", exported, "--domain", "example.com", "--user", "odd", "--with-hashes"), 0)
        server.database.query("delete from account where username = 'odd'")
        expect(server.ctl("user", "import", exported), 0, "imported    1 user")
        equal(server.database.query(there), before, "behind an export and an import")
        server.phone(user="odd", password="secret", login="lo\u0085gin").reg("<sip:odd@192.0.2.1>").expect(200)
        terminal = on_terminal(server, "user", "export", "--user", "odd")
        equal(terminal.end(), 0, terminal.seen)
        true("Bell?, C1 ??31m, two??lines, DEL?" in terminal.seen, repr(terminal.seen))
    finally:
        server.database.query("delete from account where username = 'odd'")


def test_passwords_are_taken_as_they_are(env):
    """An apostrophe in front of a formula sign is undone where export would have written it, and nowhere else."""
    path = write_csv(env, "signs.csv", "username,domain,password,display_name\nsigns,example.com,'=secret,'=Name\n")
    expect(env.server.ctl("user", "import", path), 0, "imported    1 user")
    env.server.phone(user="signs", password="'=secret").reg("<sip:i@192.0.2.1>").expect(200)
    equal(env.server.database.value("select display_name from account where username = 'signs'"), "=Name", "display name")
    env.server.database.query("delete from account where username = 'signs'")


def test_a_login_that_is_taken_is_no_user_that_exists(env):
    path = write_csv(env, "login.csv", "username,domain,login,password\nzed,example.com,alice,p\nbob,example.com,bob,p\n")
    expect(env.server.ctl("user", "import", path, "--on-duplicate", "skip", check=False), 1, "1 rejected", "1 skipped")
    equal(read_rejects(path), [("2", "zed", "The login belongs to another user of the domain.")], "rejects")


def test_rejects_that_cannot_be_written_are_shown(env):
    path = write_csv(env, "full.csv", many_rows(2) + "lost,nowhere.example,%s\n" % HASH)
    with open(path + ".resume", "w") as file:
        file.write(resume_of(path, "0 0"))
    os.symlink("/dev/full", path + ".rejects")
    try:
        expect(env.server.ctl("user", "import", path, "--resume", check=False), 1, "line 4: ", ".rejects: No space left on device")
    finally:
        forget_imported(env.server)


def test_a_pipe_is_no_file_to_import(env):
    path = os.path.join(env.directory, "pipe.csv")
    os.mkfifo(path)
    expect(env.server.ctl("user", "import", path, check=False), 1, "is read twice and must be a regular file")


def test_resume_wants_the_same_file(env):
    server, path = env.server, write_csv(env, "same.csv", many_rows(10))
    resume = resume_of(path, "5 0")
    for text, said in ((resume.replace(resume[0], "x", 1), "has changed since"), (resume[1:], "is no good"),
                       (resume[:-3] + "\n", "is no good"), ("99 5 0\n", "is no good"), ("x\n", "is no good")):
        with open(path + ".resume", "w") as file:
            file.write(text)
        expect(server.ctl("user", "import", path, "--resume", check=False), 1, said)
    with open(path + ".resume", "w") as file:
        file.write(resume)
    write_csv(env, "same.csv", many_rows(10).replace("imp8", "imq8"))
    expect(server.ctl("user", "import", path, "--resume", check=False), 1, "same.csv has changed since")
    equal(server.database.value("select count(*) from account where username like 'imp%'"), "0", "users")


# --- secrets ---

def test_no_secret_on_any_command_line(env):
    """While a password is set, the command lines of all processes are watched."""
    server, seen, stop = env.server, set(), threading.Event()

    def watch():
        while not stop.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open("/proc/%s/cmdline" % pid, "rb") as file:
                        if b"very-secret-word" in file.read():
                            seen.add(pid)
                except OSError:
                    pass
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(5):
            server.ctl("user", "passwd", "bob@example.com", "--password-stdin", input="very-secret-word\n")
        server.phone(user="bob", password="very-secret-word").reg("<sip:b@192.0.2.1>").expect(200)
    finally:
        stop.set()
        watcher.join()
        server.ctl("user", "passwd", "bob@example.com", "--password-stdin", input="s3cret Pa55word!\n")
    equal(seen, set(), "processes with the password on their command line")
    true("very-secret-word" not in server.log, "the password is in the log")
    rows = server.database.query("select row_to_json(account)::text from account where aor = 'bob@example.com'")
    true("very-secret-word" not in rows[0][0], "the password is in the table")


# --- the database ---

def owner_url(database):
    cluster = database.cluster
    return "postgresql://postgres@/%s?host=%s" % (database.name, cluster.sockets)


def db(database, *arguments, check=None, **variables):
    done = ctl("db", *arguments, PGPASSWORD=database.cluster.password, **variables)
    return done if check is None else expect(done, check)


def empty_database(env, name):
    cluster = env.cluster
    cluster.psql("postgres", 'drop database if exists "%s" with (force)' % name)
    cluster.psql("postgres", 'create database "%s"' % name)
    database = Database(cluster, name)
    env.cleanups.append(database.drop)
    return database


def tables(database):
    return database.value("select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")


def test_no_escape_reaches_the_terminal(env):
    done = expect(ctl("db", "status", "--url", "postgresql://x@localhost:1/a?host=/no\033[31mwhere"), 5)
    true("/no?[31mwhere" in done.stderr and "\033" not in done.stderr, repr(done.stderr))


def test_migrate(env):
    database = empty_database(env, "cli_migrate")
    url = ("--url", owner_url(database))
    expect(db(database, "status", *url), 7, "schema 0 of %d" % SCHEMA, "next: rollcallctl db migrate")
    expect(db(database, "migrate", *url, "--dry-run"), 0, "would apply 001_init", "schema 0 of %d" % SCHEMA)
    equal(tables(database), "0", "tables behind a dry run")
    expect(db(database, "migrate", *url), 0, "applying 001_init", "schema %d of %d" % (SCHEMA, SCHEMA))
    again = expect(db(database, "migrate", *url), 0, "schema %d of %d" % (SCHEMA, SCHEMA))
    true("applying" not in again.stderr, again.stderr)
    done = expect(db(database, "status", *url), 0, "PostgreSQL " + database.value("show server_version").split()[0],
                  "schema %d of %d" % (SCHEMA, SCHEMA))
    equal(json.loads(db(database, "status", *url, "--json").stdout)["schema"], SCHEMA, "schema in --json")
    equal(db(database, "migrate", "-q", *url).stderr, "", "what -q says")
    true("error" not in done.stderr, done.stderr)


def test_migrate_says_which_roles_it_could_not_make(env):
    """Managed databases: who migrates may not make roles, and without them the daemon may not do its work."""
    cluster = env.own_cluster()
    for role in ("daemon", "reader"):
        cluster.psql("postgres", "alter role rollcall_%s rename to another_%s" % (role, role))
    cluster.psql("postgres", "create role owner login password 'of-the-tests'")
    cluster.psql("postgres", "create database managed owner owner")
    cluster.psql("managed", "grant create on schema public to owner")  # before PostgreSQL 15 the database's owner needs it
    url = "postgresql://owner:of-the-tests@/managed?host=%s" % cluster.sockets
    expect(ctl("db", "migrate", "--url", url), 0, "warning: role rollcall_daemon is missing and may not be made by owner; see docs/",
           "warning: role rollcall_reader is missing and may not", "warning: role rollcall_daemon is missing: the daemon may not")


def test_migrate_wants_utf8(env):
    """Another encoding cannot hold what phones send."""
    database = empty_database(env, "cli_latin")
    database.query("\\c postgres\ndrop database cli_latin;\n"
                   "create database cli_latin encoding 'LATIN1' locale 'C' template template0;\n"
                   "\\c cli_latin\nrevoke create on schema public from public")
    expect(db(database, "migrate", "--url", owner_url(database)), 1, "the database has the encoding LATIN1, and rollcall needs UTF8",
           "restore a dump into it")
    equal(tables(database), "0", "tables")


def test_migrate_runs_nothing_of_a_stranger(env):
    """Where everybody may create in the schema nothing is begun; and what was put there before that ended is not called."""
    database = empty_database(env, "cli_open")
    url = ("--url", owner_url(database))
    body = "language plpgsql as $$ begin insert into eve.loot values ('%s'); return null; end $$; "
    database.query("create schema eve; create table eve.loot (called text); grant create on schema public to public; "
                   "create function public.format(text, name) returns text " + body % "format" +
                   "create function public.format(text, text) returns text " + body % "format" +
                   "create function public.pg_advisory_xact_lock(integer) returns text " + body % "lock" +
                   "create function public.seven() returns integer " + body % "seven")
    for options in (("--dry-run",), ()):
        expect(db(database, "migrate", *url, *options), 1, "error: everybody may create in schema public", "nothing was changed",
               "run: revoke create on schema public from public; grant create on schema public to postgres; and migrate again")
    equal(tables(database), "0", "tables")
    database.query("revoke create on schema public from public; create view public.schema_version as select public.seven() as version")
    expect(db(database, "migrate", *url), 1, "error: schema_version is no table of postgres, who migrates")
    database.query("drop view public.schema_version")
    expect(db(database, "migrate", *url), 0, "schema %d of %d" % (SCHEMA, SCHEMA))
    equal(database.query("select called from eve.loot"), [], "what was called")


def test_migrate_writes_a_backslash(env):
    database = empty_database(env, "cli_backslash")
    database.query("alter database cli_backslash set standard_conforming_strings = off")
    expect(db(database, "migrate", "--url", owner_url(database)), 0, "schema %d of %d" % (SCHEMA, SCHEMA))
    database.query("insert into account (aor) values ('%5C%FF@example.com')")
    equal(database.value("select login from account"), "\\x5C\\xFF", "login")


def test_two_migrate_at_once(env):
    database = empty_database(env, "cli_race")
    dones = []
    threads = [threading.Thread(target=lambda: dones.append(db(database, "migrate", "--url", owner_url(database))))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for done in dones:
        expect(done, 0, "schema %d of %d" % (SCHEMA, SCHEMA))
    equal(sum("applying 001_init" in done.stderr for done in dones), 1, "those that applied it")
    equal(database.value("select count(*) from schema_version"), str(SCHEMA), "rows of schema_version")


def back_to_schema_3(database):
    """So that 004 and what came behind it are to be applied, and a daemon of today, which looks at the version only as it connects, goes on."""
    database.query("""drop function jsonb_array_length(text); drop function jsonb_array_elements(text);
                      drop function bindings_readable(text);
                      alter table aor rename constraint bindings_is_an_array to aor_bindings_check;
                      alter table aor rename constraint marks_is_an_object to aor_marks_check;
                      drop trigger account_spelling on account; drop function account_spelling();
                      drop function account_rule_broken(text, text, text[]);
                      drop trigger account_touch_aor_of_deleted on account;
                      delete from schema_version where version > 3""")


def migrating(database, url):
    """A migration that waits for a lock by now."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ROLLCALL_URL", "PG"))}
    process = subprocess.Popen([CTL, "db", "migrate", "--url", url], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, env={**environment, "PGPASSWORD": database.cluster.password})
    deadline = time.monotonic() + 20
    while database.value("select count(*) from pg_stat_activity where application_name = 'rollcallctl' "
                         "and wait_event_type = 'Lock' and datname = current_database()") == "0":
        true(process.poll() is None and time.monotonic() < deadline, "the migration does not wait")
        time.sleep(0.02)
    return process


READER = "select pg_backend_pid() from aor"  # whatever reads a table keeps a lock on it to the end of its transaction


def test_a_migration_that_waits_stops_no_registration(env):
    """Somebody reads in a transaction that stays open: the migration gives up, names him, and nobody had to wait for it."""
    server = env.start({"limits": {"per_aor_rate": "100000/s"}})
    database, phone = server.database, server.phone()
    back_to_schema_3(database)
    with database.locked("set application_name = 'the report'; " + READER):
        reader = database.value("select pid from pg_stat_activity where application_name = 'the report'")
        started, count = time.monotonic(), 0
        process = migrating(database, owner_url(database))
        try:
            while process.poll() is None and time.monotonic() < started + 20:
                phone.reg(C1).expect(200)
                count += 1
            said = process.communicate(timeout=1)[1]
        finally:
            process.kill()
            process.wait()
    took = time.monotonic() - started
    equal(process.returncode, 1, "exit status: " + said)
    true("error: process %s (user postgres, application the report) has a lock" % reader in said, said)
    true("nothing was changed" in said, said)
    true(count > 3 and took < 15, "%d registrations in %.1f s" % (count, took))
    equal(database.value("select max(version) from schema_version"), "3", "the schema")
    expect(db(database, "migrate", "--url", owner_url(database)), 0, "applying 004_", "schema %d of %d" % (SCHEMA, SCHEMA))
    phone.reg(C1).expect(200)


def test_a_migration_that_works_before_it_waits_names_him_too(env):
    """Whom it waits for is asked until there is an answer, not once: 007 goes through the accounts first."""
    database = env.new_database()
    back_to_schema_3(database)
    database.query("""
        insert into account (aor, may_register) values ('gate@example.com', '{gate@example.com:5060}');
        create function test_slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.25); return new; end $$;
        create trigger test_slow before update on account for each row execute function test_slow();
    """)
    with database.locked("set application_name = 'the report'; select pg_backend_pid() from account"):
        done = db(database, "migrate", "--url", owner_url(database))
    expect(done, 1, "(user postgres, application the report) has a lock", "nothing was changed")


def test_a_migration_tries_again(env):
    """Whoever has the lock is done in time."""
    database = env.new_database()
    back_to_schema_3(database)
    with database.locked(READER):
        process = migrating(database, owner_url(database))
        equal(select.select([process.stderr], [], [], 20)[0], [process.stderr], "it says that it waits")
    said = process.communicate(timeout=60)[1]
    equal(process.returncode, 0, said)
    true("schema %d of %d" % (SCHEMA, SCHEMA) in said, said)
    equal(said.count("applying 004_"), 1, "it says once what it applies: " + said)


def test_newer_schema(env):
    database = empty_database(env, "cli_newer")
    url = ("--url", owner_url(database))
    db(database, "migrate", *url, check=0)
    database.query("insert into schema_version (version) values (99)")
    expect(db(database, "migrate", *url), 1, "database schema is 99, newer than the %d that this version knows" % SCHEMA)
    expect(db(database, "status", *url), 7, "schema 99 of %d" % SCHEMA, "newer")


def test_failed_migration_leaves_nothing(env):
    database = empty_database(env, "cli_fails")
    database.query("create table secret (x int)")
    expect(db(database, "migrate", "--url", owner_url(database)), 1, 'relation "secret" already exists')
    equal(tables(database), "1", "tables behind a failed migration")


def test_databases_that_cannot_be_reached(env):
    server = env.server
    done = expect(ctl("db", "status", "--url", "postgresql://u:hunter2@127.0.0.1:1/x"), 5, "Connection refused",
                  "whoever lists processes here reads the password")
    true("hunter2" not in done.stderr, "a password is repeated: " + done.stderr)
    unseen = ctl("db", "status", ROLLCALL_DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    true("lists processes" not in expect(unseen, 5, "Connection refused").stderr, "warns of the environment: " + unseen.stderr)
    for url in ("postgresql://u:hunter2@[::1/x", "postgresql://u:hunter2@h/x?nonsense=1", "nonsense hunter2"):
        done = expect(ctl("db", "status", "--url", url), 1, "the database URL cannot be read")
        true("hunter2" not in done.stderr, "a password is repeated: " + done.stderr)
    expect(ctl("db", "status", "-c", "/nonexistent.conf"), 1, "/nonexistent.conf")
    if not os.path.exists("/etc/rollcall/rollcall.conf"):
        for verb in ("status", "migrate"):
            expect(ctl("db", verb), 1, "there is no /etc/rollcall/rollcall.conf", "--url postgresql://", "-c FILE")
    expect(db(server.database, "status", "-c", server.configuration_path), 0, "schema %d of %d" % (SCHEMA, SCHEMA))
    expect(db(server.database, "status", ROLLCALL_DATABASE_URL=owner_url(server.database)), 0, "schema %d of %d" % (SCHEMA, SCHEMA))
    path = os.path.join(server.directory, "password")
    os.rename(path, path + ".away")
    try:
        expect(ctl("db", "status", "-c", server.configuration_path), 1, "database.password_file", "No such file or directory")
        with open(path, "w") as file:
            file.write(300 * "x" + "\n")
        expect(ctl("db", "status", "-c", server.configuration_path), 1, "database.password_file", "longer than 255 octets")
    finally:
        os.rename(path + ".away", path)
