"""What the log says, in which form, where it goes, and that nobody but the server decides what stands in it."""
import json
import os
import re
import resource
import signal
import socket
import shutil
import subprocess
import tempfile

from harness import Failure, covers, equal, true
from harness.database import ROOT
from harness.faults import phones_of_both, workers

C1 = "<sip:alice@192.0.2.10:5062>"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
FILTER = os.path.join(ROOT, "src", "packaging", "fail2ban", "rollcall.conf")
WRONG = "not the password"


def fail(server, transport="tcp", source="127.0.0.1", login=None, fields=()):
    """A log-in with the wrong password; tcp and udp can choose their source in 127.0.0.0/8."""
    how = {} if transport == "tls" else {"bind": (source, 0)}
    phone = server.phone(transport, password=WRONG, login=login, **how)
    phone.exchange(phone.authorize(phone.register_request(C1, fields=fields))).expect(401)


def lines_of(text, event):
    return [line for line in text.splitlines() if event in line]


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


# --- form ---

def test_text_lines_have_fixed_fields_first(env):
    server = env.start({"log": {"format": "text"}})
    fail(server, fields=[("User-Agent", "Grandstream GXP2170")])
    server.wait_log(r"\n" + STAMP + r" warning auth\.failed reason=bad_password src=127\.0\.0\.1:\d+ transport=tcp status=401 "
                    r'node=reg-test count=1 user="alice" aor="alice@example\.com" method="REGISTER" call_id="[^"]+" '
                    r'agent="Grandstream GXP2170"\n')
    for line in server.log.splitlines():
        true(re.match(STAMP + r" (error|warning|notice|info|debug) [a-z]+(\.[a-z_]+)? ", line), "not an event: " + line)


def test_json_lines_are_objects_with_the_same_order(env):
    server = env.start({"log": {"format": "json"}})
    fail(server, fields=[("User-Agent", 'a"b\\c')])
    server.wait_log(r"auth\.failed")
    events = [json.loads(line, object_pairs_hook=list) for line in server.log.splitlines()]
    failed = [event for event in events if ("event", "auth.failed") in event][0]
    equal([key for key, _ in failed], ["time", "level", "event", "reason", "src", "transport", "status", "node", "count",
                                       "user", "aor", "method", "call_id", "agent"], "keys")
    equal(dict(failed)["agent"], 'a"b\\c', "agent")
    equal(dict(failed)["status"], 401, "status")


def test_journal_lines_have_a_priority_and_no_time(env):
    server = env.start({"log": {"format": "journal"}})
    fail(server)
    server.wait_log(r"\n<4>auth\.failed reason=bad_password src=127\.0\.0\.1:\d+ transport=tcp ")
    true(all(re.match(r"<[3-7]>[a-z]+(\.[a-z_]+)? ", line) for line in server.log.splitlines()), "a line without priority")


def test_auto_is_json_for_what_is_no_terminal(env):
    server = env.start({"log": {"format": "auto"}})
    equal(json.loads(server.log.splitlines()[0])["event"], "start", "first event")


def test_the_life_of_a_server_is_told(env):
    cluster = env.own_cluster()
    server = env.start({"log": {"level": "info"}}, cluster=cluster)
    server.reload()
    server.wait_log(r' notice reload node=reg-test message="configuration applied"')
    server.phone().reg(C1).expect(200)
    server.wait_log(r" info registration reason=registered src=127\.0\.0\.1:\d+ transport=udp status=200 bindings=1 node=")
    equal(server.api("/users", "POST", json.dumps({"username": "dora", "domain": "example.com",
                                                            "password": "Secret-123"}))[0], 201, "status")
    server.wait_log(r" notice admin\.write status=201 uid=%d .*node=reg-test method=\"POST\" path=\"/api/v1/users\"" % os.geteuid())
    cluster.stop()
    server.wait_log(r" warning db\.down node=reg-test message=", 20)
    cluster.start()
    server.wait_log(r" notice db\.up node=reg-test message=", 30)
    server.stop()
    order = re.findall(r" notice (start|ready|reload|db\.up|drain|stop) ", server.log)
    events = [event for n, event in enumerate(order) if event not in order[:n]]
    equal(sorted(events, key=("start", "ready", "reload", "drain", "stop", "db.up").index)[:5],
          ["start", "ready", "reload", "drain", "stop"], "events")
    equal([event for event in events if event != "db.up"], ["start", "ready", "reload", "drain", "stop"], "their order")


# --- what strangers can cause ---

