"""A database that is away, slow, cut off, killed or made to fail: no answer 200 without a binding, and no standstill."""
import collections
import os
import re
import signal
import threading
import time

from harness import Failure, add_test, covers, equal, long_only, true
from harness.faults import (Between, add_users, admin, failing_commits, on_commit, resident_kb, slow_commits, without_fault,
                            workers)
from harness.database import DAEMON_PASSWORD, Database
from harness.failing import PLAIN_BUILD
from harness.http import Http, ask
from harness.metrics import scrape
from harness.phone import ALICE_PASSWORD
from harness.report import quantile, report

C1, C2, C3 = ("<sip:alice@192.0.2.%d:5062>" % n for n in (10, 11, 12))


def bindings(server, user="alice"):
    """(contact, CSeq) pairs as another connection to the database sees them."""
    rows = server.database.query("select contact, cseq from binding where username = '%s' and domain = 'example.com' "
                                 "order by contact" % user)
    return [("<%s>" % contact, int(cseq)) for contact, cseq in rows]


def contacts(server, user="alice"):
    return [contact for contact, _ in bindings(server, user)]


def cseq(request):
    return int(request.get("CSeq").split()[0])


def retry_after(response):
    seconds = int(response.header("retry-after", r"^\d+$"))
    true(20 <= seconds <= 90, "Retry-After is %d" % seconds)


# --- away ---

@covers("REG-DB-6")
def test_database_away_at_the_start(env):
    """No challenge, for nothing could come of it; OPTIONS as /readyz; and back by itself."""
    cluster = env.own_cluster()
    server = env.make(cluster=cluster)
    cluster.stop()
    server.launch()
    server.wait(lambda: server.health("/livez")[0] == 200, "alive")
    phone = server.phone("tcp")
    answer = phone.reg0(C1).expect(503)
    retry_after(answer)
    equal(answer.all("www-authenticate"), [], "challenges")
    retry_after(phone.opt().expect(503))
    equal(server.health()[0], 503, "/readyz")
    equal(server.health("/startupz")[0], 503, "/startupz")
    server.wait_log(r"db\.down .*retrying in \d+ms; SIP answers 503 until then")
    cluster.start()
    server.wait_ready()
    phone.opt().expect(200)
    phone.reg(C1).expect(200)
    equal(server.process.poll(), None, "exit status")


@covers("REG-DB-6")
def test_database_stopped_and_started(env):
    """503 at once, retransmissions of it absorbed; OPTIONS stays good within db_grace; full service by itself."""
    cluster = env.own_cluster()
    server = env.start(cluster=cluster)
    phone = server.phone()
    phone.reg(C1).expect(200)
    cluster.stop()
    server.wait_log(r"db\.down ")
    began = time.monotonic()
    request = phone.authorize(phone.register_request(C2))
    retry_after(phone.exchange(request).expect(503))
    true(time.monotonic() - began < 2, "503 after %.1f s" % (time.monotonic() - began))
    phone.opt().expect(200)
    equal(server.health()[0], 200, "/readyz within db_grace")
    true("database" in server.health("/readyz?verbose")[1], "/readyz?verbose")
    cluster.start()
    server.wait(lambda: phone.reg(C2).status == 200, "the phone is served again", 20)
    equal(contacts(server), [C1, C2], "bindings")


def test_database_gone_for_longer_than_the_grace(env):
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "1s"}}, cluster=cluster)
    phone = server.phone()
    phone.opt().expect(200)
    cluster.stop()
    server.wait(lambda: server.health()[0] == 503, "/readyz says 503", 15)
    server.wait(lambda: phone.opt().status == 503, "OPTIONS says 503", 15)
    equal(server.health("/livez")[0], 200, "/livez never speaks of the database")
    cluster.start()
    server.wait_ready()
    server.wait(lambda: phone.opt().status == 200, "OPTIONS says 200", 15)


def refused_beyond_the_grace(server, phone, status, reason):
    """Connected all the while, and nobody is served: neither probe sends more phones here, and the operator hears why."""
    probe = server.phone("tcp")
    phone.reg(C2).expect(*status)
    server.wait(lambda: server.health()[0] == 503, "/readyz says 503", 30)
    server.wait(lambda: probe.opt().status == 503, "OPTIONS says 503")
    equal(server.health("/livez")[0], 200, "/livez")
    phone.reg(C2).expect(*status)
    server.wait(lambda: "NOT READY" in server.ctl("status", check=False).stdout, "rollcallctl status says so")
    server.wait_log(r"warning db\.down .*refuses (changes|look-ups): %s.*; SIP answers 500 or 503 until then" % reason)
    true(reason not in server.health("/readyz?verbose")[1], "the words of the database are on the health port")


def served_again(server, phone, contact=C3):
    """It comes back although nobody sends a phone, and then serves."""
    server.wait(lambda: server.health()[0] == 200, "/readyz says 200 again", 30)
    server.wait(lambda: server.health("/readyz?verbose")[1].count("[-]") == 0, "nothing is wrong any more")
    phone.reg(contact).expect(200)


def test_disk_of_the_database_full_for_longer_than_the_grace(env):
    server = env.start({"health": {"db_grace": "1s"}, "server": {"workers": "2"}})
    phone = server.phone()
    phone.reg(C1).expect(200)
    failing_commits(server.database, "53100", user=None)
    refused_beyond_the_grace(server, phone, (500,), "made to fail")
    true("[-]database: refuses requests for " in server.health("/readyz?verbose")[1], "the check of the database")
    without_fault(server.database)
    served_again(server, phone)
    equal(contacts(server), [C1, C3], "bindings")


