"""How the programs that are shipped are built, by their ELF files: position independent, relocations read-only and bound at the
start, stack protector, fortified calls, no executable stack, no path of the machine that built them; and what the unit takes
away. A build with sanitizers is not shipped, so the files looked at are those of the package."""
import json
import os
import re
import signal
import subprocess
import tempfile

from harness import Skip, add_test, covers, equal, true
from harness.database import ROOT
from harness.faults import children, workers

PROGRAMS = ("rollcalld", "rollcallctl")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all",
          "--no-new-privs")
SHIPPED = os.path.join(ROOT, ".dev", "build-package")


def path_of(program):
    path = os.path.join(SHIPPED, program)
    if not os.path.exists(path):
        raise Skip("the package was not built; ./dev test hardening builds it")
    return path


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, path_of(program)], capture_output=True, text=True, check=True).stdout


def symbols(program):
    return set(re.findall(r" UND (\w+)", readelf(program, "--dyn-syms")))


def is_position_independent(program):
    true(re.search(r"Type:\s+DYN", readelf(program, "-h")), "not a DYN file")
    true("PIE" in readelf(program, "-d"), "no PIE in FLAGS_1")


def has_full_relro(program):
    dynamic = readelf(program, "-d")
    true("GNU_RELRO" in readelf(program, "-l"), "no GNU_RELRO segment")
    true(re.search(r"BIND_NOW|FLAGS_1.*NOW", dynamic), "not bound at the start: %s" % dynamic)
    true("TEXTREL" not in dynamic, "relocations in the code")
    true("RPATH" not in dynamic and "RUNPATH" not in dynamic, "a path for libraries")


def has_no_executable_data(program):
    stack = re.search(r"GNU_STACK +\S+ +\S+ +\S+ +\S+ +\S+ +(\w+)", readelf(program, "-l"))
    equal(stack and stack.group(1), "RW", "flags of GNU_STACK")
    for flags in re.findall(r"^ +LOAD +\S+ +\S+ +\S+ +\S+ +\S+ +([RWE ]{3})", readelf(program, "-l"), re.M):
        true(not ("W" in flags and "E" in flags), "a segment that is writable and executable")


def has_stack_protector(program):
    true("__stack_chk_fail" in symbols(program), "__stack_chk_fail is not called")


def is_fortified(program):
    checked = {name for name in symbols(program) if name.endswith("_chk") and name != "__stack_chk_fail"}
    true(len(checked) >= 3, "fortified calls: %s" % sorted(checked))
    equal({"sprintf", "vsprintf", "strcpy", "strcat", "gets"} & symbols(program), set(), "calls that know no limit")


def names_no_builder(program):
    with tempfile.NamedTemporaryFile() as stripped:  # as it is in the package
        subprocess.run(["strip", "-o", stripped.name, path_of(program)], check=True)
        with open(stripped.name, "rb") as file:
            true(ROOT.encode() not in file.read(), "the place of the checkout is in the program")


for _program in PROGRAMS:
    for _check in (is_position_independent, has_full_relro, has_no_executable_data, has_stack_protector, is_fortified,
               names_no_builder):
        add_test(globals(), "%s_%s" % (_program, _check.__name__), lambda env, c=_check, p=_program: c(p))


@covers("SEC-26.2-1")
def test_flags_of_the_compiler(env):
    """What leaves no mark in the file: large frames are probed page by page, and asserts stay on."""
    path_of("rollcalld")
    with open(os.path.join(SHIPPED, "compile_commands.json")) as file:
        flags = next(entry["command"] for entry in json.load(file) if entry["file"].endswith("/server/request.c"))
    for flag in ("-fstack-clash-protection", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=3", "-fPIE"):
        true(flag in flags, "%s is not among the flags: %s" % (flag, flags))
    true("-DNDEBUG" not in flags, "asserts are off")


# --- privileges ---

UNIT = {"User": "rollcall", "Group": "rollcall", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "",
        "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
        "ProtectKernelTunables": "yes",
        "ProtectKernelModules": "yes", "ProtectControlGroups": "yes", "RestrictNamespaces": "yes", "RestrictSUIDSGID": "yes",
        "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "SystemCallArchitectures": "native", "LimitCORE": "0",
        "UMask": "0027",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX"}


def unit_lines():
    with open(os.path.join(ROOT, "src", "packaging", "rollcalld.service.in")) as file:
        return dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.M))


