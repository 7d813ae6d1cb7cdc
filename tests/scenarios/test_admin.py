"""The admin API: every route with what it answers and every problem, who may ask. What is no HTTP: test_malformed_http.py."""
import hashlib
import json
import os
import re
import threading
import time
import urllib.parse

from harness import Skip, covers, equal, true
from harness.faults import add_users
from harness.http import Http, ask
from harness.phone import ALICE_PASSWORD

API = "/api/v1"
C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"


def api(server, method, path, body=None, **how):
    return ask(server.socket, method, API + path, body, **how)


def create(server, username, domain="example.com", **fields):
    body = {"username": username, "domain": domain, "password": "pass-" + username, **fields}
    return api(server, "POST", "/users", body)


# --- users ---

def test_user_life(env):
    """Created, shown where Location says, changed, deleted; a phone sees each step at once."""
    server = env.server
    made = create(server, "dora", display_name="Dora Ä", max_contacts=2).expect(201)
    equal(made.get("location"), API + "/users/dora@example.com", "Location")
    user = ask(server.socket, "GET", made.get("location")).expect(200).json
    equal(user, made.json, "what was created and what is shown")
    equal({k: user[k] for k in ("aor", "username", "domain", "login", "enabled", "display_name", "max_contacts",
                                "may_register", "algorithms")},
          {"aor": "sip:dora@example.com", "username": "dora", "domain": "example.com", "login": "dora", "enabled": True,
           "display_name": "Dora Ä", "max_contacts": 2, "may_register": "own",
           "algorithms": ["MD5", "SHA-256", "SHA-512-256"]}, "user")
    phone = server.phone("tcp", user="dora", password="pass-dora")
    phone.reg("<sip:dora@192.0.2.1>").expect(200)
    changed = api(server, "PATCH", "/users/dora@example.com", {"enabled": False, "display_name": None}).expect(200).json
    equal((changed["enabled"], changed["display_name"]), (False, None), "after the change")
    phone.reg("<sip:dora@192.0.2.1>").expect(401)
    api(server, "PATCH", "/users/dora@example.com", {"enabled": True, "may_register": ["bob@example.com"]}).expect(200)
    equal(api(server, "GET", "/users/dora@example.com").json["may_register"], ["bob@example.com"], "may_register")
    api(server, "DELETE", "/users/dora@example.com").expect(204)
    api(server, "GET", "/users/dora@example.com").expect(404, "aor_unknown")
    equal(server.database.query("select 1 from aor where aor = 'dora@example.com'"), [], "its row")


def test_location_leads_to_the_user(env):
    """Also one whose canonical name has escapes, which are no escapes of the path."""
    server = env.server
    for username, path in (("50%25off", "/users/50%2525off@example.com"), ("a/b?c#d", "/users/a%252Fb%253Fc%2523d@example.com"),
                           ("(o'neil)!*", "/users/(o'neil)!*@example.com")):
        made = create(server, username).expect(201)
        equal(made.get("location"), API + path, "Location")
        equal(ask(server.socket, "GET", made.get("location")).expect(200).json["aor"], made.json["aor"], "the user there")
        hint = create(server, username).expect(409, "user_exists").json["hint"]
        equal(hint, "Change it with PATCH %s." % (API + path), "hint")
        ask(server.socket, "DELETE", made.get("location")).expect(204)


def test_hashes_alone_make_a_user(env):
    server = env.server
    ha1 = hashlib.sha256(b"heidi:example.com:secret").hexdigest()
    try:
        create(server, "heidi", password=None, ha1_sha256=ha1.upper()).expect(400, "invalid_field")
        made = api(server, "POST", "/users", {"username": "heidi", "domain": "example.com", "ha1_sha256": ha1.upper()})
        equal(made.expect(201).json["algorithms"], ["SHA-256"], "algorithms")
        server.phone(user="heidi", password="secret").reg("<sip:heidi@192.0.2.1>").expect(200)
    finally:
        api(server, "DELETE", "/users/heidi@example.com")


def test_one_new_hash_ends_the_old_password(env):
    """A PATCH with one hash leaves no other hash of the password before."""
    server = env.server
    create(server, "henry").expect(201)
    try:
        ha1 = hashlib.sha256(b"henry:example.com:new").hexdigest()
        user = api(server, "PATCH", "/users/henry@example.com", {"ha1_sha256": ha1}).expect(200).json
        equal(user["algorithms"], ["SHA-256"], "algorithms")
        server.phone(user="henry", password="pass-henry", algorithm="MD5").reg("<sip:h@192.0.2.1>").expect(401)
        server.phone(user="henry", password="new", algorithm="SHA-256").reg("<sip:h@192.0.2.1>").expect(200)
        api(server, "PATCH", "/users/henry@example.com", {"ha1_md5": None}).expect(400, "invalid_field")
    finally:
        api(server, "DELETE", "/users/henry@example.com")


def test_problems_of_users(env):
    server = env.server
    problem = create(server, "alice").expect(409, "user_exists").json
    equal((problem["field"], problem["detail"], problem["hint"]),
          ("username", "alice@example.com was created on %s." % time.strftime("%Y-%m-%d", time.gmtime()),
           "Change it with PATCH /api/v1/users/alice@example.com."), "problem")
    problem = create(server, "x", domain="example.net").expect(422, "domain_not_served").json
    equal(problem["field"], "domain", "field")
    true(problem["hint"], "no hint")
    problem = create(server, "x", pasword="y").expect(400, "invalid_field").json
    equal(problem["field"], "pasword", "field")
    equal(create(server, "x", login="alice").expect(409, "user_exists").json["field"], "login", "field")
    for method, path, body in (("GET", "/users/nobody@example.com", None), ("DELETE", "/users/nobody@example.com", None),
                               ("PATCH", "/users/nobody@example.com", {"enabled": True}),
                               ("GET", "/aors/nobody@example.com", None),
                               ("DELETE", "/aors/nobody@example.com/bindings", None)):
        api(server, method, path, body).expect(404, "aor_unknown")
    for path in ("/users/alice", "/users/@example.com", "/aors/alice", "/users/a%25zz@example.com"):
        api(server, "GET", path).expect(400, "invalid_address")
    equal(server.database.query("select 1 from account where username = 'x'"), [], "accounts that were refused")