def test_one_phone_that_the_database_refuses_takes_nobody_away(env):
    """Whatever is said of its row, another one is tried before anybody believes that it is the database."""
    server = env.start({"health": {"db_grace": "0s"}})
    phone = server.phone()
    for state in ("53100", "XX001", "42501", "22001", "23514"):
        failing_commits(server.database, state)
        until = time.monotonic() + 2.5  # a probe comes every 2 s
        while time.monotonic() < until:
            phone.reg(C1).expect(500)
            equal((server.health()[0], server.phone("tcp").opt().status), (200, 200), "/readyz and OPTIONS at " + state)
            time.sleep(0.1)
    without_fault(server.database)


def test_rights_taken_away_for_longer_than_the_grace(env):
    """As a backup does that is restored without privileges."""
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "1s"}}, cluster=cluster)
    phone = server.phone()
    phone.reg(C1).expect(200)
    cluster.psql("postgres", "revoke rollcall_daemon from rollcall")
    refused_beyond_the_grace(server, phone, (500, 503), "permission denied")
    cluster.psql("postgres", "grant rollcall_daemon to rollcall")
    served_again(server, phone)


@covers("REG-DB-7")
def test_standby_away_for_longer_than_the_grace(env):
    """Connections are made anew all the while, and are good until something is to be stored: no probe is told so now and then."""
    cluster = env.own_cluster()
    server = env.start({"health": {"db_grace": "1s"}, "database": {"query_timeout": "1s"}}, cluster=cluster)
    phone = server.phone()
    phone.reg(C1).expect(200)
    want_a_standby(server, cluster)
    phone.reg(C2).expect(500, 503)
    server.wait_log(r"warning db\.down .*refuses changes: ", 30)
    server.wait(lambda: server.health()[0] == 503, "/readyz says 503", 30)
    until = time.monotonic() + 8
    while time.monotonic() < until:
        equal(server.health()[0], 503, "/readyz while the standby is away")
        time.sleep(0.02)
    want_no_standby(cluster)
    server.wait(lambda: server.health()[0] == 200, "/readyz says 200 again", 30)
    server.wait(lambda: phone.reg(C3).status == 200, "the phone is served again", 20)


@covers("REG-DB-7")
def test_standby_away_for_longer_than_the_grace_is_said_without_a_rest(env):
    """All connections are silent for longer than the grace, end, and are made anew: that is no news, for whoever was waited for in
    vain was asked before."""
    cluster = env.own_cluster()
    server = env.start({"server": {"workers": "2"}, "health": {"db_grace": "1s"}, "database": {"query_timeout": "5s"},
                        "limits": {"overload_delay": "1m"}}, cluster=cluster)  # which says 503 before the grace is over
    add_users(server.database, 20, ALICE_PASSWORD)
    phones = [server.phone(user="u%d" % n) for n in range(20)]
    for phone in phones:
        phone.prepare()
    want_a_standby(server, cluster)
    for phone in phones:
        phone.send(phone.authorize(phone.register_request("<sip:%s@192.0.2.1:5062>" % phone.user)))
        time.sleep(0.02)
    server.wait(lambda: server.health()[0] == 503, "/readyz says 503", 10)
    until = time.monotonic() + 12
    while time.monotonic() < until:
        equal(server.health()[0], 503, "/readyz while the standby is away")
        time.sleep(0.02)
    want_no_standby(cluster)
    server.wait(lambda: server.health()[0] == 200, "/readyz says 200 again", 30)
    server.wait(lambda: phones[0].reg("<sip:u0@192.0.2.3:5062>").status == 200, "a phone is served again", 20)


@covers("TXN-4321-1")
def test_frozen_database(env):
    """In flight: 500 or 503 at about query_timeout. Later ones: 503 at once. OPTIONS all the while. Then full speed."""
    cluster = env.own_cluster()
    server = env.start({"database": {"query_timeout": "3s"}}, cluster=cluster)
    add_users(server.database, 20, ALICE_PASSWORD)
    phones = [server.phone(user="u%d" % n) for n in range(20)]
    for phone in phones:
        phone.prepare()
    cluster.freeze()
    env.cleanups.insert(0, cluster.thaw)
    began = time.monotonic()
    for phone in phones[:10]:
        phone.send(phone.authorize(phone.register_request("<sip:%s@192.0.2.1:5062>" % phone.user)))
    options_are_answered(server, began + 2.0, 0.5)
    for phone in phones[10:]:
        sent = time.monotonic()
        retry_after(phone.reg("<sip:%s@192.0.2.1:5062>" % phone.user).expect(503))
        true(time.monotonic() - sent < 0.5, "a later one waited %.2f s for its 503" % (time.monotonic() - sent))
    for phone in phones[:10]:
        answer = phone.receive()
        true(answer is not None and answer.status in (500, 503), "in flight: %s" % (answer and answer.status))
        took = time.monotonic() - began
        true(2.5 < took < 6, "in flight: answered after %.1f s" % took)
    cluster.thaw()
    server.wait_ready()
    server.wait(lambda: phones[0].reg("<sip:u0@192.0.2.2:5062>").status == 200, "served again", 20)
    for phone in phones:
        phone.reg("<sip:%s@192.0.2.3:5062>" % phone.user).expect(200)


def options_are_answered(server, until, most):
    probe, waited = server.phone("tcp"), []
    while time.monotonic() < until:
        sent = time.monotonic()
        probe.opt().expect(200, 503)  # as readiness is
        waited.append(time.monotonic() - sent)
    probe.close()
    server.phones.remove(probe)
    true(max(waited) < most, "OPTIONS waited %.2f s" % max(waited))


