"""/metrics: what docs/operations.md promises exists, moves when it should, and never goes back."""
import os
import re
import signal
import socket
import ssl
import time

from harness import equal, true
from harness.faults import Stopped, admin, failing_commits, slow_commits, wait_workers, without_fault, workers
from harness.metrics import scrape
from harness.transport import own_address

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
C1, C2, C3 = ("<sip:alice@192.0.2.%d:5062>" % n for n in (10, 11, 12))
S1 = "<sips:alice@192.0.2.10:5062>"
# What cannot be brought about from outside, and the unit test that does it instead; or what never changes.
ELSEWHERE = {
    "rollcall_build_info": "constant: test_constants",
    "process_start_time_seconds": "constant: test_constants",
    "process_max_fds": "constant: test_constants",
    "rollcall_udp_truncated_total": "tests/net/udp_test.c",
    "rollcall_udp_send_full_total": "tests/net/udp_test.c",
    "rollcall_db_conflicts_total": "tests/store/store_test.c",
    "rollcall_failures_lost_total": "tests/server/limits_test.c",
    "rollcall_stream_pauses_total": "tests/scenarios/test_lists.py",
    "rollcall_tls_handshakes_waiting": "tests/net/tls_test.c",
}
MOVED = set()


def whole(name):
    return name if name.startswith("process_") else "rollcall_" + name


def moves(*names):
    """This test has each of these metrics move, and says where between with moved(server)."""
    names = [whole(name) for name in names]
    MOVED.update(names)

    def wrap(function):
        def test(env):
            function(env, lambda server: Moved(server, names))
        test.__doc__ = function.__doc__
        return test
    return wrap


class Moved:
    """before and after what happens in between; the difference is waited for. No counter goes back meanwhile."""

    def __init__(self, server, names):
        self.server, self.names = server, names

    def __enter__(self):
        self.before = self.after = scrape(self.server)
        self.moved = set()
        return self

    def resting(self):
        """Whose numbers have been those of before whenever we looked; a gauge may have come back since."""
        return [n for n in self.names if n not in self.moved]

    def look(self):
        then, self.after = self.after, scrape(self.server)
        never_back(then, self.after)
        self.moved |= {n for n in self.names if self.before[n].samples != self.after[n].samples}
        return not self.resting()

    def __exit__(self, kind, *_):
        if kind is None:
            deadline = time.monotonic() + 40
            while not self.look():
                true(time.monotonic() < deadline, "these do not move: %s" % self.resting())
                time.sleep(0.1)

    def by(self, name, part="", **labels):
        name = whole(name)
        return self.after[name].value(part, **labels) - self.before[name].value(part, **labels)


def never_back(then, now):
    for name, family in then.items():
        for series, value in family.samples.items() if family.type != "gauge" else ():
            true(now[name].samples.get(series, -1) >= value, "%s went back or is gone" % (series,))


