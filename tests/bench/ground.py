"""What every bench stands on: the harness of the scenarios, the users that both registrars serve, and what to print with."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenarios"))
sys.dont_write_bytecode = True

DOMAIN, PREFIX, PASSWORD = "bench.test", "user", "bench-of-rollcall"
PHONES = 20000
PART = 100000  # rows of one statement
# Rows lie in an order that has nothing to do with the numbers of the users, in which the generator goes: 611953 is prime.
SCATTERED = "(select i::bigint * 611953 %% %(count)d + 1 as n from generate_series(%(first)d, %(last)d) i) scattered"
ACCOUNTS = """
set synchronous_commit = off;
alter table account disable trigger user;
insert into account (aor, domain, username, login, ha1_sha256, ha1_md5)
select 'user' || n || '@%(domain)s', '%(domain)s', 'user' || n, 'user' || n,
	encode(sha256(convert_to('user' || n || ':%(domain)s:%(password)s', 'UTF8')), 'hex'),
	md5('user' || n || ':%(domain)s:%(password)s')
from """ + SCATTERED + """;
alter table account enable trigger user;
"""
EMPTY = """
set synchronous_commit = off;
insert into aor (aor, domain, username, version)
select 'user' || n || '@%(domain)s', '%(domain)s', 'user' || n, (extract(epoch from clock_timestamp()) * 1000000)::bigint
from """ + SCATTERED + """;
"""
BINDINGS = """
set synchronous_commit = off;
insert into aor (aor, domain, username, version, bindings, expires_at)
select 'user' || n || '@%(domain)s', '%(domain)s', 'user' || n, 1, jsonb_build_array(jsonb_build_object(
	'id', '018f6c2e-7b1a-7c30-9a51-' || lpad(to_hex(n), 12, '0'), 'u', 'sip:user' || n || '@192.0.2.10:5062', 'c', 'call-' || n,
	's', 1, 'a', 'Bench Phone 1.0', 'n', 'bench', 't', 'udp', 'f', '192.0.2.10:5062', 'r', 7200,
	'k', (extract(epoch from now()) * 1000)::bigint, 'm', (extract(epoch from now()) * 1000)::bigint,
	'e', (extract(epoch from now()) * 1000)::bigint + 7200000)), now() + interval '2 hours'
from """ + SCATTERED + """;
"""


def say(text=""):
    print(text, flush=True)


def fill(database, count, *statements):
    for statement in statements:
        for first in range(1, count + 1, PART):
            database.query(statement % {"domain": DOMAIN, "password": PASSWORD, "count": count, "first": first,
                                        "last": min(first + PART - 1, count)})
    for table in ("account", "aor"):
        database.query("vacuum (analyze) " + table)
    database.query("checkpoint")


def fill_accounts(database, count):
    """user1 to userN of the bench's domain in a database of rollcall, who never registered."""
    fill(database, count, ACCOUNTS, EMPTY)


def fill_registered(database, count):
    """The same with a live binding each, as rollcall writes it."""
    fill(database, count, ACCOUNTS, BINDINGS)
