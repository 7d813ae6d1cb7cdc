"""Bans: who fails too often is not heard any more, nobody else notices; and what an operator may do about it.

All sources are loopback addresses, which limits.exempt names by default; here it is empty. A window of an hour and limits
that nobody reaches keep the clock and the rates out of it.
"""
import os
import signal
import socket
import threading
import urllib.parse

from harness import Stream, Udp, covers, equal, own_address, true
from harness.faults import admin
from harness.http import ask
from harness.phone import Phone
from harness.proxy import v2
from test_proxy import free_port

C1 = "<sip:alice@192.0.2.10:5062>"
A, B, C = own_address(), own_address(1), own_address(2)
LIMITS = {"exempt": [], "per_ip_rate": "100000/s", "per_ip_burst": 100000, "per_aor_rate": "100000/s", "ban_after": 5,
          "ban_window": "1h", "ban_time": "1h"}
PATIENCE = 20.0


def api(server, method, path, body=None):
    return ask(server.socket, method, "/api/v1" + path, body)


def ban_path(cidr):
    return "/bans/" + urllib.parse.quote(cidr, safe="")


def bans(server):
    return {item["cidr"]: item for item in api(server, "GET", "/bans?page_size=1000").expect(200).json["items"]}


def phone_from(server, address, transport="tcp", **how):
    if transport == "udp":
        wire = Udp(("127.0.0.1", server.port), server.transcript, bind=(address, 0))
    else:
        tls = transport == "tls"
        wire = Stream(("127.0.0.1", server.tls_port if tls else server.port), server.transcript,
                      server.tls_context() if tls else None, "example.com", bind=(address, 0))
    phone = Phone(wire, transport, **how)
    server.phones.append(phone)
    return phone


def guess(server, address, times, transport="tcp", **how):
    """So many wrong answers to challenges over one connection."""
    phone = phone_from(server, address, transport, password="guess", **how)
    for _ in range(times):
        phone.reg(C1 if transport != "tls" else "<sips:alice@192.0.2.10>").expect(401)
    return phone


def refused(server, address, port=None):
    """True when a connection from there ends before anything was said."""
    try:
        with socket.create_connection(("127.0.0.1", port or server.port), timeout=8, source_address=(address, 0)) as wire:
            wire.settimeout(0.3)
            return wire.recv(1) == b""
    except socket.timeout:
        return False
    except OSError:
        return True


def wait_refused(server, address):
    server.wait(lambda: refused(server, address), "%s is refused" % address, PATIENCE)


def wait_served(server, address):
    server.wait(lambda: not refused(server, address), "%s is served" % address, PATIENCE)


def register(server, address, transport="tcp"):
    phone_from(server, address, transport).reg(C1 if transport != "tls" else "<sips:alice@192.0.2.10>").expect(200)


# --- automatic ---

@covers("SEC-26.3.2.4-1", "SEC-26.1.5-2")
def test_a_hundred_wrong_answers_ban_their_source_and_nobody_else(env):
    server = env.start({"limits": {**LIMITS, "ban_after": 100}})
    before = guess(server, A, 99)
    register(server, A)
    before.reg(C1).expect(401)
    wait_refused(server, A)
    true(refused(server, A, server.tls_port), "TLS is refused before its handshake")
    true(before.wire.closed(), "the connection of the guesser stays open")
    for transport in ("tcp", "tls", "udp"):
        register(server, B, transport)
    register(server, A, "udp")  # a datagram proves no address: it is slowed at most
    true(server.outcomes("banned", transport="tcp") >= 1, "banned is not counted")
    equal(server.counter("bans_automatic"), 1, "bans_automatic")
    equal(server.counter("banned_prefixes"), 1, "banned_prefixes")
    ban = server.wait(lambda: bans(server).get(A + "/32"), "the ban in the API")
    equal((ban["origin"], ban["reason"], ban["node"], ban["comment"]), ("automatic", "bad_password", "reg-test", None), "ban")
    true(3500 < ban["expires_in"] <= 3600, "expires_in: %r" % ban)
    server.wait_log(r'notice ban state=begun origin=automatic reason=bad_password left=3\d\d\d node=reg-test cidr="%s/32"' % A)
    equal(server.log.count("state=begun"), 1, "ban events")


