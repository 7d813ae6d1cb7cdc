"""Calls to phones that are registered here: Kamailio with the configuration of docs/calls.md looks up where they are."""
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from harness import Failure, Skip, covers, equal, true
from harness.database import ROOT
from harness.phone import Phone
from harness.server import free_ports
from harness.transport import Udp

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIGURATION = {"registration": {"expires_min": "1s", "expires_jitter": "0%"}}
READER = "calls_reader"


def reader(server):
    """As docs/calls.md makes the log-in; roles belong to the cluster, so it may be there already."""
    server.database.query(
        "do $$ begin if not exists (select from pg_roles where rolname = '%s') then "
        "create role %s login password 'reads' in role rollcall_reader; "
        "alter role %s set timezone = 'UTC'; end if; end $$" % ((READER,) * 3))


def as_reader(server, sql):
    """What a reader gets: rows as lines, or the complaint of PostgreSQL."""
    done = subprocess.run(["psql", "-X", "-q", "-At", "-v", "VERBOSITY=sqlstate", "-h", server.database.cluster.sockets,
                           "-U", READER, "-d", server.database.name, "-c", sql],
                          capture_output=True, text=True, timeout=60, env={**os.environ, "PGPASSWORD": "reads"})
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()


class Proxy:
    """Kamailio, with the text of docs/calls.md."""

    def __init__(self, env, server):
        if shutil.which("kamailio") is None:
            raise Skip("kamailio is not installed")
        reader(server)
        self.port, self.transcript = free_ports(1), env.transcript
        directory = os.path.join(env.sockets, "kamailio%d" % self.port)
        os.makedirs(directory)
        with open(os.path.join(ROOT, "docs", "calls.md")) as file:
            text = re.search(r"^```kamailio\n(.*?)^```$", file.read(), re.M | re.S).group(1)
        equal(text.count("children=4"), 1, "places that tell how many processes Kamailio has")
        with open(directory + "/kamailio.cfg", "w") as file:
            file.write(text.replace("children=4", "children=1"))  # several may forward the BYE before the ACK
        self.log_path = directory + "/log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                ["kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-f", directory + "/kamailio.cfg",
                 "-Y", directory, "-P", directory + "/pid", "-A", "LISTEN=udp:127.0.0.1:%d" % self.port,
                 "-A", "LISTEN_TCP=tcp:127.0.0.1:%d" % self.port,
                 "-A", 'DATABASE="postgres://%s:reads@/%s"' % (READER, server.database.name)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PGHOST": server.database.cluster.sockets, "TZ": "UTC"})
        env.cleanups.append(self.stop)
        self.wait_answers()

    def caller(self):
        return Phone(Udp(("127.0.0.1", self.port), self.transcript), "udp", user="caller")

    def wait_answers(self):
        caller, deadline = self.caller(), time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                caller.exchange(caller.request("OPTIONS", "sip:nobody@example.com"), timeout=0.5)
                return caller.close()
            except (Failure, ConnectionRefusedError):
                time.sleep(0.05)
        raise Failure("kamailio does not answer\n" + self.log())

    def log(self):
        with open(self.log_path) as file:
            return file.read()[-4000:]

    def stop(self):
        complaints = self.log()  # when it ends it tries to delete what has expired, which no reader may
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        true("ERROR" not in complaints and "WARNING" not in complaints, "kamailio complained\n" + complaints)


