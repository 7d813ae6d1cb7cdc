"""What goes wrong around a server: processes that die or stand still, a database that is slow, fails or is cut off."""
import collections
import contextlib
import os
import re
import resource
import select
import signal
import socket
import threading
import time

from harness.check import Failure


# --- processes ---

def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def alive(pid):
    """Neither gone nor a zombie."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def socket_inodes(pid):
    found = set()
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            try:
                match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink("/proc/%d/fd/%s" % (pid, fd)))
            except OSError:
                continue
            if match:
                found.add(match.group(1))
    except OSError:
        pass
    return found


@contextlib.contextmanager
def full(pid):
    """The process can open nothing more: its limit is the first number that it does not use."""
    used = {int(fd) for fd in os.listdir("/proc/%d/fd" % pid)}
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE, (next(n for n in range(hard) if n not in used), hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def udp_sockets(port):
    """{inode: octets waiting} of the UDP sockets bound to this port."""
    found = {}
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with open(table) as file:
            for fields in (line.split() for line in file.readlines()[1:]):
                if int(fields[1].rpartition(":")[2], 16) == port:
                    found[fields[9]] = int(fields[4].partition(":")[2], 16)
    return found


def workers(server):
    """Those children of the master that hold a socket for SIP over UDP."""
    sip = set(udp_sockets(server.port))
    return [pid for pid in children(server.process.pid) if socket_inodes(pid) & sip]


def wait_workers(server, count, timeout=20.0):
    def all_there():
        found = workers(server)
        return found if len(found) == count else None
    return server.wait(all_there, "%d workers" % count, timeout)


def wait_successor(server, victim):
    """Another one has taken the place of the only worker and has its database: on a busy machine phones hear 503 before."""
    server.wait(lambda: workers(server) not in ([], [victim]), "another worker", 30)
    phone = server.phone("tcp")
    server.wait(lambda: phone.reg0("<sip:alice@192.0.2.10>").status == 401, "the new worker serves phones", 20)
    phone.close()
    server.phones.remove(phone)


def admin(server):
    """The child that holds no socket for SIP; None while there is none."""
    known = workers(server)
    return next((pid for pid in children(server.process.pid) if pid not in known and alive(pid)), None)


class Stopped:
    """with Stopped(pid, …): these processes stand still."""

    def __init__(self, *pids):
        self.pids = pids

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


def worker_of(server, phone):
    """The worker that gets this phone's datagrams: while all stand still, theirs is the queue that grows."""
    known = workers(server)
    with Stopped(*known):
        before = udp_sockets(server.port)
        phone.send(phone.request("OPTIONS", "sip:example.com"))

        def grown():
            now = udp_sockets(server.port)
            return next((inode for inode in now if now[inode] > before.get(inode, 0)), None)
        inode = server.wait(grown, "the datagram waits in a socket")
        owner = next(pid for pid in known if inode in socket_inodes(pid))
    if phone.receive() is None:
        raise Failure("no answer of worker %d" % owner)
    return owner


def worker_with(server, wire):
    """The worker that has this connection."""
    ends = ["%04X" % wire.socket.getpeername()[1], "%04X" % wire.local[1]]

    def owner():
        with open("/proc/net/tcp") as file:
            inode = next((row[9] for row in (line.split() for line in file)
                          if [row[1].rpartition(":")[2], row[2].rpartition(":")[2]] == ends), "0")
        return next((pid for pid in workers(server) if inode in socket_inodes(pid)), None)
    return server.wait(owner, "a worker has accepted")


def phones_of_both(server, count=2, transport="udp"):
    """{worker: [phone, …]} with so many phones for each of the workers."""
    found = {pid: [] for pid in workers(server)}
    for _ in range(200):
        if all(len(phones) >= count for phones in found.values()):
            return found
        phone = server.phone(transport, scheme="sip")
        found[worker_of(server, phone) if transport == "udp" else worker_with(server, phone.wire)].append(phone)
    raise Failure("one worker gets nothing: %s" % found)


def cpu_ticks(server):
    """CPU time of the daemon and its children in ticks of 10 ms."""
    total = 0
    for pid in [server.process.pid] + children(server.process.pid):
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def resident_kb(pid, what="VmRSS"):
    """Now; VmHWM: at most so far."""
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^%s:\s+(\d+)" % what, file.read(), re.M).group(1))


# --- the database ---

