"""The clients that Debian ships, and our own: each registers, refreshes, fetches where it can, and unregisters.

What they are able to do (Debian 12): SIPp 3.6.1 has no TLS; it, sipsak 0.9.8.1 and baresip 1.0.0 stop at a SHA-256
challenge, so they use an MD5 domain, named localhost because sipsak insists on resolving it. Linphone 5.1 takes SHA-256
and SIPS. Only SIPp and our phone can be told to fetch. SIPp writes its peer's address into the digest uri unless told
otherwise, which a registrar must refuse (RFC 8760 §2.6), hence -auth_uri.
"""
import contextlib
import os
import shutil
import signal
import subprocess

from harness import Failure, Skip, covers, equal, true

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "Secret-123"
CONFIGURATION = {
    ("domain", "localhost"): {"algorithms": ["MD5"]},
    ("domain", "rollcall.test"): {"algorithms": ["SHA-256"]},
    # Refreshes within seconds.
    "registration": {"expires_min": "2s"},
}


def prepare(env, program):
    """The server with an account in the MD5 and in the SHA-256 domain, and a HOME for the client."""
    if program and shutil.which(program) is None:
        raise Skip("%s is not installed" % program)
    env.certificates(names="URI:sip:example.com, URI:sip:other.example, URI:sip:rollcall.test, URI:sip:localhost, "
                           "DNS:example.com, DNS:other.example, DNS:rollcall.test, DNS:localhost, IP:127.0.0.1")
    server = env.server
    if server.database.value("select count(*) from account where domain = 'rollcall.test'") == "0":
        server.database.add_user("alice", "localhost", PASSWORD, algorithms=("MD5",))
        server.database.add_user("alice", "rollcall.test", PASSWORD, algorithms=("SHA-256",))
    return server