def test_failures_of_a_second_are_one_line(env):
    server = env.start()
    phone = server.phone(password=WRONG)
    sent = 0

    def held_back():
        nonlocal sent
        for _ in range(5):
            phone.reg(C1).expect(401)
            sent += 1
        return re.search(r"auth\.failed reason=bad_password .* count=([2-9]|\d\d+) ", server.log)
    server.wait(held_back, "a line that stands for several")
    told = [int(n) for n in re.findall(r"auth\.failed reason=bad_password .* count=(\d+) ", server.log)]
    true(sum(told) <= sent and len(told) < sent, "%d failures were told as %s" % (sent, told))
    equal(server.outcomes("bad_password"), sent, "failures counted")


def test_broken_handshakes_of_a_second_are_one_line(env):
    server = env.start()
    sent = 0

    def held_back():
        nonlocal sent
        with socket.create_connection(("127.0.0.1", server.tls_port), timeout=5) as wire:
            wire.sendall(b"REGISTER sip:example.com SIP/2.0\r\n\r\n")
            wire.settimeout(5)
            while wire.recv(512):
                pass
        sent += 1
        return re.search(r"tls\.failed reason=tls_handshake_failed src=127\.0\.0\.1:\d+ node=reg-test count=([2-9]|\d\d+) error=",
                         server.log)
    server.wait(held_back, "a line that stands for several")
    true(len(lines_of(server.log, "tls.failed")) < sent, "%d lines for %d failures" % (len(lines_of(server.log, "tls.failed")), sent))


def test_who_is_refused_before_a_log_in_is_found(env):
    """At the level that is the default: the phone with a typing mistake in its domain, and the one without TLS."""
    server = env.start({("domain", "example.com"): {"require_tls": "yes"}, "log": {"format": "text", "level": "info"}})
    server.phone("tcp", domain="exmaple.com", user="alice").reg0(C1).expect(404)
    server.wait_log(r' notice request\.refused reason=domain_not_served src=127\.0\.0\.1:\d+ transport=tcp status=404 '
                    r'node=reg-test count=1 user="" aor="alice@exmaple\.com" method="REGISTER" ')
    server.phone("udp").reg0(C1).expect(403)
    server.wait_log(r' notice request\.refused reason=tls_required src=127\.0\.0\.1:\d+ .*user="" aor="alice@example\.com" ')


# --- personal data ---

def test_masked_lines_name_nobody(env):
    server = env.start({"log": {"personal_data": "masked"}})
    agent = ("User-Agent", "Phone of alice@example.com at 127.0.0.1:5060")
    server.phone("tcp").reg(C1, fields=[agent]).expect(200)
    fail(server, fields=[agent])
    server.phone("tcp", domain="elsewhere.example", user="nobody").reg0(C1).expect(404)
    server.ctl("user", "disable", "bob@example.com")
    server.wait_log(r' registration reason=registered src=127\.0\.0\.0/24 .* user="a\*\*\*" aor="a\*\*\*@example\.com" .*'
                    r'agent="Phone of a\*\*\*@example\.com at 127\.0\.0\.0/24"')
    server.wait_log(r' auth\.failed reason=bad_password src=127\.0\.0\.0/24 transport=tcp ')
    server.wait_log(r' request\.refused reason=domain_not_served src=127\.0\.0\.0/24 .* aor="n\*\*\*@elsewhere\.example" ')
    server.wait_log(r' admin\.write .*path="/api/v1/users/b\*\*\*@example\.com"')
    told = [line for line in server.log.splitlines() if " db.up " not in line]
    for word in ("alice", "bob", "nobody", "127.0.0.1"):
        true(not any(word in line for line in told), "%s is in the log:\n%s" % (word, "\n".join(lines_of(server.log, word))))
    server.configure({"log": {"personal_data": "full"}})
    server.reload()
    server.wait_log("configuration applied")
    server.wait(lambda: server.phone("tcp").reg(C1).expect(200) and " src=127.0.0.1:" in server.log, "full lines")


# --- the file ---

def with_file(env, changes=None):
    server = env.make({"server": {"workers": "2"}, "log": {"format": "text"}, **(changes or {})})
    path = os.path.join(server.directory, "rollcalld.log")
    server.configure({"log": {"file": path}})
    return server, path


def events_of_all(server, path):
    """Lines of every process: both workers, the admin process, the master."""
    for _ in range(8):
        server.phone("udp").reg(C1).expect(200)
    server.api("/users/nobody@example.com", "DELETE")
    text = read(path)
    return " registration " in text and " admin.write " in text


