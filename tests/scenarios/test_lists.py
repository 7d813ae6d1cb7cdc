"""Lists of the admin API: filters, pages, streams as NDJSON and CSV, and what they cost."""
import csv
import io
import ipaddress
import json
import os
import select
import threading
import time

from harness import Failure, equal, long_only, true
from harness.check import not_under_valgrind
from harness.failing import PLAIN_BUILD
from harness.faults import add_users, admin, resident_kb, workers
from harness.http import Cut, Http, ask

API = "/api/v1"
NDJSON, CSV = [("Accept", "application/x-ndjson")], [("Accept", "text/csv")]


def get(server, path, fields=(), **how):
    return ask(server.socket, "GET", API + path, fields=fields, **how)


def fill(database, count, domain="example.com", prefix="u", agent="Phone 1.0"):
    """So many addresses with a binding each, as a worker would have written them, without their accounts. Every seventh
    comes from an IPv6 address, every third over tls, every fifth from another agent; number n expires in 1000 + n s."""
    database.query("""
        set session_replication_role = replica;
        insert into aor (aor, domain, username, version, bindings, expires_at, node)
        select n || '@%(d)s', '%(d)s', n, 1, jsonb_build_array(jsonb_build_object(
            'id', '018f6c2e-7b1a-7c30-9a51-' || lpad(to_hex(i), 12, '0'), 'u', 'sip:' || n || '@192.0.2.5:5060',
            'c', md5(i::text), 's', 12, 't', case when i %% 3 = 0 then 'tls' else 'udp' end,
            'f', case when i %% 7 = 0 then '[2001:db8::' || to_hex(i %% 65536) || ']:5060'
                 else '10.' || i / 65536 || '.' || i / 256 %% 256 || '.' || i %% 256 || ':5060' end,
            'a', case when i %% 5 = 0 then 'Caf\\xC3\\xA9 =phone, "x"' else '%(a)s' end, 'n', 'reg-' || i %% 2,
            'k', now_ms, 'm', now_ms, 'e', now_ms + (1000 + i) * 1000, 'r', 3600)),
            now() + make_interval(secs => 1000 + i), 'reg-1'
        from (select i, '%(u)s' || i as n, (extract(epoch from now()) * 1000)::bigint as now_ms
              from generate_series(0, %(c)d) i) numbers
    """ % {"d": domain, "u": prefix, "c": count - 1, "a": agent})


def walk(server, path, page_size):
    """All items of a list page by page, and how many pages there were."""
    items, pages, token = [], 0, ""
    while True:
        page = get(server, "%s%spage_size=%d%s" % (path, "&" if "?" in path else "?", page_size,
                                                   token and "&page_token=" + token)).expect(200).json
        items, pages, token = items + page["items"], pages + 1, page.get("next_page_token", "")
        if not token:
            return items, pages


def lines(server, path):
    answer = get(server, path, NDJSON).expect(200)
    equal(answer.get("content-type"), "application/x-ndjson", "type")
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def timeless(items):
    return [{k: v for k, v in item.items() if k != "expires_in"} for item in items]


# --- filters and pages ---

def address_of(item):
    return ipaddress.ip_address(item["source"].rpartition(":")[0].strip("[]"))


