"""The examples of the operators' contract (operators.md, sections 4 to 8), typed and asked again.

What differs from run to run is compared by its form; "…" stands for anything. What the contract describes and is not built
yet (why, trace, top, events, the journal) has no example here.
"""
import json
import os
import re
import threading

from harness import equal, true
from harness.check import Failure
from harness.console import compare, examples, run
from harness.http import ask
from harness.metrics import scrape
from harness.server import BUILD
from harness.transport import Stream
from test_messages import certificate

API = "/api/v1"
NODE = {"server": {"name": "reg-1", "workers": "2"}}


def typed(server, text, **places):
    """Every command of the text prints what the text says."""
    environment = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "ROLLCALL_URL": "unix:" + server.socket,
                   "LC_ALL": "C.UTF-8", **places}
    for _, block in examples("```console\n%s\n```\n" % text.strip("\n")):
        for command, wanted in block:
            got = run(command, server.directory, environment)
            compare(command, [line.rstrip() for line in wanted], [line.rstrip() for line in got])


def registered(server, user, transport, contact, agent, expires):
    phone = server.phone(transport, user=user)
    phone.reg("<%s>" % contact, expires=expires, fields=[("User-Agent", agent)]).expect(200)
    return phone


def five_bindings(server):
    server.database.add_user("alison", "example.com", "Secret-123")
    registered(server, "alice", "tls", "sips:alice@198.51.100.23:49152", "Bria 6.7", 2880)
    registered(server, "alice", "udp", "sip:alice@192.0.2.5:5060", "Yealink T46U", 240)
    for n in range(3):
        phone = server.phone("tls", user="alison", password="Secret-123")
        phone.reg("<sips:alison@198.51.100.80:%d>" % (40112 + n), expires=1260,
                  fields=[("User-Agent", "Linphone 5.2")]).expect(200)


# --- section 4: commands ---

class Refreshing:
    """A phone that refreshes all the time: what the last ten seconds were is shown only while there were some."""

    def __init__(self, phone, contact):
        self.phone, self.contact, self.ending = phone, contact, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ending.wait(0.2):
            self.phone.reg(self.contact).expect(200)

    def __enter__(self):
        self.phone.reg(self.contact).expect(200)
        self.thread.start()

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def test_status(env):
    server = env.start(NODE)
    five_bindings(server)
    server.wait(lambda: server.stats()["bindings"] == 5, "the bindings were counted", 60)
    with Refreshing(server.phone(), "<sip:alice@192.0.2.5:5060>"):
        server.wait(lambda: (server.stats()["recent"] or {}).get("db_p50_ms"), "the last ten seconds", 30)
        typed(server, """
$ rollcallctl status | head -4
rollcall 1.0.0 on reg-1   READY   up 6s   config ok (loaded 2s ago)
bindings   5 (tls 80%, tcp 0%, udp 20%)   users with bindings 2 of 5
REGISTER   412/s   ok 63%  challenge 36%  failed 0%   p50 2.1ms  p99 9.4ms
database   …:5432 primary, 6/6 connections, 1.3ms, queue 0
$ rollcallctl status | grep -o 'tls cert expires in .*'
tls cert expires in 41d 02h (main)
""")
    server.phone(password="wrong").reg("<sip:alice@192.0.2.5>").expect(401)
    server.configure({"registration": {"expires_min": "60"}})
    server.reload()
    server.wait_log("reload refused")
    typed(server, """
$ rollcallctl status | head -1
rollcall 1.0.0 on reg-1   READY   up 6s   config refused (loaded 2s ago)
$ rollcallctl status | grep attention
attention  bad_password 1 times  → rollcallctl explain bad_password
""")


