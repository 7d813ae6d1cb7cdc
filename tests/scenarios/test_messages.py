"""Typical mistakes of operators (operators.md, section 10): each has its sentence, checked where it is read."""
import os
import re
import resource
import shutil
import socket
import subprocess

from harness import Failure, Skip, equal, true
from harness.environment import CERTIFICATE
from harness.faults import on_commit, without_fault
from harness.server import SANITIZER

EXAMPLE = ("domain", "example.com")


def run(server, *options, before=None, prefix=()):
    """rollcalld with these options to its end: (status, words)."""
    done = subprocess.run([*prefix, *server.command(*options)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30, preexec_fn=before)
    if SANITIZER.search(done.stdout):
        raise Failure(done.stdout[:3000])
    return done.returncode, done.stdout


def refused(server, *words):
    """-t and a start alike end with status 1 and the sentence."""
    for options in (("-t",), ()):
        status, said = run(server, *options)
        equal(status, 1, "status of rollcalld %s: %s" % (" ".join(options), said))
        for word in words:  # the log quotes what -t says
            plain = word.replace("error: ", "")
            true(word in said or not options and plain in said.replace('\\"', '"'), "%r is not in %r" % (word, said))


def warned(server, *words, **how):
    status, said = run(server, "-t", **how)
    equal(status, 0, "status: " + said)
    for word in words:
        true(word in said, "%r is not in %r" % (word, said))


def changed(env, changes):
    server = env.make()
    server.configure(changes)
    return server


def test_good_configuration(env):
    server = env.make()
    equal(run(server, "-t"), (0, "configuration ok\n"), "-t")
    equal(run(server, "-t", "-q"), (0, ""), "-t -q")
    true(not os.path.exists(server.socket), "-t opened the admin socket")


def test_misspelt_key(env):
    refused(changed(env, {"registration": {"expires_max": None, "expire_max": "2h"}}),
            'error: no such option "expire_max" in registration; did you mean "expires_max"?', "rollcall.conf:")


def test_missing_unit(env):
    refused(changed(env, {"registration": {"expires_min": 60}}), "error: expires_min = 60 has no unit; write 60s or 1m")


def test_contradiction(env):
    refused(changed(env, {"registration": {"expires_min": "2h", "expires_max": "1h", "expires_default": "1h"}}),
            "error: expires_min (2h) is larger than expires_max (1h, line ")


def test_no_domain(env):
    refused(changed(env, {EXAMPLE: None, ("domain", "other.example"): None}),
            'error: no domain section; name at least one, e.g. domain "example.com" {}')


def test_admin_exposed(env):
    refused(changed(env, {"admin": {"listen": "0.0.0.0:8080"}}),
            "error: admin.listen 0.0.0.0:8080 is not loopback; use 127.0.0.1 and put a TLS proxy in front")


def test_password_in_the_url(env):
    server = changed(env, {"database": {"url": "postgresql://rollcall:hunter2@/x"}})
    refused(server, "database.url contains a password; write it into a file of its own")
    true("hunter2" not in run(server, "-t")[1], "the password is repeated")


def test_urls_that_libpq_refuses(env):
    """Before anything is started or reloaded, and never with a value."""
    for options, words in (("sslmod=require", 'error: database.url: libpq has no option "sslmod"; did you mean "sslmode"?'),
                           ("sslmode=verify_full", "error: database.url: sslmode is none of disable, allow, "),
                           ("target_session_attrs=readwrite", "error: database.url: target_session_attrs is none of any, "),
                           ("port=abc", "error: database.url: port is not a number from 1 to 65535"),
                           ("passwort=hunter2", 'error: database.url: libpq has no option "passwort"')):
        server = changed(env, {"database": {"url": "postgresql://rollcall@/x?" + options}})
        refused(server, words, "rollcall.conf:")
        true("hunter2" not in run(server, "-t")[1], "a value is repeated")


def test_no_such_configuration(env):
    server = env.make()
    os.unlink(server.configuration_path)
    refused(server, server.configuration_path, "No such file or directory")


def test_password_file_missing(env):
    server = env.make()
    os.unlink(server.directory + "/password")
    refused(server, "password", "No such file or directory")


def test_password_file_without_a_password(env):
    """Neither none nor a part of one is taken for a password, which PostgreSQL would blame the account for."""
    for text, words in (("", "is empty"), ("\nsecond line\n", "is empty"), (300 * "x" + "\n", "the first line is longer than 255 octets")):
        server = env.make()
        with open(server.directory + "/password", "w") as file:
            file.write(text)
        refused(server, "password", words)


def test_secrets_that_everybody_can_read(env):
    """Password and private key, as the file of tokens: -t, a start and a reload say so and go on."""
    server = env.make()
    copy = os.path.join(server.directory, "copied.key")
    shutil.copyfile(server.certificates + "/server.key", copy)
    server.configure({("certificate", "main"): {"key": copy}})
    secret = {"database.password_file": server.directory + "/password", "certificate main: key": copy}
    for path in secret.values():
        os.chmod(path, 0o644)
    words = ["%s %s can be read by everybody; run: chmod o= %s" % (name, path, path) for name, path in secret.items()]
    warned(server, *["warning: " + text for text in words])
    server.start()
    for text in words:
        server.wait_log("warning start .*" + re.escape(text))
    said = server.log
    server.reload()
    server.wait_log("configuration applied")
    for text in words:
        true(re.search("warning reload .*" + re.escape(text), server.log[len(said):]), "a reload does not say " + text)
    for path in secret.values():
        os.chmod(path, 0o640)
    equal(run(server, "-t"), (0, "configuration ok\n"), "-t")


# --- certificates ---

def openssl(*arguments, directory):
    done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure("openssl %s: %s" % (" ".join(arguments), done.stderr))


def certificate(env, name, days="30", names="URI:sip:example.com, DNS:example.com, DNS:other.example", chain=True):
    """(chain, key) of a new CA of this name, and the server certificate that it signed."""
    directory = os.path.join(env.directory, name)
    os.makedirs(directory)
    with open(os.path.join(directory, "request.cnf"), "w") as file:
        file.write(CERTIFICATE % names)
    for key in ("ca.key", "server.key"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key, directory=directory)
    openssl("req", "-x509", "-new", "-key", "ca.key", "-days", "30", "-subj", "/CN=Test R11", "-out", "ca.pem",
            directory=directory)
    openssl("req", "-new", "-key", "server.key", "-config", "request.cnf", "-out", "server.csr", directory=directory)
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-days", days,
            "-extfile", "request.cnf", "-extensions", "extensions", "-out", "leaf.pem", directory=directory)
    with open(os.path.join(directory, "chain.pem"), "w") as out:
        for part in ("leaf.pem", "ca.pem")[:2 if chain else 1]:
            with open(os.path.join(directory, part)) as file:
                out.write(file.read())
    return os.path.join(directory, "chain.pem"), os.path.join(directory, "server.key")