def test_filters(env):
    """Each filter lets through what it says, alone and with others, by the page and in a stream."""
    server = env.start()
    fill(server.database, 2000)
    fill(server.database, 30, "other.example", "v")
    everything = lines(server, "/bindings")
    equal(len(everything), 2030, "bindings")
    soon = min(item["expires_at"] for item in everything)
    cases = {
        "domain=other.example": lambda i: i["aor"].endswith("@other.example"),
        "domain=OTHER.example&user=v1": lambda i: i["aor"].startswith("sip:v1") and "other" in i["aor"],
        "user=u12": lambda i: i["aor"].startswith("sip:u12"),
        "domain=example.com&user=u199": lambda i: i["aor"].startswith("sip:u199"),
        "user=%7e": lambda i: False,
        "transport=tls": lambda i: i["transport"] == "tls",
        "ip=10.0.3.0/24": lambda i: address_of(i) in ipaddress.ip_network("10.0.3.0/24"),
        "ip=10.0.3.77/24": lambda i: address_of(i) in ipaddress.ip_network("10.0.3.0/24"),
        "ip=10.0.1.2": lambda i: str(address_of(i)) == "10.0.1.2",
        "ip=::ffff:10.0.1.2": lambda i: str(address_of(i)) == "10.0.1.2",
        "ip=::ffff:10.0.3.0/120": lambda i: address_of(i) in ipaddress.ip_network("10.0.3.0/24"),
        "ip=2001:db8::/120": lambda i: address_of(i) in ipaddress.ip_network("2001:db8::/120"),
        "ip=0.0.0.0/0&transport=udp": lambda i: address_of(i).version == 4 and i["transport"] == "udp",
        "agent=phone%201.0": lambda i: i["user_agent"] == "Phone 1.0",
        "agent=CAF%C3%A9": lambda i: i["user_agent"].startswith("Caf"),
        "agent=%25": lambda i: False,
        "agent=nothing": lambda i: False,
        "expires_before=1100": lambda i: i["expires_in"] < 1100,
        "expires_before=" + soon: lambda i: i["expires_at"] < soon,
        "user=u1&transport=tls&agent=caf&ip=10.0.0.0/8":
            lambda i: i["aor"].startswith("sip:u1") and i["transport"] == "tls" and i["user_agent"].startswith("Caf")
            and address_of(i).version == 4,
    }
    for query, fits in cases.items():
        wanted = {i["id"] + i["aor"] for i in everything if fits(i)}
        slack = 30 if "expires_before=1" in query else 0  # time goes on meanwhile
        for how, found in (("stream", lines(server, "/bindings?" + query)), ("pages", walk(server, "/bindings?" + query, 113)[0])):
            keys = [i["id"] + i["aor"] for i in found]
            equal(len(keys), len(set(keys)), "bindings that come twice in the %s of %s" % (how, query))
            true(len(set(keys) ^ wanted) <= slack, "%s of %s: %d bindings, wanted %d" % (how, query, len(keys), len(wanted)))


