"""rollcallctl doctor: a healthy node, and each fault that it has to find."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys

from harness import equal, true
from harness.check import Skip, not_under_valgrind
from test_cli import CTL, ctl, expect
from test_messages import certificate

UTF8 = {"LC_ALL": "C.UTF-8"}


def doctor(server, *arguments, **variables):
    return ctl("doctor", "-c", server.configuration_path, *arguments, **{**UTF8, **variables})


def findings(server):
    document = json.loads(doctor(server, "--json").stdout)
    return document, {(f["check"], f["result"], f["text"]) for f in document["checks"]}


def texts(server, check, result):
    return [text for c, r, text in findings(server)[1] if (c, r) == (check, result)]


def udp_buffer(server):
    """A buffer that any machine grants: what the kernel allows is not what is tested here."""
    return {"connection": {"udp_receive_buffer": "64k", "udp_send_buffer": "64k"}}


def test_healthy(env):
    server = env.start(udp_buffer(env))
    done = expect(doctor(server), 0, "✓ configuration valid", "rollcalld ready", "0 problems, 0 warnings")
    equal(done.stderr, "", "stderr")
    true(all(len(line) <= 100 for line in done.stdout.splitlines()), "a line is longer than 100: " + done.stdout)
    document, found = findings(server)
    equal((document["problems"], document["warnings"]), (0, 0), "counts")
    for transport, port in (("udp", server.port), ("tcp", server.port), ("tls", server.tls_port)):
        for host in ("127.0.0.1", "[::1]"):
            true(("registration", "good", "self-registration over %s %s:%d" % (transport, host, port)) in found,
                 "%s %s in %s" % (transport, host, found))
    true(any(re.fullmatch(r"database .*: PostgreSQL \d+\.\d+, schema (\d+) of \1, write \d+\.\dms", text)
             for _, _, text in found), "database in %s" % found)
    true(any(text.startswith("certificate main expires in ") for _, _, text in found), "certificate")
    true("doctor-" not in server.ctl("user", "list", "--csv").stdout, "the account is still there")
    true("doctor-" not in server.ctl("binding", "list", "--csv").stdout, "a binding is still there")


def test_marks_without_utf8(env):
    server = env.start(udp_buffer(env))
    out = expect(doctor(server, LC_ALL="C"), 0).stdout
    true("ok configuration valid" in out and out.isascii(), "marks in %r" % out)


def test_schemes_and_tls_only(env):
    server = env.start({**udp_buffer(env), ("domain", "example.com"): {"schemes": "sips"}})
    expect(doctor(server), 0, "not tried: the first domain is served over TLS only", "self-registration: tls")


def test_registrations_of_an_hour(env):
    """An interval of one hour is never too brief (RFC 3261 section 10.3)."""
    server = env.start({**udp_buffer(env), "registration": {"expires_min": "1h"}})
    expect(doctor(server), 0, "self-registration: udp, tcp, tls", "0 problems, 0 warnings")


def test_one_contact_for_each_user(env):
    """Fewer than the listeners have addresses."""
    server = env.start({**udp_buffer(env), "registration": {"max_contacts": 1}})
    expect(doctor(server), 0, "self-registration: udp, tcp, tls", "0 problems, 0 warnings")


WITHOUT_IPV6 = """
import fcntl, os, socket, struct, sys
open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w").write("1")
up = struct.pack("16sh", b"lo", 1)  # SIOCSIFFLAGS, IFF_UP
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, up)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_host_without_ipv6(env):
    """[::] can be bound there, and nothing can be reached at it."""
    if subprocess.run(["unshare", "-n", sys.executable, "-c", WITHOUT_IPV6, "/bin/true"], capture_output=True).returncode != 0:
        raise Skip("no network namespace without IPv6 can be made here")
    server = env.make(udp_buffer(env))
    any_of = lambda port: ["0.0.0.0:%d" % port, "[::]:%d" % port]
    server.configure({("listener", "sip"): {"bind": any_of(server.port)}, ("listener", "tls"): {"bind": any_of(server.tls_port)},
                      "health": {"listen": any_of(server.health_port)}})
    whole = server.command
    server.command = lambda *options: ["unshare", "-n", sys.executable, "-c", WITHOUT_IPV6, *whole(*options)]
    server.launch()
    server.wait_log(" notice ready ")
    inside = ["nsenter", "-t", str(server.process.pid), "-n", CTL, "doctor", "-c", server.configuration_path]
    done = expect(subprocess.run(inside, capture_output=True, text=True, env={**os.environ, **UTF8}), 0,
                  "self-registration: udp, tcp, tls", "! health listener [::]:%d: " % server.health_port)
    for transport, port in (("udp", server.port), ("tcp", server.port), ("tls", server.tls_port)):
        true("! %s [::]:%d: not tried: this host has no IPv6\n" % (transport, port) in done.stdout, done.stdout)


