"""TLS as clients see it (requirements, section 6): Python's ssl for what it can say, openssl s_client for the rest."""
import json
import os
import re
import resource
import select
import shutil
import socket
import ssl
import subprocess
import time
import warnings

from harness import Failure, covers, equal, true
from harness.attack import AT_ONCE, client_hello
from harness.digest import challenges
from harness.faults import full, workers
from harness.phone import Phone

C1, S1 = "<sip:alice@192.0.2.10:5062>", "<sips:alice@192.0.2.10:5062>"
warnings.simplefilter("ignore", DeprecationWarning)  # of old protocol versions, which is the point here

# The alerts of RFC 8446 by the words of OpenSSL.
UNRECOGNIZED_NAME, NO_APPLICATION_PROTOCOL = "unrecognized name|UNRECOGNIZED_NAME|1112", "no application protocol|1120"


# --- clients ---

def s_client(server, *options, input="", address=None, timeout=30):
    """Everything that openssl s_client says, and its status."""
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % (address or server.tls_port), "-CAfile",
                           server.certificates + "/ca.pem", *options], input=input, capture_output=True, text=True,
                          errors="replace", timeout=timeout)
    return done.returncode, done.stdout + done.stderr


def context(server, version=None, ciphers=None, **settings):
    made = server.tls_context()
    made.check_hostname = False
    if version is not None:
        made.minimum_version = made.maximum_version = version
    if ciphers is not None:
        made.set_ciphers(ciphers)
    for name, value in settings.items():
        getattr(made, name)(value)
    return made


def talks(server, made, **how):
    """A handshake with this context and an OPTIONS; the socket for questions."""
    phone = Phone(server.tls(context=made, **how), "tls")
    server.phones.append(phone)
    phone.opt().expect(200)
    return phone.wire.socket


def fails(server, made, pattern="", **how):
    """The handshake, or what follows it in TLS 1.3, fails, with an alert that reads so."""
    try:
        phone = Phone(server.tls(context=made, **how), "tls")
        server.phones.append(phone)
        phone.wire.socket.settimeout(8)
        phone.send(phone.request("OPTIONS", "sips:example.com"))
        got = phone.wire.socket.recv(100)
    except (ssl.SSLError, ConnectionError) as error:
        true(re.search(pattern, str(error), re.I), "failed with %s, wanted /%s/" % (error, pattern))
        return
    true(got == b"" and pattern == "", "the handshake succeeded, and %r came" % got)


