"""Secrets (G21): passwords, hashes, responses, tokens and keys never reach the log at any level, an answer of the API, the
metrics, the command lines or environments of processes, or a core file; and what was needed for a moment is wiped."""
import base64
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
from harness.faults import add_users, admin, alive, children, failing_commits, wait_workers, without_fault, workers
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
    is_told(known(server), {"log": server.log.encode()})


# --- where secrets must not be ---

def hashes(user, password):
    """{what it is: its text} of every HA1 of the user."""
    return {"HA1 of %s %s" % (user, algorithm): h(algorithm, "%s:example.com:%s" % (user, password))
            for algorithm in ("MD5", "SHA-256", "SHA-512-256")}


def keys(server):
    """{what it is: its hexadecimal digits} of what the nodes share."""
    return dict(server.database.query("select purpose || id, encode(secret, 'hex') from secret"))


def spellings(secret):
    """The octets as which it may stand somewhere, all in lower case: as it is, and hexadecimal digits as what they mean."""
    found = [secret.encode()]
    if re.fullmatch(r"(?:[0-9a-f]{2}){16,}", secret):
        raw = bytes.fromhex(secret)
        found += [raw, base64.b64encode(raw)]
    return [octets.lower() for octets in found]


def known(server, **more):
    """Every secret of this server: {what it is: its text}."""
    found = {"password": ALICE_PASSWORD, **keys(server), **more}
    for user in ("alice", "bob", "gateway"):
        found.update(hashes(user, ALICE_PASSWORD))
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


def is_told(secret, said):
    """secret: {what: text}, said: {where: octets}."""
    for where, octets in said.items():
        lower = octets.lower()
        for what, text in secret.items():
            for spelling in spellings(text):
                true(spelling not in lower, "%s is in %s, as %r" % (what, where, spelling))


def failing_database(server):
    """Commits that fail, connections that are cut, and an account that a constraint refuses: PostgreSQL shows the whole row then."""
    password = "Refused-" + secrets.token_hex(8)
    phone = plain_phone(server, "udp")
    failing_commits(server.database, "53100")
    phone.reg(C1).expect(500, 503)
    without_fault(server.database)
    server.database.query("alter table account add constraint test_refused check (login <> 'fay')")
    refused = server.ctl("user", "add", "fay@example.com", "--password-stdin", input=password + "\n", check=False)
    true(refused.returncode != 0, "the constraint refuses nobody")
    server.database.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and "
                          "usename = 'rollcall'")
    server.wait(lambda: phone.reg(C1).status == 200, "the database is there again", 30)
    server.wait_log(r"db\.")
    return {"password of a refused account": password, **hashes("fay", password)}


@covers("SEC-26.2-1", "AUT-7616-3.4-6")
def test_no_secret_of_a_whole_session_is_told(env):
    """Level debug, log-ins of every kind, an account added and changed by API and by command, a database that fails, a reload, a
    mistake in the file."""
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
    secret.update(failing_database(server))
    secret["SHA-256 of the token"] = hashlib.sha256(token.encode()).hexdigest()
    server.reload()
    server.wait_log(r"configuration applied")
    secret["password in a URL"] = "Url-" + secrets.token_hex(8)
    server.configure({"database": {"url": "postgresql://rollcall:%s@/rollcall" % secret["password in a URL"]}})
    server.reload()
    server.wait_log(r"reload refused, .*database\.url contains a password")
    said = {**everything_said(server, token), **process_list(server)}
    true(len(said) > 50, "only %d places were looked at" % len(said))
    server.stop()
    with open(server.log_path, "rb") as file:
        said["log"] = file.read()
    true(b" debug " in said["log"], "nothing was logged at level debug")
    is_told(secret, said)


@covers("SEC-26.2-1")
def test_the_log_of_the_database_holds_no_secret(env):
    """PostgreSQL logs statements as its operator likes; with what docs/operations.md says of the role it leaves their values out."""
    with open(os.path.join(ROOT, "docs/operations.md")) as file:
        settings = re.findall(r"^alter role rollcall set .*;$", file.read(), re.M)
    cluster = env.own_cluster()
    for statement in ["alter system set log_statement = 'all'", "select pg_reload_conf()", *settings]:
        cluster.psql("postgres", statement)
    server = env.start(cluster=cluster)
    added = "Add-" + secrets.token_hex(8)
    server.phone().reg(C1).expect(200)
    server.ctl("user", "add", "dora@example.com", "--password-stdin", input=added + "\n")
    server.phone(user="dora", password=added).reg("<sip:dora@192.0.2.11>").expect(200)
    with open(os.path.join(cluster.home, "data", "server.log"), "rb") as file:
        said = file.read()
    true(b"insert into secret" in said.lower(), "statements are not logged")
    is_told({**keys(server), **hashes("dora", added)}, {"the log of the database": said})


# --- wiped after use ---

def touched_ranges(pid):
    """[(start, end)] of what the process may write and has used, without the shadow memory of sanitizers."""
    with open("/proc/%d/smaps" % pid) as file:
        mappings = re.findall(r"^(\w+)-(\w+) rw(?:.*\n)+?Rss: +(\d+) kB\n(?:.*\n)+?Swap: +(\d+) kB", file.read(), re.M)
    ranges = [(int(start, 16), int(end, 16)) for start, end, resident, swapped in mappings if int(resident) + int(swapped) > 0]
    return [(start, end) for start, end in ranges if end - start <= 1 << 32]


def memory_holds(pid, needles):
    """Those of the texts that are anywhere in the memory of the process."""
    found = set()
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for start, end in touched_ranges(pid):
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