class Held:
    """Twenty phones with a nonce at hand before a database that lets nobody through, and what they hear."""

    def __init__(self, server):
        self.server = server
        add_users(server.database, 20, ALICE_PASSWORD)
        self.phones = [server.phone(user="u%d" % n) for n in range(20)]
        for phone in self.phones:
            phone.prepare()

    def send(self, phones):
        for phone in phones:
            phone.send(phone.authorize(phone.register_request("<sip:%s@192.0.2.1:5062>" % phone.user)))

    def ask(self, phone):
        """(status, seconds)"""
        sent = time.monotonic()
        status = phone.reg("<sip:%s@192.0.2.1:5062>" % phone.user).expect(500, 503).status
        return status, time.monotonic() - sent

    def hear(self, phones, began, most):
        for phone in phones:
            answer = phone.receive()
            true(answer is not None and answer.status in (500, 503), "in flight: %s" % (answer and answer.status))
        true(time.monotonic() - began < most, "in flight: answered after %.1f s" % (time.monotonic() - began))

    def served_again(self):
        equal(self.server.database.value("select count(*) from binding where username like 'u%'"), "0", "stored late")
        for phone in self.phones:
            self.server.wait(lambda p=phone: p.reg("<sip:%s@192.0.2.3:5062>" % p.user).status == 200,
                             "%s is served again" % phone.user, 20)


def slow_from_now_on(held, connections):
    """Not dead, but slow (G6): who is in flight hears 500 or 503 at query_timeout, each who comes meanwhile hears 503 at once;
    OPTIONS and /livez all the while. And so again, when there are connections for somebody else to try."""
    for group in (held.phones[:10], held.phones[10:]):
        held.server.wait(lambda: connected(held.server) == connections, "all connections are up", 20)
        began = time.monotonic()
        held.send(group[:5])
        options_are_answered(held.server, began + 1.0, 0.5)
        for phone in group[5:]:
            status, took = held.ask(phone)
            true(status == 503 and took < 0.5, "a later one: %d after %.2f s" % (status, took))
        equal(held.server.health("/livez")[0], 200, "/livez")
        held.hear(group[:5], began, 40)


def connected(server):
    return scrape(server)["rollcall_db_connections"].value(state="up")


def test_commits_that_take_ten_seconds(env):
    """Nobody is stored late, and there is full speed behind it."""
    server = env.start({"database": {"query_timeout": "4s"}})
    held, connections = Held(server), connected(server)
    slow_commits(server.database, 10, None)
    slow_from_now_on(held, connections)
    without_fault(server.database)
    held.served_again()


def test_lookups_that_take_ten_seconds(env):
    """The same when it is look-ups that take so long: connections are made and answer all else."""
    server, pipe = between(env, database={"query_timeout": "4s"})
    held, connections = Held(server), connected(server)
    pipe.late, pipe.delay = re.compile(rb"lookup(_one)?\0\0"), 10.0
    slow_from_now_on(held, connections)
    pipe.delay = 0.0
    held.served_again()


@covers("TXN-4321-1")
def test_answers_that_take_ten_seconds(env):
    """Every answer of the database is late, those to new connections too: who is in flight hears 500 or 503 at query_timeout, each
    who comes later 503 at once; OPTIONS and /livez all the while; nothing piles up; and full service when the delay ends."""
    server, pipe = between(env, build=PLAIN_BUILD, database={"query_timeout": "2s"}, log={"level": "notice"})
    held, pids = Held(server), workers(server) + [admin(server)]
    kb, descriptors = memory_and_descriptors(pids)
    pipe.delay, began = 10.0, time.monotonic()
    held.send(held.phones[:10])
    options_are_answered(server, began + 1.0, 0.5)
    later = []
    while time.monotonic() < began + 12:
        later += [held.ask(phone) for phone in held.phones[10:]]
        options_are_answered(server, time.monotonic() + 0.2, 0.5)
        equal(server.health("/livez")[0], 200, "/livez")
    held.hear(held.phones[:10], began, 20)
    late = [(status, "%.2f s" % took) for status, took in later if status != 503 or took >= 0.5]
    equal(late, [], "what later ones heard who did not hear 503 at once")
    more_kb = memory_and_descriptors(pids)[0] - kb
    print("%d later ones heard 503; %d kB more" % (len(later), more_kb))
    true(more_kb < 4096, "the processes grew by %d kB" % more_kb)
    server.wait(lambda: all(now <= then for now, then in zip(memory_and_descriptors(pids)[1], descriptors)), "no more descriptors")
    pipe.delay = 0.0
    held.served_again()
    server.wait(lambda: memory_and_descriptors(pids)[1] == descriptors, "descriptors as before")


# --- load ---