def certificate_with(env, name, names, key="EC", bits=2048):
    """A certificate of the test CA for these names, with a key of this kind: {"chain", "key"}."""
    main = env.certificates()
    stem = os.path.join(env.directory, name)
    with open(stem + ".cnf", "w") as file:
        file.write("[req]\nprompt=no\ndistinguished_name=n\n[n]\nCN=x\n[e]\nsubjectAltName=%s\n"
                   "extendedKeyUsage=serverAuth,clientAuth\n" % names)
    kind = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if key == "EC" else ["rsa:%d" % bits]
    for command in (["req", "-new", "-newkey", *kind, "-nodes", "-keyout", stem + ".key", "-out", stem + ".csr", "-config",
                     stem + ".cnf"],
                    ["x509", "-req", "-in", stem + ".csr", "-CA", main + "/ca.pem", "-CAkey", main + "/ca.key", "-days", "9",
                     "-set_serial", "0x" + os.urandom(12).hex(), "-extfile", stem + ".cnf", "-extensions", "e", "-out",
                     stem + ".pem"]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    with open(stem + ".pem", "a") as chain, open(main + "/ca.pem") as issuer:
        chain.write(issuer.read())
    return {"chain": stem + ".pem", "key": stem + ".key"}


def check(env, changes):
    """rollcalld -t with a changed baseline: (status, text)."""
    done = subprocess.run(env.make(changes).command("-t"), capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


# --- versions, suites, groups ---

@covers("TLS-9325-3.1.1-1")
def test_old_versions_are_refused(env):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        fails(env.server, context(env.server, version, "DEFAULT@SECLEVEL=0"), "protocol")
    for option in ("-tls1", "-tls1_1"):
        status, text = s_client(env.server, option, "-cipher", "DEFAULT@SECLEVEL=0")
        true(status != 0 and "protocol version" in text, "openssl s_client %s: %s" % (option, text))


@covers("TLS-9325-3.1.1-2", "TLS-26.3.1-1")
def test_the_newest_version_is_preferred(env):
    for version, wanted in ((None, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        equal(talks(env.server, context(env.server, version)).version(), wanted, "version")


@covers("TLS-9325-3.1.1-2")
def test_tls12_can_be_switched_off(env):
    server = env.start({"tls": {"min_version": "1.3"}})
    fails(server, context(server, ssl.TLSVersion.TLSv1_2), "protocol version")
    equal(talks(server, context(server)).version(), "TLSv1.3", "version")


@covers("TLS-9325-3.1.1-2")
def test_who_falls_back_without_need_is_told(env):
    """RFC 7507: a client that was talked out of TLS 1.3 says so, and is refused."""
    status, text = s_client(env.server, "-tls1_2", "-fallback_scsv")
    true(status != 0 and "inappropriate fallback" in text, "a fall-back: %s" % text)
    equal(s_client(env.server, "-fallback_scsv")[0], 0, "status without a fall-back")
    equal(s_client(env.server, "-tls1_2")[0], 0, "status of a client that has no more")


@covers("TLS-9325-4.2-1")
def test_gcm_whatever_the_client_prefers(env):
    offered = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
    for order in (offered, ":".join(reversed(offered.split(":")))):
        socket_ = talks(env.server, context(env.server, ssl.TLSVersion.TLSv1_2, order))
        true("GCM" in socket_.cipher()[0], "suite %s" % socket_.cipher()[0])
    for one in offered.split(":")[2:]:
        equal(talks(env.server, context(env.server, ssl.TLSVersion.TLSv1_2, one)).cipher()[0], one, "suite")


@covers("TLS-9325-4.1-1", "TLS-9325-4.2-2")
def test_weak_suites_are_refused(env):
    rsa = certificate_with(env, "rsa", "DNS:example.com,DNS:other.example", "RSA")
    weak = ["AES128-SHA", "AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-SHA", "DES-CBC3-SHA",
            "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256", "NULL-SHA256", "ECDHE-RSA-NULL-SHA", "AECDH-AES128-SHA",
            "RC4-SHA"]
    server = env.start({("certificate", "main"): rsa})
    known = subprocess.run(["openssl", "ciphers", "ALL:COMPLEMENTOFALL@SECLEVEL=0"], capture_output=True, text=True,
                           check=True).stdout.strip().split(":")
    tried = [name for name in weak if name in known]
    true(len(tried) >= 8, "openssl knows only %s" % tried)
    for name in tried:
        fails(server, context(server, ssl.TLSVersion.TLSv1_2, name + "@SECLEVEL=0"), "handshake failure|insufficient")
    talks(server, context(server, ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"))


@covers("TLS-9325-4.1-1")
def test_the_operator_may_allow_an_old_suite(env):
    server = env.start({("certificate", "main"): certificate_with(env, "rsa", "DNS:example.com,DNS:other.example", "RSA"),
                        "tls": {"ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-SHA"}})
    equal(talks(server, context(server, ssl.TLSVersion.TLSv1_2, "AES128-SHA")).cipher()[0], "AES128-SHA", "suite")
    equal(talks(server, context(server, ssl.TLSVersion.TLSv1_2, "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256")).cipher()[0],
          "ECDHE-RSA-AES128-GCM-SHA256", "suite when the client has a better one")


@covers("TLS-9325-4.2-2")
def test_groups(env):
    for version, groups, chosen in (("-tls1_2", "X25519:P-256", "X25519"), ("-tls1_2", "P-256", "ECDH, prime256v1"),
                                    ("-tls1_3", "X25519", "X25519"), ("-tls1_3", "P-256", "ECDH, prime256v1")):
        status, text = s_client(env.server, version, "-curves", groups)
        true(status == 0 and "Server Temp Key: " + chosen in text, "%s %s: %s" % (version, groups, text))
    for version, group in (("-tls1_2", "P-192:P-224"), ("-tls1_2", "P-521"), ("-tls1_3", "ffdhe2048")):
        status, text = s_client(env.server, version, "-curves", group, "-cipher", "DEFAULT@SECLEVEL=0")
        true(status != 0 and "handshake failure" in text, "%s %s: %s" % (version, group, text))


@covers("TLS-9325-3.3-1", "TLS-9325-3.5-1")
def test_no_compression_no_renegotiation(env):
    status, text = s_client(env.server, "-tls1_2", "-comp", "-tlsextdebug")
    equal(status, 0, "status of s_client")
    for words in ("Compression: NONE", "Secure Renegotiation IS supported", "Extended master secret: yes"):
        true(words in text, "%r is not in %s" % (words, text))
    true("truncated" not in text.lower(), "truncated HMAC: %s" % text)
    _, text = s_client(env.server, "-tls1_2", "-legacy_renegotiation", input="R\n")
    true("RENEGOTIATING" in text and "no renegotiation" in text, "renegotiation was not refused: %s" % text)


# --- names ---

def presented(wire):
    return {value for _, value in wire.getpeercert()["subjectAltName"]}


@covers("TLS-26.3.2.1-1", "TLS-20.42-1", "TLS-5922-7.6-1")
def test_the_certificate_names_the_domain_of_the_realm(env):
    phone = env.server.phone("tls")  # checks the host name and the chain
    true({"example.com", "sip:example.com"} <= presented(phone.wire.socket), "names of the certificate")
    equal({c.realm for c in challenges(phone.reg0(S1).expect(401))}, {"example.com"}, "realms")
    phone.reg(S1).expect(200)


@covers("TLS-5922-7.8-1", "TLS-9325-3.7-1")
def test_sni_chooses_the_certificate(env):
    one = certificate_with(env, "one", "URI:sip:example.com,DNS:example.com")
    two = certificate_with(env, "two", "DNS:other.example")
    server = env.start({("certificate", "main"): one, ("certificate", "second"): two})
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for name in ("example.com", "other.example", "OTHER.Example"):
            true(name.lower() in presented(talks(server, context(server, version), server_name=name)), "names for SNI " + name)
        for name in (None, "nosuch.example"):
            true("example.com" in presented(talks(server, context(server, version), server_name=name)), "SNI %s" % name)
    equal([d for d in re.findall(r"not served domain (\S+);", server.log)], [], "warnings about domains")


@covers("TLS-9325-3.7-1")
def test_unknown_names_are_refused_when_strict(env):
    server = env.start({"tls": {"sni_strict": "yes"}})
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        fails(server, context(server, version), UNRECOGNIZED_NAME, server_name="nosuch.example")
        talks(server, context(server, version), server_name="example.com")
        talks(server, context(server, version), server_name=None)


@covers("TLS-9325-3.8-1")
def test_alpn(env):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for offered, chosen in ((["sip/2"], "sip/2"), (["h2", "sip/2"], "sip/2"), ([], None)):
            made = context(env.server, version)
            if offered:
                made.set_alpn_protocols(offered)
            equal(talks(env.server, made).selected_alpn_protocol(), chosen, "protocol chosen of %s" % offered)
        fails(env.server, context(env.server, version, set_alpn_protocols=["h2"]), NO_APPLICATION_PROTOCOL)


# --- client certificates ---

@covers("TLS-26.3.1-1", "TLS-5922-7.4-1")
def test_client_certificates(env):
    client = certificate_with(env, "client", "URI:sip:example.com")
    for mode, without, digest in (("off", True, 401), ("request", True, 401), ("require", False, 401)):
        server = env.start({"tls": {"client_auth": mode, "client_ca": env.certificates() + "/ca.pem"}})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            (talks if without else fails)(server, context(server, version))
            made = context(server, version)
            made.load_cert_chain(client["chain"], client["key"])
            talks(server, made)
            phone = server.phone("tls") if without else None
            if phone:
                phone.reg0(S1).expect(digest)
        server.stop()


@covers("TLS-26.3.1-1")
def test_client_certificates_of_strangers_are_refused(env):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    env.directory + "/stranger.key", "-out", env.directory + "/stranger.pem", "-subj", "/CN=example.com"],
                   check=True, capture_output=True)
    for mode in ("request", "require"):
        server = env.start({"tls": {"client_auth": mode, "client_ca": env.certificates() + "/ca.pem"}})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            made = context(server, version)
            made.load_cert_chain(env.directory + "/stranger.pem", env.directory + "/stranger.key")
            fails(server, made, "unknown ca")


def edge_path(transport="tls"):
    return [("Path", "<%s:edge.example.com;lr>" % ("sips" if transport == "tls" else "sip")), ("Supported", "path")]


def registers_with_path(server, wire, status, transport="tls"):
    phone = Phone(wire, transport)
    server.phones.append(phone)
    answer = phone.reg(S1 if transport == "tls" else C1, fields=edge_path(transport)).expect(status)
    equal(answer.get("Path"), edge_path(transport)[0][1] if status == 200 else None, "Path of the %d" % status)
    return phone


@covers("PTH-3327-6-1")
def test_path_from_edge_proxies_with_a_certificate(env):
    edge = certificate_with(env, "edge", "URI:sip:example.com")
    server = env.start({"tls": {"client_auth": "request", "client_ca": env.certificates() + "/ca.pem"},
                        "registration": {"path_requires_certificate": "yes"}})
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        made = context(server, version)
        made.load_cert_chain(edge["chain"], edge["key"])
        proxy = registers_with_path(server, server.tls(context=made), 200)
        raw = socket.create_connection(("127.0.0.1", server.tls_port), timeout=8)
        wire = made.wrap_socket(raw, server_hostname="example.com", session=proxy.wire.socket.session)
        true(wire.session_reused, "a full handshake instead of a resumed one")
        request = proxy.register_request(S1, fields=edge_path())
        wire.sendall(bytes(request))
        true(wire.recv(4096).startswith(b"SIP/2.0 401"), "Path over the resumed connection")
        wire.close()
        registers_with_path(server, server.tls(context=context(server, version)), 403).reg(S1).expect(200)
    registers_with_path(server, server.tcp(), 403, "tcp")
    registers_with_path(server, server.udp(), 403, "udp")
    equal(server.outcomes("path_not_trusted"), 4, "refusals")
    true("reason=path_not_trusted" in server.log, "no line about it")


@covers("PTH-3327-6-1")
def test_path_is_open_again_after_a_reload(env):
    server = env.start({"tls": {"client_auth": "request", "client_ca": env.certificates() + "/ca.pem"},
                        "registration": {"path_requires_certificate": "yes"}})
    registers_with_path(server, server.tls(), 403)
    server.configure({"registration": {"path_requires_certificate": "no"}})
    server.reload()
    server.wait_log("registration.path_requires_certificate yes")
    registers_with_path(server, server.tls(), 200)


def test_the_ca_of_clients_is_read_again_by_itself(env):
    client, trusted = certificate_with(env, "client", "URI:sip:example.com"), os.path.join(env.directory, "trusted.pem")
    shutil.copy(os.path.join(env.certificates("elsewhere"), "ca.pem"), trusted)
    server = env.start({"tls": {"client_auth": "request", "client_ca": trusted, "reload_interval": "1s"}})
    made = context(server)
    made.load_cert_chain(client["chain"], client["key"])
    fails(server, made, "unknown ca")
    shutil.copy(env.certificates() + "/ca.pem", trusted)
    os.utime(trusted, (time.time() + 60, time.time() + 60))  # times are compared by the second
    server.wait(lambda: welcome(server, made), "a handshake with the new CA", 20)


def test_files_that_could_not_be_read_are_read_again(env):
    """Renewed at a moment when the worker had no descriptor left: the next look takes them, not the next renewal."""
    trusted = os.path.join(env.directory, "trusted.pem")
    client = certificate_with(env, "client", "URI:sip:example.com")
    shutil.copy(os.path.join(env.certificates("elsewhere"), "ca.pem"), trusted)
    server = env.start({"tls": {"client_auth": "request", "client_ca": trusted, "reload_interval": "1s"}})
    made = context(server)
    made.load_cert_chain(client["chain"], client["key"])
    fails(server, made, "unknown ca")
    with full(workers(server)[0]):
        shutil.copy(env.certificates() + "/ca.pem", trusted)
        os.utime(trusted, (time.time() + 60, time.time() + 60))
        server.wait_log(r"tls\.certificate .*too many open files")
    server.wait(lambda: welcome(server, made), "a handshake with the new CA", 20)


def welcome(server, made):
    try:
        talks(server, made)
    except (ssl.SSLError, ConnectionError, Failure):
        return False
    return True


# --- sessions ---

@covers("TLS-9325-3.4-1")
def test_tickets_are_good_on_every_worker_and_after_a_restart(env):
    server = env.start({"server": {"workers": "2"}})
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        made = context(server, version)
        session = talks(server, made).session
        true(session is not None and session.has_ticket, "no ticket")
        true(0 < session.ticket_lifetime_hint <= 12 * 3600, "lifetime %s s" % session.ticket_lifetime_hint)
        for _ in range(8):  # source ports spread over the workers
            session = resume(server, made, session)
        server.restart()
        resume(server, made, session)
    true(server.counter("tls_resumed") >= 1, "resumptions are not counted")


def resume(server, made, session):
    raw = socket.create_connection(("127.0.0.1", server.tls_port), timeout=8)
    wire = made.wrap_socket(raw, server_hostname="example.com", session=session)
    phone = server.phone()
    wire.sendall(bytes(phone.request("OPTIONS", "sip:example.com")))
    true(wire.recv(4096).startswith(b"SIP/2.0 200"), "no answer over the resumed connection")
    true(wire.session_reused, "a full handshake instead of a resumed one")
    return wire.session


@covers("TLS-9325-3.4-1")
def test_tickets_can_be_switched_off(env):
    server = env.start({"tls": {"session_tickets": "no"}})
    made = context(server, ssl.TLSVersion.TLSv1_2)
    session = talks(server, made).session
    true(session is None or not session.has_ticket, "a ticket")


@covers("TLS-9325-3.10-1")
def test_early_data_is_never_taken(env):
    path, data = env.directory + "/session.pem", env.directory + "/early"
    phone = env.server.phone("tls")
    with open(data, "wb") as file:
        file.write(bytes(phone.request("OPTIONS", "sips:example.com")))
    text = first_session(env.server, path)
    true("Max Early Data: 0" in text, "the ticket allows early data: %s" % text)
    _, text = s_client(env.server, "-tls1_3", "-sess_in", path, "-early_data", data)
    true("Reused, TLSv1.3" in text and "SIP/2.0 200" not in text, "resumption: %s" % text)
    true("Early data was not sent" in text or "Early data was rejected" in text, "early data: %s" % text)


def first_session(server, path):
    """What s_client says of a connection that lives until its ticket has come, which it leaves in path."""
    command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.tls_port, "-tls1_3", "-sess_out", path]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen, deadline = b"", time.monotonic() + 10
    while b"Max Early Data" not in seen and time.monotonic() < deadline:
        ready, _, _ = select.select([client.stdout], [], [], 0.1)
        seen += os.read(client.stdout.fileno(), 65536) if ready else b""
    seen += client.communicate(timeout=10)[0]  # the end of its input ends it
    return seen.decode(errors="replace")


# --- what is no TLS, and what takes its time ---

@covers("TLS-9325-3.2-1")
def test_plain_text_on_the_tls_port(env):
    phone = env.server.phone()
    raw = socket.create_connection(("127.0.0.1", env.server.tls_port), timeout=8)
    raw.sendall(bytes(phone.request("OPTIONS", "sip:example.com")))
    got = b""
    try:
        while True:
            some = raw.recv(4096)
            if not some:
                break
            got += some
    except ConnectionResetError:
        pass
    raw.close()
    true(b"SIP/2.0" not in got and len(got) <= 7, "answered %r" % got)  # one alert record


@covers("TLS-9325-3.2-1")
def test_tls_on_the_tcp_port(env):
    status, text = s_client(env.server, address=env.server.port)
    true(status != 0 and "CONNECTED" in text, "s_client: %s" % text)
    env.server.phone("tcp").opt().expect(200)


@covers("TLS-OPS-1", "SEC-26.1.5-4")
def test_a_thousand_half_handshakes(env):
    server = env.start({"tls": {"handshake_timeout": "15s"}, "server": {"max_connections": "4000"}})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    half, slowest, phone, before = [], 0.0, server.phone(), server.counter("tls_failures")
    hello = client_hello(server)
    try:
        for i in range(1000):
            half.append(socket.create_connection(("127.0.0.1", server.tls_port), timeout=8))
            half[-1].sendall(hello if i % 2 else hello[:20])
            if i % 50 == 49:
                started = time.monotonic()
                phone.opt().expect(200)
                slowest = max(slowest, time.monotonic() - started)
        talks(server, context(server), patience=15)  # behind five hundred whole hellos
        true(slowest < AT_ONCE, "an OPTIONS over UDP took %.0f ms" % (slowest * 1000))
        server.wait(lambda: server.counter("tls_failures") >= before + 1000, "all half handshakes have ended", 60)
    finally:
        for one in half:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@covers("TLS-OPS-1")
def test_certificates_reload_and_connections_stay(env):
    first, second = certificate_with(env, "first", "DNS:example.com,DNS:other.example"), certificate_with(
        env, "renewed", "DNS:example.com,DNS:other.example,DNS:renewed.example")
    server = env.start({("certificate", "main"): first})
    phone = server.phone("tls")
    phone.reg(S1).expect(200)
    server.configure({("certificate", "main"): second})
    server.reload()
    server.wait(lambda: "renewed.example" in presented(talks(server, context(server))), "new handshakes show the new one")
    phone.reg(S1).expect(200)


def test_a_certificate_that_is_no_good_keeps_no_other_from_renewal(env):
    """One domain of many whose pair is broken, or expires because nobody renews it, and the others go on for years."""
    one, two = (certificate_with(env, name, "DNS:" + host) for name, host in (("left", "example.com"), ("goes_on", "other.example")))
    server = env.start({("certificate", "main"): one, ("certificate", "second"): two, "tls": {"reload_interval": "1s"}})

    def shown(host):
        return presented(talks(server, context(server), server_name=host))
    true("example.com" in shown("example.com") and "other.example" in shown("other.example"), "both are served")
    shutil.copy(two["key"], one["key"])
    server.wait_log(r"error tls\.certificate .*certificate main: private key does not belong to chain")
    renewed = certificate_with(env, "fresh", "DNS:other.example,DNS:renewed.example")
    for file in ("key", "chain"):
        shutil.copy(renewed[file], two[file])
    server.wait(lambda: "renewed.example" in shown("other.example"), "the other one is renewed", 5)
    true("example.com" in shown("example.com"), "the one before is served")
    server.wait(lambda: ["other.example", "renewed.example"] in
                [c["names"] for c in json.loads(server.api("/certificates")[1])["items"]], "the renewed one is listed", 5)
    true("certificate main: private key" in server.reason("certificates"), "what operators are told")
    time.sleep(2.5)
    equal(server.log.count("error tls.certificate"), 1, "lines about it")
    again = certificate_with(env, "repaired", "DNS:example.com,DNS:again.example")
    for file in ("key", "chain"):
        shutil.copy(again[file], one[file])
    server.wait(lambda: "again.example" in shown("example.com"), "the broken one is put right", 5)
    server.wait(lambda: "private key" not in server.reason("certificates"), "nothing is wrong any more", 5)


@covers("TLS-5923-8.3-1")
def test_a_stop_says_goodbye(env):
    server = env.start()
    made = context(server)
    raw = socket.create_connection(("127.0.0.1", server.tls_port), timeout=8)
    wire = made.wrap_socket(raw, server_hostname="example.com", suppress_ragged_eofs=False)
    server.phone("tls").reg(S1).expect(200)
    wire.sendall(bytes(server.phone("tls").request("OPTIONS", "sips:example.com")))
    true(wire.recv(4096).startswith(b"SIP/2.0 200"), "no answer")
    server.stop()
    wire.settimeout(8)
    equal(wire.recv(100), b"", "the end of the stream")  # SSLEOFError when close_notify is missing
    wire.close()


@covers("TLS-5923-8.3-1")
def test_goodbyes_of_clients(env):
    phone = env.server.phone("tls")
    phone.opt().expect(200)
    plain = phone.wire.socket.unwrap()  # waits for the server's close_notify
    equal(plain.recv(100), b"", "what follows it")


# --- what is said at the start ---

@covers("TLS-9325-4.5-1")
def test_weak_certificates_are_not_loaded(env):
    for key, bits in (("RSA", 1024), ("RSA", 2040)):
        weak = certificate_with(env, "weak%d" % bits, "DNS:example.com", key, bits)
        status, text = check(env, {("certificate", "main"): weak})
        true(status == 1 and "%d bits" % bits in text and "main" in text, "status %d: %s" % (status, text))
    stem = env.directory + "/sha1"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha1", "-keyout", stem + ".key", "-out",
                    stem + ".pem", "-subj", "/CN=example.com"], check=True, capture_output=True)
    status, text = check(env, {("certificate", "main"): {"chain": stem + ".pem", "key": stem + ".key"}})
    true(status == 1 and "signature is too weak" in text, "status %d: %s" % (status, text))


@covers("TLS-26.3.1-3")
def test_a_tls_listener_needs_a_certificate(env):
    status, text = check(env, {("certificate", "main"): None})
    true(status == 1 and "certificate" in text, "status %d: %s" % (status, text))
    status, text = check(env, {("certificate", "main"): {"chain": "/nonexistent.pem"}})
    true(status == 1 and "/nonexistent.pem" in text, "status %d: %s" % (status, text))
    server = env.make({("certificate", "main"): None})
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=30)
    true(done.returncode == 1 and "certificate" in done.stdout + done.stderr, "start: %s" % done.stderr)