def test_log_goes_to_a_file_and_usr1_opens_it_again(env):
    server, path = with_file(env)
    server.start()
    server.wait(lambda: events_of_all(server, path), "events in the file")
    equal(server.log, "", "stderr")
    equal(os.stat(path).st_mode & 0o777, 0o640, "mode")
    os.rename(path, path + ".1")
    server.process.send_signal(signal.SIGUSR1)
    server.wait(lambda: os.path.exists(path) and events_of_all(server, path), "events in the new file")
    pids = [server.process.pid, *workers(server)]
    for pid in pids:
        files = [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
        true(path in files and path + ".1" not in files, "process %d has %s" % (pid, files))
    old = read(path + ".1")
    server.stop()
    equal(read(path + ".1"), old, "the old file")
    true(" notice stop " in read(path), "the end is not in the new file")
    for line in (old + read(path)).splitlines():
        true(re.match(STAMP + " [a-z]+ [a-z]", line), "a torn line: " + line)


def test_a_child_that_is_born_later_writes_to_the_new_file(env):
    server, path = with_file(env)
    server.start()
    victim = workers(server)[0]
    os.rename(path, path + ".1")
    server.process.send_signal(signal.SIGUSR1)
    server.wait(lambda: os.path.exists(path), "a new file")
    os.kill(victim, signal.SIGKILL)
    server.wait(lambda: len(set(workers(server)) - {victim}) == 2, "two workers", 20)
    server.wait(lambda: " db.up " in read(path), "the new worker serves", 20)
    server.wait(lambda: events_of_all(server, path), "events in the new file")


def test_a_line_cut_short_is_ended_by_whoever_writes_next(env):
    """A worker has room for the beginning of a line, as on a full disk; then there is room, and the other one writes. A limit
    stands for the full disk; the signal that comes with it ends nobody."""
    server, path = with_file(env, {"log": {"level": "notice", "format": "text"}})
    server.start()
    phones = phones_of_both(server, 1)
    one = min(phones)
    phone, other = phones[one][0], phones[max(phones)][0]
    for each in (phone, other):
        each.password = WRONG
        each.prepare()
    whole, before = os.path.getsize(path), resource.prlimit(one, resource.RLIMIT_FSIZE)
    resource.prlimit(one, resource.RLIMIT_FSIZE, (whole + 40, before[1]))
    phone.exchange(phone.authorize(phone.register_request(C1))).expect(401)
    server.wait(lambda: os.path.getsize(path) == whole + 40, "the beginning of a line")
    resource.prlimit(one, resource.RLIMIT_FSIZE, before)
    other.exchange(other.authorize(other.register_request(C1))).expect(401)
    server.wait(lambda: os.path.getsize(path) > whole + 41, "the line of the other worker")
    lines = read(path)[whole:].splitlines()
    equal(len(lines), 2, "lines of %r" % lines)
    cut, line = lines
    equal(len(cut), 40, "the length of the line that was cut")
    true(re.match(STAMP + r" warning auth\.failed .*src=127\.0\.0\.1:%d " % other.wire.local[1], line), "it is %r" % line)


def test_a_file_that_cannot_be_opened_again_goes_on(env):
    server, path = with_file(env)
    server.start()
    moved = path + ".moved"
    os.rename(path, moved)
    os.mkdir(path)
    server.process.send_signal(signal.SIGUSR1)
    server.wait(lambda: "error log.reopen" in read(moved), "the complaint in the old file")
    true(re.search(r'log\.reopen .*cannot write log\.file .*rollcalld\.log: Is a directory; the old one is still written to"',
                   read(moved)), "it says\n" + read(moved))
    server.wait(lambda: events_of_all(server, moved), "events in the old file")
    os.rmdir(path)


def test_a_file_that_cannot_be_opened_is_told_at_the_start(env):
    server = env.make({"log": {"file": "/nowhere/rollcalld.log"}})
    for options in ((), ("-t",)):
        done = subprocess.run(server.command(*options), capture_output=True, text=True, timeout=60)
        equal(done.returncode, 1, "exit status")
        true("cannot write log.file /nowhere/rollcalld.log: No such file or directory" in done.stderr, "it says " + done.stderr)
    server.configure({"log": {"file": "/dev/null"}})
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=60)
    equal(done.returncode, 1, "exit status")
    true("log.file /dev/null is not a regular file" in done.stderr, "it says " + done.stderr)


def test_checking_creates_no_file(env):
    server = env.make()
    path = os.path.join(server.directory, "new.log")
    server.configure({"log": {"file": path}})
    equal(subprocess.run(server.command("-t", "-q"), timeout=60).returncode, 0, "exit status")
    true(not os.path.exists(path), "-t made the file")


def test_what_ends_a_start_is_said_on_stderr_too(env):
    first = env.start()
    second, path = with_file(env)
    second.configure({("listener", "sip"): first.configuration["listener", "sip"]})
    second.launch()
    equal(second.process.wait(30), 1, "exit status")
    second.process = None
    for text in (second.log, read(path)):
        true("in use by process" in text, "it says " + text)