def test_binding_list(env):
    server = env.start(NODE)
    five_bindings(server)
    typed(server, """
$ rollcallctl binding list --user ali --limit 3
AOR                 CONTACT                                     FLOW  EXPIRES  SINCE  AGENT
alice@example.com   sips:alice@198.51.100.23:49152 (127.0.0.1)  tls   in 48m   0s     Bria 6.7
alice@example.com   sip:alice@192.0.2.5:5060 (127.0.0.1)        udp   in 4m    0s     Yealink T46U
alison@example.com  sips:alison@198.51.100.80:40112 (127.0.0.1) tls   in 21m   0s     Linphone 5.2
3 shown; more: --limit N or --page-token …
""")
    server.wait(lambda: server.stats()["bindings"] == 5, "the bindings were counted", 60)
    typed(server, """
$ rollcallctl binding list --limit 3 2>&1 >rows.txt
3 of 5 shown; more: --limit N or --page-token …
""")


def test_user_import(env):
    server = env.start(NODE)
    with open(os.path.join(server.directory, "staff.csv"), "w") as file:
        file.write("username,domain,password\n")
        for n in range(2, 4200):
            file.write("us er,example.com,x\n" if n == 88 else "u%d,example.com,%s\n" % (n, "" if n == 4102 else "secret"))
    typed(server, """
$ rollcallctl user import staff.csv
checking    4 198 rows, 2 problems written to staff.csv.rejects
            line 88: user part has a space or an @ · line 4102: no password
importing   1 000/4 196   20%   2 450/s
importing   2 000/4 196   40%   2 450/s
importing   3 000/4 196   70%   2 450/s
importing   4 000/4 196   90%   2 450/s
importing   4 196/4 196   100%   2 450/s
imported    4 196 users in 4.9s (0 updated, 2 rejected: staff.csv.rejects)
next        rollcallctl user list --domain example.com
""")


def test_doctor(env):
    server = env.make({**NODE, "connection": {"udp_receive_buffer": "64k", "udp_send_buffer": "64k"}})
    chain, key = certificate(env, "soon", days="7")
    server.configure({("certificate", "main"): {"chain": chain, "key": key}})
    server.start()
    server.configure({"connection": {"udp_receive_buffer": "1m"}})  # the daemon runs with 64k still
    typed(server, """
$ rollcallctl doctor -c rollcall.conf; echo "exit $?"
✓ configuration valid     ✓ rollcalld ready     ✓ listeners open: udp 5060, tcp 5060, tls 5061
✓ self-registration: udp, tcp, tls     ✓ health listener 127.0.0.1:8081 answers 200
✓ database …: PostgreSQL 15.20, schema 7 of 7, write 1.3ms
✓ clock and database 0.0s apart
! certificate main expires in 6d (CN example.com)      → renew, then: rollcallctl reload
✗ UDP receive buffer is 64 kB, wanted 1 MB             → sysctl -w net.core.rmem_max=1048576
✓ UDP send buffer 64 kB    ✓ 20000 files a worker
1 problem, 1 warning
exit 7
""")


COMMANDS = """
status
ready [--wait 30s]
binding list [--domain D] [--user PREFIX] [--ip CIDR] [--transport T] [--agent TEXT] [--expires-before 5m] [--limit N]
binding show USER
binding remove USER [--id ID|--all]
binding stats --by agent|transport|domain|node
user add USER [--password-stdin]
user list
user show
user passwd
user disable
user enable
user delete
user import FILE.csv [--dry-run] [--resume] [--on-duplicate skip|update|fail]
user export
ban list
ban add CIDR --for 1h
ban remove CIDR
config check
config show [--origin]
reload
log level debug --for 10m
db status
db migrate [--dry-run]
init
doctor
token create --role read
drain [--now]
undrain
explain REASON
completion bash
version
"""


def test_every_command_of_the_contract(env):
    """It exists with its options, and its help has an example."""
    for line in COMMANDS.split("\n")[1:-1]:
        words = re.match(r"[a-z]+( (list|show|remove|stats|add|passwd|disable|enable|delete|import|export|check|level|status|migrate"
                         r"|create|bash)\b)?", line).group().split()
        said = env.server.ctl(*words, "-h").stdout
        true("usage: rollcallctl " + " ".join(words) in said and re.search(r"^example: rollcallctl \S", said, re.M), said)
        for option in re.findall(r"--[a-z-]+", line):
            true(option in said, "%s is not in the help of %s" % (option, " ".join(words)))


