"""HUP: what changed is applied while calls go on, and what is wrong changes nothing."""
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import threading

from harness import Stream, Udp, covers, equal, true
from harness.check import not_under_valgrind
from harness.faults import add_users, admin, full, resident_kb, udp_sockets, wait_successor, workers
from harness.failing import PLAIN_BUILD
from harness.http import Http
from harness.phone import ALICE_PASSWORD, Phone
from harness.server import free_ports

C1, C2 = "<sip:alice@192.0.2.10:5062>", "<sip:alice@192.0.2.11:5062>"
S1 = "<sips:alice@192.0.2.10:5062>"
TWO = {"server": {"workers": "2"}}


def reload(server, changes=None):
    """Applies the changes and waits until the daemon said so."""
    before = server.log.count("configuration applied")
    server.configure(changes or {})
    server.reload()
    server.wait(lambda: server.log.count("configuration applied") > before, "the configuration is applied")


def refused(server, changes, reason):
    """The reload is refused with the reason, and the old configuration goes on."""
    kept = {key: dict(value) for key, value in server.configuration.items()}
    server.configure(changes)
    server.reload()
    server.wait_log(r"reload refused, still running the previous configuration: .*%s" % reason)
    true("configuration applied" not in server.log, "it was applied all the same")
    server.configuration = kept
    server.configure({})


def open_streams(server):
    phones = [server.phone("tcp"), server.phone("tls"), server.phone("tcp", ipv6=True)]
    for phone in phones:
        phone.opt().expect(200)
    return phones


def still_open(phones):
    for phone in phones:
        phone.opt().expect(200)


# --- domains ---

@covers("REG-10.3-5")
def test_domain_added_and_removed(env):
    server = env.start(TWO)
    server.database.add_user("alice", "new.example", ALICE_PASSWORD)
    streams, pids = open_streams(server), workers(server)
    phone = server.phone("tcp", domain="new.example")
    phone.reg0("<sip:alice@192.0.2.10:5062>").expect(404)
    reload(server, {("domain", "new.example"): {}})
    server.wait(lambda: phone.reg0(C1).status == 401, "the new domain is challenged")
    phone.reg(C1).expect(200)
    still_open(streams)
    equal(workers(server), pids, "workers")
    reload(server, {("domain", "new.example"): None})
    server.wait(lambda: phone.reg0(C1).status == 404, "the domain is gone")
    server.phone().reg(C1).expect(200)


def test_settings_of_registration_change(env):
    server = env.start()
    phone = server.phone("tcp")
    phone.reg(C1, expires=30).expect(423)
    reload(server, {"registration": {"expires_min": "20s", "max_contacts": 1}})
    server.wait(lambda: phone.reg(C1, expires=30).status == 200, "expires_min = 20s")
    phone.reg(C2).expect(403)