@covers("SEC-26.2-1")
def test_the_unit_takes_privileges_away(env):
    """Its user is not root, it keeps no capability, and cannot get one again. test_service has the verdict of systemd."""
    lines = unit_lines()
    equal({key: lines.get(key) for key in UNIT}, UNIT, "lines of the unit")


def test_a_reload_checks_what_is_started(env):
    """With the options of the daemon, which a drop-in may set, for both in one place."""
    with open(os.path.join(ROOT, "src", "packaging", "rollcalld.service.in")) as file:
        unit = file.read()
    start, check = (re.search(r"^%s=\S+/rollcalld(.*)$" % key, unit, re.M).group(1).split() for key in ("ExecStart", "ExecReload"))
    equal(check, ["-t", "-q", *start], "arguments of the check")
    equal(start, ["$ROLLCALLD_OPTIONS"], "arguments of the start")
    equal(re.findall(r"^Environment=(.*)$", unit, re.M), ["ROLLCALLD_OPTIONS="], "none unless somebody says so")


def test_the_unit_runs_what_every_system_has(env):
    """/bin/kill is in procps, which no package of ours depends on."""
    with open(os.path.join(ROOT, "src", "packaging", "rollcalld.service.in")) as file:
        programs = {line.split()[0] for line in re.findall(r"^Exec\w+=(.*)$", file.read(), re.M)}
    equal(programs, {"@CMAKE_INSTALL_FULL_SBINDIR@/rollcalld", "/bin/sh"}, "programs")


def test_the_unit_never_gives_up(env):
    """Usually five starts in ten seconds are the last: two of systemd's own and three by somebody who is looking for the fault."""
    equal(unit_lines().get("StartLimitIntervalSec"), "0", "StartLimitIntervalSec")


def test_the_journal_drops_no_lines(env):
    """Usually it takes 10,000 lines in 30 s, a few times that on a large disk, and the rest is gone and counted nowhere. Zero, which
    should mean no limit, is ignored by systemd 252."""
    lines = unit_lines()
    equal((lines.get("LogRateLimitIntervalSec"), lines.get("LogRateLimitBurst")), ("1s", "100000"), "lines that the journal takes")


def test_a_process_killed_for_memory_stops_no_other(env):
    """The usual policy of systemd ends the whole service when the kernel kills one worker of it."""
    equal(unit_lines().get("OOMPolicy"), "continue", "OOMPolicy")
    equal(unit_lines().get("Restart"), "on-failure", "Restart, for the master")


def identities(server):
    """(pid, user, effective capabilities) of the master and its children."""
    for pid in [server.process.pid, *children(server.process.pid)]:
        with open("/proc/%d/status" % pid) as file:
            status = file.read()
        users = set(re.search(r"^Uid:\t(.*)$", status, re.M).group(1).split()) | \
            set(re.search(r"^Gid:\t(.*)$", status, re.M).group(1).split())
        yield pid, users, re.search(r"^CapEff:\s+(\w+)", status, re.M).group(1).strip("0")


def for_nobody(env, server=None):
    """A server whose files user nobody can reach, and its directory for sockets."""
    server = server or env.make()
    os.chmod(server.configuration_path, 0o644)
    os.chmod(server.directory + "/password", 0o644)
    os.chmod(server.certificates, 0o755)
    os.chmod(server.certificates + "/server.key", 0o644)
    sockets = os.path.join(env.sockets, "nobody")
    os.chmod(env.sockets, 0o755)
    os.makedirs(sockets, exist_ok=True)
    os.chown(sockets, 65534, 65534)
    server.socket = os.path.join(sockets, "%s.sock" % os.path.basename(server.directory))
    if subprocess.run([*NOBODY, "test", "-r", server.configuration_path, "-a", "-x", server.command()[0]]).returncode != 0:
        raise Skip("user nobody cannot reach this directory")
    return server