def test_an_account_from_before_a_rule(env):
    """All but what breaks the rule may be changed, by itself and in a batch."""
    server = env.server
    server.database.query("alter table account disable trigger account_spelling; "
                          "insert into account (aor, login, may_register) values "
                          "('older@example.com', 'a\\x41b', '{older@example.com:5060}'); "
                          "alter table account enable trigger account_spelling")
    user = api(server, "PATCH", "/users/older@example.com", {"enabled": False, "password": "another"}).expect(200).json
    equal((user["enabled"], user["may_register"]), (False, ["older@example.com:5060"]), "the account")
    server.ctl("user", "disable", "older@example.com")
    users = os.path.join(server.directory, "older.csv")
    with open(users, "w") as file:
        file.write("username,domain,password,enabled\nolder,example.com,x,true\nnewer,example.com,x,true\n")
    server.ctl("user", "import", users, "--on-duplicate", "update")
    equal(server.database.query("select username, enabled, login from account where username in ('older', 'newer') order by 1"),
          [("newer", "t", "newer"), ("older", "t", "older")], "what was imported")
    for user in ("older", "newer"):
        api(server, "DELETE", "/users/%s@example.com" % user).expect(204)


def test_an_account_that_breaks_a_rule_is_named(env):
    """Of a rule that somebody else made PostgreSQL's words say which; no hash is among them."""
    server = env.server
    api(server, "POST", "/users", {"username": "ruled", "domain": "example.com", "password": "x"}).expect(201)
    server.database.query("alter table account add constraint ruled_is_enabled check (username <> 'ruled' or enabled)")
    problem = api(server, "PATCH", "/users/ruled@example.com", {"enabled": False}).expect(409, "conflict").json
    server.database.query("alter table account drop constraint ruled_is_enabled")
    true("What ruled@example.com would hold" in problem["detail"] and '"ruled_is_enabled"' in problem["detail"]
         and "docs/schema.md" in problem["hint"], problem)
    hashes = server.database.query("select ha1_md5, ha1_sha256 from account where username = 'ruled'")[0]
    true(not any(h and h in json.dumps(problem) for h in hashes), problem)
    api(server, "DELETE", "/users/ruled@example.com").expect(204)


@covers("SEC-26.1-1")
def test_text_of_the_network_is_escaped(env):
    """A User-Agent with ESC and what is not UTF-8: valid JSON, one harmless line in the table, one line in the log."""
    server = env.server
    phone = server.phone()
    agent = b"evil\x1b[2J\xc2\x9b31m\xff, \"x\" caf\xc3\xa9"
    phone.reg(C1 + ";q=0.3", fields=[("User-Agent", agent)]).expect(200)
    item = api(server, "GET", "/aors/alice@example.com").expect(200).json["bindings"][0]
    equal(item["user_agent"], "evil\x1b[2J\x9b31m�, \"x\" café", "user_agent")
    equal(item, api(server, "GET", "/bindings?user=alice&domain=example.com").json["items"][0],
          "the binding of the list and that of the address")
    true(b'"q":0.3,' in api(server, "GET", "/bindings").body, "q is not 0.3")
    for options in ((), ("--csv",)):
        shown = server.ctl("binding", "list", *options).stdout
        true("\x1b" not in shown and "\x9b" not in shown, "commands for the terminal: %r" % shown)
        true("evil?[2J?31" in shown, "the agent: %r" % shown)
    sheet = api(server, "GET", "/bindings", fields=[("Accept", "text/csv")]).expect(200).body
    true(b"evil?[2J?31m\xef\xbf\xbd, \"\"x\"\" caf\xc3\xa9" in sheet and b"\x1b" not in sheet, "the CSV: %r" % sheet)


# --- lists ---

def clone_bindings(database, count, users):
    """So many live bindings, copies of alice's one, spread over u0, u1, …"""
    database.query("""
        update aor set bindings = copies.list, expires_at = (select expires_at from aor where aor = 'alice@example.com')
        from (select 'u' || (i %% %(u)d) || '@example.com' as aor, jsonb_agg(a.bindings::jsonb -> 0 || jsonb_build_object(
                'id', '00000000-0000-7000-8000-' || lpad(i::text, 12, '0'),
                't', case when i %% 10 = 0 then 'tls' else 'udp' end)) as list
              from generate_series(0, %(c)d) i, aor a where a.aor = 'alice@example.com' group by 1) copies
        where aor.aor = copies.aor
    """ % {"u": users, "c": count - 1})


def walk(server, path, page_size):
    """All items of a list, and how many pages there were."""
    items, pages, token = [], 0, ""
    while True:
        page = api(server, "GET", "%s%spage_size=%d%s" % (path, "&" if "?" in path else "?", page_size,
                                                          token and "&page_token=" + token)).expect(200).json
        items, pages = items + page["items"], pages + 1
        true(len(page["items"]) <= page_size, "a page of %d" % len(page["items"]))
        token = page.get("next_page_token", "")
        if not token:
            return items, pages


def test_pages_of_2500_users_and_bindings(env):
    server = env.start()
    add_users(server.database, 2500, "x")
    users, pages = walk(server, "/users?domain=example.com&user=u", 999)
    equal((len(users), pages), (2500, 3), "users and pages")
    names = [u["username"] for u in users]
    equal(names, sorted(set(names)), "order of the users of a domain")
    equal(len(walk(server, "/users?user=u1", 1000)[0]), 1111, "users that begin with u1")
    equal([u["username"] for u in walk(server, "/users?domain=other.example", 10)[0]], ["alice"], "other domain")
    server.phone().reg(C1).expect(200)
    clone_bindings(server.database, 2500, 500)
    bindings, pages = walk(server, "/bindings?user=u", 1000)
    equal((len(bindings), pages), (2500, 3), "bindings and pages")
    keys = [(b["aor"], b["id"]) for b in bindings]
    equal(keys, sorted(set(keys)), "order of the bindings")
    equal(len(walk(server, "/bindings?user=u&transport=tls", 7)[0]), 250, "bindings over tls")
    equal(walk(server, "/bindings?domain=other.example", 10)[0], [], "other domain")
    for noun, count in (("user", 2502 + 2), ("binding", 2501)):
        lines = server.ctl(noun, "list", "--ndjson").stdout.splitlines()
        equal(len(lines), count, "lines of %s list --ndjson" % noun)
        rows = server.ctl(noun, "list", "--csv").stdout.splitlines()
        equal(len(rows), count + 1, "lines of %s list --csv" % noun)
        equal(len(server.ctl_json(noun, "list")["items"]), count, "items of %s list --json" % noun)
        table = server.ctl(noun, "list")
        equal(len(table.stdout.splitlines()), 1001, "lines of the table")
        true(re.match(r"1 000( of 2 \d+)? shown; more: --limit N or --page-token ", table.stderr), table.stderr)
        token = table.stderr.split()[-1]
        rest = server.ctl_json(noun, "list", "--page-token", token)
        equal(len(rest["items"]), count - 1000, "items behind the token")
    few = server.ctl_json("user", "list", "--limit", "1200", "--user", "u")
    equal((len(few["items"]), "next_page_token" in few), (1200, True), "--limit 1200")