@not_under_valgrind("requests take longer than the deadline of this test")
def test_reload_under_load_loses_nothing(env):
    server = env.start(TWO)
    count = 10
    add_users(server.database, count, ALICE_PASSWORD)
    stop, complaints, served = threading.Event(), [], []

    def register(n):
        phone = server.phone("udp" if n % 2 else "tcp", user="u%d" % n)
        while not stop.is_set():
            try:
                phone.reg("<sip:u%d@192.0.2.1:5062>" % n).expect(200)
                served.append(n)
            except Exception as failure:
                complaints.append("u%d: %s" % (n, failure))
                return

    threads = [threading.Thread(target=register, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        for i in range(6):
            enough = len(served) + 30
            reload(server, {("domain", "d%d.example" % i): {}})
            server.wait(lambda: complaints or len(served) >= enough, "phones are served", 20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    equal(complaints, [], "complaints")


# --- certificates ---

def issue(env, server, name="renewed"):
    """Another CA and certificate, copied over the files that the server reads."""
    fresh = env.certificates(name, "URI:sip:example.com, DNS:example.com, DNS:other.example, IP:127.0.0.1")
    for file in ("server.pem", "server.key"):
        shutil.copyfile(os.path.join(fresh, file), os.path.join(server.certificates, file))
    return fresh


def own_certificates(env, server):
    """This test changes files that others read too, so it works on a copy."""
    copy = os.path.join(server.directory, "tls")
    shutil.copytree(server.certificates, copy)
    server.certificates = copy
    server.configure({("certificate", "main"): {"chain": copy + "/server.pem", "key": copy + "/server.key"}})
    return server


def shown(server):
    """The certificate of a new handshake, in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=8) as raw:
        with context.wrap_socket(raw, server_hostname="example.com") as tls:
            return tls.getpeercert(True)


def der(path):
    with open(path) as file:
        text = file.read()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):text.index(end) + len(end)])


@covers("TLS-OPS-1")
def test_certificate_renewed(env):
    server = own_certificates(env, env.make(TWO)).start()
    before = shown(server)
    equal(before, der(server.certificates + "/server.pem"), "certificate")
    phone = server.phone("tls")
    phone.reg(S1).expect(200)
    fresh = issue(env, server)
    reload(server)
    for _ in range(8):  # both workers
        server.wait(lambda: shown(server) == der(fresh + "/server.pem"), "new handshakes show the new certificate")
    equal(phone.wire.socket.getpeercert(True), before, "certificate of the open connection")
    phone.reg(S1).expect(200)
    context = ssl.create_default_context(cafile=fresh + "/ca.pem")
    newer = Phone(server.tls(context=context), "tls")
    newer.opt().expect(200)
    newer.close()


@covers("TLS-OPS-1")
def test_certificate_renewed_without_a_word(env):
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1s"}})).start()
    phone = server.phone("tls")
    phone.opt().expect(200)
    fresh = issue(env, server, "renewed_alone")
    server.wait(lambda: shown(server) == der(fresh + "/server.pem"), "new handshakes show the new certificate", 15)
    phone.opt().expect(200)


@covers("TLS-OPS-1")
def test_certificate_renewed_file_by_file_with_old_times(env):
    """As by cp -p: a look between chain and key refuses the pair, and the key that follows is older than what was there."""
    server = own_certificates(env, env.make({"tls": {"reload_interval": "1s"}})).start()
    fresh = env.certificates("renewed_slowly")
    for name in ("server.pem", "server.key"):
        copy = os.path.join(server.certificates, name + ".new")
        shutil.copyfile(os.path.join(fresh, name), copy)
        os.utime(copy, (1600000000, 1600000000))
        os.replace(copy, os.path.join(server.certificates, name))
        if name == "server.pem":
            server.wait_log("private key does not belong to chain")
    server.wait(lambda: shown(server) == der(fresh + "/server.pem"), "new handshakes show the new certificate", 15)


def bad_certificate(env, spoil, reason):
    server = own_certificates(env, env.make()).start()
    streams, before = open_streams(server), shown(server)
    spoil(server)
    refused(server, {("domain", "new.example"): {}}, reason)
    equal(shown(server), before, "certificate")
    still_open(streams)
    server.phone("tls").opt().expect(200)
    server.phone(domain="new.example").reg0(C1).expect(404)  # all or nothing


def test_key_that_does_not_fit_is_refused(env):
    def spoil(server):
        other = env.certificates("stranger")
        shutil.copyfile(other + "/server.key", server.certificates + "/server.key")
    bad_certificate(env, spoil, "certificate main: private key does not belong to chain")


def test_certificate_that_is_no_certificate_is_refused(env):
    def spoil(server):
        with open(server.certificates + "/server.pem", "w") as file:
            file.write("nothing\n")
    bad_certificate(env, spoil, "server.pem: holds no certificate")


def test_certificate_that_is_missing_is_refused(env):
    bad_certificate(env, lambda server: os.unlink(server.certificates + "/server.pem"), "server.pem")


# --- files ---

def test_bad_files_are_refused(env):
    server = env.start()
    streams = open_streams(server)
    for changes, reason in (
            ({"registration": {"expires_may": "1h"}}, r"no such option"),
            ({"registration": {"expires_min": "3h"}}, r"expires_min"),
            ({"registration": {"expires_min": "60"}}, r"no unit"),
            ({("listener", "sip"): {"bind": ["nonsense"]}}, r"bind")):
        refused(server, changes, reason)
        true(server.configuration_path + ":" in server.log.split("reload refused")[-1], "file and line")
        still_open(streams)
    server.phone("tcp").reg(C1, expires=30).expect(423)


def test_syntax_error_is_refused_with_its_line(env):
    server = env.start()
    with open(server.configuration_path, "a") as file:
        file.write("registration {\n")
    server.reload()
    server.wait_log(r"reload refused, still running the previous configuration: .+rollcall\.conf:\d+: error")
    server.phone().opt().expect(200)
    reload(server)


def test_missing_file_is_refused(env):
    server = env.start()
    os.rename(server.configuration_path, server.configuration_path + ".away")
    server.reload()
    server.wait_log(r"reload refused, still running the previous configuration: .*rollcall\.conf")
    server.phone().opt().expect(200)
    reload(server)


def test_what_needs_a_restart_is_said(env):
    server = env.start(TWO)
    reload(server, {"server": {"workers": "1"}})
    server.wait_log(r"these take effect after a restart: .*server\.workers")
    equal(len(workers(server)), 2, "workers")


# --- listeners ---

def test_listener_added_and_removed(env):
    server = env.start(TWO)
    streams = open_streams(server)
    port = free_ports(1)

    def wires():
        for _ in range(6):  # both workers
            yield "tcp", Stream(("127.0.0.1", port), server.transcript)
            yield "udp", Udp(("127.0.0.1", port), server.transcript)

    def served():
        for transport, wire in wires():
            phone = Phone(wire, transport)
            phone.opt().expect(200)
            phone.close()

    reload(server, {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}})
    served()
    kept = Phone(Stream(("127.0.0.1", port), server.transcript), "tcp")
    kept.opt().expect(200)
    still_open(streams)
    reload(server, {("listener", "more"): None})
    server.wait(lambda: closed(port), "nobody listens there")
    kept.opt().expect(200)
    kept.close()
    still_open(streams)
    server.phone().reg(C1).expect(200)
    reload(server, {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}})
    served()


def test_listener_removed_and_added_back_at_once(env):
    """A worker that has not heard yet that it shall close a socket is no stranger on that port."""
    server = env.start(TWO)
    port = free_ports(1)
    more = {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}}
    reload(server, more)
    pids = workers(server)
    os.kill(pids[0], signal.SIGSTOP)
    try:
        reload(server, {("listener", "more"): None})
        reload(server, more)
    finally:
        os.kill(pids[0], signal.SIGCONT)
    server.wait(lambda: len(udp_sockets(port)) == len(listening(port)) == 2, "the worker has closed its old sockets")
    heard(server, port, "udp", "tcp")
    equal(workers(server), pids, "workers")


def test_many_sockets_move_at_once(env):
    """More than the master's queue to a worker holds while the worker reads its new configuration: nobody ends for that."""
    server = env.make(TWO)
    ports = [free_ports(1), free_ports(1)]
    many = ["127.0.%d.%d" % (70 + n // 200, 1 + n % 200) for n in range(100)]

    def at(port):
        return {("listener", "more"): {"bind": ["%s:%d" % (address, port) for address in many], "transport": ["udp", "tcp"]}}

    server.configure(at(ports[0]))
    server.start()
    streams, pids = open_streams(server), sorted(workers(server))
    for port in (ports[1], ports[0]):
        reload(server, at(port))
        for address in (many[0], many[-1]):
            server.wait(lambda: not refuses(address, port), "%s:%d is served" % (address, port))
        still_open(streams)
        equal(sorted(workers(server)), pids, "workers")
    true("does not listen" not in server.log, "a process was ended:\n" + server.log)


def refuses(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return True
    return False


def closed(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was in the queue of the listener that has just been closed
        pass
    return False


def listening(port):
    """Local addresses of the sockets that listen on the port, as the kernel lists them."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table]
    return [row[1].split(":")[0] for row in rows if row[1].endswith(":%04X" % port) and row[3] == "0A"]


def heard(server, port, *transports):
    """Phones are served there, whichever of two workers hears them."""
    wires = {"udp": lambda at: Udp(at, server.transcript), "tcp": lambda at: Stream(at, server.transcript),
             "tls": lambda at: Stream(at, server.transcript, server.tls_context(), "example.com")}
    for transport in 6 * transports:
        phone = Phone(wires[transport](("127.0.0.1", port)), transport)
        phone.opt().expect(200)
        phone.close()


def test_a_bind_is_narrowed_and_widened_in_place(env):
    server = env.start(TWO)
    port = free_ports(1)

    for address, kernel in (("0.0.0.0", "00000000"), ("127.0.0.1", "0100007F"), ("0.0.0.0", "00000000")):
        reload(server, {("listener", "more"): {"bind": ["%s:%d" % (address, port)], "transport": ["udp", "tcp"]}})
        server.wait(lambda: set(listening(port)) == {kernel}, "both workers have let go of all but %s" % address)
        heard(server, port, "udp", "tcp")


def test_one_address_of_a_port_beside_all_of_them(env):
    """In the running daemon, and in one that is started with the same file."""
    server = env.start(TWO)
    port = free_ports(1)
    everywhere = {"bind": ["0.0.0.0:%d" % port], "transport": ["udp", "tcp"]}
    here = {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}
    reload(server, {("listener", "everywhere"): everywhere})
    reload(server, {("listener", "here"): here})
    heard(server, port, "udp", "tcp")
    server.restart()
    heard(server, port, "udp", "tcp")


def test_one_address_and_all_of_them_are_added_at_once(env):
    server = env.start(TWO)
    port = free_ports(1)
    reload(server, {("listener", "more"): {"bind": ["0.0.0.0:%d" % port, "127.0.0.1:%d" % port],
                                           "transport": ["udp", "tcp"]}})
    heard(server, port, "udp", "tcp")


def test_a_listener_becomes_one_for_tls_in_place(env):
    server = env.start(TWO)
    port = free_ports(1)
    for transport in ("tcp", "tls", "tcp"):
        reload(server, {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": [transport]}})
        server.wait(lambda: len(listening(port)) == 2, "one socket a worker is left")
        heard(server, port, transport)


def test_listener_on_a_port_that_is_taken_is_refused(env):
    server = env.start()
    streams, free = open_streams(server), free_ports(1)
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        refused(server, {("listener", "more"): {"bind": ["127.0.0.1:%d" % free, "127.0.0.1:%d" % taken],
                                                "transport": ["tcp"]},
                         ("domain", "new.example"): {}},
                r"cannot open tcp 127\.0\.0\.1:%d: in use by process %d" % (taken, os.getpid()))
    true(closed(free), "the other port stays open")
    server.phone(domain="new.example").reg0(C1).expect(404)
    still_open(streams)


def test_replaced_worker_has_the_new_listeners_and_domains(env):
    server = env.start()
    port = free_ports(1)
    reload(server, {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]},
                    ("domain", "new.example"): {}})
    victim, = workers(server)
    os.kill(victim, signal.SIGKILL)
    wait_successor(server, victim)
    phone = Phone(Udp(("127.0.0.1", port), server.transcript), "udp", domain="new.example")
    phone.reg0(C1).expect(401)
    phone.close()


# --- what a process has no room for ---

def test_a_worker_without_descriptors_makes_room(env):
    """The old configuration does not stay in force: phones that were connected hear the end of it, not a reset, and the worker
    that takes their place has the new one."""
    server = env.start({"registration": {"expires_default": "10m"}})
    streams, (pid,) = open_streams(server), workers(server)
    with full(pid):
        reload(server, {"registration": {"expires_max": "30m"}})
        server.wait_log(r"process\.control .*the new configuration is not taken over; another worker")
        for phone in streams:
            true(phone.wire.closed(), "a connection stays open")
    wait_successor(server, pid)
    granted = server.phone("tcp").reg(C1, expires=3600).expect(200).contacts
    equal(granted[C1.strip("<>")]["expires"], "1800", "the lifetime granted")


def test_whoever_makes_room_is_replaced_at_once(env):
    """However often: it is not the third death within a minute, which would leave the sockets closed for ten seconds."""
    server = env.start()
    for minutes in (70, 80, 90):
        pid, = workers(server)
        with full(pid):
            reload(server, {"registration": {"expires_max": "%dm" % minutes}})
            server.wait(lambda: workers(server) not in ([], [pid]), "another worker", 20)
        wait_successor(server, pid)
    waits = re.findall(r"process\.died .*restart_in_ms=(\d+)", server.log)
    equal(waits, ["0"] * 3, "how long its successor waited, in ms")


def test_a_worker_without_descriptors_serves_a_new_listener(env):
    """Not a socket to which the kernel sends phones stays without a reader, whatever part of the reload failed."""
    server = env.start()
    port, (pid,) = free_ports(1), workers(server)
    with full(pid):
        reload(server, {("listener", "more"): {"bind": ["127.0.0.1:%d" % port], "transport": ["udp", "tcp"]}})
        server.wait(lambda: workers(server) not in ([], [pid]), "another worker", 20)
    wait_successor(server, pid)
    phone = Phone(Udp(("127.0.0.1", port), server.transcript), "udp")
    phone.reg(C1).expect(200)
    phone.close()


def test_an_admin_process_without_descriptors_makes_room(env):
    server = env.start()
    pid = admin(server)
    with full(pid):
        reload(server, {("domain", "new.example"): {}})
        server.wait(lambda: admin(server) not in (None, pid), "another admin process", 20)
    server.wait_ready()
    true("new.example" in server.ctl("config", "show").stdout, "the configuration that it shows")


def test_who_asks_an_admin_process_without_descriptors_is_answered(env):
    """The reload is done; what the master says of it has no room there, which is said instead."""
    server = env.start()
    asking, pid = Http(server.socket), admin(server)
    equal(asking.ask("GET", "/api/v1/stats").status, 200, "the connection stands")
    server.configure({("domain", "new.example"): {}})
    with full(pid):
        problem = asking.ask("POST", "/api/v1/reload").expect(503, "overloaded").json
        true("The configuration is applied" in str(problem), problem)
        server.wait(lambda: admin(server) not in (None, pid), "another admin process", 20)
    server.wait_ready()
    true("new.example" in server.ctl("config", "show").stdout, "the configuration that it shows")


def test_a_log_that_a_process_cannot_open(env):
    """As in the master: the old one is written to, and says so."""
    server = env.start()
    pid, = workers(server)
    with full(pid):
        server.process.send_signal(signal.SIGUSR1)
        server.wait_log(r"log\.reopen .*the old one is still written to")
        server.phone("udp").reg(C1).expect(200)
    equal(workers(server), [pid], "workers")


# --- memory ---

def test_configurations_that_were_replaced_take_little(env):
    """A worker keeps one as long as a request that began with it lives, and no longer: thirty would take 50 MB here."""
    server = env.make()
    server.build = PLAIN_BUILD  # sanitizers have a heap of their own
    server.start()
    server.configure({("domain", "d%d.example" % i): {} for i in range(1000)})
    for _ in range(5):
        reload(server)
    worker = workers(server)[0]
    before = resident_kb(worker)
    for _ in range(30):
        reload(server)
    server.phone("tcp").reg(C1).expect(200)  # so the last one is applied, and the one before it gone
    equal([worker], workers(server), "it is the same worker")
    grown = resident_kb(worker) - before
    true(grown < 6000, "30 reloads took %d KB" % grown)


def outcomes(server):
    return server.log.count("configuration applied") + server.log.count("reload refused")


def test_a_reload_of_much_with_little_memory(env):
    """However little the master may still take, it refuses what it has no room for and goes on; libConfuse would end it."""
    server = env.make()
    server.build = PLAIN_BUILD  # sanitizers map more than any limit
    server.start()
    master, phone = server.process.pid, server.phone("tcp")
    server.configure({("domain", "d%d.example" % i): {} for i in range(1000)})
    with open("/proc/%d/status" % master) as file:
        size = int(re.search(r"^VmSize:\s+(\d+)", file.read(), re.M).group(1)) * 1024
    for more in range(0, 48 << 20, 128 << 10):
        resource.prlimit(master, resource.RLIMIT_AS, (size + more, resource.RLIM_INFINITY))
        before = outcomes(server)
        server.reload()
        server.wait(lambda: outcomes(server) > before, "an outcome with %d KB more" % (more >> 10))
        phone.reg(C1).expect(200)
        if "configuration applied" in server.log:
            break
    true(more > 0, "nothing was short")
    true("configuration applied" in server.log, "48 MB were too little")


def test_a_reload_of_very_much(env):
    """What the master prints for its children is several times as long as what it read: they read it whatever its length."""
    server = env.make()
    server.build = PLAIN_BUILD  # libConfuse compares every name with every other
    server.start()
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    before = workers(server)
    server.configure({("domain", "d%04d.example" % i): {} for i in range(8000)})
    server.reload()
    server.wait_log("configuration applied")
    server.wait(lambda: server.phone().opt("sip:d7999.example").status == 200, "the last of the domains is served", 30)
    phone.reg(C1).expect(200)
    equal(workers(server), before, "workers")


def test_the_reason_of_a_refusal_is_told_behind_many_changes(env):
    """Of changes the log has the first hundred; the error that came behind them counts."""
    server = env.start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server.configure({("domain", "d%03d.example" % i): {} for i in range(150)})
        server.configure({("listener", "more"): {"bind": ["127.0.0.1:%d" % taken.getsockname()[1]], "transport": ["tcp"]}})
        server.reload()
        line = server.wait_log(r"error reload .*message=\"(reload refused.*)\"\n").group(1)
        true("in use by process %d" % os.getpid() in line, line)


# --- log ---

def test_the_format_follows_the_file(env):
    """Format auto looks at where the log goes: in the master too it is that of the new file when that opens."""
    server = env.make({"log": {"format": "auto"}})
    with open(server.log_path, "ab"):
        pass
    entry = os.stat(server.log_path)
    server.environment["JOURNAL_STREAM"] = "%d:%d" % (entry.st_dev, entry.st_ino)  # as if stderr were the journal
    server.start()
    path = os.path.join(server.directory, "moved.log")
    server.configure({"log": {"file": path}})
    server.reload()
    server.wait(lambda: os.path.exists(path) and "configuration applied" in open(path).read(), "the new file is written to")
    with open(path) as file:
        lines = file.read().splitlines()
    equal([line for line in lines if not line.startswith("{")], [], "lines of another format")


def test_log_level_changes(env):
    server = env.start({"log": {"level": "notice"}})
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    true("auth.challenge" not in server.log and " info " not in server.log, "it logs more than notices")
    reload(server, {"log": {"level": "debug"}})
    server.wait(lambda: phone.reg0(C1) and "auth.challenge" in server.log, "debug lines")
    server.configure({"log": {"level": "error"}})
    server.reload()
    server.wait(lambda: quiet(server, phone), "no line at level error")


def quiet(server, phone):
    before = len(server.log)
    phone.reg(C1).expect(200)
    phone.opt().expect(200)
    return len(server.log) == before


def test_usr2_toggles_debug(env):
    server = env.start({"log": {"level": "notice"}})
    phone = server.phone("tcp")
    phone.reg0(C1).expect(401)
    true("auth.challenge" not in server.log, "debug lines at level notice")
    server.process.send_signal(signal.SIGUSR2)
    server.wait(lambda: phone.reg0(C1) and "auth.challenge" in server.log, "debug lines")
    server.process.send_signal(signal.SIGUSR2)
    server.wait(lambda: quiet_challenge(server, phone), "no debug lines")


def quiet_challenge(server, phone):
    before = len(server.log)
    phone.reg0(C1).expect(401)
    return len(server.log) == before
