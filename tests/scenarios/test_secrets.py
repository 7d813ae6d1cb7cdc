"""Secrets (G21): passwords, hashes, responses, tokens and keys never reach the log at any level, an answer of the API, the
metrics, the command lines or environments of processes, or a core file; and what was needed for a moment is wiped."""
import glob
import hashlib
import json
import os
import re
import resource
import secrets
import signal

from harness import Skip, covers, equal, true
from harness.attack import TRANSPORTS, plain_phone
from harness.database import DAEMON_PASSWORD as DATABASE_PASSWORD, ROOT
from harness.digest import h
from harness.faults import admin, alive, children, wait_workers, workers
from harness.http import Http, ask
from harness.phone import ALICE_PASSWORD
from test_admin import API, api, bearer, with_tcp

C1 = "<sip:alice@192.0.2.10:5062>"
TWO = {"server": {"workers": "2"}}


# --- core files ---

@covers("SEC-26.2-1")
def test_core_files_are_off(env):
    """Also when whoever starts it has them on. Where the kernel pipes cores to a program, which no limit forbids, the filter
    leaves all memory out of them. And no process can gain privileges."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    if before[1] == 0:
        raise Skip("core files are forbidden here for good")
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        server = env.start()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    for pid in [server.process.pid] + children(server.process.pid):
        with open("/proc/%d/limits" % pid) as file:
            limit = re.search(r"^Max core file size +(\S+) +(\S+)", file.read(), re.M).groups()
        equal(limit, ("0", "0"), "core file size of %d" % pid)
        with open("/proc/%d/coredump_filter" % pid) as file:
            equal(int(file.read(), 16), 0, "mappings in a core of %d" % pid)
        with open("/proc/%d/status" % pid) as file:
            equal(re.search(r"^NoNewPrivs:\s+(\d)", file.read(), re.M).group(1), "1", "NoNewPrivs of %d" % pid)


@covers("SEC-26.2-1")
def test_a_death_tells_no_secret(env):
    """Workers and the admin process end by signals that dump core: no file, and the log names the process and the signal.
    Not by QUIT, which is ignored by all that a shell starts in the background."""
    server = env.start()
    phone = plain_phone(server, "udp")
    phone.reg(C1).expect(200)
    for number, find in ((signal.SIGABRT, lambda: workers(server)[0]), (signal.SIGTRAP, lambda: admin(server))):
        wait_workers(server, 1)
        victim = server.wait(find, "a process to kill")
        os.kill(victim, number)
        server.wait(lambda: not alive(victim), "%d has ended by signal %d" % (victim, number), 30)
        server.wait_log(r"process\.died .*signal=%d" % number, 30)
    wait_workers(server, 1)
    equal(glob.glob(os.path.join(os.getcwd(), "core*")) + glob.glob(server.directory + "/core*"), [], "core files")
    for what, secret in known(server).items():
        true(secret.lower() not in server.log.lower(), "%s is in the log" % what)


# --- where secrets must not be ---

def known(server, **more):
    """Every secret of this server: {what it is: its text}."""
    found = {"password": ALICE_PASSWORD, **more}
    for user, password in (("alice", ALICE_PASSWORD), ("bob", ALICE_PASSWORD), ("gateway", ALICE_PASSWORD)):
        for algorithm in ("MD5", "SHA-256", "SHA-512-256"):
            found["HA1 of %s %s" % (user, algorithm)] = h(algorithm, "%s:example.com:%s" % (user, password))
    for purpose, key, base in server.database.query(
            "select purpose || id, encode(secret, 'hex'), encode(secret, 'base64') from secret"):
        found[purpose], found[purpose + " in base64"] = key, base
    with open(server.directory + "/password") as file:
        found["database password"] = file.read()
    with open(server.certificates + "/server.key") as file:
        found["TLS key"] = file.read().splitlines()[1]
    return found


def whole_session(server):
    """Log-ins of every kind, good and bad, on every transport; the secrets that came up."""
    wrong, responses = "Wr0ng-" + secrets.token_hex(8), {}
    for transport in TRANSPORTS:
        for algorithm in ("MD5", "SHA-256"):
            for password in (ALICE_PASSWORD, wrong):
                phone = plain_phone(server, transport, algorithm=algorithm, password=password)
                request = phone.authorize(phone.register_request(C1))
                phone.exchange(request).expect(200 if password == ALICE_PASSWORD else 401)
                responses["response %s %s %d" % (transport, algorithm, len(responses))] = re.search(
                    r'response="(\w+)"', request.get("Authorization")).group(1)
    forged = server.phone()
    forged.exchange(forged.authorize(forged.register_request(C1), nonce="0" * 64)).expect(401)
    malformed = server.phone()
    some = next(iter(responses.values()))
    malformed.reg0(C1, fields=[("Authorization", 'Digest username="alice", response="%s' % some)]).expect(400, 401)
    for shape in ('Digest %s', 'Basic %s', '%s', 'Digest username="%s"', 'Digest response="%s", realm="example.com"'):
        malformed.reg0(C1, fields=[("Authorization", shape % some)])
    wrong_hashes = {"HA1 of a wrong password " + a: h(a, "alice:example.com:" + wrong) for a in ("MD5", "SHA-256")}
    return {"wrong password": wrong, **responses, **wrong_hashes}


def everything_said(server, token):
    """{where: text} of all that the API answers to its GETs, the health pages, the metrics and the commands."""
    said = {}
    with open(os.path.join(ROOT, "src/admin/openapi.json")) as file:
        paths = json.load(file)["paths"]
    names = {"{aor}": "alice@example.com", "{id}": "1", "{cidr}": "192.0.2.1"}
    for path, operations in paths.items():
        where = API + re.sub(r"{\w+}", lambda m: names[m.group()], path)
        if "get" in operations:
            for accept in ("application/json", "application/x-ndjson", "text/csv"):
                fields = [("Accept", accept), *bearer(token)]
                said["%s as %s" % (where, accept)] = ask(server.admin_tcp, "GET", where, fields=fields).body
        for method in {"post", "put", "patch"} & set(operations):
            said[method + " " + where] = ask(server.admin_tcp, method.upper(), where, '{"x":"%s"}' % ALICE_PASSWORD[::-1],
                                             bearer(token)).body
    for page in ("/livez", "/readyz?verbose", "/readyz?verbose&format=json", "/status", "/metrics"):
        said[page] = server.health(page)[1].encode()
    for command in (["status"], ["status", "--json"], ["user", "show", "alice@example.com"], ["user", "list", "--json"],
                    ["binding", "list"],
                    ["config", "show"], ["ban", "list"], ["token", "list"], ["doctor"]):
        done = server.ctl(*command, check=False)
        said["rollcallctl " + " ".join(command)] = (done.stdout + done.stderr).encode()
    return said


def process_list(server):
    """{where: octets} of what anybody sees of master and children, and of their environments."""
    said = {}
    for pid in [server.process.pid] + children(server.process.pid):
        for name in ("cmdline", "environ", "comm"):
            with open("/proc/%d/%s" % (pid, name), "rb") as file:
                said["%s of %d" % (name, pid)] = file.read()
    return said


@covers("SEC-26.2-1", "AUT-7616-3.4-6")
def test_no_secret_of_a_whole_session_is_told(env):
    """Level debug, log-ins of every kind, an account added and changed by API and by command, a reload, a mistake in the file."""
    token, added, changed = secrets.token_hex(32), "Add-" + secrets.token_hex(8), "Change-" + secrets.token_hex(8)
    server = with_tcp(env, {"admin": token})
    server.configure({**TWO, "log": {"level": "debug"}})
    server.start()
    secret = known(server, **whole_session(server))
    secret.update({"password added": added, "password changed": changed, "token": token})
    server.ctl("user", "add", "dora@example.com", "--password-stdin", input=added + "\n")
    secret["HA1 added"] = h("SHA-256", "dora:example.com:" + added)
    api(server, "PATCH", "/users/dora@example.com", {"password": changed}).expect(200)
    secret["HA1 changed"] = h("SHA-256", "dora:example.com:" + changed)
    api(server, "POST", "/users", '{"username":"x","password":"%s"' % added).expect(400)
    api(server, "POST", "/users", {"username": "x", "domain": "nowhere.example", "password": added}).expect(422)
    api(server, "POST", "/users", {"username": "x", "domain": "example.com", "password": added, "pasword": added}).expect(400)
    ask(server.admin_tcp, "GET", API + "/stats", fields=bearer(token + "x")).expect(401)
    secret["SHA-256 of the token"] = hashlib.sha256(token.encode()).hexdigest()
    server.reload()
    server.wait_log(r"configuration applied")
    said = {**everything_said(server, token), **process_list(server)}
    true(len(said) > 50, "only %d places were looked at" % len(said))
    server.stop()
    with open(server.log_path, "rb") as file:
        said["log"] = file.read()
    true(b" debug " in said["log"], "nothing was logged at level debug")
    for where, octets in said.items():
        for what, text in secret.items():
            true(text.lower().encode() not in octets.lower(), "%s is in %s" % (what, where))


# --- wiped after use ---

def memory_holds(pid, needles):
    """Those of the texts that are anywhere in the memory of the process."""
    found = set()
    with open("/proc/%d/maps" % pid) as file:
        ranges = [line.split() for line in file if line.split()[1].startswith("rw")]
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for fields in ranges:
            start, end = (int(part, 16) for part in fields[0].split("-"))
            if end - start > 1 << 32:
                continue  # shadow memory of sanitizers
            carry = b""
            while start < end:
                try:
                    memory.seek(start)
                    octets = memory.read(min(1 << 22, end - start))
                except (OSError, OverflowError, ValueError):
                    break
                if not octets:
                    break
                found |= {needle for needle in needles if needle in carry + octets}
                carry, start = octets[-100:], start + len(octets)
    return found


@covers("SEC-26.2-1")
def test_what_was_used_is_wiped(env):
    """Behind the connections that brought them, passwords and tokens are in no process: neither those that were taken, nor
    those of refused and broken documents. The password of the database is where connections are made, and only there."""
    token = secrets.token_hex(32)
    server = with_tcp(env, {"admin": token}).start()
    made = ["Secret-%d-%s" % (n, secrets.token_hex(12)) for n in range(6)]
    connection = Http(server.admin_tcp)
    connection.ask("POST", API + "/users", {"username": "eve", "domain": "example.com", "password": made[0]},
                   bearer(token)).expect(201)
    connection.ask("PATCH", API + "/users/eve@example.com", {"password": made[1]}, bearer(token)).expect(200)
    many = [{"username": "u%d" % i, "domain": "example.com", "password": made[2]} for i in range(200)]
    connection.ask("POST", API + "/users:batch", {"users": many}, bearer(token)).expect(200)
    connection.ask("POST", API + "/users", '{"username":"x","password":"%s"' % made[3], bearer(token)).expect(400)
    connection.close()
    cut = Http(server.admin_tcp)
    cut.send("POST %s/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 500\r\n\r\n{\"password\":\"%s\"" % (
        API, token, made[4]))
    cut.close()
    server.ctl("user", "passwd", "eve@example.com", "--password-stdin", input=made[5] + "\n")
    server.phone(user="eve", password=made[5]).reg("<sip:eve@192.0.2.1>").expect(200)
    other = Http(server.admin_tcp)  # the admin process has turned, and the connections before are gone
    other.ask("GET", API + "/stats", fields=bearer("x")).expect(401)
    other.close()
    pids = {"master": server.process.pid, "admin process": admin(server), "worker": workers(server)[0]}
    needles = [text.encode() for text in [*made, token, DATABASE_PASSWORD]]
    try:
        holds = {name: memory_holds(pid, needles) for name, pid in pids.items()}
    except PermissionError:
        raise Skip("the memory of another process cannot be read here")
    true(needles[-1] in holds["worker"], "the search finds nothing: it would have to find the database's password")
    true(needles[-1] not in holds["master"], "the master holds the password of the database")
    for name, pid in pids.items():  # the end of a connection that was cut may come a moment later
        server.wait(lambda: not memory_holds(pid, needles[:-1]), "no password and no token in the memory of the " + name)