def on_commit(database, body, user="alice"):
    """Runs this PL/pgSQL whenever a commit changes the address of the user, or any address for None; without_fault() ends it."""
    condition = "" if user is None else "when (new.aor = '%s@example.com')" % user
    database.query("""
        create sequence if not exists test_commits;
        create or replace function test_on_commit() returns trigger language plpgsql security definer as $$
        begin
            %s
            return new;
        end $$;
        drop trigger if exists test_on_commit on aor; -- create or replace is new in PostgreSQL 14
        create trigger test_on_commit before update on aor for each row %s execute function test_on_commit();
    """ % (body, condition))


def slow_commits(database, seconds, user="alice"):
    on_commit(database, "perform pg_sleep(%g);" % seconds, user)


def failing_commits(database, sqlstate, times=1000000, user="alice"):
    """The next commits fail. The sequence counts them: it is not rolled back."""
    on_commit(database, "if nextval('test_commits') <= %d then raise exception 'made to fail' using errcode = '%s'; end if;"
              % (times, sqlstate), user)
    database.query("alter sequence test_commits restart")


def without_fault(database):
    database.query("drop trigger if exists test_on_commit on aor")


def add_users(database, count, password, prefix="u"):
    """u0@example.com and so on, by one statement."""
    database.query("""
        insert into account (aor, login, ha1_md5, ha1_sha256)
        select n || '@example.com', n, md5(n || ':example.com:%(p)s'),
            encode(sha256(convert_to(n || ':example.com:%(p)s', 'UTF8')), 'hex')
        from (select '%(u)s' || i as n from generate_series(0, %(c)d) i) names
    """ % {"p": password, "u": prefix, "c": count - 1})


class Answers:
    """What PostgreSQL has said over one connection and nobody has heard yet, with when it was."""

    def __init__(self):
        self.waiting, self.ended, self.are_late = collections.deque(), False, False

    def add(self, data):
        self.waiting.append((time.monotonic(), data))
        self.ended = not data

    def due(self, delay):
        """The next one, when it has waited for so long; None when there is none."""
        if self.waiting and self.waiting[0][0] + delay <= time.monotonic():
            return self.waiting.popleft()[1]
        return None


class Between:
    """A pipe between daemon and PostgreSQL that may be cut, in particular when a commit passes.

    cut_before: so many commits never reach PostgreSQL. cut_behind: so many are done, and nobody hears of it. While hold() holds,
    nothing gets through in either direction. aim() leads new connections to another cluster. delay: so many seconds after
    PostgreSQL gave them come its answers; with late, only those of a connection over which something like that has gone.
    """
    COMMIT = re.compile(rb"commit(_one)?\0\0")  # a Bind: the name of the statement, then a count below 256

    def __init__(self, env, cluster):
        self.cut_before = self.cut_behind = self.commits = 0
        self.delay, self.late = 0.0, re.compile(b"")
        self.flowing, self.carried = threading.Event(), set()
        self.flowing.set()
        self.directory = os.path.join(env.sockets, "between%d" % id(self))
        os.mkdir(self.directory)
        self.aim(cluster)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(self.directory, ".s.PGSQL.5432"))
        self.listener.listen(64)
        env.cleanups.append(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database):
        return "postgresql://rollcall@/%s?host=%s" % (database.name, self.directory)

    def aim(self, cluster):
        self.target = os.path.join(cluster.sockets, ".s.PGSQL.5432")

    def hold(self):
        self.flowing.clear()

    def release(self):
        self.flowing.set()

    def reset(self):
        """Cuts every connection there is."""
        for near in list(self.carried):
            try:
                near.shutdown(socket.SHUT_RDWR)
            except OSError:  # it ended by itself
                pass

    def close(self):
        self.listener.close()
        self.release()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self.target)
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near, far):
        self.carried.add(near)
        with near, far:
            try:
                answers = Answers()
                while self._step(near, far, answers):
                    pass
            except OSError:
                pass
        self.carried.discard(near)

    def _step(self, near, far, answers):
        readable = select.select([near] if answers.ended else [near, far], [], [], 0.02 if answers.waiting else None)[0]
        if far in readable:
            answers.add(far.recv(65536))
        while (data := answers.due(self.delay if answers.are_late else 0.0)) is not None:
            self.flowing.wait()
            near.sendall(data)
            if not data:
                return False
        if near not in readable:
            return True
        data = near.recv(65536)
        self.flowing.wait()
        answers.are_late = answers.are_late or bool(self.delay and self.late.search(data))
        if self.COMMIT.search(data):
            self.commits += 1
            if self.cut_before > 0:
                self.cut_before -= 1
                return False
            if self.cut_behind > 0:
                self.cut_behind -= 1
                far.sendall(data)
                far.recv(65536)  # PostgreSQL flushes when it is done with the statement
                return False
        far.sendall(data)
        return bool(data)