def registers_and_fails(server, user, password):
    """Log-ins by each algorithm that is offered, right and wrong, over every transport."""
    for transport in TRANSPORTS:
        for algorithm in ("MD5", "SHA-256"):
            for text, status in ((password, 200), ("wrong " + password, 401)):
                phone = plain_phone(server, transport, user=user, password=text, algorithm=algorithm)
                phone.reg("<sip:%s@192.0.2.10:5062>" % user).expect(status)
                phone.close()
                server.phones.remove(phone)


def talk_over(server):
    """libpq keeps what was last sent and read on a connection in buffers of its own until something else is written over it: lists
    of bindings in the worker, accounts in the admin process, longer than what was there before. That one has two connections, and
    uses both while several wait."""
    bob = server.phone(user="bob")
    for _ in range(3):
        bob.reg(*["<sip:bob@192.0.2.%d>;x=%s" % (n, "x" * 200) for n in range(1, 9)]).expect(200)
        bob.fetch()
    others = [{"username": "u" + secrets.token_hex(8), "domain": "example.com", "password": "irrelevant"} for _ in range(30)]
    ask(server.socket, "POST", API + "/users:batch", {"users": others}).expect(200)
    lists = [Http(server.socket) for _ in range(8)]
    for connection in lists:
        connection.send("GET %s/users?domain=example.com&user=u HTTP/1.1\r\nHost: a\r\n\r\n" % API)
    for connection in lists:
        connection.receive().expect(200)
        connection.close()


def memory_octets(secret):
    """{needle: what it is}: hexadecimal digits, and the octets that they mean."""
    return {needle: what for what, text in secret.items() for needle in (text.encode(), bytes.fromhex(text))}


def is_gone(server, pid, needles, where):
    """needles: {octets: what they are}. Again, for the keys of the cluster may have been read just now, as every half minute."""
    for _ in range(3):
        talk_over(server)
        found = memory_holds(pid, list(needles))
        if not found:
            return
    equal(sorted(needles[needle] for needle in found), [], "in the memory of the " + where)


def readable(pid):
    try:
        memory_holds(pid, [b"x"])
    except PermissionError:
        raise Skip("the memory of another process cannot be read here")


@covers("SEC-26.2-1")
def test_hashes_are_wiped_behind_the_request(env):
    """A worker that remembers no records keeps no HA1 of an account behind its requests, right or wrong, nor the admin process
    one that it has written, and nobody the digits of the cluster's keys; the keys themselves are in the worker, which makes nonces
    with them."""
    server = env.start({"auth": {"remembered_records": "0"}, "server": {"workers": "1"},
                        "database": {"connections_per_worker": "1"}})
    password = "Carol-" + secrets.token_hex(8)
    server.ctl("user", "add", "carol@example.com", "--password-stdin", input=password + "\n")
    worker, needles = workers(server)[0], memory_octets(hashes("carol", password))
    digits = {text.encode(): what for what, text in keys(server).items()}
    readable(worker)
    registers_and_fails(server, "carol", password)
    for name, pid in (("worker", worker), ("admin process", admin(server)), ("master", server.process.pid)):
        is_gone(server, pid, {**needles, **digits}, name)
    raw = [bytes.fromhex(text) for what, text in keys(server).items() if what.startswith("nonce")]
    true(memory_holds(worker, raw), "the search finds nothing: it would have to find the nonce key")


@covers("SEC-26.2-1")
def test_hashes_are_wiped_behind_an_export(env):
    """Pages and streams, whole and cut off by the client in the middle: the admin process keeps no HA1 of them."""
    server = env.start({"server": {"workers": "1"}})
    password = "Carol-" + secrets.token_hex(8)
    server.ctl("user", "add", "carol@example.com", "--password-stdin", input=password + "\n")
    add_users(server.database, 400, "irrelevant")
    pid, needles = admin(server), memory_octets(hashes("carol", password))
    readable(pid)
    is_gone(server, pid, needles, "admin process before")
    one, all_of_them = API + "/users?include=hashes&domain=example.com&user=carol", API + "/users?include=hashes"
    for accept in ("application/json", "application/x-ndjson", "text/csv"):
        for path in (one, all_of_them):
            exported = ask(server.socket, "GET", path, fields=[("Accept", accept)]).expect(200).body
            true(set(needles) & set(re.findall(rb"\w{32,64}", exported)), "no HA1 in %s as %s" % (path, accept))
            is_gone(server, pid, needles, "admin process behind %s as %s" % (path, accept))
    cut = Http(server.socket)
    cut.send("GET %s HTTP/1.1\r\nHost: a\r\nAccept: text/csv\r\n\r\n" % all_of_them)
    true(b"200" in cut.socket.recv(100), "the stream does not begin")
    cut.close()
    is_gone(server, pid, needles, "admin process behind a stream that was cut")


@covers("SEC-26.2-1")
def test_remembered_hashes_go_with_the_password(env):
    """What a worker remembers of an address has its account's HA1, until the password has changed and the phone has come again."""
    server = env.start({"server": {"workers": "1"}, "database": {"connections_per_worker": "1"}})
    old, new = "Old-" + secrets.token_hex(8), "New-" + secrets.token_hex(8)
    server.ctl("user", "add", "carol@example.com", "--password-stdin", input=old + "\n")
    worker, needles = workers(server)[0], memory_octets(hashes("carol", old))
    readable(worker)
    registers_and_fails(server, "carol", old)
    true(memory_holds(worker, list(needles)), "the search finds nothing: it would have to find the remembered record")
    server.ctl("user", "passwd", "carol@example.com", "--password-stdin", input=new + "\n")
    server.phone(user="carol", password=new).reg("<sip:carol@192.0.2.10:5062>").expect(200)
    is_gone(server, worker, needles, "worker")