def test_page_size_has_a_cap_and_a_default(env):
    server = env.start({"admin": {"page_size_max": 60}})
    add_users(server.database, 100, "x")
    equal(len(api(server, "GET", "/users").json["items"]), 50, "items of a page")
    equal(len(api(server, "GET", "/users?page_size=60").json["items"]), 60, "items at the cap")
    equal(len(api(server, "GET", "/users?page_size=61").json["items"]), 60, "items over the cap")
    equal(len(server.ctl("user", "list", "--ndjson", "--user", "u").stdout.splitlines()), 100, "all pages of the command")


def test_arguments_that_are_no_good(env):
    server = env.server
    for path in ("/users?page_size=0", "/users?page_size=-1", "/users?page_size=x", "/users?page_token=x",
                 "/users?page_token=%ff", "/bindings?page_token=YQD_", "/bindings?transport=sctp", "/bindings?transport=%00",
                 "/users?algorithm=sha", "/users?domain=%ff", "/users?domain=%00", "/bindings?user=a%254",
                 "/users?usr=alice", "/bindings?domain=a&x", "/stats?x=1", "/users/alice@example.com?x=1",
                 "/bindings?user=a&user=b", "/bindings?domain=a&domain=a", "/users?include=passwords",
                 "/bindings?ip=192.0.2", "/bindings?ip=192.0.2.0/33", "/bindings?ip=x", "/bindings?ip=2001:db8::/129",
                 "/bindings?expires_before=soon", "/bindings?expires_before=2026-03-04",
                 "/bindings?expires_before=2026-03-04T11:15:02", "/bindings?expires_before=2026-03-04T11:15:02Zx",
                 "/bindings:stats?by=source", "/bindings:stats?by=agent&by=node"):
        api(server, "GET", path).expect(400, "invalid_argument")
    true("usr" not in api(server, "GET", "/users?user=ALICE%3b").expect(200).body.decode(), "a filter that fits nobody")


def test_paths_and_methods_that_are_not_there(env):
    server = env.server
    for path in ("/", "/api/v1", "/api/v1/", "/api/v2/users", "/api/v1/user", "/api/v1/users/", "/api/v1/users/a/b",
                 "/api/v1/aors/alice@example.com/bindings/", "/livez"):
        ask(server.socket, "GET", path).expect(404, "not_found")
    for method, path, allow in (("PUT", "/users", "GET, HEAD, POST"), ("GET", "/users:batch", "POST"),
                                ("POST", "/users/a@example.com", "GET, HEAD, PATCH, DELETE"),
                                ("GET", "/aors/a@example.com/bindings", "DELETE"), ("DELETE", "/stats", "GET, HEAD"),
                                ("OPTIONS", "/bindings", "GET, HEAD")):
        equal(api(server, method, path).expect(405, "method_not_allowed").get("allow"), allow, "Allow")
    head = api(server, "HEAD", "/users/alice@example.com").expect(200)
    equal(head.get("content-length"), str(len(api(server, "GET", "/users/alice@example.com").body)), "length by HEAD")


# --- odd names, all the way ---

ODD = {  # as typed: (username in the database, login)
    "a;b": ("a%3Bb", "a;b"),
    "c%3bd": ("c%3Bd", "c;d"),
    "sp ace": ("sp%20ace", "sp ace"),
    "jörg": ("j%C3%B6rg", "j\\xC3\\xB6rg"),
    "e/f?g#h": ("e%2Ff%3Fg%23h", "e/f?g#h"),
    "+49.30(0)": ("%2B49.30(0)", "+49.30(0)"),
    "100%25": ("100%25", "100%"),
    "n%00ul": ("n%00ul", "nobody"),
    "m%00te": ("m%00te", "m\\x00te"),
    "quo\"te": ("quo%22te", "quo\"te"),
    "dr'op": ("dr'op", "dr'op"),
}


def odd_life(server, typed, username, login):
    user = typed + "@example.com"
    options = ("--login", login) if login == "nobody" else ()
    octets = login if options else urllib.parse.unquote(typed)
    server.ctl("user", "add", user, "--password-stdin", *options, input="secret\n")
    equal(server.database.query("select username, login from account where aor = '%s@example.com'"
                                % username.replace("'", "''")),
          [(username, login)], "the row of %r" % typed)
    shown = server.ctl_json("user", "show", user)
    equal(shown["aor"], "sip:%s@example.com" % username, "aor")
    equal(shown["login"], octets.replace("\0", "\ufffd"), "login")
    found = [u["aor"] for u in server.ctl_json("user", "list", "--user", typed)["items"]]
    equal(found, ["sip:%s@example.com" % username], "the list by its prefix")
    equal(server.ctl("user", "add", user, "--password-stdin", input="x\n", check=False).returncode, 6, "status of twice")
    if not {'"', "\0"} & set(octets):  # the phone of the tests hashes what it quotes
        phone = server.phone("tcp", user=username, password="secret", login=octets)
        phone.reg("<sip:odd@192.0.2.1>").expect(200)
        bindings = server.ctl_json("binding", "show", user)["bindings"]
        equal([b["aor"] for b in bindings], ["sip:%s@example.com" % username], "its bindings")
        equal([b["id"] for b in server.ctl_json("binding", "list", "--user", typed)["items"]], [bindings[0]["id"]], "list")
        server.ctl("binding", "remove", user, "--id", bindings[0]["id"], "--yes")
        equal(phone.fetch(), {}, "contacts")
    server.ctl("user", "delete", user, "--yes")
    equal(server.ctl("user", "show", user, check=False).returncode, 3, "status of what is gone")


def test_odd_names_all_the_way(env):
    for typed, (username, login) in ODD.items():
        odd_life(env.server, typed, username, login)