REASONS = """
registered refreshed removed fetched challenged nonce_stale unknown_user bad_password user_disabled algorithm_mismatch realm_mismatch
nonce_invalid nonce_replayed uri_mismatch identity_mismatch malformed version_unsupported too_large uri_too_long scheme_unsupported
domain_not_served aor_unknown method_not_allowed extension_unsupported body_unsupported merged interval_too_brief too_many_contacts
contact_invalid sips_mismatch sips_required sips_not_allowed tls_required out_of_order rate_limited banned scanner policy_silence
overloaded draining database_unavailable database_timeout internal tls_handshake_failed tls_no_shared_cipher path_not_trusted
tls_bad_client_certificate proxy_header_missing first_message_timeout connection_limit
"""


def test_every_reason_is_explained(env):
    words = REASONS.split()
    listed = [item["reason"] for item in map(json.loads, env.server.ctl("explain", "--ndjson").stdout.splitlines())]
    equal(sorted(listed), sorted(words), "the reasons that exist")
    for word in words:
        first, text = env.server.ctl("explain", word).stdout.rstrip("\n").split("\n", 1)
        true(first == word and len(text) > 20, "%s is explained as %r" % (word, text))


# --- section 5: the API ---

ROUTES = """
read GET /bindings domain user ip transport agent expires_before page_size page_token
read GET /aors/{aor}
admin DELETE /aors/{aor}/bindings
admin DELETE /aors/{aor}/bindings/{id}
read GET /users page_size page_token
admin POST /users
read GET /users/{aor}
admin PATCH /users/{aor}
admin DELETE /users/{aor}
admin POST /users:batch
read GET /bans page_size page_token
admin POST /bans
admin DELETE /bans/{cidr}
read GET /stats
read GET /nodes
read GET /certificates
admin GET /config
admin POST /config:check
admin POST /reload
admin POST /drain
admin PUT /log-level
"""


def test_every_route_of_the_contract(env):
    """With its role and arguments; that the document is true has a module of its own (test_openapi.py)."""
    document = ask(env.server.socket, "GET", API + "/openapi.json").expect(200).json
    paths = {re.sub(r"\{\w+\}", "{}", path): item for path, item in document["paths"].items()}
    for role, method, path, *arguments in (line.split() for line in ROUTES.split("\n")[1:-1]):
        operation = paths.get(re.sub(r"\{\w+\}", "{}", path), {}).get(method.lower())
        true(operation is not None, "no %s %s" % (method, path))
        equal(operation["x-role"], role, "role of %s %s" % (method, path))
        names = {parameter.get("name") or document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]["name"]
                 for parameter in operation.get("parameters", ())}
        true(names >= set(arguments), "arguments of %s %s: %s" % (method, path, sorted(names)))