@covers("SEC-26.3.2.4-1")
def test_neighbours_who_are_registered_stay_so(env):
    """One phone of an office has the wrong password. Whoever is registered over his connection keeps it, and may refresh;
    who guesses over such a connection loses it, though his account is a good one."""
    server = env.start({"limits": LIMITS})
    neighbours = [phone_from(server, A, transport) for transport in ("tcp", "tls")]
    contacts = [C1, "<sips:alice@192.0.2.11>"]
    for phone, contact in zip(neighbours, contacts):
        phone.reg(contact).expect(200)
    customer = phone_from(server, A, user="bob")
    customer.reg("<sip:bob@192.0.2.12>").expect(200)
    idle = phone_from(server, A)
    idle.opt().expect(200)
    guess(server, A, 5)
    wait_refused(server, A)
    true(idle.wire.closed(), "a connection that proved nothing stays open")
    for phone, contact in zip(neighbours, contacts):
        phone.reg(contact).expect(200)
    customer.password = "guess"
    customer.reg("<sip:bob@192.0.2.12>").expect(401)
    true(customer.wire.closed(), "a connection stays open for more guesses")
    for phone, contact in zip(neighbours, contacts):
        phone.reg(contact).expect(200)
    api(server, "POST", "/bans", {"cidr": A, "for": 60}).expect(201)
    for phone in neighbours:
        true(phone.wire.closed(), "the ban of an operator spares a connection")


@covers("SEC-26.3.2.4-1")
def test_who_is_spared_has_one_guess(env):
    """A customer who guesses at another one's password over his own connection, many times in one write: the first is judged,
    and the right one behind it is not."""
    server = env.start({"limits": LIMITS})
    thieves = []
    for transport in ("tcp", "tls"):
        customer = phone_from(server, A, transport, user="bob")
        customer.reg("<%s:bob@192.0.2.12>" % customer.scheme).expect(200)
        thieves.append(Phone(customer.wire, transport))
        thieves[-1].prepare()
    guess(server, A, 5)
    wait_refused(server, A)
    for thief in thieves:
        guesses = []
        for thief.password in ["guess"] + 5 * [thief.password]:
            guesses.append(bytes(thief.authorize(thief.register_request("<%s:thief@192.0.2.13>" % thief.scheme))))
        thief.wire.send(b"".join(guesses))
        thief.receive().expect(401)
        true(thief.wire.closed(), "the connection stays open")
        equal(thief.receive(0.1), None, "a second answer")
    equal(phone_from(server, B).reg().expect(200).contacts, {}, "bindings of alice")


@covers("SEC-26.3.2.4-1")
def test_failures_in_datagrams_ban_nobody(env):
    """Anybody can write any source on a datagram."""
    server = env.start({"limits": LIMITS})
    guess(server, A, 30, "udp")
    guess(server, B, 5)
    wait_refused(server, B)  # the failures of A came before
    register(server, A)
    equal(server.counter("bans_automatic"), 1, "bans_automatic")


@covers("SEC-26.3.2.4-1")
def test_challenges_and_stale_nonces_are_no_failures(env):
    server = env.start({"limits": LIMITS})
    phone = phone_from(server, A)
    for _ in range(20):
        phone.exchange(phone.register_request(C1)).expect(401)
    phone.reg(C1).expect(200)
    for _ in range(20):  # the same nonce count again and again
        request = phone.register_request(C1)
        phone.exchange(phone.authorize(request, nc="00000001")).expect(401)
    guess(server, B, 5)
    wait_refused(server, B)
    phone.reg(C1).expect(200)
    register(server, A)


@covers("SEC-26.3.2.4-1")
def test_failures_over_tls_on_many_connections(env):
    """Two workers, and each failure comes over a connection of its own."""
    server = env.start({"server": {"workers": 2}, "limits": LIMITS})
    for _ in range(5):
        guess(server, A, 1, "tls")
    wait_refused(server, A)
    for _ in range(8):
        true(refused(server, A), "one worker does not know")
        register(server, B)


def test_a_ban_is_over_when_its_time_has_passed(env):
    server = env.start({"limits": {**LIMITS, "ban_time": "2s"}})
    guess(server, A, 5)
    wait_refused(server, A)
    wait_served(server, A)
    register(server, A)
    server.wait_log(r'ban state=over .*cidr="%s/32"' % A)
    server.wait(lambda: server.counter("banned_prefixes") == 0, "no ban in force")
    equal(bans(server), {}, "bans")