def surroundings(env):
    """A HOME of its own for a client, and where its output goes."""
    home = os.path.join(env.directory, "home")
    os.makedirs(home + "/.local/share/linphone", exist_ok=True)
    os.makedirs(home + "/.config/linphone", exist_ok=True)
    return {"cwd": home, "env": {**os.environ, "HOME": home, "TERM": "dumb"}, "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT}


def note(env, command, output):
    env.transcript.note("<", os.path.basename(command[0]), output.replace(b"\n", b"\r\n")[-3000:])


def run(env, command, timeout=30):
    """Runs a client to its end; what it printed goes to the transcript."""
    done = subprocess.run(command, timeout=timeout, **surroundings(env))
    note(env, command, done.stdout)
    return done


@contextlib.contextmanager
def running(env, command):
    """The same with a client that ends when it is told to."""
    client = subprocess.Popen(command, stdin=subprocess.PIPE, **surroundings(env))
    try:
        yield client
        output = client.communicate(timeout=60)[0]
    except BaseException:
        client.kill()
        note(env, command, client.communicate()[0])
        raise
    note(env, command, output)


def registrations(server, user):
    """The live bindings of an address: (contact, transport)."""
    return server.database.query("select contact, transport from binding where aor = '%s'" % user)


def answered(server, transport):
    """How many REGISTERs over this transport made, refreshed and removed a binding so far."""
    return [server.outcomes(reason, transport=transport) for reason in ("registered", "refreshed", "removed")]


def until(server, transport, before, what):
    """Waits for the first registration, refresh or removal since `before`."""
    place = ("registered", "refreshed", "removed").index(what)
    server.wait(lambda: answered(server, transport)[place] > before[place], what, 60)


def lived_a_whole_life(server, transport, user, before):
    """Since `before` there was a registration, a refresh and a removal, and nothing is left."""
    added = [now - then for now, then in zip(answered(server, transport), before)]
    true(all(n >= 1 for n in added), "registered, refreshed, removed: %s" % added)
    equal(registrations(server, user), [], "what is left")


# --- SIPp ---

def sipp(env, transport):
    server = prepare(env, "sipp")
    before = answered(server, "tcp" if transport == "t1" else "udp")
    data = os.path.join(env.directory, "sipp.csv")
    with open(data, "w") as file:
        file.write("SEQUENTIAL\nalice;localhost;[authentication username=alice password=%s]\n" % PASSWORD)
    errors = os.path.join(env.directory, "sipp-%s.errors" % transport)
    done = run(env, ["sipp", "127.0.0.1:%d" % server.port, "-t", transport, "-sf", HERE + "/sipp/register.xml",
                     "-inf", data, "-m", "1", "-i", "127.0.0.1", "-nostdin", "-auth_uri", "localhost",
                     "-timeout", "20", "-timeout_error", "-trace_err", "-error_file", errors])
    if done.returncode != 0:
        complaint = open(errors).read() if os.path.exists(errors) else ""
        raise Failure("sipp ended with %d\n%s" % (done.returncode, complaint))
    lived_a_whole_life(server, "tcp" if transport == "t1" else "udp", "alice@localhost", before)


def test_sipp_udp(env):
    sipp(env, "u1")


def test_sipp_tcp(env):
    sipp(env, "t1")


# --- sipsak ---

def sipsak(env, transport):
    server = prepare(env, "sipsak")
    before = answered(server, transport)

    def call(*options):
        done = run(env, ["sipsak", "-E", transport, "-s", "sip:alice@localhost", "-p", "127.0.0.1:%d" % server.port,
                         "-u", "alice", "-a", PASSWORD, "-vv", *options])
        true(done.returncode == 0, "sipsak ended with %d" % done.returncode)

    for expires, left in (("600", 1), ("700", 1), ("0", 0)):
        call("-U", "-C", "sip:alice@127.0.0.1:7777", "-x", expires)
        equal(len(registrations(server, "alice@localhost")), left, "bindings after expires=" + expires)
    added = [now - then for now, then in zip(answered(server, transport), before)]
    true(added[0] >= 1 and added[2] >= 1, "registered, refreshed, removed: %s" % added)


def test_sipsak_udp(env):
    sipsak(env, "udp")


def test_sipsak_tcp(env):
    sipsak(env, "tcp")


def test_sipsak_options(env):
    server = prepare(env, "sipsak")
    done = run(env, ["sipsak", "-s", "sip:localhost", "-p", "127.0.0.1:%d" % server.port, "-vv"])
    equal(done.returncode, 0, "status of sipsak")


# --- baresip ---


def phone_directory(env, server, name):
    """A place for the files of a phone, with the CA: baresip and Linphone take no path with a blank in it."""
    with open("/proc/net/route") as file:
        if len(file.readlines()) < 2:
            raise Skip("baresip and Linphone do not start where loopback is the only network")
    directory = os.path.join(env.sockets, name)
    os.makedirs(directory)
    shutil.copy(server.certificates + "/ca.pem", directory)
    return directory


BARESIP = """sip_listen 127.0.0.1:0
sip_cafile %s/ca.pem
module_path /usr/lib/baresip/modules
module account.so
module menu.so
"""


def baresip(env, transport):
    server = prepare(env, "baresip")
    before = answered(server, transport)
    directory = phone_directory(env, server, "baresip-" + transport)
    with open(directory + "/config", "w") as file:
        file.write(BARESIP % directory)
    port = server.tls_port if transport == "tls" else server.port
    with open(directory + "/accounts", "w") as file:
        file.write('<sip:alice@localhost;transport=%s>;auth_user=alice;auth_pass=%s;'
                   'outbound="sip:127.0.0.1:%d;transport=%s";regint=4\n' % (transport, PASSWORD, port, transport))
    with running(env, ["baresip", "-f", directory]) as client:
        until(server, transport, before, "refreshed")
        client.send_signal(signal.SIGTERM)  # it unregisters as it ends
    lived_a_whole_life(server, transport, "alice@localhost", before)


def test_baresip_udp(env):
    baresip(env, "udp")


def test_baresip_tcp(env):
    baresip(env, "tcp")


def test_baresip_tls(env):
    baresip(env, "tls")


# --- Linphone ---

LINPHONE = """[sip]
verify_server_certs=1
verify_server_cn=1
root_ca=%s/ca.pem
sip_port=%d
sip_tcp_port=%d
sip_tls_port=%d
[net]
mtu=0
[proxy_default_values]
reg_expires=4
"""


def linphone(env, identity, proxy, transport):
    server = prepare(env, "linphonec")
    before = answered(server, transport)
    directory = phone_directory(env, server, "linphone-" + transport)
    settings = directory + "/linphonerc"
    with open(settings, "w") as file:
        first = server.port + 3
        file.write(LINPHONE % (directory, first, first, first + 1))
    with running(env, ["linphonec", "-c", settings]) as client:
        for line, then in (("register %s %s %s" % (identity, proxy, PASSWORD), "refreshed"), ("unregister", "removed"),
                           ("quit", None)):
            client.stdin.write(line.encode() + b"\n")
            client.stdin.flush()
            if then:
                until(server, transport, before, then)
    lived_a_whole_life(server, transport, "alice@rollcall.test", before)


@covers("TLS-26.3.1-2")
def test_linphone_sips(env):
    server = prepare(env, "linphonec")
    linphone(env, "sips:alice@rollcall.test", "sips:localhost:%d" % server.tls_port, "tls")


def test_linphone_udp(env):
    server = prepare(env, "linphonec")
    linphone(env, "sip:alice@rollcall.test", "sip:127.0.0.1:%d" % server.port, "udp")


# --- our own phone ---

def our_phone(env, transport, user, *options):
    server = prepare(env, None)
    secret = os.path.join(env.directory, "secret")
    with open(secret, "w") as file:
        os.chmod(file.fileno(), 0o600)
        file.write(PASSWORD)
    port = server.tls_port if transport == "tls" else server.port

    def call(verb, *more):
        done = run(env, [os.environ["ROLLCALL_TEST_BUILD"] + "/phone", verb, "--transport", transport, "--server",
                         "127.0.0.1:%d" % port, "--ca", server.certificates + "/ca.pem", "--user", user,
                         "--password-file", secret, *options, *more])
        output = done.stdout.decode()
        true(done.returncode == 0 and output.startswith("SIP/2.0 200"), "phone %s: %s" % (verb, output))
        return output.count("Contact:")

    contact = ["--contact", "%s:alice@192.0.2.10" % ("sips" if "--sips" in options else "sip")]
    equal(call("register", "--expires", "600", *contact), 1, "contacts after registering")
    equal(call("register", "--expires", "700", *contact), 1, "contacts after the refresh")
    equal(call("fetch"), 1, "contacts fetched")
    equal(call("unregister", *contact), 0, "contacts left")


@covers("TLS-26.3.1-2")
def test_our_phone_sips_sha256(env):
    our_phone(env, "tls", "alice@rollcall.test", "--sips")


def test_our_phone_tls_md5(env):
    our_phone(env, "tls", "alice@localhost")


def test_our_phone_udp(env):
    our_phone(env, "udp", "alice@rollcall.test")


def test_our_phone_tcp(env):
    our_phone(env, "tcp", "alice@rollcall.test")