def test_pages_and_streams_agree(env):
    server = env.start()
    fill(server.database, 1500)
    fill(server.database, 40, "other.example", "v")
    for query in ("", "?domain=example.com", "?transport=tls", "?agent=caf", "?user=u1"):
        stream = lines(server, "/bindings" + query)
        for size in (1, 50, 1000) if query == "?user=u1" else (50, 1000):
            items, pages = walk(server, "/bindings" + query, size)
            equal(timeless(items), timeless(stream), "pages of %d of %r" % (size, query))
            true(pages <= len(items) // size + 2, "%d pages of %d for %d items" % (pages, size, len(items)))


def test_total_is_an_estimate(env):
    server = env.start()
    fill(server.database, 120)
    equal(get(server, "/bindings?user=u11").json["total_estimate"], 11, "of a list that is one page")
    equal(get(server, "/bindings?transport=tls").json["total_estimate"], 40, "of another one")
    equal(get(server, "/bindings?transport=tls&page_size=5").json["total_estimate"], None, "of a part of a filtered list")
    server.wait(lambda: get(server, "/bindings?page_size=5").json["total_estimate"] == 120, "the background count", 60)


def test_forged_tokens(env):
    server = env.start()
    fill(server.database, 60)
    token = get(server, "/bindings?page_size=5").json["next_page_token"]
    for forged in (token[:-2], token[1:], token + "=", "x" + token, "%00", "e30", "bm8gbGluZQ", "/" + token):
        answer = get(server, "/bindings?page_token=" + forged)
        true(answer.status in (200, 400), "status %d for %r" % (answer.status, forged))
        if answer.status == 400:
            answer.expect(400, "invalid_argument")
    for forged in ("e30", "bm8gbGluZQ", "x", "%ff", token + "="):
        get(server, "/bindings?page_token=" + forged).expect(400, "invalid_argument")
    equal(len(walk(server, "/bindings", 7)[0]), 60, "all pages behind their tokens")


def test_search_for_nothing_comes_to_an_end(env):
    """Short statements only, and a page that took long ends with a token to go on from there."""
    server = env.start({"admin": {"request_timeout": "100ms"}})
    fill(server.database, 60000)
    seen, token = 0, ""
    while True:
        answer = get(server, "/bindings?agent=nothing" + (token and "&page_token=" + token))
        if answer.status == 503:  # 100 ms are short on a machine with much to do
            true(answer.json["reason"] in ("database_timeout", "overloaded"), "503 with %r" % answer.json)
            continue
        page = answer.expect(200).json
        equal(page["items"], [], "what was found")
        seen, last, token = seen + 1, token, page.get("next_page_token", "")
        if not token:
            break
        true(token != last, "a page that goes nowhere")
    true(seen > 1, "one page looked at everything within 50 ms")


# --- streams ---

def test_csv_of_bindings(env):
    """RFC 4180 with a first line, and nothing in it that a spreadsheet runs."""
    server = env.start()
    fill(server.database, 700)
    server.database.query("update aor set bindings = jsonb_set(bindings::jsonb, '{0,a}', '\"=cmd|x\"') where username = 'u3'")
    answer = get(server, "/bindings", CSV).expect(200)
    equal(answer.get("content-type"), "text/csv; charset=utf-8; header=present", "type")
    true(answer.body.endswith(b"\r\n") and b'"\'=cmd|x"' in answer.body, "the formula: %r" % answer.body[:3000])
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    items = {i["id"]: i for i in lines(server, "/bindings")}
    equal(len(rows), 700, "rows")
    for row in rows:
        item = items[row["id"]]
        equal(set(row), set(item), "columns")
        equal((row["aor"], row["contact"], row["secure"], row["cseq"], row["instance"]),
              (item["aor"], item["contact"], json.dumps(item["secure"]), "12", ""), "row")
        true(row["user_agent"] in (item["user_agent"], "'" + item["user_agent"]), "agent %r" % row["user_agent"])


def test_csv_commands_no_terminal(env):
    """What a phone wrote, that is; accounts are written by operators and read again, and stay as they are."""
    server = env.start()
    fill(server.database, 1)
    server.database.query("update aor set bindings = jsonb_set(bindings::jsonb, '{0,a}', "
                          "'\"a\\\\x1B[2J\\\\x09b\\\\x7F\\\\xC2\\\\x9Bc\\\\x0D\\\\x0Ad\"') where username = 'u0'")
    agent = "a\x1b[2J\tb\x7f\x9bc\r\nd"
    equal(lines(server, "/bindings")[0]["user_agent"], agent, "what JSON has")
    row = next(csv.DictReader(io.StringIO(get(server, "/bindings", CSV).expect(200).body.decode(), newline="")))
    equal(row["user_agent"], "a?[2J\tb??c??d", "what CSV has")
    ask(server.socket, "PATCH", API + "/users/alice@example.com", {"display_name": agent}).expect(200)
    rows = csv.DictReader(io.StringIO(get(server, "/users", CSV).expect(200).body.decode(), newline=""))
    equal([r["display_name"] for r in rows if (r["username"], r["domain"]) == ("alice", "example.com")], [agent], "an account")


def test_streams_and_what_is_asked_for(env):
    server = env.server
    for accept, status, kind in (("text/html", 406, None), ("text/csv;q=0", 406, None), ("*/*", 200, "application/json"),
                                 ("text/html, text/csv;q=0.5", 200, "text/csv; charset=utf-8; header=present"),
                                 ("application/json, text/csv;q=0.5", 200, "application/json")):
        for path in ("/bindings", "/users"):
            answer = get(server, path, [("Accept", accept)])
            answer.expect(status, "not_acceptable" if status == 406 else None)
            equal(answer.get("content-type"), kind or "application/problem+json", "type for %r" % accept)
            equal(answer.get("cache-control"), "no-store", "Cache-Control")
    get(server, "/stats", NDJSON).expect(406, "not_acceptable")
    head = ask(server.socket, "HEAD", API + "/bindings", fields=NDJSON).expect(200)
    equal((head.get("content-type"), head.body), ("application/x-ndjson", b""), "head")
    get(server, "/bindings", NDJSON, version="1.0").expect(505, "version_unsupported")
    get(server, "/bindings", version="1.0").expect(200)
    connection = Http(server.socket)
    for _ in range(3):
        connection.ask("GET", API + "/users", fields=NDJSON).expect(200)
        connection.ask("GET", API + "/stats").expect(200)
    connection.ask("HEAD", API + "/users", fields=CSV).expect(200)
    true(connection.closed(), "octets behind the answer to HEAD")
    connection.close()


def begin(server, path="/bindings", fields=NDJSON):
    """A stream of which the head was read, and the first chunk."""
    connection = Http(server.socket, 30)
    connection.send("GET %s%s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (API, path, "".join("%s: %s\r\n" % f for f in fields)))
    while b"\r\n\r\n" not in connection.buffer:
        connection._fill_or_cut()
    head, _, connection.buffer = connection.buffer.partition(b"\r\n\r\n")
    true(head.startswith(b"HTTP/1.1 200"), "head %r" % head)
    return connection, connection.chunks()


def is_cut(chunks):
    try:
        for _ in chunks:
            pass
    except Cut:
        return True
    return False


def test_database_that_fails_cuts_the_stream(env):
    """Silent or gone: no end of the chunked body, so the client knows that it is a part."""
    cluster = env.own_cluster()
    server = env.start({"admin": {"request_timeout": "4s"}}, cluster=cluster)
    fill(server.database, 40000)
    for fail, mend in ((cluster.freeze, cluster.thaw), (cluster.stop, cluster.start)):
        connection, chunks = begin(server)
        next(chunks)
        fail()
        try:
            true(is_cut(chunks), "the stream has an end")
        finally:
            mend()
        connection.close()
        server.wait(lambda: get(server, "/users").status == 200, "the API answers again", 60)
    equal(len(lines(server, "/bindings")), 40000, "bindings of a whole stream")


def has_end(connection):
    """Without reading, which would have the stream go on."""
    poll = select.poll()
    poll.register(connection.socket, select.POLLRDHUP)
    return bool(poll.poll(0))


@not_under_valgrind("requests take longer than the deadline of this test")
def test_readers_that_stand_still_are_cut(env):
    """A client that takes nothing is sent away when admin.request_timeout has passed, so is one that takes a few octets
    now and then; all places are free again then, also those of clients that went without a word."""
    server = env.start({"admin": {"request_timeout": "5s"}})
    fill(server.database, 40000)
    streams = [begin(server) for _ in range(16)]
    get(server, "/bindings", NDJSON).expect(503, "overloaded")
    get(server, "/bindings").expect(200)
    for connection, _ in streams[8:]:
        connection.close()
    more = []

    def all_free():
        try:
            while len(more) < 16:
                more.append(begin(server))
        except Failure:
            pass
        return len(more) == 16
    server.wait(all_free, "all places are free again", 30)
    server.wait(lambda: all(has_end(connection) for connection, _ in streams[:8]), "who stood still is cut", 30)
    for connection, chunks in streams[:8]:
        true(is_cut(chunks), "a stream that stood still has an end")
        connection.close()
    for connection, _ in more:
        connection.close()
    server.wait(lambda: get(server, "/bindings?user=u1", NDJSON).status == 200, "a place is free")
    trickles = [begin(server)[0] for _ in range(16)]

    def place_free():
        for trickle in trickles:
            trickle.socket.recv(16)
        return get(server, "/bindings?user=u1", NDJSON).status == 200
    true(not place_free(), "16 streams take all places")
    server.wait(place_free, "clients that take a few octets now and then are cut", 60)
    for trickle in trickles:
        trickle.close()


def test_streams_give_way_to_phones(env):
    """While workers are busy a stream waits between its parts; it is whole, a client may leave, and the daemon may end."""
    server = env.start({"health": {"drain_delay": "0s", "drain_spread": "0s"}})
    fill(server.database, 8000)
    equal(len(lines(server, "/bindings")), 8000, "bindings of a whole stream")
    phone, over = server.phone("tcp"), threading.Event()

    def talk():
        while not over.is_set():
            phone.opt().expect(200)
    thread = threading.Thread(target=talk)
    thread.start()
    try:
        server.wait(lambda: len(lines(server, "/bindings?user=u1")) and server.counter("stream_pauses") > 0, "pauses", 20)
        equal(len(lines(server, "/bindings?user=u2")), len(walk(server, "/bindings?user=u2", 500)[0]), "bindings of a paused stream")
        for _ in range(3):
            begin(server)[0].close()
        streams = [begin(server) for _ in range(3)]
    finally:
        over.set()
        thread.join()
    server.stop()
    for connection, chunks in streams:
        true(is_cut(chunks), "a stream has an end")
        connection.close()


def test_stopping_in_the_middle_of_streams(env):
    server = env.start()
    fill(server.database, 40000)
    streams = [begin(server) for _ in range(5)]
    server.stop()
    for connection, chunks in streams:
        true(is_cut(chunks), "a stream has an end")
        connection.close()


def consume(connection, chunks, each_megabyte):
    count, octets, mark = 0, 0, 0
    for chunk in chunks:
        count += chunk.count(b"\n")
        octets += len(chunk)
        if octets - mark > 1 << 20:
            mark = octets
            each_megabyte()
    connection.close()
    return count


def flat(env, count):
    """Memory of the admin process over a listing, and the others that it serves meanwhile."""
    server = env.make()
    server.build = PLAIN_BUILD  # sanitizers keep what was freed
    server.start()
    fill(server.database, count)
    pid, peak, slowest = admin(server), [0], [0.0]
    equal(len(lines(server, "/bindings?user=u1&page_size=10")) > 0, True, "a stream before the measurement")
    before = resident_kb(pid)

    def look():
        peak[0] = max(peak[0], resident_kb(pid))
        started = time.monotonic()
        equal(server.health()[0], 200, "readiness during a listing")
        get(server, "/users/alice@example.com").expect(200)
        slowest[0] = max(slowest[0], time.monotonic() - started)

    server.phone("tcp").reg("<sip:alice@192.0.2.10:5062>").expect(200)
    equal(consume(*begin(server), look), count + 1, "bindings of the stream")
    true(peak[0] > 0, "nothing was measured")
    true(peak[0] - before < 10240, "the admin process grew from %d to %d kB" % (before, peak[0]))
    true(slowest[0] < 5, "health and a user took %.1f s during a listing" % slowest[0])


def test_memory_stays_flat(env):
    """100,000 bindings: some 50 MB of text, which would show."""
    flat(env, 100000)


@long_only
def test_memory_stays_flat_over_a_million(env):
    flat(env, 1000000)


def test_phones_come_first(env):
    """The admin process runs at a lower priority than the workers."""
    server = env.server
    nice = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in workers(server)}
    true(os.getpriority(os.PRIO_PROCESS, admin(server)) > max(nice.values()), "priorities: workers %r" % nice)


# --- what there is of each kind ---

def test_stats_of_bindings(env):
    server = env.start()
    fill(server.database, 4500)
    fill(server.database, 10, "other.example", "v")
    everything = lines(server, "/bindings")
    for by, value in (("transport", lambda i: i["transport"]), ("agent", lambda i: i["user_agent"]),
                      ("node", lambda i: i["node"]), ("domain", lambda i: i["aor"].rpartition("@")[2])):
        counts = {}
        for item in everything:
            counts[value(item)] = counts.get(value(item), 0) + 1
        found = get(server, "/bindings:stats?by=" + by).expect(200).json
        equal((found["by"], {i["value"]: i["bindings"] for i in found["items"]}), (by, counts), "counts")
        numbers = [i["bindings"] for i in found["items"]]
        equal(numbers, sorted(numbers, reverse=True), "order")
    equal(get(server, "/bindings:stats").json["by"], "transport", "by, when nothing is said")


# --- users ---

def test_export_can_be_imported(env):
    """CSV with hashes out of one node, into another: the same accounts, and the old passwords count."""
    server = env.start()
    add_users(server.database, 600, "secret")
    server.database.query("""
        update account set display_name = '=SUM(1,2) "x"' || chr(228), max_contacts = 3, enabled = false where username = 'u1';
        update account set display_name = '''=1', may_register = '{*}' where username = 'u2';
        update account set may_register = '{u3@example.com,u4@example.com}', display_name = 'a' || chr(10) || 'b'
            where username = 'u3';
        update account set login = 'other-login' where username = 'u5';
        insert into account (aor, domain, username, login, ha1_md5) values
            ('%FF%00@example.com', 'example.com', '%FF%00', '\\xFF\\x00', repeat('1', 32)),
            ('%EF%BF%BD@example.com', 'example.com', '%EF%BF%BD', '\\xEF\\xBF\\xBD', repeat('2', 32));
    """)
    plain = get(server, "/users", CSV).expect(200).body.decode()
    equal(plain.splitlines()[0], "username,domain,login,display_name,enabled,max_contacts,may_register", "columns")
    exported = get(server, "/users?include=hashes", CSV).expect(200).body
    path = os.path.join(server.directory, "export.csv")
    with open(path, "wb") as file:
        file.write(exported)
    other = env.make()
    other.database.query("delete from account")
    other.start()
    other.ctl("user", "import", path)
    columns = "aor, login, enabled, display_name, max_contacts, may_register, ha1_md5, ha1_sha256, ha1_sha512_256"
    wanted = server.database.query("select %s from account order by aor" % columns)
    equal(other.database.query("select %s from account order by aor" % columns), wanted, "accounts")
    equal(get(other, "/users?include=hashes", CSV).expect(200).body, exported, "the export of the copy")
    other.phone(user="u7", password="secret", algorithm="SHA-256").reg("<sip:u7@192.0.2.1>").expect(200)
    hashes = lines(server, "/users?include=hashes&domain=example.com&user=u1")
    true(all(len(item["ha1_md5"]) == 32 and item["ha1_sha512_256"] is None for item in hashes), "hashes")
    true("ha1" not in get(server, "/users").body.decode(), "hashes where nobody asked for them")


def test_a_login_that_is_no_text_is_not_changed_on_its_way(env):
    """Where the user part gives it, it is left out; elsewhere the row cannot be imported, rather than with another login."""
    server, other = env.start(), env.start()
    server.database.query(r"""
        insert into account (aor, domain, username, login, ha1_md5) values
            ('%FF@example.com', 'example.com', '%FF', '\xFF', repeat('1', 32)),
            ('odd@example.com', 'example.com', 'odd', 'a%\xFE', repeat('2', 32))
    """)
    shown = get(server, "/users/odd@example.com").expect(200).json
    equal((shown["login"], shown["login_octets"]), ("a%\ufffd", "a%25%FE"), "the odd login")
    true("login_octets" not in get(server, "/users/alice@example.com").json, "octets of a text")
    path = os.path.join(server.directory, "export.csv")
    with open(path, "wb") as file:
        file.write(get(server, "/users?include=hashes&domain=example.com", CSV).expect(200).body)
    for user in ("alice", "%FF"):
        other.database.query("delete from account where username = '%s'" % user)
    done = other.ctl("user", "import", path, "--on-duplicate", "skip", check=False)
    equal(done.returncode, 1, "exit status")
    with open(path + ".rejects") as file:
        true(file.read().endswith(",odd,no password\n"), "rejects")
    accounts = "select aor, login, ha1_md5 from account where domain = 'example.com' and username <> 'odd' order by aor"
    equal(other.database.query(accounts), server.database.query(accounts), "accounts")

    out = os.path.join(server.directory, "by-command.csv")
    done = server.ctl("user", "export", out, "--with-hashes", check=False)
    equal((done.returncode, os.path.exists(out)), (1, False), "exit status, and whether half an export stays")
    true("error: odd@example.com: " in done.stderr and "a%25%FE" in done.stderr, done.stderr)
    server.ctl("user", "export", out)
    with open(out, newline="") as file:
        equal([row["login"] for row in csv.DictReader(file) if row["username"] == "odd"], [""], "without hashes nothing misleads")
    os.remove(out)
    server.ctl("user", "export", out, "--with-hashes", "--user", "%FF")
    with open(out, newline="") as file:
        equal([(row["username"], row["login"]) for row in csv.DictReader(file)], [("%FF", "")], "the export by command")


def test_users_by_the_page_and_as_a_stream(env):
    server = env.start()
    add_users(server.database, 1300, "x")
    for query in ("", "?domain=example.com", "?user=u12", "?domain=other.example", "?algorithm=md5-only"):
        equal(walk(server, "/users" + query, 100)[0], lines(server, "/users" + query), "users of %r" % query)
    equal(get(server, "/users?user=u12&page_size=200").json["total_estimate"], 111, "total of one page")