def with_certificate(env, chain, key):
    return changed(env, {("certificate", "main"): {"chain": chain, "key": key}})


def test_key_does_not_fit(env):
    chain, _ = certificate(env, "one")
    _, key = certificate(env, "two")
    refused(with_certificate(env, chain, key), "error: certificate main: private key does not belong to chain (public keys "
            "differ); check key = " + key)


def test_chain_incomplete(env):
    refused(with_certificate(env, *certificate(env, "leaf", chain=False)),
            'error: certificate main: issuer "Test R11" is not in the file; use the full chain')


def test_certificate_expired(env):
    """UDP and TCP are down with it; docs/operations.md says how they come back before there is another certificate."""
    server = with_certificate(env, *certificate(env, "old", days="-1"))
    refused(server, "error: certificate main: expired 1 day ago (20")
    server.configure({("certificate", "main"): None, ("listener", "tls"): None})
    server.start()
    for transport in ("udp", "tcp"):
        server.phone(transport).reg("<sip:alice@192.0.2.10>").expect(200)


def test_name_not_in_the_certificate(env):
    server = with_certificate(env, *certificate(env, "names", names="DNS:example.com"))
    words = ("warning: certificate main covers example.com but not served domain other.example; SIPS clients there",)
    warned(server, *words)
    server.start()
    true("not served domain other.example" in server.log, "a start says nothing: " + server.log[:2000])