def test_a_clock_that_was_ahead_bans_nobody_for_long(env):
    """The clock of the database was ahead by a month and is set right: who was banned meanwhile is not banned until then."""
    server = env.make({"limits": {**LIMITS, "ban_time": "3s"}})

    def clock(ahead):
        server.database.query("""
            create or replace function public.now() returns timestamptz language sql as
                $$ select pg_catalog.now() + interval '%s' $$
        """ % ahead)
    clock("30 d")
    server.database.query("alter table ban alter created_at set default public.now()")
    server.database.query('alter database "%s" set search_path = public, pg_catalog' % server.database.name)
    server.start()

    def is_kept():  # for an hour beyond its end
        return server.database.value("select count(*) from ban where cidr = '%s/32'" % A) == "1"
    guess(server, A, 5)
    wait_refused(server, A)
    server.wait(is_kept, "the ban in the table")
    clock("0")
    wait_served(server, A)
    api(server, "POST", "/bans", {"cidr": C, "for": 3600}).expect(201)  # after a change of our own the table is read whole
    server.wait(lambda: list(bans(server)) == [C + "/32"], "what the clock left has gone")
    guess(server, A, 5)
    wait_refused(server, A)
    server.wait(is_kept, "the ban in the table")
    wait_served(server, A)
    server.restart()
    wait_refused(server, C)
    register(server, A)


def test_masked_logs_shorten_who_is_banned(env):
    server = env.start({"limits": LIMITS, "log": {"personal_data": "masked", "level": "notice"}})
    guess(server, A, 5)
    wait_refused(server, A)
    server.wait_log("ban state=begun")
    true(A not in server.log, "the address is in the log")


def test_exempt_sources_are_never_banned(env):
    server = env.start({"limits": {**LIMITS, "exempt": [A + "/32"]}})
    guess(server, A, 20)
    guess(server, B, 5)
    wait_refused(server, B)
    register(server, A)


def test_ban_after_is_applied_by_a_reload(env):
    server = env.start({"limits": {**LIMITS, "ban_after": 0}})
    guess(server, A, 30)
    server.configure({"limits": {"ban_after": 3}})
    server.reload()
    server.wait_log("configuration applied")
    server.wait(lambda: guess_until_refused(server, A), "banned after the reload", PATIENCE)
    register(server, B)


def guess_until_refused(server, address):
    try:
        guess(server, address, 3)
    except Exception:  # in the middle of it
        pass
    return refused(server, address)


@covers("SEC-26.3.2.4-1")
def test_behind_a_load_balancer_the_client_is_banned(env):
    """All connections come from one address: that of the balancer, which is never meant."""
    front = {"proxy_protocol": "v2", "proxy_from": ["127.0.0.1/32"]}
    server = env.start({"limits": LIMITS, ("listener", "sip"): front, ("listener", "tls"): front})
    client, other = "203.0.113.9", "203.0.113.10"

    def through(address, **how):
        phone = Phone(server.tcp(header=v2(address)), "tcp", **how)
        server.phones.append(phone)
        return phone
    guesser = through(client, password="guess")
    for _ in range(5):
        guesser.reg(C1).expect(401)
    server.wait(lambda: client + "/32" in bans(server), "the client is banned", PATIENCE)
    true(guesser.wire.closed(), "the connection of the guesser stays open")
    true(through(client).wire.closed(), "a banned client is served")
    through(other).reg(C1).expect(200)
    equal(list(bans(server)), [client + "/32"], "bans")
    true(server.outcomes("banned", transport="tcp") >= 1, "banned is not counted")
    equal(server.outcomes("connection_limit"), 0, "connection_limit")


@covers("SEC-26.3.2.4-1")
def test_a_balancer_that_names_no_client_is_never_banned(env):
    """tls_offloaded without PROXY: all that it brings has its own address, and no limit by source holds for it."""
    plain = free_port()
    server = env.start({"limits": {**LIMITS, "per_ip_rate": "1/h", "per_ip_burst": 12},
                         ("listener", "sip"): {"transport": ["tcp"], "tls_offloaded": "yes", "proxy_from": [A + "/32"]},
                         ("listener", "plain"): {"bind": ["127.0.0.1:%d" % plain], "transport": ["tcp"]}})
    guess(server, A, 8)
    direct = Phone(Stream(("127.0.0.1", plain), server.transcript, bind=(B, 0)), "tcp", password="guess")
    server.phones.append(direct)
    for _ in range(5):
        direct.reg(C1).expect(401)
    server.wait(lambda: B + "/32" in bans(server), "who came later is banned", PATIENCE)
    equal(list(bans(server)), [B + "/32"], "bans")
    register(server, A)
    true("proxy_from" in api(server, "POST", "/bans", {"cidr": A, "for": 60}).expect(409, "ban_exempt").json["hint"], "hint")