@covers("TLS-5922-6-1")
def test_a_domain_without_certificate_is_told(env):
    one = certificate_with(env, "one", "DNS:example.com")
    server = env.start({("certificate", "main"): one})
    server.wait_log(r"warning .*not served domain other\.example")
    true("not served domain example.com" not in server.log, "example.com is covered")
    true("other.example" in server.health("/readyz?verbose")[1] + server.health("/status")[1] + server.api("/stats")[1]
         or "other.example" in server.api("/status")[1], "the health page does not tell")


# --- a connection proves nothing about the next request ---

@covers("TLS-5922-8.1-1", "SEC-26.1.1-1")
def test_each_register_is_authenticated_by_itself(env):
    for transport, contact in (("tls", S1), ("tcp", C1), ("udp", C1)):
        phone = env.server.phone(transport)
        phone.reg(contact).expect(200)
        before = phone.fetch()
        phone.reg0(contact, expires=0).expect(401)
        equal(phone.fetch(), before, "bindings")


@covers("TLS-5923-8.2-1")
def test_alias_changes_nothing(env):
    phone = env.server.phone("tls")
    for make in (lambda: phone.request("OPTIONS", "sips:example.com"), lambda: phone.authorize(phone.register_request(S1))):
        request = make()
        request.set("Via", request.get("Via") + ";alias")
        phone.exchange(request).expect(200).header("via", r";alias\b")
    other = env.server.phone("tls", user="bob")
    other.reg(S1.replace("alice", "bob")).expect(200)
    equal(phone.wire.receive(0.3), None, "what came over the aliased connection")