def test_binding_of_the_api(env):
    server = env.start(NODE)
    phone = server.phone("tls")
    phone.call_id, phone.cseq = "a84b4c76e66710", 11
    phone.reg('<sips:alice@198.51.100.23:49152>;q=1.0;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"',
              expires=2880, fields=[("User-Agent", "Bria 6.7")]).expect(200)
    registered(server, "alice", "udp", "sip:alice@192.0.2.5:5060", "Yealink T46U", 240)
    page = ask(server.socket, "GET", API + "/bindings?user=alice&page_size=1").expect(200).json
    equal(sorted(page), ["items", "next_page_token", "total_estimate"], "members of the page")
    equal(page["total_estimate"], None, "total_estimate of a part of a filtered list")
    item = page["items"][0]
    own = "%s:%d" % phone.wire.local
    equal({k: v for k, v in item.items() if k not in ("id", "created_at", "updated_at", "expires_at", "expires_in")},
          {"aor": "sip:alice@example.com", "contact": "sips:alice@198.51.100.23:49152",
           "instance": "urn:uuid:00000000-0000-1000-8000-000a95a0e128", "transport": "tls", "secure": True, "source": own,
           "peer": own, "node": "reg-1", "q": 1.0, "path": [], "call_id": "a84b4c76e66710", "cseq": 12,
           "user_agent": "Bria 6.7"}, "binding")
    true(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", item["id"]), "id " + item["id"])
    true(2870 <= item["expires_in"] <= 2880, "expires_in %d" % item["expires_in"])
    for name in ("created_at", "updated_at", "expires_at"):
        true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", item[name]), "%s is %s" % (name, item[name]))


def test_problem_of_the_api(env):
    answer = ask(env.server.socket, "POST", API + "/users", {"username": "alice", "domain": "example.com", "password": "x"})
    problem = answer.expect(409).json
    equal(answer.get("content-type"), "application/problem+json", "Content-Type")
    true(re.fullmatch(r"alice@example\.com was created on \d{4}-\d\d-\d\d\.", problem.pop("detail")), "detail")
    equal(problem, {"type": "urn:rollcall:problem:user-exists", "title": "User already exists", "status": 409,
                    "reason": "user_exists", "field": "username",
                    "hint": "Change it with PATCH /api/v1/users/alice@example.com."}, "problem")


def test_report_of_a_reload(env):
    server = env.start(NODE)
    chain, key = certificate(env, "renewed", names="URI:sip:example.com, URI:sip:other.example")
    server.configure({"limits": {"ban_after": "30"}, "server": {"workers": "1"},
                      ("certificate", "main"): {"chain": chain, "key": key}})
    report = ask(server.socket, "POST", API + "/reload").expect(200).json
    applied = [re.sub(r"\d{4}-\d\d-\d\d", "DATE", line) for line in report["applied"]]
    true("limits.ban_after 20 → 30" in applied and "certificate main (expires DATE)" in applied, "applied: %s" % applied)
    equal((report["needs_restart"], report["warnings"]), (["server.workers"], []), "the rest of the report")


# --- section 6: probes ---

def test_verbose_check_names_the_silent_database(env):
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "1s"}, "database": {"query_timeout": "30s"}}, cluster=cluster)
    typed(server, """
$ curl -s 'http://127.0.0.1:%d/readyz?verbose' | grep listeners
[+]listeners ok
""" % server.health_port)
    phone = server.phone()
    phone.prepare()
    cluster.freeze()
    try:
        # who is asked nothing asks the database nothing, and does not notice
        phone.send(phone.authorize(phone.register_request("<sip:alice@192.0.2.10:5062>")))
        server.wait(lambda: re.search(r"^\[-\]database: no answer for \d+s", server.health("/readyz?verbose")[1], re.M),
                    "[-]database: no answer for 41s", 30)
        true(server.health("/readyz")[1].startswith("database: no answer for ") or
             server.health("/readyz")[1].startswith("workers: "), "the first failing check: " + server.health("/readyz")[1])
    finally:
        cluster.thaw()
    server.wait_ready(60)


# --- section 7: metrics ---

METRICS = """
build_info gauge version commit openssl
state gauge state
registrations_total counter reason transport domain
registration_duration_seconds histogram outcome
bindings gauge transport domain
users_with_bindings gauge transport domain
binding_changes_total counter change
sip_requests_total counter method
sip_responses_total counter code
sip_parse_errors_total counter transport
sip_retransmissions_total counter transport
received_bytes_total counter transport
sent_bytes_total counter transport
udp_receive_drops_total counter
connections gauge transport
connections_opened_total counter transport
connections_closed_total counter cause transport
tls_handshakes_total counter version result
tls_handshake_duration_seconds histogram result
certificate_expiry_timestamp_seconds gauge certificate
remembered_records_total counter result
db_connections gauge state
db_queue_length gauge
db_query_duration_seconds histogram statement
db_errors_total counter class
db_retries_total counter
db_batch_rows histogram statement
rate_limited_total counter scope
bans_total counter scope
banned_prefixes gauge scope
overload_rejected_total counter worker
worker_queue_delay_seconds histogram worker
worker_busy_ratio gauge worker
config_reloads_total counter result
config_last_reload_success_timestamp_seconds gauge
admin_requests_total counter route code
admin_request_duration_seconds histogram route
log_dropped_total counter
process_cpu_seconds_total counter
process_resident_memory_bytes gauge
process_open_fds gauge
process_max_fds gauge
process_start_time_seconds gauge
"""