def test_daemon_gone(env):
    server = env.start(udp_buffer(env))
    server.stop()
    done = expect(doctor(server), 7, "✗ rollcalld does not answer", "→ systemctl start rollcalld")
    true("✗ tcp 127.0.0.1:%d: " % server.port in done.stdout, "listener in " + done.stdout)
    true("✗ health listener 127.0.0.1:%d: " % server.health_port in done.stdout, "health in " + done.stdout)
    true("schema" in done.stdout, "the database is not looked at: " + done.stdout)


def test_a_listener_that_nobody_opened(env):
    server = env.start(udp_buffer(env))
    with socket.socket() as silent:  # accepts and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        other = os.path.join(server.directory, "other.conf")
        with open(server.configuration_path) as file, open(other, "w") as copy:
            copy.write(file.read() + '\nlistener "more" {\n\tbind = {"127.0.0.1:%d"}\n\ttransport = {"tcp"}\n}\n'
                       % silent.getsockname()[1])
        expect(ctl("doctor", "-c", other, **UTF8), 7, "✗ tcp 127.0.0.1:%d does not answer" % silent.getsockname()[1])


def test_bad_configuration(env):
    path = os.path.join(env.server.directory, "bad.conf")
    with open(path, "w") as file:
        file.write('domain "example.com" {\n}\nregistration {\n\texpires_min = 60\n}\n')
    expect(ctl("doctor", "-c", path, **UTF8), 7, "✗ %s:4: " % path, "1 problem, ")
    expect(ctl("doctor", "-c", "/nonexistent.conf", **UTF8), 7, "/nonexistent.conf")


def test_udp_buffer_smaller_than_wanted(env):
    server = env.start(udp_buffer(env))
    server.configure({"connection": {"udp_receive_buffer": "128k", "udp_send_buffer": "1m"}})  # the daemon runs with 64k still
    expect(doctor(server), 7, "✗ UDP receive buffer is 64 kB, wanted 128 kB", "→ sysctl -w net.core.rmem_max=131072",
           "✗ UDP send buffer is 64 kB, wanted 1 MB", "→ sysctl -w net.core.wmem_max=1048576")


def test_certificate_that_ends_soon(env):
    server = env.start(udp_buffer(env))
    missing = os.path.join(server.directory, "missing.pem")
    server.configure({("certificate", "main"): {"chain": missing}})
    true(any(missing in text for text in texts(server, "certificates", "problem")), "the missing file")


# --- the database ---

CLOCK = """
    create function public.clock_timestamp() returns timestamptz language sql as
        $$ select pg_catalog.clock_timestamp() + interval '184 s' $$;
    alter database "%s" set search_path = public, pg_catalog
"""


def read_only(server):
    line = next(line for line in expect(doctor(server), 7).stdout.splitlines() if "is read-only" in line)
    true(re.fullmatch(r"✗ database \S+ is read-only +→ add target_session_attrs=read-write to database\.url or list the primary",
                      line), line)


def test_connected_to_a_standby(env):
    """A real one, which comes out of a failover the wrong way round, and takes over in the end."""
    cluster = env.own_cluster()
    server = env.start(udp_buffer(env), cluster=cluster)
    cluster.stop()
    with open(os.path.join(cluster.home, "data", "standby.signal"), "w"):
        pass
    if os.geteuid() == 0:
        shutil.chown(os.path.join(cluster.home, "data", "standby.signal"), "postgres")
    cluster.start()
    server.wait_log(r'warning db\.down .*message="\S+ is read-only; add target_session_attrs=read-write to database\.url or list '
                    r'the primary')
    read_only(server)
    cluster.psql("postgres", "select pg_promote()")
    server.wait(lambda: server.log.count(" db.up ") >= 4, "both processes are back", 30)
    expect(doctor(server), 0, "0 problems, ")


def test_primary_that_was_told_to_be_read_only(env):
    server = env.start(udp_buffer(env))
    server.database.query('alter database "%s" set default_transaction_read_only = on' % server.database.name)
    read_only(server)


def test_hosts_beside_the_primary(env):
    """One that answers and one that does not; the daemon goes on with the first."""
    other = env.own_cluster()
    server = env.make(udp_buffer(env))
    server.configure({"database": {"url": server.database.url + ",127.0.0.1," + other.sockets + "&port=5432,1,5432"}})
    server.start()
    equal(texts(server, "database", "warning"), ["standby 127.0.0.1 does not answer"], "the host that is away")
    true("standby %s reachable" % other.sockets in texts(server, "database", "good"), "the host that is there")