class Load:
    """Phones that register two contacts at once, again and again, and remember what was acknowledged."""

    def __init__(self, server, count, transport="udp"):
        self.server, self.stop = server, threading.Event()
        self.acknowledged, self.sent, self.statuses, self.complaints = {}, {}, {}, []
        add_users(server.database, count, ALICE_PASSWORD)
        self.threads = [threading.Thread(target=self._run, args=("u%d" % n, transport)) for n in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _run(self, user, transport):
        phone = self.server.phone(transport, user=user)
        pair = ["<sip:%s@192.0.2.%d:5062>" % (user, n) for n in (1, 2)]
        while not self.stop.is_set():
            try:
                request = phone.authorize(phone.register_request(*pair))
                self.sent[user] = cseq(request)
                status = phone.exchange(request, timeout=12).status
            except Failure as failure:
                status = "none"
                if "wanted 401" not in str(failure):
                    self.complaints.append("%s: %s" % (user, failure))
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                self.acknowledged[user] = cseq(request)
            else:
                phone.nonces.clear()
                self.stop.wait(0.05)

    def more(self, count=200, timeout=60):
        """Waits for so many more answers 200."""
        enough = self.statuses.get(200, 0) + count
        self.server.wait(lambda: self.statuses.get(200, 0) >= enough, "%d more answers 200: %s" % (count, self.statuses),
                         timeout)

    def judge(self, silence=False):
        """What was acknowledged is there, as it was then or newer, both contacts of one request."""
        rows = self.server.database.query("select username, min(cseq), max(cseq), count(*) from binding group by 1")
        stored = {user: (int(low), int(high), int(n)) for user, low, high, n in rows}
        for user, number in self.acknowledged.items():
            low, high, count = stored.get(user, (0, 0, 0))
            true(count == 2 and low == high, "%s is half applied: %s" % (user, stored.get(user)))
            true(number <= low <= self.sent[user], "%s: acknowledged %d, stored %d, sent %d"
                 % (user, number, low, self.sent[user]))
        extra = [user for user in stored if user.startswith("u") and stored[user][0] != stored[user][1]]
        equal(extra, [], "half applied")
        if not silence:
            equal(self.complaints, [], "unanswered")


class Frozen:
    """What is seen from outside while the database stands still: how long OPTIONS and refusals take, and what the probes say."""

    def __init__(self, server):
        self.server, self.probe, self.late = server, server.phone("tcp"), server.phone()
        self.late.prepare()
        self.options, self.refusals, self.alive, self.ready = [], [], set(), []

    def watch(self, seconds):
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            sent = time.monotonic()
            self.probe.opt()
            self.options.append(time.monotonic() - sent)
            sent = time.monotonic()
            answer = self.late.exchange(self.late.authorize(self.late.register_request(C1)), timeout=8)
            if sent - began > 1:
                equal(answer.status, 503, "%.1f s into the freeze" % (sent - began))
                self.refusals.append(time.monotonic() - sent)
            self.alive.add(self.server.health("/livez")[0])
            self.ready.append((time.monotonic() - began, self.server.health("/readyz")[0]))
            time.sleep(0.05)


def p99(values):
    return quantile(values, 0.99)


def memory_and_descriptors(pids):
    return sum(resident_kb(pid) for pid in pids), [len(os.listdir("/proc/%d/fd" % pid)) for pid in pids]


@long_only
@covers("TXN-4321-1")
def test_frozen_for_a_minute(env):
    """Goal G6. The figures are in frozen.report in the state of the tests."""
    cluster = env.own_cluster()
    server = env.make({"server": {"workers": "2"}, "database": {"query_timeout": "3s"}, "health": {"db_grace": "10s"},
                       "log": {"level": "notice"}}, cluster=cluster)
    server.build = PLAIN_BUILD  # sanitizers keep what was given back
    server.start()
    pids, load = workers(server) + [admin(server)], Load(server, 40)
    with load:
        load.more()
        frozen, rate = Frozen(server), served_in(load, 5)
        kb, descriptors = memory_and_descriptors(pids)
        connects = server.counter("db_connects")
        cluster.freeze()
        env.cleanups.insert(0, cluster.thaw)
        frozen.watch(60)
        kb = memory_and_descriptors(pids)[0] - kb
        thawed = time.monotonic()
        cluster.thaw()
        load.more(1)
        back = time.monotonic() - thawed
        server.wait_ready()
        rate_after, connects = served_in(load, 5), server.counter("db_connects") - connects
    load.judge()
    report("frozen", "OPTIONS p99 %.0f ms, longest %.0f ms; 503 p99 %.0f ms, longest %.0f ms; memory %+d KB; first 200 %.2f s after "
           "the thaw; %d registrations in 5 s before, %d after; %d connections made" % (
               1e3 * p99(frozen.options), 1e3 * max(frozen.options), 1e3 * p99(frozen.refusals), 1e3 * max(frozen.refusals), kb,
               back, rate, rate_after, connects))
    true(p99(frozen.options) < 0.5, "OPTIONS took %.2f s" % p99(frozen.options))
    true(p99(frozen.refusals) < 0.5, "503 took %.2f s" % p99(frozen.refusals))
    equal(frozen.alive, {200}, "/livez")
    equal({status for when, status in frozen.ready if when < 8}, {200}, "/readyz within db_grace")
    equal({status for when, status in frozen.ready if when > 15}, {503}, "/readyz behind db_grace")
    true(kb < 8192, "the processes grew by %d KB" % kb)
    true(back < 5, "the first 200 came %.1f s after the thaw" % back)
    true(rate_after > rate / 2, "%d registrations in 5 s before, %d after" % (rate, rate_after))
    true(connects <= 60, "%d connections were made" % connects)
    server.wait(lambda: all(now <= then for now, then in zip(memory_and_descriptors(pids)[1], descriptors)),
                "descriptors as before")


def served_in(load, seconds):
    before = load.statuses.get(200, 0)
    time.sleep(seconds)  # the value measured: what is served meanwhile
    return load.statuses.get(200, 0) - before


@covers("REG-DB-7")
def test_killed_postmaster_loses_nothing_that_was_acknowledged(env):
    cluster = env.own_cluster()
    server = env.start({"server": {"workers": "2"}, "log": {"level": "notice"}}, cluster=cluster)
    load = Load(server, 40)
    with load:
        load.more()
        phone = server.phone()
        phone.prepare()
        cluster.kill()
        server.wait_log(r"db\.down .*refused")
        phone.reg(C1).expect(503)  # the others may all have a commit under way, whose outcome is awaited
        cluster.start()
        load.more()
    load.judge()
    server.wait_ready()


def want_a_standby(server, cluster):
    """From now on commits wait for one that is not there."""
    cluster.psql("postgres", "alter system set synchronous_standby_names = 'nobody'")
    cluster.psql("postgres", "select pg_reload_conf()")
    server.wait(lambda: cluster.psql("postgres", "show synchronous_standby_names")[0][0] == "nobody", "the standby is wanted")


def want_no_standby(cluster):
    cluster.psql("postgres", "alter system reset synchronous_standby_names")
    cluster.psql("postgres", "select pg_reload_conf()")


def waits_for_a_standby(cluster, text):
    """The backend that waits for a synchronous standby with such a statement, or None."""
    found = cluster.psql("postgres", "select pid from pg_stat_activity where wait_event = 'SyncRep' and query ~ '%s'" % text)
    return int(found[0][0]) if found else None


@covers("REG-DB-7")
def test_nothing_is_acknowledged_before_the_standby_has_it(env):
    """PostgreSQL calls a commit done, with a warning, when the wait for the standby is cancelled, and shows its row when the
    waiting backend is ended; neither may become a 200."""
    cluster = env.own_cluster()
    server = env.start({"database": {"query_timeout": "30s"}}, cluster=cluster)
    phone = server.phone()
    phone.reg(C1).expect(200)
    want_a_standby(server, cluster)
    phone.send(phone.authorize(phone.register_request(C2)))
    for ending, statement in (("cancel", "update aor"), ("cancel", "emit_message"), ("terminate", "emit_message")):
        pid = server.wait(lambda: waits_for_a_standby(cluster, statement), "%s waits" % statement)
        cluster.psql("postgres", "select pg_%s_backend(%d)" % (ending, pid))
    server.wait(lambda: waits_for_a_standby(cluster, "emit_message"), "the look-up waits once more")
    phone.silence(0.5)
    want_no_standby(cluster)
    phone.receive(20).expect(200)
    equal(contacts(server), [C1, C2], "bindings")
    server.wait_log(r"warning db\.notice ")


@covers("REG-DB-7")
def test_no_removal_is_acknowledged_before_the_standby_has_it(env):
    """The same of a removal over the API, whose wait is cancelled, and of one that finds nothing more to remove: a failover
    would bring the binding back behind a 204."""
    cluster = env.own_cluster()
    server = env.start({"database": {"query_timeout": "30s"}, "admin": {"request_timeout": "30s"}}, cluster=cluster)
    server.phone().reg(C1).expect(200)
    server.database.query("""
        create function test_local() returns trigger language plpgsql as $$
        begin perform set_config('synchronous_commit', 'local', true); return new; end $$;
        create trigger test_local before insert or update on node for each row execute function test_local();
    """)  # the node tells that it lives on one of the two connections, and has none for the removal while it waits
    want_a_standby(server, cluster)
    connection = Http(server.socket)
    remove = "DELETE /api/v1/aors/alice@example.com/bindings HTTP/1.1\r\nHost: a\r\n\r\n"
    connection.send(remove)
    for statement in ("update aor", "emit_message"):
        pid = server.wait(lambda: waits_for_a_standby(cluster, statement), "%s waits" % statement)
        cluster.psql("postgres", "select pg_cancel_backend(%d)" % pid)
    problem = connection.receive("DELETE").expect(503, "database_unavailable").json
    true("may have been made" in problem["hint"], "hint: %s" % problem["hint"])
    connection.send(remove)
    server.wait(lambda: waits_for_a_standby(cluster, "emit_message"), "the look-up waits once more")
    want_no_standby(cluster)
    connection.receive("DELETE").expect(204)
    connection.close()
    equal(contacts(server), [], "bindings")


@covers("REG-DB-7")
def test_a_standby_that_is_away_does_not_use_up_connections(env):
    """A backend that waits for the standby does not notice that its client has given up: who connects anew ends it. Those who come
    all the time are others each time: whose row is held by such a backend, his next commit is refused and silences nobody."""
    cluster = env.own_cluster()
    server = env.start({"server": {"workers": "1"}, "database": {"query_timeout": "500ms"}, "log": {"level": "notice"}},
                       cluster=cluster)
    lanes, load = 4, Load(server, 40)
    add_users(server.database, 200, ALICE_PASSWORD, "other")
    others = collections.deque(server.phone(user="other%d" % n) for n in range(200))
    for phone in others:
        phone.prepare()
    with load:
        load.more()
        connects = server.counter("db_connects")
        want_a_standby(server, cluster)

        def silent_often():
            backends = int(cluster.psql("postgres", "select count(*) from pg_stat_activity where usename = 'rollcall'")[0][0])
            true(backends <= 2 * lanes, "%d backends for %d connections" % (backends, lanes))
            others[0].send(others[0].authorize(others[0].register_request(C1)))
            others.rotate()
            return server.counter("db_connects") >= connects + 4 * lanes
        server.wait(silent_often, "each connection was silent and made anew, four times", 60)
        want_no_standby(cluster)
        load.more()
    load.judge()


@covers("REG-DB-7")
def test_an_old_primary_that_comes_back_is_not_used(env):
    """It would take writes, and its name comes first in the URL; what its standby was promoted for is not there."""
    old, new = env.own_cluster(), env.standby_place()
    server = env.make(cluster=old)
    new.follow(old)
    server.configure({"server": {"workers": "1"},
                      "database": {"connections_per_worker": 2,
                                   "url": "postgresql://rollcall@/%s?host=%s,%s&target_session_attrs=read-write"
                                          % (server.database.name, old.sockets, new.sockets)}})
    server.start()
    phone = server.phone("tcp")

    def served(number):
        answer = phone.reg("<sip:alice@192.0.2.%d:5062>" % number)
        if answer.status == 401:
            phone.learn(answer)
        return answer.status == 200
    true(served(20), "a REGISTER is refused")
    old.kill()
    new.promote()
    server.wait(lambda: served(20), "served by the standby", 15)
    old.start()
    old.psql("postgres", "alter system reset synchronous_standby_names")
    old.psql("postgres", "select pg_reload_conf()")
    ours = "from pg_stat_activity where application_name like 'rollcalld/%'"
    for number in (21, 22, 23):
        new.psql("postgres", "select pg_terminate_backend(pid) " + ours)
        server.wait(lambda: served(number), "served again", 15)
    server.wait(lambda: int(new.psql("postgres", "select count(*) " + ours)[0][0]) >= 3, "all are at the new primary")
    equal(old.psql("postgres", "select count(*) " + ours), [("0",)], "connections to the old one")
    equal(Database(new, server.database.name).value("select count(*) from binding"), "4", "bindings")
    server.wait_log(r"error db\.timeline .*is on timeline 1, and a standby of it was promoted to 2: it is an old primary that came "
                    r"back; stop it, or make it a standby")


@covers("REG-DB-7", "AUT-7616-3.3-3")
def test_restart_of_the_server_loses_neither_bindings_nor_nonce_keys(env):
    server = env.start()
    phone = server.phone()
    phone.reg(C1).expect(200)
    phone.nonces.clear()
    phone.prepare()
    fresh = phone.authorize(phone.register_request(C2))
    for pid in workers(server):
        os.kill(pid, signal.SIGSTOP)  # nothing in order: as if the power had gone
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.process = None
    server.start()
    answer = phone.exchange(fresh).expect(200)
    equal(sorted("<%s>" % c for c in answer.contacts), [C1, C2], "bindings")


@covers("REG-DB-2")
def test_time_that_passed_unseen_makes_no_binding_shorter(env):
    """The database is hours further on with the next request, as when the machine of a node was stopped and goes on: no 200
    tells of more than is stored, whether the address is remembered or looked up."""
    server = env.make({"server": {"workers": "1"}})
    database = server.database

    def go_on(hours):
        database.query("""
            create or replace function public.clock_timestamp() returns timestamptz language sql as
                $$ select pg_catalog.clock_timestamp() + interval '%d h' $$
        """ % hours)
    go_on(0)
    database.query('alter database "%s" set search_path = public, pg_catalog' % database.name)
    server.start()
    remembered = server.phone("tcp")
    for hours in range(3, 30, 3):
        remembered.reg(C1, expires=3600).expect(200)
        new = server.phone("tcp")
        new.prepare()
        go_on(hours)
        for phone, contact in ((remembered, C1), (new, C2)):
            answer = phone.reg(contact, expires=3600)
            if answer.status == 401:
                phone.learn(answer)
                answer = phone.reg(contact, expires=3600)
            answer.expect(200)
            stored = database.value("""
                select extract(epoch from to_timestamp((b ->> 'e')::bigint / 1000.0) - public.clock_timestamp())
                from aor, jsonb_array_elements(bindings::jsonb) b where b ->> 'u' = '%s'""" % contact.strip("<>"))
            said = int(answer.contacts[contact.strip("<>")]["expires"])
            true(float(stored) > said - 10, "%s is stored for %s s, and the answer says %d" % (contact, stored, said))


@covers("REG-DB-5")
def test_connections_cut_again_and_again_under_load(env):
    """pg_terminate_backend in a loop: each answer is 200 and stored, or 500 or 503."""
    server = env.start({"log": {"level": "notice"}})
    load = Load(server, 16)
    with load:
        for _ in range(8):
            load.more(10)
            server.database.query("select pg_terminate_backend(pid) from pg_stat_activity "
                                  "where usename = 'rollcall' and datname = current_database()")
        load.more(100)
    load.judge()
    true(set(load.statuses) <= {200, 500, 503, "none"}, "answers: %s" % load.statuses)


# --- a commit whose outcome nobody knows ---

def between(env, build=None, **changes):
    server = env.make(changes)
    server.build = build or server.build
    pipe = Between(env, env.cluster)
    server.configure({"database": {"url": pipe.url(server.database)}})
    return server.start(), pipe


@covers("REG-DB-5")
def test_cut_behind_the_commit(env):
    """It is stored, nobody said so: the look-up finds it, and it is not done twice."""
    server, pipe = between(env)
    phone = server.phone()
    phone.reg(C1).expect(200)
    version = int(server.database.value("select version from aor where aor = 'alice@example.com'"))
    pipe.cut_behind = 1
    phone.reg(C2).expect(200)
    equal(pipe.cut_behind, 0, "cuts left")
    equal(contacts(server), [C1, C2], "bindings")
    equal(int(server.database.value("select version from aor where aor = 'alice@example.com'")), version + 1, "version")
    equal(server.counter("db_unknown"), 1, "db_unknown")
    phone.reg(C3).expect(200)


@covers("REG-DB-5")
def test_cut_before_the_commit(env):
    """It is not stored: decided again, 200 and stored."""
    server, pipe = between(env)
    phone = server.phone()
    phone.reg(C1).expect(200)
    pipe.cut_before = 1
    phone.reg(C2).expect(200)
    equal(pipe.cut_before, 0, "cuts left")
    equal(contacts(server), [C1, C2], "bindings")


def test_removal_that_fails_behind_one_that_was_cut(env):
    """The first attempt may still land, so that the second one comes to nothing does not mean that nothing was changed."""
    server, pipe = between(env)
    server.phone().reg(C1).expect(200)
    failing_commits(server.database, "53100")
    pipe.cut_before = 1
    path = "/api/v1/aors/alice@example.com/bindings"
    problem = ask(server.socket, "DELETE", path).expect(500, "internal").json
    equal(pipe.cut_before, 0, "cuts left")
    true("may or may not have been made" in problem["hint"], "hint: %s" % problem["hint"])
    problem = ask(server.socket, "DELETE", path).expect(500, "internal").json
    true("Nothing was changed" in problem["hint"], "hint of the only attempt: %s" % problem["hint"])
    without_fault(server.database)
    ask(server.socket, "DELETE", path).expect(204)


@covers("REG-10.3.7-14", "REG-DB-5")
def test_cut_before_every_commit(env):
    server, pipe = between(env)
    phone = server.phone()
    phone.reg(C1).expect(200)
    pipe.cut_before = 1000
    phone.reg(C2, C3).expect(500)
    equal(contacts(server), [C1], "bindings")
    pipe.cut_before = 0
    server.wait(lambda: phone.reg(C2).status == 200, "the next REGISTER is served")
    equal(contacts(server), [C1, C2], "bindings")


# --- a commit that fails ---

def retried(env, sqlstate):
    server = env.server
    phone = server.phone()
    phone.prepare()
    before = server.counter("db_retries"), server.counter("db_commits")
    failing_commits(server.database, sqlstate, times=2)
    try:
        phone.reg(C1).expect(200)
    finally:
        without_fault(server.database)
    equal(contacts(server), [C1], "bindings")
    true(server.counter("db_retries") >= before[0] + 2, "db_retries")
    equal(server.counter("db_commits"), before[1] + 1, "db_commits")


for _name, _state in (("serialization_failure", "40001"), ("deadlock", "40P01"), ("lock_timeout", "55P03")):
    add_test(globals(), "%s_is_tried_again" % _name, lambda env, s=_state: retried(env, s), ["REG-DB-1"])


@covers("REG-10.3-7", "REG-10.3.7-14")
def test_second_contact_that_cannot_be_stored_takes_the_first_with_it(env):
    server = env.server
    phone = server.phone()
    phone.prepare()
    on_commit(server.database, "if jsonb_array_length(new.bindings::jsonb) > 1 then raise exception 'made to fail'; end if;")
    try:
        phone.reg(C1, C2).expect(500)
        equal(contacts(server), [], "bindings")
        phone.reg(C1).expect(200)
    finally:
        without_fault(server.database)
    equal(contacts(server), [C1], "bindings")


def test_culprit_in_a_batch_fails_alone(env):
    """Many commits travel as one statement; what spoils it must not spoil the others."""
    server = env.server
    phones = [server.phone(), server.phone(user="bob")] + [server.phone(user="bob") for _ in range(6)]
    for phone in phones:
        phone.prepare()
    failing_commits(server.database, "23514")
    try:
        for i, phone in enumerate(phones):
            phone.send(phone.authorize(phone.register_request("<sip:%s@192.0.2.%d:5062>" % (phone.user, i + 1))))
        answers = [phone.receive() for phone in phones]
    finally:
        without_fault(server.database)
    equal([answer and answer.status for answer in answers], [500] + [200] * 7, "answers")
    equal(len(contacts(server, "bob")), 7, "bindings of bob")


def test_sessions_that_commit_compile_nothing(env):
    """Their planner takes every scan for dear, and dear statements would be compiled: half a second before the keys were read."""
    server = env.server
    server.database.query("create table seen (jit text)")
    on_commit(server.database, "insert into seen values (current_setting('jit'));")
    try:
        server.phone().reg(C1).expect(200)
    finally:
        without_fault(server.database)
    equal(server.database.query("select distinct jit from seen"), [("off",)], "jit")


# --- many at once ---

@covers("REG-10.3-8", "REG-DB-1")
def test_fifty_phones_of_one_address_at_once(env):
    server = env.start({"server": {"workers": "2"}, "registration": {"max_contacts": 60}})
    phones = [server.phone("tcp") for _ in range(50)]
    own = ["<sip:alice@192.0.2.%d:5062>" % n for n in range(1, 51)]
    requests = []
    for phone, contact in zip(phones, own):
        phone.prepare()
        requests.append(phone.authorize(phone.register_request(contact)))
    for phone, request in zip(phones, requests):
        phone.send(request)
    sets = []
    for phone, contact in zip(phones, own):
        answer = phone.receive(30)
        true(answer is not None, "no answer for %s" % contact)
        seen = {"<%s>" % c for c in answer.expect(200).contacts}
        true(contact in seen, "%s is not in its own answer" % contact)
        sets.append(seen)
    sets.sort(key=len)
    for smaller, larger in zip(sets, sets[1:]):
        true(smaller < larger, "answers that no order of the requests explains: %s and %s" % (smaller, larger))
    equal(sorted(contacts(server)), sorted(own), "bindings")


@covers("REG-DB-4")
def test_sql_in_a_user_part_is_only_a_name(env):
    server = env.server
    before = len(server.log)
    for user, status in (("alice", 403), ("gateway", 404)):
        for text in ("x';--", "x'%3Bdrop%20table%20aor%3B--", "x%22%27%5C%00", "$1"):
            phone = server.phone(user=user)
            phone.reg(C1, to="sip:%s@example.com" % text).expect(status)
    for login in ("alice' or '1'='1", "';drop table account;--"):
        phone = server.phone(login=login)
        phone.reg(C1).expect(401)
    equal(server.database.value("select count(*) from account"), "4", "accounts")
    equal(server.database.value("select count(*) from aor"), "4", "addresses")
    true("db.error" not in server.log[before:], "the database complained")


# --- a database that is not as it must be ---

def not_ready(env, server, reason):
    server.launch()
    server.wait_log(reason)
    equal(server.health()[0], 503, "/readyz")
    server.wait(lambda: re.search(reason, server.reason("database")), "rollcallctl status tells the reason")
    true(not re.search(reason, server.health("/readyz?verbose")[1]), "and the health port does not")
    retry_after(server.phone().reg0(C1).expect(503))


def test_database_without_fsync_is_refused(env):
    cluster = env.own_cluster()
    server = env.make(cluster=cluster)
    cluster.psql("postgres", "alter system set fsync = off")
    cluster.psql("postgres", "select pg_reload_conf()")
    not_ready(env, server, r"has fsync = off: acknowledged registrations would not survive a crash")
    cluster.psql("postgres", "alter system reset fsync")
    cluster.psql("postgres", "select pg_reload_conf()")
    server.wait_ready()
    server.phone().reg(C1).expect(200)


def test_database_without_synchronous_commit_is_refused(env):
    server = env.make()
    server.database.query('alter database "%s" set synchronous_commit = off' % server.database.name)
    not_ready(env, server, r"has synchronous_commit = off")
    server.configure({"database": {"durability": "ignore"}})
    server.restart()
    server.phone().reg(C1).expect(200)


def test_a_change_by_replication_is_seen(env):
    """Where triggers are off: a worker that remembers the account would go on with what it was."""
    server = env.start()
    phone = server.phone()
    for _ in range(2):
        phone.reg(C1).expect(200)
    server.database.query("set session_replication_role = replica; update account set enabled = false where username = 'alice'")
    true(phone.reg(C1).status in (401, 403), "a disabled user is served")
    bob = server.phone(user="bob")
    for _ in range(2):
        bob.reg(C1).expect(200)
    server.database.query("set session_replication_role = replica; delete from account where username = 'bob'")
    true(bob.reg(C1).status in (401, 403, 404), "a user who is gone is served")


def test_dumps_are_restored(env):
    """Whole, with a view of somebody's on ours, and the data alone into a database that was migrated."""
    server = env.start()
    server.database.add_user("%5C%C3%A4", "example.com", "secret", login="\\x5C\\xC3\\xA4")
    server.phone().reg(C1, fields=[("User-Agent", "\u20ac")]).expect(200)
    seen = "select aor, login from account order by 1; select aor, version from aor order by 1; select aor, user_agent from binding"
    before, data = server.database.query(seen), server.database.dump("--data-only", "--disable-triggers", "-T", "schema_version")
    true(("alice@example.com", "\u20ac") in before, before)
    server.database.query("create materialized view theirs as select aor, user_agent from binding")
    whole = server.database.dump()
    server.database.query("drop materialized view theirs")
    env.cluster.psql("postgres", "drop database if exists whole; create database whole")
    copy = Database(env.cluster, "whole")
    env.cleanups.append(copy.drop)
    copy.restore(whole)
    equal(copy.query(seen), before, "what was restored")
    equal(copy.query("select * from theirs"), [("alice@example.com", "\u20ac")], "the view of somebody")
    copy = env.cluster.database("data_alone")
    env.cleanups.append(copy.drop)
    copy.restore(data)
    equal(copy.query(seen), before, "the data alone")


def test_schema_missing(env):
    server = env.make()
    server.database.query("drop table schema_version")
    not_ready(env, server, r"database schema is 0, this version needs \d+; run: rollcallctl db migrate")


def test_schema_older_and_newer(env):
    server = env.make()
    newest = server.database.value("select max(version) from schema_version")
    server.database.query("delete from schema_version")
    not_ready(env, server, r"database schema is 0, this version needs \d+; run: rollcallctl db migrate")
    server.database.query("insert into schema_version (version) values (999)")
    server.wait(lambda: "database schema is 999, this version knows" in server.reason("database"), "the schema is too new")
    server.database.query("update schema_version set version = %s" % newest)
    server.wait_ready()


def test_vacuum_of_the_addresses_is_gentle(env):
    """It comes once a minute under load, and nobody's registration waits for it."""
    database = env.new_database()
    equal(database.value("select reloptions from pg_class where oid = 'aor'::regclass"),
          "{fillfactor=60,autovacuum_vacuum_cost_delay=40}", "settings of the table")
    equal(database.query("select attrelid::regclass, attname, attstattarget from pg_attribute where attnum > 0 and attstattarget > 0 "
                         "and attrelid in ('aor'::regclass, 'aor_unescaped'::regclass) order by 1, 2"),
          [("aor", "aor", "10"), ("aor", "domain", "10"), ("aor", "expires_at", "10"), ("aor", "username", "10"),
           ("aor_unescaped", "user_unescaped", "10")], "how much is sampled")
    database.query("update aor set bindings = '[1]', node = 'x', expires_at = now(); analyze aor")
    equal(database.query("select attname from pg_stats where tablename = 'aor' order by 1"),
          [("aor",), ("domain",), ("expires_at",), ("username",)], "columns that are sampled")


def test_memory_ends_with_the_server(env):
    """What was read from a server that is gone is not believed: the one behind it may have lost it, and give its versions anew."""
    cluster = env.own_cluster()
    server = env.start({"server": {"workers": "1"}}, cluster=cluster)
    phone = server.phone("tcp")

    def results():
        phone.reg(C1).expect(200)
        told = dict(re.findall(r'rollcall_remembered_records_total{result="(\w+)"} (\d+)', server.health("/metrics")[1]))
        return [int(told[result]) for result in ("miss", "hit", "refused")]
    results()
    equal(results(), [1, 1, 0], "misses, hits and refusals before")
    cluster.stop()
    cluster.start()
    server.wait_ready()
    server.wait(lambda: phone.reg0(C1).status in (200, 401), "served again", 20)
    miss, hit, refused = results()
    true(miss > 1 and hit == 1 and refused == 0, "behind the restart: %s" % [miss, hit, refused])
    again = results()
    equal(again, [miss, hit + 1, 0], "remembered anew")


def test_wrong_password_is_named(env):
    server = env.make()
    with open(server.directory + "/password", "w") as file:
        file.write("not-the-password")
    not_ready(env, server, r"database rejects user .{0,2}rollcall.{0,2} \(password authentication failed\); "
                           r"password came from .*/password")
    true("not-the-password" not in server.log, "the password is in the log")
    with open(server.directory + "/password", "w") as file:
        file.write(DAEMON_PASSWORD + "\n")
    server.wait_ready()
    server.phone().reg("<sip:alice@192.0.2.1:5062>").expect(200)


def test_a_password_is_changed_under_a_running_node(env):
    """Role and file are changed, and the connections go later: the next ones are made with what the file says then."""
    cluster = env.own_cluster()
    server = env.start(cluster=cluster)
    phone = server.phone("tcp")
    phone.reg("<sip:alice@192.0.2.1:5062>").expect(200)
    cluster.psql("postgres", "alter role rollcall password 'another-one'")
    with open(server.directory + "/password", "w") as file:
        file.write("another-one\n")
    phone.reg("<sip:alice@192.0.2.1:5062>").expect(200)
    cluster.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rollcall'")
    server.wait(lambda: phone.reg("<sip:alice@192.0.2.1:5062>").status == 200, "phones are served again", 30)
    server.wait(lambda: server.api("/bindings")[0] == 200, "the admin process has the database too", 20)
    true("another-one" not in server.log, "the password is in the log")