def test_one_address_has_many_spellings(env):
    server = env.server
    server.phone().reg(C1).expect(200)
    for path in ("alice@example.com", "%61lice@EXAMPLE.com", "sip:alice@example.com", "SIPS:alice@example.com.",
                 "sip%3Aalice%40example.com", "%2561lice@example.com"):
        found = api(server, "GET", "/aors/" + path).expect(200).json
        equal((found["aor"], len(found["bindings"])), ("sip:alice@example.com", 1), path)


@covers("URI-10.3.5-4")
def test_an_alias_is_its_domain(env):
    """For people as for phones: created, shown, changed and removed under an alias of the domain."""
    server = env.server
    made = create(server, "erin", domain="Registrar.Example.com.", may_register=["erin@registrar.example.com"]).expect(201)
    equal((made.json["aor"], made.json["domain"], made.json["may_register"], made.get("location")),
          ("sip:erin@example.com", "example.com", ["erin@example.com"], API + "/users/erin@example.com"), "what was created")
    create(server, "erin", domain="[2001:DB8::10]").expect(409, "user_exists")
    phone = server.phone("tcp", user="erin", password="pass-erin")
    phone.reg("<sip:erin@192.0.2.1>", "<sip:erin@192.0.2.2>").expect(200)
    for alias in ("registrar.example.com", "REGISTRAR.example.com.", "[2001:db8:0::10]"):
        equal(api(server, "GET", "/users/erin@" + alias).expect(200).json["aor"], "sip:erin@example.com", alias)
        found = api(server, "GET", "/aors/erin@" + alias).expect(200).json
        equal((found["aor"], len(found["bindings"])), ("sip:erin@example.com", 2), "bindings of " + alias)
    user = "erin@registrar.example.com"
    for method, path, body in (("DELETE", "/aors/%s/bindings" % user, None), ("PATCH", "/users/" + user, {"enabled": False}),
                               ("DELETE", "/users/" + user, None)):  # sent again it could meet another than before
        problem = api(server, method, path, body).expect(404, "aor_unknown").json
        equal(problem["hint"], "It has an alias of a domain; write erin@example.com.", "hint of %s %s" % (method, path))
    for listed in ("/users", "/bindings"):
        problem = api(server, "GET", listed + "?domain=registrar.example.com").expect(400, "invalid_field").json
        equal(problem["hint"], "Write example.com, the name of the domain.", "hint of " + listed)
    equal(len(phone.fetch()), 2, "contacts")
    api(server, "DELETE", "/users/erin@example.com").expect(204)
    for path in ("/users/erin@example.com", "/users/" + user, "/aors/" + user):
        api(server, "GET", path).expect(404, "aor_unknown")
    api(server, "DELETE", "/users/" + user).expect(404, "aor_unknown")
    added = server.ctl("user", "add", user, "--password-stdin", input="x\n")
    true("added erin@example.com\n" in added.stderr, "what user add says: %r" % added.stderr)
    api(server, "DELETE", "/users/erin@example.com").expect(204)


def test_who_is_named_is_meant(env):
    """An account from before its domain became an alias of another: nobody's but his who names it to the letter."""
    server = env.server
    create(server, "frank").expect(201)
    server.database.query("insert into account (aor, domain, username, login, ha1_md5) values "
                          "('frank@registrar.example.com', 'registrar.example.com', 'frank', 'frank', repeat('0', 32))")
    path = "/users/frank@registrar.example.com"
    equal(api(server, "PATCH", path, {"enabled": False}).expect(200).json["aor"], "sip:frank@registrar.example.com", "changed")
    equal(api(server, "GET", path).expect(200).json["algorithms"], ["MD5"], "shown")
    api(server, "DELETE", path).expect(204)
    api(server, "DELETE", path).expect(404, "aor_unknown")  # sent again, as when its answer was lost
    user = api(server, "GET", "/users/frank@example.com").expect(200).json
    equal((user["enabled"], len(user["algorithms"])), (True, 3), "the other one")
    api(server, "DELETE", "/users/frank@example.com").expect(204)


def test_no_address_that_could_never_register(env):
    server = env.server
    for item in ("x@nowhere.test", "bob@other.example", "bob@example.com;transport=tls", "bob@example.com:5061", "<bob@example.com>"):
        problem = create(server, "gina", may_register=["alice@example.com", item]).expect(400, "invalid_field").json
        equal((problem["field"], "user@domain" in problem["hint"]), ("may_register", True), item)
    create(server, "gina", may_register=["bob@registrar.example.com"]).expect(201)
    gina = server.phone("tcp", user="gina", password="pass-gina")
    gina.reg("<sip:gina@192.0.2.1>", to="sip:bob@registrar.example.com").expect(200)
    gina.reg("*", expires=0, to="sip:bob@registrar.example.com").expect(200)
    api(server, "PATCH", "/users/gina@example.com", {"may_register": ["bob@other.example"]}).expect(400, "invalid_field")
    equal(api(server, "PATCH", "/users/gina@example.com", {"may_register": ["sip:al@registrar.example.com"]}).json["may_register"],
          ["al@example.com"], "after the change")
    api(server, "DELETE", "/users/gina@example.com").expect(204)


# --- bindings ---

def bindings(server, aor="alice@example.com"):
    return api(server, "GET", "/aors/" + aor).expect(200).json["bindings"]