def documented():
    """{name: (type, labels, meaning)} of the table in docs/operations.md."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        section = re.search(r"^## Metrics\n(.*?)^## ", file.read(), re.M | re.S).group(1)
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", section, re.M)
    return {whole(name): (kind, sorted(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows}


def counted(server):
    """The gauges of the background count have series once it was done."""
    return server.wait(lambda: scrape(server)["rollcall_bindings"].samples, "a first count of the bindings")


def test_documented_is_what_exists(env):
    """Both ways: neither a metric without its row nor a row without its metric, with type, labels and words alike."""
    wanted = documented()
    counted(env.server)
    found = {name: (f.type, f.labels, f.help) for name, f in scrape(env.server).items()}
    for name, facts in found.items():
        equal(wanted.get(name), facts, name + " in docs/operations.md")
    equal(sorted(wanted), sorted(found), "names")


def test_each_documented_one_is_moved_here(env):
    del env
    equal(sorted(set(documented()) - MOVED - set(ELSEWHERE)), [], "metrics that no test moves")
    equal(sorted((MOVED | set(ELSEWHERE)) - set(documented())), [], "metrics that nobody documents")
    equal(sorted(MOVED & set(ELSEWHERE)), [], "metrics that move after all")


def test_constants(env):
    now = scrape(env.server)
    (_, labels), = now["rollcall_build_info"].samples
    equal(now["rollcall_build_info"].value(), 1, "build_info")
    true(re.fullmatch(r"([0-9a-f]{12})?", dict(labels)["commit"]), "commit")
    true(re.match(r"3\.", dict(labels)["openssl"]) and dict(labels)["version"], "versions: %s" % (labels,))
    true(abs(now["process_start_time_seconds"].value() - time.time()) < 600, "start time")
    true(now["process_max_fds"].value() >= now["process_open_fds"].value() > 0, "descriptors")


def test_counters_begin_at_zero(env):
    """Each combination of labels that may ever be counted has its series from the start, in the same order for ever."""
    server = env.start()
    first = scrape(server)
    reasons = {dict(labels)["reason"] for _, labels in first["rollcall_registrations_total"].samples}
    domains = {dict(labels)["domain"] for _, labels in first["rollcall_registrations_total"].samples}
    true({"registered", "bad_password", "rate_limited"} <= reasons and "none" not in reasons, "reasons %s" % reasons)
    equal(domains, {"other", "example.com", "other.example"}, "domains")
    equal(len(first["rollcall_registrations_total"].samples), len(reasons) * len(domains) * 3, "series")
    equal(first["rollcall_registrations_total"].value(), 0, "registrations")
    server.phone().reg(C1).expect(200)
    counters = [series for name, f in first.items() if f.type != "gauge" for series in f.samples]
    equal([series for name, f in scrape(server).items() if f.type != "gauge" for series in f.samples], counters, "series")


def test_switched_off(env):
    server = env.start({"health": {"metrics": "no"}})
    equal(server.health("/metrics")[0], 404, "status")
    server.configure({"health": {"metrics": "yes"}})
    server.reload()
    server.wait(lambda: server.health("/metrics")[0] == 200, "metrics after the reload")


# --- SIP ---

@moves("registrations_total", "registration_duration_seconds", "sip_requests_total", "sip_responses_total",
       "binding_changes_total", "received_bytes_total", "sent_bytes_total", "connections", "connections_opened_total",
       "connections_closed_total", "tls_handshakes_total", "tls_handshake_duration_seconds", "db_lookups_total",
       "db_commits_total", "db_batches_total", "db_batch_rows", "db_query_duration_seconds", "transactions_live",
       "worker_queue_delay_seconds", "worker_busy_ratio", "process_cpu_seconds_total")
def test_registrations(env, moved):
    server = env.server
    with moved(server) as m:
        for transport in ("udp", "tcp", "tls"):
            contact = S1 if transport == "tls" else C1
            phone = server.phone(transport)
            phone.reg(contact).expect(200)
            phone.reg(contact).expect(200)
            phone.reg(contact, expires=0).expect(200)
            phone.fetch()
            phone.opt().expect(200)
            server.phone(transport, password="wrong").reg(contact).expect(401)
            server.phone(transport, user="nobody").reg(contact).expect(401)
            server.phone(transport, domain="nowhere.example").reg0(contact).expect(404)
        server.phone(domain="other.example").reg(C1).expect(200)
        next(phone for phone in server.phones if phone.transport == "tcp").close()
    for transport in ("udp", "tcp", "tls"):
        for reason, count in (("registered", 1), ("refreshed", 1), ("removed", 1), ("fetched", 1), ("bad_password", 1),
                              ("unknown_user", 1)):
            equal(m.by("registrations_total", reason=reason, transport=transport, domain="example.com"), count,
                  "%s over %s" % (reason, transport))
        equal(m.by("registrations_total", reason="domain_not_served", transport=transport, domain="other"), 1, "other")
    equal(m.by("registrations_total", reason="registered", domain="other.example"), 1, "of the other domain")
    equal(m.by("registration_duration_seconds", "_count", outcome="ok"), 13, "durations of successes")
    equal(m.by("registration_duration_seconds", "_count", outcome="failed"), 6, "durations of failures")
    equal([m.by("binding_changes_total", change=c) for c in ("added", "refreshed", "removed")], [4, 3, 3], "changes")
    equal(m.by("sip_requests_total", method="OPTIONS"), 3, "OPTIONS")
    equal(m.by("sip_responses_total", code="200"), 16, "200")
    equal(m.by("sip_responses_total", code="404"), 3, "404")
    equal(m.by("connections_opened_total", transport="tls"), 4, "TLS connections")
    equal(m.by("tls_handshakes_total", version="1.3", result="full"), 4, "handshakes")
    equal(m.by("tls_handshake_duration_seconds", "_count", result="full"), 4, "durations of handshakes")
    equal(m.by("connections_closed_total", transport="tcp", cause="peer"), 1, "closed by the peer")
    for transport in ("udp", "tcp", "tls"):
        true(m.by("received_bytes_total", transport=transport) > 2000, "received")
        true(m.by("sent_bytes_total", transport=transport) > 1000, "sent")
    true(m.by("db_batch_rows", "_sum", statement="commit") >= 13, "rows of commits")
    true(0 < m.after["rollcall_worker_busy_ratio"].value(worker="0") <= 1, "busy")


@moves("sip_parse_errors_total", "sip_retransmissions_total", "keepalives_total", "stray_responses_total",
       "repetitions_total", "probes_total", "sips_strict_refused_total", "sips_strict_would_refuse_total")
def test_messages_that_are_no_requests(env, moved):
    server = env.start({("domain", "other.example"): {"contacts": "compatible"}})
    with moved(server) as m:
        phone = server.phone()
        for octets in (b"no SIP at all\r\n\r\n", b"\r\n\r\n", b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
                       b"From: <sip:a@h>;tag=1\r\nTo: <sip:a@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"):
            phone.wire.send(octets)
        phone.prepare()
        request = phone.authorize(phone.register_request(C1))
        phone.exchange(request).expect(200)
        phone.exchange(request).expect(200)  # from its transaction
        stream = server.phone("tcp", user="bob")
        stream.prepare()
        request = stream.authorize(stream.register_request("<sip:bob@192.0.2.1>"))
        stream.exchange(request).expect(200)
        stream.exchange(request).expect(200)  # from the row (D-04)
        socket.create_connection(("127.0.0.1", server.port)).close()
        tls = server.phone("tls", scheme="sip")
        tls.reg(S1, uri="sip:example.com").expect(400)
        server.phone("tls", scheme="sip", domain="other.example").reg(S1, uri="sip:other.example").expect(200)
    equal(m.by("sip_parse_errors_total", transport="udp"), 2, "parse errors")
    equal(m.by("sip_retransmissions_total", transport="udp"), 1, "retransmissions")
    equal(m.by("repetitions_total"), 1, "repetitions")


@moves("rate_limited_total", "connections_refused_total")
def test_limits(env, moved):
    server = env.start({"limits": {"exempt": [], "per_ip_rate": "1/s", "per_ip_burst": 100, "per_aor_rate": "1/s"},
                        "connection": {"max_per_ip": 1}})
    one, two = own_address(0), own_address(1)
    with moved(server) as m:
        phone = server.phone(bind=(one, 0))
        phone.prepare()
        for _ in range(40):
            phone.reg(C1)
        flood = server.phone(bind=(two, 0))
        for _ in range(300):
            flood.send(flood.request("OPTIONS", "sip:example.com"))
        held = [socket.create_connection(("127.0.0.1", server.port), source_address=(two, 0)) for _ in range(3)]
    for wire in held:
        wire.close()
    true(m.by("rate_limited_total", scope="aor") >= 1, "limit of an address")
    true(m.by("rate_limited_total", scope="source") >= 100, "limit of a source")
    equal(m.by("connections_refused_total"), 2, "connections over the limit")


@moves("bans_total", "banned_prefixes")
def test_bans(env, moved):
    server = env.start({"limits": {"exempt": [], "ban_after": 2}})
    server.wait(lambda: server.api("/bans")[0] == 200, "the API has its database")
    with moved(server) as m:
        guesser = server.phone("tcp", bind=(own_address(0), 0), password="guess")
        for _ in range(2):
            guesser.reg(C1).expect(401)
        equal(server.api("/bans", "POST", '{"cidr":"203.0.113.7","for":600}')[0], 201, "a ban by an operator")
        server.wait(lambda: m.look() and m.by("bans_total") == 2, "both bans", 20)
    for name in ("bans_total", "banned_prefixes"):
        for scope in ("automatic", "manual"):
            equal(m.by(name, scope=scope), 1, "%s of scope %s" % (name, scope))


@moves("transactions_evicted_total")
def test_memory_for_answers(env, moved):
    server = env.start({"server": {"transaction_memory": "1m"}})
    with moved(server):
        phone = server.phone()
        phone.prepare()
        padding = [("X-Padding", "x" * 1000)]
        for n in range(400):
            phone.exchange(phone.authorize(phone.register_request(
                *["<sip:alice@192.0.2.%d:5062;p=%s>" % (i, "x" * 400) for i in range(1, 9)], fields=padding)))


# --- the loop, the kernel, processes ---

@moves("udp_receive_drops_total", "process_resident_memory_bytes")
def test_datagrams_that_nobody_reads(env, moved):
    """Counted by the kernel while the worker stands still, and also when another one takes its place meanwhile."""
    server = env.start({"connection": {"udp_receive_buffer": "64k"}})
    phone = server.phone()

    def flood():
        for _ in range(300):
            phone.wire.send(b"x" * 4000)
    with moved(server) as m:
        with Stopped(*workers(server)):
            flood()
    first = m.by("udp_receive_drops_total")
    true(100 < first < 300, "%d of 300 dropped" % first)
    with moved(server) as m:
        pid, = workers(server)
        os.kill(pid, signal.SIGSTOP)
        flood()
        os.kill(pid, signal.SIGKILL)
    true(100 < m.by("udp_receive_drops_total") < 300, "drops beside a death: %d" % m.by("udp_receive_drops_total"))


@moves("child_deaths_total", "process_open_fds")
def test_counters_survive_whoever_counted(env, moved):
    """A worker and the admin process die; what they had counted stays, what they had open is closed."""
    server = env.start({"server": {"workers": 2}})
    with moved(server) as m:
        held = [server.phone("tcp") for _ in range(40)]
        for phone in held:
            phone.opt().expect(200)
        server.wait(lambda: m.look() or whole("process_open_fds") not in m.resting(), "the open descriptors", 50)
        before = scrape(server)
        for pid in [*workers(server), admin(server)]:
            os.kill(pid, signal.SIGKILL)
        server.wait(lambda: server.health("/livez")[0] != 0, "the next admin process")
        server.wait(lambda: scrape(server)["rollcall_child_deaths_total"].value() == 3, "three deaths")
        never_back(before, scrape(server))
        dead = scrape(server)
        equal(dead["rollcall_connections"].value(transport="tcp"), 0, "connections of the dead")
        equal(m.after["rollcall_connections_closed_total"].value(cause="process_died"), 0, "closed before")
        equal(dead["rollcall_connections_closed_total"].value(cause="process_died", transport="tcp"), 40, "closed by death")
        wait_workers(server, 2)
    again = scrape(server)
    never_back(before, again)
    server.wait(lambda: scrape(server)["rollcall_workers_ready"].value() == 2, "workers ready")
    server.phone().reg(C1).expect(200)


@moves("log_dropped_total")
def test_lines_that_nobody_reads(env, moved):
    server = env.make({"log": {"level": "debug"}})
    reading, writing = os.pipe()
    server.log_path = "/dev/fd/%d" % writing
    os.set_inheritable(writing, True)
    env.cleanups.append(lambda: [os.close(reading), os.close(writing)])
    server.start()
    with moved(server):
        phone = server.phone()
        for _ in range(1500):
            phone.send(phone.request("OPTIONS", "sip:nowhere.example"))
    server.log_path = os.devnull


# --- the database ---

@moves("db_errors_total", "db_retries_total", "db_connects_total")
def test_statements_that_fail(env, moved):
    server = env.start()
    phone = server.phone()
    phone.prepare()
    with moved(server) as m:
        failing_commits(server.database, "40001", 1)
        phone.reg(C1).expect(200)
        without_fault(server.database)
        server.database.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rollcall' "
                              "and datname = current_database()")
        server.wait(lambda: server.phone().reg0(C1).status == 401, "the database again")
    equal(m.by("db_errors_total", **{"class": "40"}), 1, "serialization failures")


@moves("db_unknown_total")
def test_commits_of_unknown_outcome(env, moved):
    from harness.faults import Between
    between = Between(env, env.cluster)
    database = env.new_database()
    server = env.make({"database": {"url": between.url(database)}}, database=database).start()
    phone = server.phone()
    phone.prepare()
    with moved(server) as m:
        between.cut_behind = 1
        phone.reg(C1).expect(200)
    equal(m.by("binding_changes_total", change="added"), 1, "a binding is added once")


@moves("overload_rejected_total", "requests_live", "db_queue_length")
def test_a_slow_database(env, moved):
    server = env.start({"limits": {"overload_delay": "50ms"}, "database": {"query_timeout": "20s"}})
    phones = [server.phone() for _ in range(6)]
    for phone in phones:
        phone.prepare()
    slow_commits(server.database, 3)
    with moved(server) as m:
        for phone in phones:
            phone.send(phone.authorize(phone.register_request(C1)))

        def overloaded():
            server.phone("udp", user="bob").reg0(C1)
            m.look()
            return not m.resting()
        server.wait(overloaded, "503 and a queue", 20)
    without_fault(server.database)


@moves("db_connections", "state", "workers_ready")
def test_states(env, moved):
    server = env.start({"health": {"drain_delay": "20s", "drain_timeout": "60s", "db_grace": "0s"}})
    with moved(server) as m:
        equal(m.before["rollcall_state"].value(state="ready"), 1, "ready")
        true(m.before["rollcall_db_connections"].value(state="up") >= 2, "connections")
        server.database.query("update pg_database set datallowconn = false where datname = current_database(); "
                              "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rollcall' "
                              "and datname = current_database()")
        server.wait(lambda: scrape(server)["rollcall_state"].value(state="not_ready") == 1, "not ready")
    equal(m.after["rollcall_db_connections"].value(state="up"), 0, "connections up")
    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: scrape(server)["rollcall_state"].value(state="draining") == 1, "draining")
    server.process.send_signal(signal.SIGTERM)


@moves("bindings", "users_with_bindings")
def test_what_is_registered(env, moved):
    """Counted in the background: the first count of a node finds nothing, that of the next one what is there."""
    del moved
    server = env.start()
    counted(server)
    equal(scrape(server)["rollcall_bindings"].value(), 0, "bindings")
    server.phone().reg(C1, C2).expect(200)
    server.phone(user="bob").reg("<sip:bob@192.0.2.1>").expect(200)
    server.phone("tls").reg("<sips:alice@192.0.2.77>").expect(200)
    server.phone("tcp", domain="other.example").reg(C3).expect(200)
    server.database.query("update aor set bindings = jsonb_set(bindings::jsonb, '{0,e}', '1') where aor = 'bob@example.com'")
    second = env.start(database=server.database)
    counted(second)
    now = scrape(second)
    bindings = {(dict(labels)["domain"], dict(labels)["transport"]): value
                for (_, labels), value in now["rollcall_bindings"].samples.items() if value}
    equal(bindings, {("example.com", "udp"): 2, ("example.com", "tls"): 1, ("other.example", "tcp"): 1}, "live bindings")
    users = now["rollcall_users_with_bindings"]
    equal([users.value(domain="example.com", transport=t) for t in ("udp", "tcp", "tls")], [1, 0, 1], "users")
    stats = second.stats()
    equal((stats["bindings"], stats["users_with_bindings"], stats["users"]), (4, 2, 4), "in /stats")


@moves("binding_changes_total")
def test_how_bindings_end(env, moved):
    server = env.server
    with moved(server) as m:
        server.phone().reg(C1).expect(200)
        server.database.query("update aor set expires_at = now() - interval '1 s' where aor = 'alice@example.com'")
        server.wait(lambda: m.look() and m.by("binding_changes_total", change="expired") == 1, "swept", 20)
        server.phone(user="bob").reg("<sip:bob@192.0.2.1>").expect(200)
        equal(server.api("/aors/bob@example.com/bindings", "DELETE")[0], 204, "removed by the API")
        phone = server.phone("tls", scheme="sips")
        phone.reg("<sips:alice@192.0.2.9>").expect(200)
        phone.reg(*["<sips:alice@192.0.2.9:%d>" % p for p in range(6000, 6009)]).expect(200)
        new = phone.reg('<sips:alice@192.0.2.9:7000>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"')
        equal(new.status, 403, "the eleventh")
    equal(m.by("binding_changes_total", change="added"), 12, "added")
    equal(m.by("binding_changes_total", change="removed"), 1, "removed")


@moves("remembered_records_total")
def test_remembered_records(env, moved):
    """A refresh goes straight to its commit; when somebody else wrote meanwhile, the guard says so."""
    server, phone = env.server, env.server.phone()
    with moved(server) as m:
        phone.reg(C1).expect(200)
        phone.reg(C1).expect(200)
        server.database.query("update aor set version = version + 1 where aor = 'alice@example.com'")
        phone.reg(C1).expect(200)
    equal([m.by("remembered_records_total", result=r) for r in ("miss", "hit", "refused")], [1, 2, 1], "results")


def test_replaced(env):
    server = env.start({"registration": {"on_max_contacts": "replace_oldest", "max_contacts": 2}})
    phone = server.phone()
    for contact in (C1, C2, C3):
        phone.reg(contact).expect(200)
    now = scrape(server)["rollcall_binding_changes_total"]
    equal([now.value(change=c) for c in ("added", "replaced", "removed")], [3, 1, 0], "changes")


# --- TLS ---

@moves("tls_handshakes_total", "registrations_total")
def test_handshakes(env, moved):
    server = env.start({"tls": {"min_version": "1.2"}})
    with moved(server) as m:
        old = server.tls_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        server.tls(context=old).close()
        stranger = ssl.create_default_context()  # trusts nobody that we know
        try:
            server.tls(context=stranger)
        except ssl.SSLError:
            pass
        m.look()
    equal(m.by("tls_handshakes_total", version="1.2", result="full"), 1, "of TLS 1.2")


@moves("certificate_expiry_timestamp_seconds", "config_reloads_total", "config_last_reload_success_timestamp_seconds")
def test_reloads(env, moved):
    """Domains that come get series; those that go keep theirs; nothing goes back."""
    server = env.start()
    server.phone(domain="other.example").reg(C1).expect(200)
    other = env.certificates("second")
    with moved(server) as m:
        server.configure({("domain", "third.example"): {}, ("domain", "other.example"): None,
                          ("certificate", "second"): {"chain": other + "/server.pem", "key": other + "/server.key"}})
        server.reload()
        server.wait_log("configuration applied")
        server.wait(m.look, "the reload")
        server.configure({"registration": {"expires_min": "1"}})
        server.reload()
        server.wait_log("reload refused")
    equal([m.by("config_reloads_total", result=r) for r in ("applied", "refused")], [1, 1], "reloads")
    equal({dict(labels)["certificate"] for _, labels in m.after["rollcall_certificate_expiry_timestamp_seconds"].samples},
          {"main", "second"}, "certificates")
    true(m.after["rollcall_certificate_expiry_timestamp_seconds"].value(certificate="main") > time.time(), "its end")
    registrations = m.after["rollcall_registrations_total"]
    equal(registrations.value(domain="other.example", reason="registered"), 1, "of the domain that went")
    equal(registrations.value(domain="third.example"), 0, "of the domain that came")
    server.phone(domain="third.example").reg0(C1).expect(401)
    equal(scrape(server)["rollcall_registrations_total"].value(domain="third.example", reason="challenged"), 1, "counted")


def test_more_domains_than_labels(env):
    """64 have a label of their own; the others share one."""
    server = env.start({("domain", "d%d.example" % i): {} for i in range(70)})
    for i in (0, 60, 69):
        server.phone(domain="d%d.example" % i).reg0(C1).expect(401)
    challenged = scrape(server)["rollcall_registrations_total"]
    equal(len({dict(labels)["domain"] for _, labels in challenged.samples}), 65, "labels")
    equal([challenged.value(domain="d%d.example" % i, reason="challenged") for i in (0, 60, 69)], [1, 1, 0], "by domain")
    equal(challenged.value(domain="other", reason="challenged"), 1, "of the others")


# --- HTTP ---

@moves("admin_requests_total", "admin_request_duration_seconds")
def test_requests_of_the_api(env, moved):
    server = env.server
    with moved(server) as m:
        server.stats()
        equal(server.api("/nothing")[0], 404, "status")
        server.health("/readyz")
    equal(m.by("admin_requests_total", route="GET /api/v1/stats", code="200"), 1, "of a route")
    equal(m.by("admin_requests_total", route="none", code="404"), 1, "of no route")
    true(m.by("admin_requests_total", route="health", code="200") >= 2, "of probes")
    equal(m.by("admin_request_duration_seconds", "_count", route="GET /api/v1/stats"), 1, "durations")


def test_recent_numbers_of_status(env):
    server = env.start()
    phone = server.phone()
    for _ in range(20):
        phone.reg(C1).expect(200)

    def recent():
        """Once they have seen all of it: a sample may fall between the challenge and the first 200."""
        numbers = server.stats()["recent"]
        return numbers if numbers and numbers["registers_per_second"] * numbers["seconds"] > 20 else None
    numbers = server.wait(recent, "numbers of the last seconds")
    true(numbers["ok"] > 0.5 and 0 < numbers["challenged"] < 0.5 and numbers["failed"] == 0, "shares: %s" % numbers)
    true(0 < numbers["p50_ms"] <= numbers["p99_ms"] <= 5000, "quantiles: %s" % numbers)