class Callee(threading.Thread):
    """Answers the requests of a call with 200; remembers them."""

    def __init__(self, sock):
        super().__init__(daemon=True)
        self.socket, self.requests = sock, []
        self.socket.settimeout(None)
        self.start()

    def run(self):
        while True:
            try:
                data, source = self.socket.recvfrom(65536)
            except OSError:
                return
            head = data.decode().split("\r\n\r\n")[0].split("\r\n")
            self.requests.append(head)
            if head[0].startswith("ACK "):
                continue
            copied = [line for line in head[1:] if line.split(":")[0] in
                      ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
            to = next(line for line in head if line.startswith("To:"))
            answer = ["SIP/2.0 200 OK", *copied, to if "tag=" in to else to + ";tag=callee",
                      "Contact: <sip:callee@%s:%d>" % self.socket.getsockname()[:2], "Content-Length: 0", "", ""]
            self.socket.sendto("\r\n".join(answer).encode(), source)

    def methods(self):
        return [head[0].split()[0] for head in self.requests]

    def fields(self, name):
        """Of the INVITE."""
        return [line.split(": ", 1)[1] for line in self.requests[0] if line.lower().startswith(name.lower() + ":")]


def call(env, proxy, user):
    """SIPp calls the user through the proxy and hangs up."""
    if shutil.which("sipp") is None:
        raise Skip("sipp is not installed")
    errors = os.path.join(env.directory, "call.errors")
    done = subprocess.run(
        ["sipp", "127.0.0.1:%d" % proxy.port, "-sf", HERE + "/sipp/call.xml", "-s", user, "-m", "1", "-i", "127.0.0.1",
         "-nostdin", "-timeout", "30", "-timeout_error", "-trace_err", "-error_file", errors],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=env.directory, timeout=60,
        env={**os.environ, "TERM": "dumb"})
    if done.returncode != 0:
        complaint = open(errors).read() if os.path.exists(errors) else ""
        raise Failure("sipp ended with %d\n%s\n%s" % (done.returncode, complaint, proxy.log()))


def completed(env, proxy, user, callee):
    call(env, proxy, user)
    equal(callee.methods(), ["INVITE", "ACK", "BYE"], "what the phone was asked")


def refused(proxy, user):
    caller = proxy.caller()
    status = caller.exchange(caller.request("INVITE", "sip:%s@example.com" % user)).status
    caller.close()
    return status


def test_call_to_a_registered_phone(env):
    server = env.server
    proxy, phone = Proxy(env, server), server.phone()
    contact = "sip:alice@%s:%d;x=y" % phone.wire.local
    phone.reg("<%s>;q=0.7" % contact).expect(200)
    callee = Callee(phone.wire.socket)
    completed(env, proxy, "alice", callee)
    equal(callee.requests[0][0], "INVITE %s SIP/2.0" % contact, "the INVITE")
    equal(callee.fields("Route"), [], "Route")


def test_call_to_a_phone_behind_nat(env):
    server = env.server
    proxy, phone = Proxy(env, server), server.phone()
    phone.reg("<sip:alice@10.1.2.3:5060>").expect(200)
    callee = Callee(phone.wire.socket)
    completed(env, proxy, "alice", callee)
    equal(callee.requests[0][0], "INVITE sip:alice@10.1.2.3:5060 SIP/2.0", "the INVITE")


def test_call_to_a_number(env):
    """Canonical addresses write + as %2B; who calls does not."""
    server = env.server
    server.database.add_user("%2B49301234", "example.com", "secret", login="+49301234")
    proxy, phone = Proxy(env, server), server.phone(user="+49301234", password="secret")
    phone.reg("<sip:+49301234@%s:%d>" % phone.wire.local).expect(200)
    completed(env, proxy, "+49301234", Callee(phone.wire.socket))


def test_call_to_a_user_in_capitals(env):
    """Users differ by case (RFC 3261 19.1.4), hosts do not: who is called rings, and not his neighbour."""
    server = env.server
    server.database.add_user("Erika", "example.com", "secret")
    server.database.add_user("erika", "example.com", "secret")
    proxy = Proxy(env, server)
    neighbour = server.phone(user="erika", password="secret")
    neighbour.reg("<sip:erika@%s:%d>" % neighbour.wire.local).expect(200)
    caller = proxy.caller()
    equal(caller.exchange(caller.request("INVITE", "sip:Erika@example.com")).status, 480, "only the neighbour is there")
    caller.close()
    phone = server.phone(user="Erika", password="secret")
    phone.reg("<sip:Erika@%s:%d>" % phone.wire.local).expect(200)
    callee = Callee(phone.wire.socket)
    completed(env, proxy, "Erika", callee)
    before = len(callee.requests)
    caller = proxy.caller()
    equal(caller.exchange(caller.request("INVITE", "sip:Erika@EXAMPLE.com")).status, 200, "a host in capitals")
    caller.close()
    true(len(callee.requests) > before, "the call came to whom it was for")


@covers("PTH-3327-5.3-1", "PTH-3327-5.3-2")
def test_call_through_an_edge_proxy(env):
    """The edge proxy stands where the Path says, the Contact where only it could reach."""
    server = env.server
    proxy, phone = Proxy(env, server), server.phone()
    edge = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    edge.bind(("127.0.0.1", 0))
    path = "<sip:127.0.0.1:%d;lr>,<sip:inner.example.com;lr;k=a%%20b>" % edge.getsockname()[1]
    answer = phone.reg("<sip:alice@192.0.2.10:5062>", fields=[("Path", path), ("Supported", "path")]).expect(200)
    equal(answer.header("path"), path, "Path of the 200")
    callee = Callee(edge)
    env.cleanups.append(edge.close)
    completed(env, proxy, "alice", callee)
    equal(callee.requests[0][0], "INVITE sip:alice@192.0.2.10:5062 SIP/2.0", "the INVITE")
    equal(re.sub(r",\s*", ",", ",".join(callee.fields("Route"))), path, "Route of the INVITE")


def answer_one(listener, heads):
    """The INVITE that comes over TCP, with 400; its head is appended."""
    connection = listener.accept()[0]
    with connection:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        heads.append(data.decode().split("\r\n\r\n")[0].split("\r\n"))
        copied = [line + ";tag=edge" if line.startswith("To:") else line for line in heads[0] if line.split(":")[0] in
                  ("Via", "From", "To", "Call-ID", "CSeq")]
        connection.sendall("\r\n".join(["SIP/2.0 400 Not Today", *copied, "Content-Length: 0", "", ""]).encode())
        connection.recv(65536)  # the ACK


def test_call_through_an_edge_proxy_over_tcp(env):
    server = env.server
    proxy, phone, heads = Proxy(env, server), server.phone(), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        path = "<sip:127.0.0.1:%d;transport=tcp;lr>" % listener.getsockname()[1]
        phone.reg("<sip:alice@192.0.2.10:5062>", fields=[("Path", path), ("Supported", "path")]).expect(200)
        listener.settimeout(10)
        edge = threading.Thread(target=answer_one, args=(listener, heads))
        edge.start()
        equal(refused(proxy, "alice"), 400, "what the edge proxy says")
        edge.join()
    equal(heads[0][0], "INVITE sip:alice@192.0.2.10:5062 SIP/2.0", "the INVITE")
    true("Route: " + path in heads[0], "Route of the INVITE in %s" % heads[0])


def test_no_call_to_what_is_gone(env):
    server = env.server
    proxy, phone = Proxy(env, server), server.phone()
    equal(refused(proxy, "alice"), 480, "before anybody registered")
    contact = "<sip:alice@%s:%d>" % phone.wire.local
    phone.reg(contact).expect(200)
    equal(as_reader(server, "select count(*) from kamailio_location"), "1", "rows")
    phone.reg(contact, expires=0).expect(200)
    equal(refused(proxy, "alice"), 480, "after it was removed")
    phone.reg(contact, expires=1).expect(200)
    server.wait(lambda: as_reader(server, "select count(*) from binding") == "0", "the binding expires")
    equal(as_reader(server, "select count(*) from kamailio_location"), "0", "rows")
    equal(refused(proxy, "alice"), 480, "after it expired")
    equal(refused(proxy, "nobody"), 480, "an address that does not exist")


def test_views_show_what_the_phone_registered(env):
    server = env.server
    reader(server)
    phone = server.phone()
    source = "%s:%d" % phone.wire.local
    phone.prepare()
    contact = "sip:al%C3%AFce@10.1.2.3;ob"
    phone.reg("<%s>" % contact + ';q=0.5;+sip.instance="<urn:x:1>"', expires=600,
              fields=[("User-Agent", "Test 1.0"), ("Path", "<sip:p;lr>"), ("Supported", "path")]).expect(200)
    equal(as_reader(server, "select aor, contact, path, source, peer, secure, transport from binding"),
          "|".join(["alice@example.com", contact, "<sip:p;lr>", source, source, "f", "udp"]), "binding")
    equal(as_reader(server, "select username, domain, contact, received, path, q, callid, cseq, user_agent, instance, flags, "
                            "cflags, reg_id, server_id, connection_id, keepalive, partition, socket, methods, "
                            "extract(epoch from expires - (now() at time zone 'UTC')) between 590 and 601, "
                            "ruid = (select id from binding) from kamailio_location"),
          "alice|example.com|%s||<sip:p;lr>|0.5|%s|%d|Test 1.0|<urn:x:1>|0|0|0|0|-1|0|0|||t|t"
          % (contact, phone.call_id, phone.cseq), "kamailio_location")
    equal(as_reader(server, "select * from kamailio_version"), "kamailio_location|9", "kamailio_version")
    item = json.loads(server.api("/bindings")[1])["items"][0]
    equal((item["path"], item["peer"], item["secure"]), (["<sip:p;lr>"], source, False), "GET /bindings")
    equal(json.loads(server.api("/aors/alice@example.com")[1])["bindings"][0]["path"], ["<sip:p;lr>"], "GET /aors")
    true("<sip:p;lr>" in server.ctl("binding", "show", "alice@example.com").stdout, "binding show")


def test_received_is_the_source_behind_nat_only(env):
    server = env.server
    cases = [
        ("sip:a@192.0.2.1:5062", "192.0.2.1:9", "udp", ""),
        ("sip:a@10.0.0.1", "192.0.2.1:9", "udp", "sip:192.0.2.1:9"),
        ("sips:10.0.0.1:5061;transport=tcp", "192.0.2.1:9", "tls", "sip:192.0.2.1:9;transport=tls"),
        ("sip:a@[2001:DB8::1]:5060", "[2001:db8::1]:9", "udp", ""),
        ("sip:a@[2001:db8::2]", "[2001:db8::1]:9", "tcp", "sip:[2001:db8::1]:9;transport=tcp"),
        ("sip:a:10.0.0.1@phone.example.com", "192.0.2.1:9", "udp", ""),
        ("SIP:a@Abc.INVALID;transport=ws", "192.0.2.1:9", "tcp", "sip:192.0.2.1:9;transport=tcp"),
        ("tel:+1", "192.0.2.1:9", "udp", ""),
    ]
    for contact, source, transport, expected in cases:
        equal(server.database.value("select nat_source('%s', '%s', '%s')" % (contact, source, transport)), expected, contact)


def test_escapes_of_users_are_undone(env):
    server = env.server
    for canonical, called in (("alice", "alice"), ("%2B49", "+49"), ("a%20b%25", "a b%"), ("%C3%BC", "\u00fc"),
                              ("%F0%9F%98%80", "\U0001f600"), ("x%00%1F%7F", "x%00%1F%7F"), ("%FF%C3", "%FF%C3"),
                              ("%C0%80", "%C0%80"), ("%ED%A0%80", "%ED%A0%80")):
        equal(server.database.value("select user_unescaped('%s')" % canonical), called, canonical)


def test_look_up_uses_the_indexes(env):
    database = env.server.database
    database.query("insert into account (username, domain) select prefix || i, 'many.example' "
                   "from generate_series(1, 2000) i, unnest('{u,%2B}'::text[]) prefix; analyze aor")
    for user in ("u77", "+77"):
        plan = "\n".join(row[0] for row in database.query(
            "explain select * from kamailio_location where username = '%s' and domain = 'many.example'" % user))
        true("aor_page" in plan and "aor_unescaped" in plan and "Seq Scan" not in plan, plan)


def test_a_reader_reads_the_views_and_nothing_else(env):
    server = env.server
    reader(server)
    for view in ("binding", "kamailio_location", "kamailio_version", "schema_version", "ban", "node"):
        true("ERROR" not in as_reader(server, "select * from %s limit 1" % view), view)
    for sql in ("select * from aor", "select * from account", "select * from secret",
                "delete from binding", "delete from kamailio_location", "delete from kamailio_version",
                "update kamailio_version set table_version = 1", "insert into schema_version values (99)",
                "insert into account (aor) values ('x@example.com')", "create table mine ()",
                "delete from ban", "update node set state = 'gone'"):
        # insufficient_privilege, or object_not_in_prerequisite_state: the view takes no changes from anybody
        true(as_reader(server, sql) in ("ERROR:  42501", "ERROR:  55000"), "%s: %s" % (sql, as_reader(server, sql)))


LEND = """
    create temp table t (aor %s, domain text, username text);
    create trigger lent after insert on t for each row execute function account_touch_aor();
    insert into t values (%s, 'example.com', 'alice')"""
CAST = """
    create temp table loot (line text);
    grant all on loot to public;
    create type pg_temp.evil as (v text);
    create function pg_temp.evil_text(e pg_temp.evil) returns text language plpgsql as $$
    begin
        insert into loot select current_user || ' reads ' || login from account;
        return e.v;
    end $$;
    create cast (pg_temp.evil as text) with function pg_temp.evil_text(pg_temp.evil) as implicit;"""


def test_a_reader_borrows_no_right(env):
    """A function that runs as the owner of the tables, hung on a table of his own, would do his work for him."""
    server = env.server
    reader(server)
    version = server.database.value("select version from aor where username = 'alice'")
    equal(as_reader(server, LEND % ("text", "'alice@example.com'")), "ERROR:  42501", "a table of his own")
    equal(as_reader(server, CAST + LEND % ("pg_temp.evil", "row('alice@example.com')") + "; select * from loot"),
          "ERROR:  42501", "with a cast of his own")
    equal(server.database.value("select version from aor where username = 'alice'"), version, "version")


def test_decoys_of_a_reader_are_called_by_nobody(env):
    """Where everybody may create in a schema of the search_path: functions of just the types that a statement has at hand."""
    server = env.make()
    reader(server)
    server.database.query("grant create on schema public to public")
    body = "language plpgsql as $$ begin insert into public.loot values ('%s'); return null; end $$"
    equal(as_reader(server, "create table public.loot (called text); grant all on public.loot to public"), "", "a table")
    for sql in ("create function public.to_json(text[]) returns json " + body % "to_json",
                "create function public.cardinality(text[]) returns bigint " + body % "cardinality",
                "create function public.milliseconds(bigint, interval) returns interval %s; create operator public.* "
                "(leftarg = bigint, rightarg = interval, function = public.milliseconds)" % (body % "bigint * interval"),
                "create function public.thousand(numeric, integer) returns numeric %s; create operator public.* "
                "(leftarg = numeric, rightarg = integer, function = public.thousand)" % (body % "numeric * integer")):
        equal(as_reader(server, sql), "", sql)
    server.start()
    answer = server.phone().reg("<sip:alice@192.0.2.1>")
    server.ctl("ban", "add", "203.0.113.0/24", "--for", "1m", check=False)
    equal(server.database.query("select distinct called from loot order by 1"), [], "what was called")
    answer.expect(200)
