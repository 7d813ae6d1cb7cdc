"""What every bench stands on: the harness of the scenarios, the users that both registrars serve, and what to print with."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenarios"))
sys.dont_write_bytecode = True

DOMAIN, PREFIX, PASSWORD = "bench.test", "user", "bench-of-rollcall"
PHONES = 20000
ACCOUNTS = """
set synchronous_commit = off;
alter table account disable trigger user;
insert into account (aor, domain, username, login, ha1_sha256, ha1_md5)
select 'user' || n || '@%(domain)s', '%(domain)s', 'user' || n, 'user' || n,
	encode(sha256(convert_to('user' || n || ':%(domain)s:%(password)s', 'UTF8')), 'hex'),
	md5('user' || n || ':%(domain)s:%(password)s')
from generate_series(1, %(count)d) n;
alter table account enable trigger user;
vacuum (analyze) account;
"""
EMPTY = """
set synchronous_commit = off;
insert into aor (aor, domain, username, version)
select aor, domain, username, (extract(epoch from clock_timestamp()) * 1000000)::bigint from account where domain = '%(domain)s';
vacuum (analyze) aor;
checkpoint;
"""
BINDINGS = """
set synchronous_commit = off;
insert into aor (aor, domain, username, version, bindings, expires_at)
select 'user' || n || '@%(domain)s', '%(domain)s', 'user' || n, 1, jsonb_build_array(jsonb_build_object(
	'id', '018f6c2e-7b1a-7c30-9a51-' || lpad(to_hex(n), 12, '0'), 'u', 'sip:user' || n || '@192.0.2.10:5062', 'c', 'call-' || n,
	's', 1, 'a', 'Bench Phone 1.0', 'n', 'bench', 't', 'udp', 'f', '192.0.2.10:5062', 'r', 7200,
	'k', (extract(epoch from now()) * 1000)::bigint, 'm', (extract(epoch from now()) * 1000)::bigint,
	'e', (extract(epoch from now()) * 1000)::bigint + 7200000)), now() + interval '2 hours'
from generate_series(1, %(count)d) n;
vacuum (analyze) aor;
checkpoint;
"""


def say(text=""):
    print(text, flush=True)


def fill_accounts(database, count):
    """user1 to userN of the bench's domain in a database of rollcall, who never registered."""
    database.query((ACCOUNTS + EMPTY) % {"domain": DOMAIN, "password": PASSWORD, "count": count})


def fill_registered(database, count):
    """The same with a live binding each, as rollcall writes it."""
    database.query((ACCOUNTS + BINDINGS) % {"domain": DOMAIN, "password": PASSWORD, "count": count})