@covers("SEC-26.2-1")
def test_as_an_ordinary_user(env):
    """A daemon without any privilege serves phones: nothing of it needs root."""
    if os.geteuid() != 0:
        env.server.phone().opt().expect(200)  # these tests run as an ordinary user themselves
        return
    server = for_nobody(env)
    server.configure({"admin": {"socket": server.socket}})
    plain = server.command
    server.command = lambda *options: [*NOBODY, *plain(*options)]
    server.start()
    server.phone("tcp").reg("<sip:alice@192.0.2.10:5062>").expect(200)
    true("running as root" not in server.log, "it takes itself for root")
    for _, users, capabilities in identities(server):
        equal((users, capabilities), ({"65534"}, ""), "users and groups, capabilities")


@covers("SEC-26.2-1")
def test_root_becomes_the_user_that_is_named(env):
    """With its group, without root's other groups, in every process, before it opens anything, and for good."""
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    server = for_nobody(env)
    server.configure({"server": {"user": "nobody"}, "admin": {"socket": server.socket}})
    server.start()
    for transport in ("udp", "tcp", "tls"):
        server.phone(transport).reg("<%s:alice@192.0.2.10:5062>" % ("sips" if transport == "tls" else "sip")).expect(200)
    everybody = list(identities(server))
    equal(len(everybody), 2 + len(workers(server)), "processes")
    for _, users, capabilities in everybody:
        equal((users, capabilities), ({"65534"}, ""), "users and groups, capabilities")
    with open("/proc/%d/status" % server.process.pid) as file:
        equal(re.search(r"^Groups:\s*(.*?)\s*$", file.read(), re.M).group(1), "65534", "supplementary groups")
    true("running as root" not in server.log, "it takes itself for root")
    equal(os.stat(server.socket).st_uid, 65534, "owner of the admin socket")
    killed = workers(server)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    server.wait(lambda: len(set(workers(server)) - set(killed)) == len(killed), "successors")
    equal({frozenset(users) for _, users, _ in identities(server)}, {frozenset({"65534"})}, "users of the successors")
    server.phone("tls").reg("<sips:alice@192.0.2.10:5062>").expect(200)
    server.ctl("reload")


@covers("SEC-26.2-1")
def test_who_stays_root_is_told(env):
    """And who cannot become another one does not start."""
    if os.geteuid() == 0:
        env.server.wait_log(r" warning start .*message=\"running as root, which is not needed; server.user names whom to become")
    server = env.make({"server": {"user": "no-such-user"}})
    done = subprocess.run(server.command(), capture_output=True, text=True, timeout=30)
    equal(done.returncode, 1, "exit status")
    true("server.user: no-such-user is no user of this host; make one with useradd --system --user-group no-such-user, "
         "or leave it empty"
         in done.stderr, done.stderr)
    if os.geteuid() == 0:
        server = for_nobody(env)
        server.configure({"server": {"user": "root"}, "admin": {"socket": server.socket}})
        done = subprocess.run([*NOBODY, *server.command()], capture_output=True, text=True, timeout=30)
        equal(done.returncode, 1, "exit status")
        true("server.user: only root can become root; start as root or as root, or" in done.stderr, done.stderr)


@covers("SEC-26.2-1")
def test_check_looks_with_the_eyes_of_that_user(env):
    """What root can read and the daemon cannot is found before the start."""
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    server = for_nobody(env)
    server.configure({"server": {"user": "nobody"}})
    check = [*server.command(), "-t"]
    equal(subprocess.run(check, capture_output=True, text=True).stdout, "configuration ok\n", "what it says")
    os.chmod(server.configuration_path, 0o600)
    for command in (check, server.command()):
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        equal(done.returncode, 1, "exit status")
        true("error: user nobody: cannot read" in done.stderr, done.stderr)
    os.chmod(server.configuration_path, 0o644)
    os.chmod(server.certificates + "/server.key", 0o600)
    done = subprocess.run(check, capture_output=True, text=True)
    equal(done.returncode, 1, "exit status")
    true("server.key" in done.stderr and "ermission denied" in done.stderr, done.stderr)