def test_clock_of_the_database_differs(env):
    server = env.start(udp_buffer(env))
    server.database.query(CLOCK % server.database.name)
    found = texts(server, "clock", "warning")
    true(len(found) == 1 and re.fullmatch(r"system clock differs from database by 18[345]s; nonces and expiry suffer", found[0]),
         "clock: %s" % found)
    expect(doctor(server), 0, "→ check NTP")


def test_database_that_logs_values(env):
    cluster = env.own_cluster()
    server = env.start(udp_buffer(env), cluster=cluster)
    words = "PostgreSQL logs statements with their values, hashes of passwords too"
    equal(texts(server, "database", "warning"), [], "before statements are logged")
    for name, value in (("log_statement", "mod"), ("log_min_duration_statement", "100")):
        cluster.psql("postgres", "alter role rollcall set %s = '%s'" % (name, value))
        equal(texts(server, "database", "warning"), [words], name)
        expect(doctor(server), 0, "→ as a superuser: alter role rollcall set log_parameter_max_length = 0")
        cluster.psql("postgres", "alter role rollcall reset %s" % name)
    cluster.psql("postgres", "alter role rollcall set log_statement = 'all'")
    cluster.psql("postgres", "alter role rollcall set log_parameter_max_length = 0")
    equal(texts(server, "database", "warning"), [], "with the setting")


def test_schema_that_is_old(env):
    server = env.start(udp_buffer(env))
    newest = int(server.database.value("select max(version) from schema_version"))
    server.database.query("delete from schema_version where version > 1")
    equal(texts(server, "database", "problem"), ["database schema is 1, this version needs %d" % newest], "schema")
    expect(doctor(server), 7, "→ rollcallctl db migrate")


def test_everybody_may_create(env):
    """As PostgreSQL 13 and 14 make a database; the daemon says it once, and whoever migrates, who may not where there is
    something to apply."""
    server = env.make(udp_buffer(env))
    newest = server.database.value("select max(version) from schema_version")
    server.database.query("grant create on schema public to public")
    server.start()
    server.wait_log(r'warning db\.open .*message="everybody may create in schema public, and run code as this log-in; run: '
                    r'revoke create on schema public from public"')
    expect(doctor(server), 0, "! everybody may create in schema public ", "→ revoke create on schema public from public")
    owner = "postgresql://postgres:%s@/%s?host=%s" % (server.database.cluster.password, server.database.name, server.database.cluster.sockets)
    expect(ctl("db", "migrate", "--url", owner), 0, "warning: everybody may create in schema public, and run code")
    server.database.query("delete from schema_version where version > 1")
    expect(ctl("db", "migrate", "--url", owner), 1, "error: everybody may create in schema public, and have his code run",
           "nothing was changed; as the superuser run: revoke create on schema public from public; "
           "grant create on schema public to postgres; and migrate again")
    server.database.query("insert into schema_version (version) select generate_series(2, %s)" % newest)
    server.database.query("revoke create on schema public from public")
    expect(doctor(server), 0, "0 problems, 0 warnings")


def test_database_of_another_encoding(env):
    server = env.make(udp_buffer(env))
    cluster, dump = server.database.cluster, server.database.dump()
    server.database.drop()
    cluster.psql("postgres", "create database \"%s\" encoding 'LATIN1' locale 'C' template template0" % server.database.name)
    server.database.restore(dump)
    server.start()
    server.wait_log(r'warning db\.encoding .*message="the database has the encoding LATIN1; ')
    expect(doctor(server), 7, "✗ database has the encoding LATIN1", "→ restore a dump into a database with encoding UTF8")


def test_addresses_that_a_crash_empties(env):
    server = env.start(udp_buffer(env))
    server.database.query("alter table aor set unlogged")
    expect(doctor(server), 7, "✗ table aor is unlogged: a crash of the database empties it", "→ alter table aor set logged")


def test_commits_that_do_not_wait_for_the_standby(env):
    cluster = env.own_cluster()
    server = env.start(udp_buffer(env), cluster=cluster)
    server.database.query("alter database %s set synchronous_commit = local" % server.database.name)
    server.stop()
    cluster.psql("postgres", "alter system set synchronous_standby_names = 'nobody'")
    cluster.psql("postgres", "select pg_reload_conf()")
    server.start()
    expect(doctor(server), 0, "! registrations do not wait for the synchronous standby's disk", "→ switch synchronous_commit on")
    cluster.psql("postgres", "alter system reset synchronous_standby_names")
    cluster.psql("postgres", "select pg_reload_conf()")


