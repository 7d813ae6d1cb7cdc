"""rollcallctl doctor: a healthy node, and each fault that it has to find."""
import json
import os
import re
import socket

from harness import equal, true
from test_cli import ctl, expect

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
    return {"connection": {"udp_receive_buffer": "64k"}}


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
    server.configure({"connection": {"udp_receive_buffer": "128k"}})  # the daemon runs with 64k still
    expect(doctor(server), 7, "✗ UDP receive buffer is 64 kB, wanted 128 kB", "→ sysctl -w net.core.rmem_max=131072")


def test_certificate_that_ends_soon(env):
    server = env.start(udp_buffer(env))
    missing = os.path.join(server.directory, "missing.pem")
    server.configure({("certificate", "main"): {"chain": missing}})
    true(any(missing in text for text in texts(server, "certificates", "problem")), "the missing file")