# --- by an operator ---

def test_a_manual_ban_closes_connections_and_holds_for_datagrams(env):
    server = env.start({"limits": LIMITS, "server": {"workers": 2}})
    phones = [phone_from(server, A, t) for t in ("tcp", "tcp", "tcp", "tls")]
    other = phone_from(server, B)
    for phone in phones + [other]:
        phone.opt().expect(200)
    made = api(server, "POST", "/bans", {"cidr": A, "for": 3600, "comment": "scans us"}).expect(201)
    equal(made.get("location"), "/api/v1" + ban_path(A + "/32"), "Location")
    equal({k: made.json[k] for k in ("cidr", "origin", "reason", "node", "comment")},
          {"cidr": A + "/32", "origin": "manual", "reason": None, "node": "reg-test", "comment": "scans us"}, "ban")
    for phone in phones:
        true(phone.wire.closed(), "a connection of a banned source stays open")
    true(refused(server, A), "a new connection is accepted")
    datagrams = phone_from(server, A, "udp")
    datagrams.send(datagrams.request("OPTIONS", "sip:example.com"))
    datagrams.silence(0.5)
    true(server.outcomes("banned", transport="udp") == 1, "datagrams are not counted")
    other.opt().expect(200)
    equal(server.log.count("reason=banned"), 0, "log lines about packets")
    api(server, "DELETE", ban_path(A + "/32")).expect(204)
    register(server, A)
    phone_from(server, A, "udp").opt().expect(200)
    api(server, "DELETE", ban_path(A + "/32")).expect(404, "ban_unknown")
    server.wait_log(r'ban state=removed .*cidr="%s/32"' % A)


def test_the_longest_and_the_shortest_prefix(env):
    server = env.start({"limits": LIMITS})
    network = ".".join(A.split(".")[:2]) + ".0.0/16"
    api(server, "POST", "/bans", {"cidr": network, "for": 60}).expect(201)
    true(refused(server, A), "an address of the prefix is served")
    register(server, B)
    api(server, "POST", "/bans", {"cidr": A + "/32", "for": 60}).expect(201)
    api(server, "DELETE", ban_path(network)).expect(204)
    true(refused(server, A), "the longer prefix is forgotten")
    api(server, "DELETE", ban_path(A)).expect(204)
    register(server, A)


def test_a_second_ban_extends_the_first(env):
    server = env.server
    first = api(server, "POST", "/bans", {"cidr": "192.0.2.9", "for": 600, "comment": "one"}).expect(201).json
    second = api(server, "POST", "/bans", {"cidr": "192.0.2.9/32", "for": 3600}).expect(201).json
    third = api(server, "POST", "/bans", {"cidr": "192.0.2.9", "for": 60, "comment": "three"}).expect(201).json
    equal(second["created_at"], first["created_at"], "created_at")
    true(3590 < second["expires_in"] <= 3600 and third["expires_at"] == second["expires_at"], "expires_at")
    equal((second["comment"], third["comment"]), ("one", "three"), "comments")
    api(server, "DELETE", "/bans/192.0.2.9").expect(204)


def test_bans_come_page_by_page(env):
    server = env.server
    wanted = ["192.0.2.%d/32" % n for n in range(10, 17)] + ["198.51.100.0/24", "2001:db8:1::/48"]
    for cidr in wanted:
        api(server, "POST", "/bans", {"cidr": cidr, "for": 600}).expect(201)
    seen, token = [], None
    while token is not None or not seen:
        page = api(server, "GET", "/bans?page_size=4" + ("" if token is None else "&page_token=" + token)).expect(200).json
        seen += [item["cidr"] for item in page["items"]]
        token = page.get("next_page_token")
    equal(seen, wanted, "bans of all pages")
    for cidr in wanted:
        api(server, "DELETE", ban_path(cidr)).expect(204)
    equal(bans(server), {}, "bans")