def test_a_reload_moves_the_log(env):
    server, path = with_file(env)
    server.start()
    server.configure({"log": {"file": path + ".new"}})
    server.reload()
    server.wait(lambda: "configuration applied" in read(path + ".new"), "the new file")
    server.wait(lambda: events_of_all(server, path + ".new"), "events in the new file")
    server.configure({"log": {"file": "/nowhere/x.log"}})
    server.reload()
    server.wait(lambda: "cannot write log.file /nowhere/x.log" in lines_of(read(path + ".new"), "reload refused")[-1]
                if "reload refused" in read(path + ".new") else False, "the refusal")
    server.configure({"log": {"file": ""}})
    server.reload()
    server.wait_log("configuration applied")
    server.wait(lambda: events_of_all(server, server.log_path), "events on stderr")


# --- fail2ban ---

def banned(lines, directory, transports=None):
    """The sources that fail2ban finds, with Debian's own program."""
    path = os.path.join(directory, "lines")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    with tempfile.TemporaryDirectory() as place:  # fail2ban-regex takes no path with a blank for one of a filter
        filter_ = shutil.copy(FILTER, place) + ("" if transports is None else "[transports='%s']" % transports)
        done = subprocess.run(["fail2ban-regex", "-o", "<ip>", path, filter_], capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1) or "Traceback" in done.stderr or "ERROR" in done.stdout + done.stderr:
        raise Failure("fail2ban-regex: status %d %s %s" % (done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
    return sorted(set(done.stdout.split()))


def as_fail2ban_reads_it(server, log_format):
    """The journal takes the priority off; fail2ban puts host and program before the message."""
    lines = server.log.splitlines()
    if log_format == "journal":
        lines = [re.sub(r"^<\d>", "reg-1 rollcalld[812]: ", line) for line in lines]
    return lines


IMITATIONS = (
    "2026-03-04T11:15:02.113Z warning auth.failed reason=bad_password src=203.0.113.66:5060 transport=tls status=401 ",
    "reg-1 rollcalld[812]: auth.failed reason=bad_password src=203.0.113.66:5060 transport=tls ",
    "<4>auth.failed reason=bad_password src=203.0.113.66:5060 transport=tls ",
    '{"time":"2026-03-04T11:15:02.113Z","level":"warning","event":"auth.failed","reason":"bad_password",'
    '"src":"203.0.113.66:5060","transport":"tls","x":"',
    " src=203.0.113.66:5060 transport=tls ",
    'x" src=203.0.113.66:5060 transport=tls reason=bad_password "',
)


@covers("SEC-26.1-1")
def test_fail2ban_finds_the_true_sources_alone(env):
    for log_format in ("text", "json", "journal"):
        server = env.start({"log": {"format": log_format, "level": "debug"}})
        for n, text in enumerate(IMITATIONS, 1):
            source = "127.0.0.%d" % n
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            fail(server, source=source, login=quoted, fields=[("User-Agent", "\r\n\t%s" % text), ("Subject", text)])
            server.phone("tcp", bind=("127.0.1.%d" % n, 0)).reg(C1, fields=[("User-Agent", "\r\n " + text)]).expect(200)
        fail(server, "udp", "127.0.0.77")
        fail(server, "tls")
        server.wait(lambda: len(lines_of(server.log, "auth.failed")) > len(IMITATIONS) + 1, "failures in the log")
        found = banned(as_fail2ban_reads_it(server, log_format), server.directory)
        equal(found, sorted("127.0.0.%d" % n for n in range(1, len(IMITATIONS) + 1)), "sources in format " + log_format)
        found = banned(as_fail2ban_reads_it(server, log_format), server.directory, "udp|tcp|tls")
        true("127.0.0.77" in found and "203.0.113.66" not in found, "sources with udp: %s" % found)
        server.stop()


def test_fail2ban_forgives_old_nonces(env):
    """A phone whose nonce is not good any more guesses nothing, and limits.* do not count it either."""
    for log_format in ("text", "json", "journal"):
        server = env.start({"log": {"format": log_format}})
        phone = server.phone("tcp", bind=("127.0.0.3", 0))
        phone.reg(C1).expect(200)
        phone.exchange(phone.authorize(phone.register_request(C1), nc="00000001")).expect(401)
        fail(server, source="127.0.0.4")
        server.wait(lambda: len(lines_of(server.log, "auth.failed")) == 2, "both in the log")
        true("nonce_replayed" in server.log, server.log)
        equal(banned(as_fail2ban_reads_it(server, log_format), server.directory), ["127.0.0.4"], "sources in format " + log_format)
        server.stop()


def test_fail2ban_finds_ipv6(env):
    server = env.start()
    phone = server.phone("tcp", ipv6=True, password=WRONG)
    phone.reg(C1).expect(401)
    server.wait_log(r"auth\.failed .*src=\[::1\]:")
    equal(banned(server.log.splitlines(), server.directory), ["::1"], "sources")


def test_fail2ban_finds_nothing_in_masked_lines(env):
    server = env.start({"log": {"personal_data": "masked"}})
    fail(server)
    server.wait_log(r"auth\.failed ")
    equal(banned(server.log.splitlines(), server.directory), [], "sources")