def test_key_unreadable(env):
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    server = env.make()
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    for path in (server.configuration_path, server.directory + "/password"):
        os.chmod(path, 0o644)
    if subprocess.run([*nobody, "test", "-r", server.configuration_path]).returncode != 0:
        raise Skip("user nobody cannot reach this directory")
    os.chmod(server.certificates, 0o755)
    status, said = run(server, "-t", prefix=nobody)
    equal(status, 1, "status: " + said)
    key = server.certificates + "/server.key"
    true("error: %s: permission denied for user nobody; run: chgrp " % key in said and "&& chmod 0640 " + key in said, said)


# --- the machine ---

def test_too_few_descriptors(env):
    server = changed(env, {"server": {"max_connections": 100000}})
    warned(server, "warning: max_connections 100000 but the process may open 1024 files; set LimitNOFILE=",
           before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))


def test_directory_of_the_admin_socket_missing(env):
    server = changed(env, {"admin": {"socket": "/nonexistent/admin.sock"}})
    status, said = run(server)
    equal(status, 1, "status: " + said)
    true("cannot open admin.socket /nonexistent/admin.sock: No such file or directory; its directory must exist" in said, said)


def test_health_port_taken(env):
    server = env.make()
    with socket.socket() as other:
        other.bind(("127.0.0.1", server.health_port))
        other.listen()
        status, said = run(server)
    equal(status, 1, "status: " + said)
    true("127.0.0.1:%d: in use by process %d (python" % (server.health_port, os.getpid()) in said, said)
    true("change health.listen" in said, said)


# --- the database ---

def test_database_down_at_start(env):
    """Each host with what became of it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        server = changed(env, {"database": {"url": "postgresql://rollcall@127.0.0.1:1,127.0.0.1:%d/x" % port,
                                            "connect_timeout": "1s"}})
        server.launch()
        server.wait_log(r'warning db\.down node=reg-test message="127\.0\.0\.1:1 refused, 127\.0\.0\.1:%d timed out after 1s; '
                        r'retrying in (\d+ms|\d\.\ds); SIP answers 503 until then"' % port)
        server.wait(lambda: server.health("/livez")[0] == 200, "alive all the same")
        server.wait(lambda: "127.0.0.1:%d timed out after 1s" % port in server.reason("database"), "the host is named")
        true("127.0.0.1" not in server.health("/readyz?verbose")[1], "the host is named to strangers")


def test_pooler_breaks_statements(env):
    """What a transaction pooler does to statements, done by a trigger."""
    server = env.start()
    on_commit(server.database, "execute 'deallocate all';")
    phone = server.phone()
    phone.reg("<sip:alice@192.0.2.1>")
    without_fault(server.database)
    phone.reg("<sip:alice@192.0.2.1>").expect(200)
    server.wait_log(r'warning db\.error .*sqlstate=26000 .*message="prepared statement lost: a transaction pooler is in between; '
                    r'set database\.statements = unnamed"')
    phone.reg("<sip:alice@192.0.2.1>").expect(200)


def test_connected_to_a_standby(env):
    server = env.make()
    server.database.query('alter database "%s" set default_transaction_read_only = on' % server.database.name)
    server.launch()
    server.wait_log(r"is read-only; add target_session_attrs=read-write to database\.url or list the primary")
    equal(server.health()[0], 503, "/readyz")


def test_clock_of_the_database_differs(env):
    server = env.make()
    server.database.query("""
        create function public.clock_timestamp() returns timestamptz language sql as
            $$ select pg_catalog.clock_timestamp() + interval '184 s' $$;
        alter database "%s" set search_path = public, pg_catalog
    """ % server.database.name)
    server.start()
    server.wait_log(r"warning db\.clock .*system clock differs from database by 18[345]s; nonces and expiry suffer; check NTP")


# --- the wire ---

def test_probe_on_the_sip_port(env):
    """HTTP on a SIP listener is told once, with what to do."""
    server = env.start()
    for _ in range(5):
        for request in ("GET / HTTP/1.0\r\n\r\n", "OPTIONS / HTTP/1.0\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"):
            wire = server.tcp()
            wire.send(request.encode())
            true(wire.closed(), "the connection stays open")
            wire.close()
    server.wait_log(r"notice request\.foreign .*HTTP request on sip listener from 127\.0\.0\.1; point the health check at "
                    r"port %d /readyz" % server.health_port)
    equal(server.log.count("HTTP request on sip listener"), 1, "lines about it")