def test_problems_of_bans(env):
    server = env.start({"limits": {**LIMITS, "exempt": ["198.51.100.7/32", "2001:db8:5::/48"]}})
    for body, field in (({"cidr": "nonsense", "for": 60}, "cidr"), ({"cidr": "192.0.2.0/33", "for": 60}, "cidr"),
                        ({"cidr": "192.0.2.1/24", "for": 60}, "cidr"), ({"cidr": "::ffff:192.0.2.1", "for": 60}, "cidr"),
                        ({"cidr": 7, "for": 60}, "cidr"), ({"for": 60}, "cidr"), ({"cidr": "192.0.2.1"}, "for"),
                        ({"cidr": "192.0.2.1", "for": 0}, "for"), ({"cidr": "192.0.2.1", "for": "1h"}, "for"),
                        ({"cidr": "192.0.2.1", "for": 60, "comment": 7}, "comment"),
                        ({"cidr": "192.0.2.1", "for": 60, "comment": "x" * 201}, "comment"),
                        ({"cidr": "192.0.2.1", "for": 60, "hours": 1}, "hours")):
        answer = api(server, "POST", "/bans", body).expect(400, "invalid_field")
        equal(answer.json["field"], field, "field of %r" % body)
    true("192.0.2.0/24" in api(server, "POST", "/bans", {"cidr": "192.0.2.1/24", "for": 60}).json["hint"], "the hint")
    for cidr in ("198.51.100.7", "198.51.100.0/24", "0.0.0.0/0", "2001:db8:5:1::/64", "::/0", "127.0.0.1", "::1"):
        true("limits.exempt" in api(server, "POST", "/bans", {"cidr": cidr, "for": 60}).expect(409, "ban_exempt").json["hint"],
             "hint for %s" % cidr)
    api(server, "DELETE", "/bans/nonsense").expect(400, "invalid_field")
    api(server, "DELETE", "/bans/192.0.2.77").expect(404, "ban_unknown")
    api(server, "GET", "/bans?page_token=bm9uc2Vuc2UK").expect(400, "invalid_argument")
    equal(bans(server), {}, "bans")


def test_when_no_more_fit_the_operator_is_told(env):
    server = env.start({"limits": LIMITS})
    server.database.query("insert into ban (cidr, origin, node, expires_at) select ('10.0.0.0'::inet + n)::cidr, 'manual', 'x', "
                            "now() + interval '1 hour' from generate_series(1, 16384) n")
    server.wait(lambda: server.counter("banned_prefixes") == 16384, "all are in force", PATIENCE)
    true("16384" in api(server, "POST", "/bans", {"cidr": A, "for": 60}).expect(409, "bans_full").json["detail"], "detail")
    register(server, A)
    api(server, "POST", "/bans", {"cidr": "10.0.0.1", "for": 7200}).expect(201)
    guess(server, A, 5)
    server.wait_log("16384 bans are in force, and no more fit: all are manual, and nobody is banned any more; remove some")
    register(server, A)
    api(server, "DELETE", ban_path("10.0.0.7/32")).expect(204)
    api(server, "POST", "/bans", {"cidr": A, "for": 60}).expect(201)
    wait_refused(server, A)


# --- two nodes, deaths, the database ---

def two(env, **changes):
    first = env.start({"server": {"name": "reg-a"}, "limits": LIMITS, **changes})
    second = env.start({"server": {"name": "reg-b"}, "limits": LIMITS, **changes}, database=first.database)
    return first, second


def test_removed_before_it_was_read_again(env):
    """The table is again what it was when the node read it last, but the node has a ban that is gone."""
    server = env.start({"limits": LIMITS})
    for _ in range(3):
        guess(server, A, 5)
        server.wait(lambda: bans(server), "the ban in the database")
        server.database.query("delete from ban")
        wait_served(server, A)