def test_binding_is_shown_as_the_phone_made_it(env):
    server = env.server
    phone = server.phone("tls")
    phone.reg().expect(200)
    phone.reg('<sips:alice@192.0.2.10:5062>;q=0.7;+sip.instance="<urn:uuid:0a0b>"', expires=600,
              fields=[("User-Agent", "Test 1.0")]).expect(200)
    item = bindings(server)[0]
    equal({k: item[k] for k in ("aor", "contact", "instance", "transport", "secure", "q", "call_id", "cseq", "user_agent",
                                "node", "source")},
          {"aor": "sip:alice@example.com", "contact": "sips:alice@192.0.2.10:5062", "instance": "urn:uuid:0a0b",
           "transport": "tls", "secure": True, "q": 0.7, "call_id": phone.call_id, "cseq": phone.cseq,
           "user_agent": "Test 1.0", "node": "reg-test", "source": "%s:%d" % phone.wire.local}, "binding")
    true(590 <= item["expires_in"] <= 600, "expires_in %d" % item["expires_in"])
    for name in ("created_at", "updated_at", "expires_at"):
        true(abs(time.time() - time.mktime(time.strptime(item[name], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 700,
             "%s is %s" % (name, item[name]))


def test_removing_one_and_all(env):
    server = env.server
    phone = server.phone()
    phone.reg(C1, C2).expect(200)
    one = next(b for b in bindings(server) if C1.strip("<>") == b["contact"])
    path = "/aors/alice@example.com/bindings"
    api(server, "DELETE", path + "/00000000-0000-7000-8000-000000000000").expect(404, "binding_unknown")
    equal(len(phone.fetch()), 2, "contacts after the removal of another")
    api(server, "DELETE", path + "/" + one["id"]).expect(204)
    equal(list(phone.fetch()), [C2.strip("<>")], "contacts after the removal of one")
    api(server, "DELETE", path + "/" + one["id"]).expect(404, "binding_unknown")
    api(server, "DELETE", path).expect(204)
    equal(phone.fetch(), {}, "contacts after the removal of all")
    api(server, "DELETE", path).expect(204)
    phone.reg(C1).expect(200)
    equal(list(phone.fetch()), [C1.strip("<>")], "contacts registered again")


def until(deadline, step, errors):
    def work():
        try:
            while time.monotonic() < deadline and not errors:
                step()
        except Exception as failure:
            errors.append(failure)
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_removal_races_with_registers(env):
    """Whatever was acknowledged last is what there is: no binding lost behind a 200, none back behind a 204."""
    server = env.start({"server": {"workers": "2"}})
    phone, errors = server.phone("tcp"), []
    path = "/aors/alice@example.com/bindings"
    seen = {"registered": 0, "removed": 0}

    def register():
        answer = phone.reg(C1).expect(200)
        true(C1.strip("<>") in answer.contacts, "200 without the contact that it acknowledges")
        seen["registered"] += 1

    def remove():
        api(server, "DELETE", path).expect(204)
        seen["removed"] += 1

    for _ in range(4):
        deadline = time.monotonic() + 1.0
        for thread in (until(deadline, register, errors), until(deadline, remove, errors)):
            thread.join()
        if errors:
            raise errors[0]
        phone.reg(C1).expect(200)
        equal(len(bindings(server)), 1, "bindings behind a last 200")
        api(server, "DELETE", path).expect(204)
        equal(bindings(server), [], "bindings behind a last 204")
        equal(phone.fetch(), {}, "what the phone sees behind a last 204")
    true(min(seen.values()) > 20, "no race: %s" % seen)


def test_removal_of_one_spares_the_other(env):
    """One contact is removed again and again while another phone of the address refreshes: the other never goes."""
    server = env.start({"server": {"workers": "2"}})
    stays, comes, errors = server.phone("tcp"), server.phone("tcp"), []
    stays.reg(C1).expect(200)
    removed = [0]

    def refresh():
        true(C1.strip("<>") in stays.reg(C1).expect(200).contacts, "the other contact is gone")

    def come_and_go():
        comes.reg(C2).expect(200)
        for item in bindings(server):
            if item["contact"] == C2.strip("<>"):
                api(server, "DELETE", "/aors/alice@example.com/bindings/" + item["id"]).expect(204)
                removed[0] += 1
        found = [b["contact"] for b in bindings(server)]
        equal(found, [C1.strip("<>")], "bindings")

    deadline = time.monotonic() + 3.0
    for thread in (until(deadline, refresh, errors), until(deadline, come_and_go, errors)):
        thread.join()
    if errors:
        raise errors[0]
    true(removed[0] > 10, "only %d removals" % removed[0])


# --- accounts and phones ---

def test_new_password_counts_at_once(env):
    """On every worker, whatever it remembers: refresh, fetch and removal with the old password get 401."""
    server = env.start({"server": {"workers": "2"}})
    phones = [server.phone("tcp") for _ in range(6)]
    for phone in phones:
        phone.reg(C1).expect(200)
        phone.reg(C1).expect(200)
    server.ctl("user", "passwd", "alice@example.com", "--password-stdin", input="another one\n")
    for phone in phones:
        phone.reg().expect(401)
        phone.reg(C1).expect(401)
        phone.reg(C1, expires=0).expect(401)
    equal(len(bindings(server)), 1, "bindings")
    phones[0].password = "another one"
    phones[0].reg(C1).expect(200)


PASSWD = ("user", "passwd", "alice@example.com", "--password-stdin")


def test_a_password_is_hashed_with_the_login_that_the_account_has(env):
    """The login changes between the look at it and the write of the hashes: the new password works with the new login."""
    server, done = env.start(), []
    waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    hashes = hashlib.md5(b"ally:example.com:old").hexdigest()
    passwd = threading.Thread(target=lambda: done.append(server.ctl(*PASSWD, input="brand new\n", check=False)))
    with server.database.locked("update account set login = 'ally', ha1_md5 = '%s', ha1_sha256 = null, ha1_sha512_256 = null "
                                "where aor = 'alice@example.com'" % hashes):
        passwd.start()
        server.wait(lambda: server.database.query(waits), "the change of the password waits for the row")
    passwd.join(60)
    equal(done[0].returncode, 0, "status: " + done[0].stderr)
    server.phone(login="ally", password="brand new").reg(C1).expect(200)


def test_a_login_that_changes_all_the_time_is_a_conflict(env):
    """Somebody is faster each time: nothing is written, and the command does not say that it is done."""
    server = env.start()
    before = server.database.query("select * from account where aor = 'alice@example.com'")
    server.database.query("create function lose() returns trigger language plpgsql as 'begin return null; end';"
                          "create trigger lose before update on account for each row execute function lose()")
    done = server.ctl(*PASSWD, input="brand new\n", check=False)
    equal((done.returncode, done.stdout), (6, ""), "status: " + done.stderr)
    true("(conflict)" in done.stderr and "Try again." in done.stderr, done.stderr)
    problem = api(server, "PATCH", "/users/alice@example.com", {"enabled": False}).expect(409, "conflict").json
    equal(problem["detail"], "The login was changed at the same time, again and again.", "detail")
    equal(server.database.query("select * from account where aor = 'alice@example.com'"), before, "the account")


def test_password_change_races_with_registers(env):
    """No REGISTER with the old password is acknowledged that was sent behind the answer to the change."""
    server = env.start({"server": {"workers": "2"}})
    errors, current, lock = [], [ALICE_PASSWORD], threading.Lock()
    phones = [server.phone("tcp") for _ in range(3)]
    seen = {200: 0, 401: 0}

    def change():
        with lock:
            before = current[0]
        after = "pw-%d" % time.monotonic_ns()
        api(server, "PATCH", "/users/alice@example.com", {"password": after}).expect(200)
        with lock:
            current[0] = after
        stale = server.phone("udp", password=before)
        stale.reg(C1).expect(401)
        stale.close()

    def registering(phone):
        def register():
            with lock:
                phone.password = current[0]
            seen[phone.reg(C1).expect(200, 401).status] += 1
        return register

    deadline = time.monotonic() + 3.0
    threads = [until(deadline, registering(p), errors) for p in phones] + [until(deadline, change, errors)]
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    true(seen[200] > 10, "no race: %s" % seen)
    phones[0].password = current[0]
    phones[0].reg(C1).expect(200)
    equal(len(bindings(server)), 1, "bindings")


def test_disabled_and_enabled(env):
    server = env.server
    phone = server.phone("tcp", user="bob")
    phone.reg("<sip:bob@192.0.2.1>").expect(200)
    try:
        server.ctl("user", "disable", "bob@example.com")
        phone.reg("<sip:bob@192.0.2.1>").expect(401)
        phone.reg().expect(401)
        equal(len(bindings(server, "bob@example.com")), 1, "bindings of a disabled user")
        equal(server.ctl_json("user", "show", "bob@example.com")["enabled"], False, "enabled")
    finally:
        server.ctl("user", "enable", "bob@example.com")
    phone.reg("<sip:bob@192.0.2.1>").expect(200)


def test_delete_takes_the_bindings_with_it(env):
    """And the same name made again begins with none, also on a worker that remembers the record before."""
    server = env.server
    create(server, "dave", password="one").expect(201)
    phone = server.phone("tcp", user="dave", password="one")
    phone.reg("<sip:dave@192.0.2.1>").expect(200)
    api(server, "DELETE", "/users/dave@example.com").expect(204)
    equal([b for b in api(server, "GET", "/bindings").json["items"] if "dave" in b["aor"]], [], "bindings in the list")
    phone.reg("<sip:dave@192.0.2.1>").expect(401)
    create(server, "dave", password="one").expect(201)
    try:
        equal(phone.fetch(), {}, "contacts of the new user")
    finally:
        api(server, "DELETE", "/users/dave@example.com").expect(204)


# --- batches ---

def row(name, **fields):
    return {"username": name, "domain": "example.com", "password": "p", **fields}


def results(server, users, on_duplicate=None):
    body = {"users": users, **({"on_duplicate": on_duplicate} if on_duplicate else {})}
    found = api(server, "POST", "/users:batch", body).expect(200).json["results"]
    return [(r["result"], r.get("reason")) for r in found]


def test_batch_has_a_result_for_each_row(env):
    server = env.server
    rows = [row("batch1"), row("alice"), row("batch2", domain="example.net"), row("bat@ch"), row("batch3", password=""),
            row("batch4", login="alice"), row("batch1"), row("batch5", login="batch1"), 7, row("batch6", unknown=1),
            row("batch7", display_name="x" * 256, enabled=False, max_contacts=3, may_register="domain")]
    try:
        equal(results(server, rows),
              [("added", None), ("rejected", "user_exists"), ("rejected", "domain_not_served"),
               ("rejected", "invalid_field"), ("rejected", "invalid_field"), ("rejected", "user_exists"),
               ("rejected", "user_exists"), ("rejected", "user_exists"), ("rejected", "invalid_field"),
               ("rejected", "invalid_field"), ("added", None)], "results")
        user = api(server, "GET", "/users/batch7@example.com").json
        equal((user["display_name"], user["enabled"], user["max_contacts"], user["may_register"]),
              ("x" * 256, False, 3, "domain"), "the fields of a row")
        server.phone(user="batch1", password="p").reg("<sip:b@192.0.2.1>").expect(200)
        server.phone(user="alice").reg(C1).expect(200)
    finally:
        server.database.query("delete from account where username like 'batch%'")


def test_batch_rules_for_duplicates(env):
    server = env.server
    equal(results(server, [row("dup", login="old-login", may_register="domain", max_contacts=3)]), [("added", None)], "first")
    try:
        equal(results(server, [row("dup", password="q"), row("dup2")], "skip"),
              [("skipped", "user_exists"), ("added", None)], "skip")
        equal(results(server, [row("dup", password="q")], "fail"), [("rejected", "user_exists")], "fail")
        server.phone(user="dup", login="old-login", password="p").reg("<sip:d@192.0.2.1>").expect(200)
        equal(results(server, [row("dup", password="q", display_name="D")], "update"), [("updated", None)], "update")
        user = api(server, "GET", "/users/dup@example.com").json
        equal((user["login"], user["display_name"], user["may_register"], user["max_contacts"]), ("dup", "D", "domain", 3),
              "what the update gave and what it left")
        server.phone(user="dup", login="old-login", password="p").reg("<sip:d@192.0.2.1>").expect(401)
        server.phone(user="dup", password="q").reg("<sip:d@192.0.2.1>").expect(200)
        results(server, [row("dup", may_register="own", max_contacts=None, display_name=None)], "update")
        user = api(server, "GET", "/users/dup@example.com").json
        equal((user["may_register"], user["max_contacts"], user["display_name"]), ("own", None, None), "what was reset")
    finally:
        server.database.query("delete from account where username like 'dup%'")


def test_batch_limits(env):
    server = env.server
    equal(results(server, []), [], "an empty batch")
    many = [row("many%d" % i) for i in range(1000)]
    try:
        equal(set(results(server, many)), {("added", None)}, "a thousand rows")
    finally:
        server.database.query("delete from account where username like 'many%'")
    api(server, "POST", "/users:batch", {"users": many + [row("one-more")]}).expect(400, "invalid_body")
    for body in ({}, {"users": {}}, {"users": [], "on_duplicate": "replace"}, {"users": [], "on_duplicate": 1},
                 {"users": [], "onduplicate": "skip"}, {"on_duplicate": "skip"}):
        api(server, "POST", "/users:batch", body).expect(400, "invalid_body")


# --- who may ask ---

def with_tcp(env, tokens=None, **admin):
    server = env.make()
    path = os.path.join(server.directory, "tokens")
    with open(path, "w") as file:
        os.chmod(path, 0o640)
        file.write("# tokens of the test\n")
        for role, token in (tokens or {"read": "reader", "admin": "writer"}).items():
            file.write("%s %s\n" % (role, hashlib.sha256(token.encode()).hexdigest()))
    server.admin_tcp = ("127.0.0.1", server.port + 3)
    server.tokens = path
    server.configure({"admin": {"listen": "%s:%d" % server.admin_tcp, "tokens_file": path, **admin}})
    return server


def bearer(token):
    return [("Authorization", "Bearer " + token)]


def test_roles_over_tcp(env):
    """A token of role read reads, one of role admin changes things too."""
    server = with_tcp(env).start()
    for fields in ((), bearer("wrong"), bearer(""), [("Authorization", "Basic cmVhZGVy")]):
        answer = ask(server.admin_tcp, "GET", API + "/stats", fields=fields).expect(401, "unauthorized")
        equal(answer.get("www-authenticate"), "Bearer", "WWW-Authenticate")
        equal(answer.get("connection").lower(), "close", "Connection")
    ask(server.admin_tcp, "GET", API + "/nothing").expect(401, "unauthorized")
    for token in ("reader", "writer"):
        for path in ("/stats", "/users", "/bindings", "/users/alice@example.com", "/aors/alice@example.com"):
            ask(server.admin_tcp, "GET", API + path, fields=bearer(token)).expect(200)
    writes = (("POST", "/users", row("x")), ("POST", "/users:batch", {"users": []}), ("DELETE", "/users/alice@example.com", None),
              ("PATCH", "/users/alice@example.com", {"enabled": False}), ("DELETE", "/aors/alice@example.com/bindings", None))
    for method, path, body in writes:
        ask(server.admin_tcp, method, API + path, body, bearer("reader")).expect(403, "forbidden")
    equal(server.database.value("select enabled from account where aor = 'alice@example.com'"), "t", "enabled")
    for method, path, body in writes:
        status = ask(server.admin_tcp, method, API + path, body, bearer("writer")).status
        true(status in (200, 201, 204, 404), "%s %s with a token of role admin: %d" % (method, path, status))
    equal(server.database.query("select aor from account where username in ('alice', 'x') and domain = 'example.com'"),
          [("x@example.com",)], "who was made and who was deleted")
    server.wait_log(r"notice admin\.write status=\d+ token=admin node=reg-test method=\"PATCH\" path=\"/api/v1/users/alice@example\.com\"")
    server.wait_log(r"notice admin\.write status=403 token=read node=reg-test method=\"PATCH\"")
    for secret in ("reader", "writer", "wrong"):
        true(secret not in server.log, "a token is in the log")


def test_tokens_are_read_again_on_reload(env):
    server = with_tcp(env).start()
    with open(server.tokens, "w") as file:
        file.write("read %s\n" % hashlib.sha256(b"fresh").hexdigest())
    server.reload()
    server.wait(lambda: ask(server.admin_tcp, "GET", API + "/stats", fields=bearer("fresh")).status == 200, "the new token counts")
    ask(server.admin_tcp, "GET", API + "/stats", fields=bearer("reader")).expect(401)
    with open(server.tokens, "w") as file:
        file.write("read nonsense\n")
    server.reload()
    server.wait_log(r"tokens:1: expected .*; the tokens read before stay in force")
    ask(server.admin_tcp, "GET", API + "/stats", fields=bearer("fresh")).expect(200)


def test_report_of_a_reload_tells_of_the_tokens(env):
    server = with_tcp(env).start()
    equal(api(server, "POST", "/reload").expect(200).json["warnings"], [], "warnings")
    os.chmod(server.tokens, 0o644)
    strangers = "admin.tokens_file %s can be read by everybody; run: chmod o= %s" % (server.tokens, server.tokens)
    equal(api(server, "POST", "/config:check").expect(200).json["warnings"], [strangers], "warnings of a file for all")
    os.unlink(server.tokens)
    gone = "admin.tokens_file %s: No such file or directory; the tokens read before stay in force" % server.tokens
    for path in ("/config:check", "/reload"):
        equal(api(server, "POST", path).expect(200).json["warnings"], [gone], "warnings of " + path)
    ask(server.admin_tcp, "GET", API + "/stats", fields=bearer("reader")).expect(200)


def test_tokens_file_that_everybody_reads_or_lacks(env):
    server = with_tcp(env)
    os.chmod(server.tokens, 0o644)
    server.start()
    server.wait_log(r"admin.tokens_file .+ can be read by everybody; run: chmod o= ")
    other = with_tcp(env)
    os.unlink(other.tokens)
    other.start()
    other.wait_log(r"admin.tokens_file .+: No such file or directory; admin.listen refuses everybody")
    ask(other.admin_tcp, "GET", API + "/stats", fields=bearer("reader")).expect(401)


def as_stranger(work):
    """Runs work() in a process of user nobody; what it returns comes back as text."""
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            text = str(work())
        except BaseException as failure:
            text = "%s: %s" % (type(failure).__name__, failure)
        os.write(write, text.encode()[:60000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return text


def test_strangers_on_the_socket(env):
    """The file keeps others out; whoever gets in all the same is known by his credentials."""
    server = env.start()
    equal(oct(os.stat(server.socket).st_mode & 0o777), "0o660", "mode of the socket")
    equal(oct(os.stat(os.path.dirname(server.socket)).st_mode & 0o777), "0o700", "mode of its directory, made by the tests")
    os.chmod(os.path.dirname(server.socket), 0o755)
    try:
        true(as_stranger(lambda: api(server, "GET", "/stats").status).startswith("PermissionError"), "the socket is open")
        os.chmod(server.socket, 0o666)
        for method, path in (("GET", "/stats"), ("DELETE", "/users/alice@example.com"), ("GET", "/nothing")):
            equal(as_stranger(lambda: api(server, method, path).expect(403, "forbidden").status), "403", "a stranger's " + path)
    finally:
        os.chmod(os.path.dirname(server.socket), 0o700)
    api(server, "GET", "/stats").expect(200)


def test_writes_are_logged_with_who_and_what(env):
    server = env.server
    create(server, "logged").expect(201)
    api(server, "DELETE", "/users/logged@example.com").expect(204)
    server.wait_log(r'admin.write .*status=201 uid=%d .*method="?POST"? path="/api/v1/users"' % os.geteuid())
    server.wait_log(r'admin.write .*status=204 uid=%d .*method="?DELETE"? path="/api/v1/users/logged@example.com"' % os.geteuid())
    true("pass-logged" not in server.log, "the password is in the log")
    before = server.log.count("admin.write")
    api(server, "GET", "/users").expect(200)
    equal(server.log.count("admin.write"), before, "lines about writes after a read")


# --- a database that fails ---

def test_requests_have_a_deadline(env):
    """PostgreSQL stands still: each request is answered when admin.request_timeout has passed, and the daemon lives on
    when the answers of the database come too late."""
    cluster = env.own_cluster()
    server = env.start({"admin": {"request_timeout": "300ms"}, "database": {"query_timeout": "10s"}}, cluster=cluster)
    waiting = [Http(server.socket) for _ in range(80)]
    cluster.freeze()
    try:
        started = time.monotonic()
        for i, connection in enumerate(waiting):
            path = "/api/v1/users/alice@example.com"
            body = '{"display_name":"late"}' if i % 2 else ""
            connection.send("%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
                            % ("PATCH" if i % 2 else "GET", path, len(body), body))
        reasons = [connection.receive().expect(503).json["reason"] for connection in waiting]
        took = time.monotonic() - started
        true(took < 5, "the answers took %.1f s" % took)
        equal(set(reasons), {"database_timeout", "overloaded"}, "reasons")
        equal(reasons.count("database_timeout"), 64, "requests that were waiting")
    finally:
        cluster.thaw()
    server.wait(lambda: api(server, "GET", "/users").status == 200, "the API answers again")
    server.wait_ready()


def test_stopping_while_requests_wait(env):
    """TERM with a frozen database and requests that wait for it: they are answered, and nothing is left behind."""
    cluster = env.own_cluster()
    server = env.start({"admin": {"request_timeout": "8s"}}, cluster=cluster)
    waiting = [Http(server.socket) for _ in range(5)]
    cluster.freeze()
    try:
        for connection in waiting:
            connection.send("GET /api/v1/users HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait(lambda: server.health("/readyz?verbose")[1].count("[-]") or True, "health answers")
        server.stop()
    finally:
        cluster.thaw()


def test_database_away(env):
    """Reads and writes are 503 with the reason, statistics go on."""
    cluster = env.own_cluster()
    server = env.start(cluster=cluster)
    cluster.stop()
    server.wait(lambda: api(server, "GET", "/users").status == 503, "reads are refused")
    for method, path, body in (("GET", "/users", None), ("GET", "/aors/alice@example.com", None),
                               ("DELETE", "/aors/alice@example.com/bindings", None), ("POST", "/users", row("x"))):
        problem = api(server, method, path, body).expect(503, "database_unavailable").json
        true("PostgreSQL does not answer" in problem["detail"] and problem["hint"], "problem %r" % problem)
    stats = api(server, "GET", "/stats").expect(200).json
    equal(stats["ready"], stats["state"] in ("ready", "degraded"), "ready and state %r" % stats["state"])
    cluster.start()
    server.wait(lambda: api(server, "GET", "/users").status == 200, "reads work again")


def test_what_was_written_is_not_called_unchanged(env):
    """A user is written, and then the statement that reads it back fails: nobody is told that nothing was changed."""
    server = env.start()
    server.database.query("""
        create function test_take_away() returns trigger language plpgsql security definer as $$
        begin
            revoke select on account from rollcall_daemon;
            grant select (aor, domain, login, username) on account to rollcall_daemon;
            return null;
        end $$;
        create trigger test_take_away after insert or update on account execute function test_take_away();
    """)  # admin_user.sql reads other columns, and no statement that writes does
    problem = api(server, "PATCH", "/users/alice@example.com", {"display_name": "New"}).expect(500, "internal").json
    true("may or may not have been made" in problem["hint"], "hint of PATCH: %s" % problem["hint"])
    server.database.query("grant select on account to rollcall_daemon")
    problem = create(server, "nina").expect(500, "internal").json
    true("may or may not have been made" in problem["hint"], "hint of POST: %s" % problem["hint"])
    problem = api(server, "PATCH", "/users/nina@example.com", {"enabled": False}).expect(500, "internal").json
    true("Nothing was changed" in problem["hint"], "hint of a PATCH that was not begun: %s" % problem["hint"])
    server.database.query("drop trigger test_take_away on account; grant select on account to rollcall_daemon")
    create(server, "nina").expect(409, "user_exists")
    equal(api(server, "GET", "/users/alice@example.com").expect(200).json["display_name"], "New", "what was changed")


def test_broken_row_stops_nobody_else(env):
    """Bindings that somebody broke by hand: only that address is not served, listed and counted, and the log says so once."""
    server = env.make()
    add_users(server.database, 2, ALICE_PASSWORD)
    live = '[{"id":"x","u":"sip:%s@192.0.2.1","c":"c","s":1,"e":4102444800000,"t":"udp","n":"reg-test","f":"192.0.2.1:5060"}]'
    for user, list_ in (("alice", live % "alice"), ("bob", "[oops"), ("u0", '[{"e":"soon"}]'), ("u1", live % "u1")):
        server.database.query("update aor set bindings = '%s', expires_at = '2100-01-01', version = version + 1 "
                              "where aor = '%s@example.com'" % (list_, user))
    server.start()
    served = ["sip:alice@192.0.2.1", "sip:u1@192.0.2.1"]
    for path in ("/bindings", "/bindings?domain=example.com"):
        found = api(server, "GET", path).expect(200).json["items"]
        equal(sorted(binding["contact"] for binding in found), served, path)
    equal(api(server, "GET", "/bindings:stats?by=transport").expect(200).json["items"], [{"value": "udp", "bindings": 2}],
          "by transport")
    server.wait(lambda: server.stats()["bindings"] == 2, "the others are counted")
    server.wait_log(r'db\.unreadable .*addresses=2 .*first="bob@example\.com"')
    server.phone(user="bob").reg(C1).expect(500, 503)
    server.phone().reg(C1).expect(200)


# --- stats ---

def test_stats_count_what_happened(env):
    server = env.start()
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    phone.reg0(C1).expect(401)
    stats = server.stats()
    equal((stats["node"], stats["state"], stats["ready"], stats["workers"]), ("reg-test", "ready", True, 1), "who and how")
    equal(stats["domains"], ["example.com", "other.example"], "domains")
    equal(stats["outcomes"]["registered"], {"udp": 0, "tcp": 1, "tls": 0}, "registered")
    equal(stats["outcomes"]["challenged"]["tcp"], 2, "challenged")
    true(all(check["ok"] for check in stats["checks"]), "checks %r" % stats["checks"])
    server.wait(lambda: server.stats()["bindings"] == 1, "the background count sees the binding", 60)
    equal((server.stats()["users"], server.stats()["users_with_bindings"]), (4, 1), "users")