def test_metrics_of_the_contract(env):
    """Names, types and labels as the contract has them, with what docs/decisions/0022 says of some labels."""
    server = env.server
    server.wait(lambda: scrape(server)["rollcall_bindings"].samples, "the bindings were counted", 60)
    found = scrape(server)
    for name, kind, *labels in (line.split() for line in METRICS.split("\n") if line):
        family = found.get(name if name.startswith("process_") else "rollcall_" + name)
        true(family is not None, name + " is missing")
        equal((family.type, family.labels), (kind, sorted(labels)), name)


# --- section 8: the log ---

LINE = (r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warning auth\.failed reason=bad_password src=127\.0\.0\.1:\d+ transport=tls '
        r'status=401 node=reg-2 count=(\d+) user="bob" aor="bob@example\.com" method="REGISTER" call_id="[^"]+" '
        r'agent="Grandstream GXP2170"')


def test_line_of_the_log(env):
    """Nine failures are one line at once and one for the rest, a second later."""
    server = env.start({"server": {"name": "reg-2"}})
    phone = server.phone("tls", user="bob", password="old")
    told = 0
    while told < 9:
        phone.reg("<sips:bob@198.51.100.40>", fields=[("User-Agent", "Grandstream GXP2170")]).expect(401)
        told += 1
    server.wait(lambda: counted(server, phone) >= told, "lines that count %d failures" % told)


def counted(server, phone):
    """What the lines stand for; one failure more brings out what is held back."""
    lines = [line for line in server.log.splitlines() if " auth.failed " in line]
    for line in lines:
        if not re.fullmatch(LINE, re.sub(r"(node=reg-2) user", r"\1 count=1 user", line)):
            raise Failure("the line is " + line)
    total = sum(int(re.search(r" count=(\d+) ", line).group(1)) if " count=" in line else 1 for line in lines)
    if total < 9:
        phone.reg("<sips:bob@198.51.100.40>", fields=[("User-Agent", "Grandstream GXP2170")]).expect(401)
    return total


EVENTS = {"registration": "info", "auth.challenge": "debug", "auth.failed": "warning", "ban": "notice", "tls.failed": "notice",
          "db.down": "warning", "db.up": "notice", "reload": "notice", "admin.write": "notice", "start": "notice",
          "ready": "notice", "drain": "notice", "stop": "notice"}


def test_events_of_the_contract(env):
    """Each has its line; overload has a test of its own (test_limits.py)."""
    cluster = env.own_cluster()
    server = env.start({"limits": {"exempt": [], "ban_after": "1"}}, cluster=cluster)
    server.phone().reg("<sip:alice@192.0.2.1>").expect(200)
    handshake = Stream(("127.0.0.1", server.tls_port), server.transcript)
    handshake.send(b"\x16\x03\x01\x00\x05hello")
    true(handshake.closed(), "a broken handshake stays open")
    server.reload()
    server.wait_log(" reload ")
    ask(server.socket, "PUT", API + "/log-level", {"level": "debug"}).expect(200)
    server.phone("tcp", password="wrong").reg("<sip:alice@192.0.2.1>").expect(401)
    server.wait_log(" ban ")
    cluster.stop()
    server.wait_log(r"db\.down")
    cluster.start()
    server.wait(lambda: server.log.count(" db.up ") >= 2, "the database is back", 30)
    server.stop()
    seen = {(level, event) for level, event in re.findall(r"Z (\w+) ([a-z.]+) ", server.log)}
    missing = [(level, event) for event, level in EVENTS.items() if (level, event) not in seen]
    equal(missing, [], "events without a line")