def test_triggers_as_a_restored_dump_leaves_them(env):
    server = env.start(udp_buffer(env))
    server.database.query("alter table account disable trigger all; alter table account enable trigger all")
    expect(doctor(server), 0, "! changes of accounts by replication would go unseen ", "→ alter table account enable always trigger",
           "0 problems, 1 warning")


def test_accounts_from_before_a_rule(env):
    server = env.start(udp_buffer(env))
    server.database.query("alter table account disable trigger account_spelling; insert into account (aor, may_register) values "
                          "('%41@example.com', null), ('b@example.com', '{b@example.com:5060}'); "
                          "alter table account enable trigger account_spelling")
    expect(doctor(server), 0, "! 2 accounts have names or addresses in a spelling that matches no request ",
           "→ correct or delete them by SQL: select aor, account_rule_broken(", "0 problems, 1 warning")
    rows = server.database.query("select aor, account_rule_broken(username, login, may_register) from account "
                                 "where account_rule_broken(username, login, may_register) is not null order by 1")
    equal(rows, [("%41@example.com", "username_escapes_what_it_must"), ("b@example.com", "may_register_is_canonical")],
          "what it says to ask")


def test_wrong_password_of_the_database(env):
    server = env.start(udp_buffer(env))
    with open(os.path.join(server.directory, "password"), "w") as file:
        file.write("not-the-password\n")
    done = expect(doctor(server), 7, "✗ database cannot be reached", "password authentication failed")
    true("not-the-password" not in done.stdout + done.stderr, "the password is shown")


# --- what the machine gives, and what cannot be tried ---

@not_under_valgrind("limits of descriptors are those of valgrind")
def test_too_few_descriptors(env):
    server = env.make({**udp_buffer(env), "server": {"max_connections": 4000}})
    whole = server.command
    server.command = lambda *options: ["prlimit", "--nofile=4096:4096", *whole(*options)]
    server.start()
    expect(doctor(server), 0, "! max_connections 4000 but the process may open 4096 files", "→ set LimitNOFILE=4512",
           "0 problems, 1 warning")


def test_every_listener_is_named(env):
    """Also where their line is long."""
    ports = range(25001, 25061)
    server = env.make(udp_buffer(env))
    server.configure({("listener", "sip"): {"transport": ["tcp"], "bind": ["127.77.%d.%d:%d" % (os.getpid() // 250 % 250, 1 + os.getpid() % 250, port) for port in ports]}})
    server.start()
    output = expect(doctor(server), 0, "0 problems, 0 warnings").stdout
    equal([port for port in ports if "tcp %d" % port not in output], [], "listeners that doctor leaves out of\n" + output)


def test_listeners_that_cannot_be_tried(env):
    server = env.make(udp_buffer(env))
    server.configure({("listener", "sip"): {"transport": ["tcp"], "proxy_protocol": "v2", "proxy_from": ["10.0.3.0/24"]},
                      "tls": {"client_auth": "require", "client_ca": server.certificates + "/ca.pem"}})
    server.start()
    equal(sorted(texts(server, "listeners", "warning")),
          ["listener sip, tcp: not tried: expects the PROXY protocol", "listener tls, tls: not tried: demands a client certificate"],
          "listeners")


def test_tls_that_a_load_balancer_ends(env):
    """Its listener serves the load balancers alone, and what comes from them is TLS to the domain."""
    server = env.make({**udp_buffer(env), ("domain", "example.com"): {"require_tls": "yes"}})
    sip = {"transport": ["tcp"], "bind": ["127.0.0.1:%d" % server.port], "tls_offloaded": "yes", "proxy_from": ["10.0.3.0/24"]}
    server.configure({("listener", "sip"): sip})
    server.start()
    expect(doctor(server), 0, "self-registration: tls", "0 problems, 1 warning",
           "! listener sip, tcp: not tried: serves load balancers alone (proxy_from)\n")
    server.configure({("listener", "sip"): {"proxy_from": ["10.0.3.0/24", "127.0.0.0/8"]}})
    server.restart()
    expect(doctor(server), 0, "✓ self-registration: tcp, tls ", "0 problems, 0 warnings")
    server.configure({("domain", "example.com"): {"schemes": "sips"}})
    server.restart()
    expect(doctor(server), 0, "✓ self-registration: tcp, tls ", "0 problems, 0 warnings")


def test_certificate_that_has_ended(env):
    server = env.start(udp_buffer(env))
    chain, key = certificate(env, "ended", days="-1")
    server.configure({("certificate", "main"): {"chain": chain, "key": key}})
    expect(doctor(server), 7, "✗ certificate main expired 1d ago (CN example.com)", "→ renew, then: rollcallctl reload")