def test_removed_while_it_is_written(env):
    """Whoever removes a ban that is on its way into the table finds none there yet."""
    server = env.start({"limits": LIMITS})
    server.database.query("""
        create function held() returns trigger language plpgsql as $$ begin
            perform pg_advisory_xact_lock_shared(1); return new;
        end $$;
        create trigger held before insert on ban for each row execute function held();
        create table seen (cidr cidr);
        create function seen() returns trigger language plpgsql as $$ begin insert into seen values (new.cidr); return new; end $$;
        create trigger seen after insert on ban for each row execute function seen();
        alter function seen() security definer;
        create sequence failures;
        grant usage on sequence failures to public;
        create function fail() returns trigger language plpgsql as $$ begin
            if nextval('failures') <= 2 then raise exception 'made to fail'; end if;
            return old;
        end $$;
        create trigger fail before delete on ban for each row execute function fail()""")
    with server.database.locked("select pg_advisory_xact_lock(1)"):
        guess(server, A, 5)
        server.wait(lambda: server.database.value("select count(*) from pg_locks where locktype = 'advisory' and not granted")
                    == "1", "it is being written")
        equal(bans(server), {}, "bans in the table")
        wait_refused(server, A)
        api(server, "DELETE", ban_path(A + "/32")).expect(204)
        wait_served(server, A)
    server.wait(lambda: server.database.value("select count(*) from seen") == "1", "it was written", PATIENCE)
    server.wait(lambda: bans(server) == {}, "it is gone from the table, at the third attempt", PATIENCE)
    true(not refused(server, A), "it is in force again")
    equal(server.database.value("select last_value from failures"), "3", "attempts")


def test_many_new_bans_hide_no_removal(env):
    """The table is read also while there is something to be written to it all the time."""
    server = env.start({"limits": {**LIMITS, "ban_after": 1}})
    guess(server, A, 1)
    server.wait(lambda: bans(server), "the ban in the database")
    over = threading.Event()

    def guess_on(network):
        host = 1
        while not over.is_set() and host < 60000:
            guess(server, "127.%d.%d.%d" % (network, host // 250, 1 + host % 250), 1).close()
            host += 1
    guessers = [threading.Thread(target=guess_on, args=(network,)) for network in (30, 31, 32, 33)]
    for guesser in guessers:
        guesser.start()
    try:
        server.wait(lambda: len(bans(server)) >= 40, "a tick without a new ban is rare")
        server.database.query("delete from ban where cidr = '%s/32'" % A)
        wait_served(server, A)
    finally:
        over.set()
        for guesser in guessers:
            guesser.join()


def test_nodes_share_their_bans(env):
    first, second = two(env)
    guess(first, A, 5)
    wait_refused(first, A)
    wait_refused(second, A)
    register(second, B)
    equal(second.wait(lambda: bans(second), "the ban at the other node")[A + "/32"]["node"], "reg-a", "node of the ban")
    api(second, "DELETE", ban_path(A + "/32")).expect(204)
    true(not refused(second, A), "still banned where it was removed")
    wait_served(first, A)
    api(first, "POST", "/bans", {"cidr": B, "for": 600}).expect(201)
    wait_refused(second, B)


def kill_admin(server):
    os.kill(admin(server), signal.SIGKILL)


def test_the_admin_process_dies(env):
    server = env.start({"limits": LIMITS})
    guess(server, A, 5)
    wait_refused(server, A)
    server.wait(lambda: bans(server), "the ban in the database")
    kill_admin(server)
    true(refused(server, A), "the ban is forgotten")
    equal(list(bans(server)), [A + "/32"], "bans")
    true(refused(server, A), "the ban is forgotten")
    guess(server, B, 5)
    wait_refused(server, B)


def test_a_restart_keeps_bans(env):
    server = env.start({"limits": LIMITS})
    api(server, "POST", "/bans", {"cidr": A, "for": 600}).expect(201)
    server.restart()
    wait_refused(server, A)
    register(server, B)


def test_bans_without_a_database(env):
    cluster = env.own_cluster()
    server = env.start({"limits": LIMITS, "database": {"query_timeout": "3s"}}, cluster=cluster)
    guesser = phone_from(server, A, password="guess")
    for _ in range(4):
        guesser.reg(C1).expect(401)
    api(server, "POST", "/bans", {"cidr": B, "for": 600}).expect(201)
    cluster.stop()
    server.wait(lambda: api(server, "GET", "/bans").status == 503, "the database is away", PATIENCE)
    true(refused(server, B), "a ban ends with the database")
    api(server, "POST", "/bans", {"cidr": C, "for": 600}).expect(503, "database_unavailable")
    true(not refused(server, C), "banned, though the answer was 503")
    kill_admin(server)
    true(refused(server, B), "a ban ends with the admin process")
    cluster.start()
    server.wait(lambda: api(server, "GET", "/bans").status == 200, "the database is back", PATIENCE)
    wait_refused(server, B)
    equal(list(bans(server)), [B + "/32"], "bans")
