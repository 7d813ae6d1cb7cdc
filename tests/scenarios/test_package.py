"""The Debian package and cmake --install: what is in them, and a whole life of the package on a copy of this system."""
import glob
import hashlib
import os
import re
import shutil
import subprocess

from harness import Failure, Skip, equal, true
from harness.database import DAEMON_PASSWORD, ROOT
from harness.server import BUILD, free_ports

FILES = ["usr/sbin/rollcalld", "usr/bin/rollcallctl", "usr/share/rollcall/sql/001_init.sql",
         "usr/share/bash-completion/completions/rollcallctl",
         "usr/lib/systemd/system/rollcalld.service", "etc/fail2ban/filter.d/rollcall.conf",
         "usr/share/man/man8/rollcalld.8.gz", "usr/share/man/man1/rollcallctl.1.gz", "usr/share/man/man5/rollcall.conf.5.gz",
         "usr/share/doc/rollcall/operations.md", "usr/share/doc/rollcall/examples/rollcall.conf",
         "usr/share/doc/rollcall/copyright", "usr/share/doc/rollcall/changelog.gz"]
BUILT = {}


def run(*command, check=True, **how):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600, **how)
    if check and done.returncode != 0:
        raise Failure("%s: status %d\n%s%s" % (" ".join(command), done.returncode, done.stdout[-3000:], done.stderr[-3000:]))
    return done


def package(env):
    """The path of the .deb, built once a run."""
    if "deb" not in BUILT:
        run(os.path.join(ROOT, "dev"), "in_step", "build_package")
        found = glob.glob(os.path.join(ROOT, ".dev", "build-package", "rollcall_*.deb"))
        equal(len(found), 1, "packages")
        BUILT["deb"] = found[0]
    return BUILT["deb"]


def page(deb, directory, name):
    """A manual page as text, one line a paragraph."""
    run("dpkg-deb", "-x", deb, directory)
    path = os.path.join(directory, "usr/share/man/man%s/%s.gz" % (name[-1], name))
    text = run("mandoc", "-T", "utf8", "-O", "width=900", path).stdout
    return re.sub(".\b", "", text)


# --- what is in it ---

def test_files_and_fields(env):
    deb = package(env)
    listed = {}
    for line in run("dpkg-deb", "-c", deb).stdout.splitlines():
        mode, owner, _, _, _, name = line.split(None, 5)
        listed[name[2:]] = (mode, owner)
    for name in FILES:
        true(name in listed, "%s is missing among %s" % (name, sorted(listed)))
    for name, (mode, owner) in listed.items():
        equal(owner, "root/root", "owner of " + name)
        true("w" not in mode[5:], "%s is %s" % (name, mode))
        true(name.startswith(("usr/", "etc/")), "%s is outside of /usr and /etc" % name)
    version = run(os.path.join(BUILD, "rollcalld"), "-V").stdout.split()[1]
    fields = run("dpkg-deb", "-f", deb).stdout
    true("Package: rollcall\n" in fields and "Version: %s\n" % version in fields, fields)
    equal(os.path.basename(deb), "rollcall_%s_%s.deb" % (version, re.search(r"Architecture: (\w+)", fields).group(1)), "name")
    depends = re.search(r"^Depends: (.*)$", fields, re.M).group(1)
    for name in ("adduser", "libc6", "libpq5", "libssl3", "libmicrohttpd12"):
        true(re.search(r"\b%s\b" % name, depends), "no %s in Depends: %s" % (name, depends))


def test_lintian_has_nothing_to_say(env):
    done = run("lintian", "--fail-on", "error,warning", package(env), check=False)
    equal(done.returncode, 0, "status of lintian, which says\n" + done.stdout)


def test_built_again_it_is_the_same(env):
    def digest():
        with open(BUILT["deb"], "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    package(env)
    first = digest()
    BUILT.clear()
    package(env)
    equal(digest(), first, "sha256")


def test_cmake_installs_elsewhere_too(env):
    deb = package(env)
    destination = os.path.join(env.directory, "destination")
    run("cmake", "--install", os.path.dirname(deb), "--prefix", "/usr", env={**os.environ, "DESTDIR": destination})
    for name in FILES:
        true(os.path.exists(os.path.join(destination, name)), name + " is missing")
    equal(run(os.path.join(destination, "usr/sbin/rollcalld"), "-V").stdout[:10], "rollcalld ", "rollcalld -V")
    with open(os.path.join(destination, "usr/lib/systemd/system/rollcalld.service")) as file:
        true("\nExecStart=/usr/sbin/rollcalld $ROLLCALLD_OPTIONS\n" in file.read(), "the unit starts something else")


# --- manual pages ---

def test_manual_pages_are_well_formed(env):
    """scdoc begins paragraphs that turn out to be empty; everything else that mandoc warns of is our fault."""
    deb = package(env)
    run("dpkg-deb", "-x", deb, env.directory + "/pages")
    for path in glob.glob(env.directory + "/pages/usr/share/man/*/*.gz"):
        said = run("mandoc", "-T", "lint", "-W", "warning", path, check=False).stdout
        complaints = [line for line in said.splitlines() if "skipping paragraph macro" not in line]
        equal(complaints, [], "complaints")


def test_every_key_is_in_its_manual_page(env):
    text = page(package(env), env.directory + "/keys", "rollcall.conf.5")
    printed = run(os.path.join(BUILD, "rollcalld"), "--print-default-config").stdout
    sections = re.findall(r'^(\w+)(?: "[^"]*")? \{\n(.*?)^\}', printed, re.M | re.S)
    true(len(sections) >= 12, "only %d sections" % len(sections))
    for section, body in sections:
        at = re.search(r"^   %s( NAME)?$(.*?)(?=^   \w|^\w)" % section, text, re.M | re.S)
        true(at, "no section %s in\n%s" % (section, text))
        for key in re.findall(r"^\t(\w+) = ", body, re.M):
            true(re.search(r"^ +%s( = |, must be given)" % key, at.group(2), re.M), "no key %s.%s" % (section, key))


def test_every_command_and_option_is_in_the_manual_page(env):
    text = page(package(env), env.directory + "/commands", "rollcallctl.1")
    with open(os.path.join(ROOT, "src", "ctl", "options.c")) as file:
        options = re.findall(r'^\t\{ "([a-z-]+)", ', file.read(), re.M)
    true(len(options) > 20, "only %d options" % len(options))
    for option in options:
        true(re.search(r"--%s\b" % option, text), "no option --" + option)
    help_lines = run(os.path.join(BUILD, "rollcallctl"), "-h").stdout
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", help_lines.split("Options for all")[0], re.M)
    true(len(commands) > 15, "only %s" % commands)
    for command in commands:
        true(re.search(r"^ +%s\b" % command, text, re.M), "no command " + command)


def test_every_option_of_the_daemon_is_in_its_manual_page(env):
    text = page(package(env), env.directory + "/daemon", "rollcalld.8")
    usage = run(os.path.join(BUILD, "rollcalld"), "-h").stdout
    for option in re.findall(r"(?<=\[)-{1,2}[a-zA-Z-]+", usage):
        true(option in text, "no option " + option)
    for name in ("HUP", "TERM", "INT", "USR1", "USR2"):
        true(re.search(r"\b%s\b" % name, text), "no signal " + name)


# --- its life, on a copy of this system ---

CONFIGURATION = """
server { workers = 1 }
domain "example.com" {}
listener "sip" { bind = {"127.0.0.1:%(port)d"} transport = {"udp", "tcp"} }
database { url = "%(url)s" password_file = "/etc/rollcall/db-password" }
admin { listen = "" }
health { listen = {"127.0.0.1:%(health)d"} drain_delay = 0s drain_spread = 0s }
log { file = "/var/log/rollcall/rollcalld.log" format = text }
"""

# Everything that is written stays in memory and is gone with the mount namespace. systemctl is a witness here.
PREPARE = r"""
set -eu
root=$1/root
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$2" "$root/mnt"
mkdir -p "$root/run/systemd/system" "$root/usr/local/bin" "$root/tmp"
for sockets in /tmp/rollcall*; do
	[ ! -d "$sockets" ] || { mkdir -p "$root$sockets"; mount --bind "$sockets" "$root$sockets"; }
done
printf '#!/bin/sh\necho "systemctl $*" >>/systemctl.log\n' >"$root/usr/local/bin/systemctl"
chmod 0755 "$root/usr/local/bin/systemctl"
touch "$root/systemctl.log"
exec chroot "$root" sh /mnt/life
"""

LIFE = r"""
set -eu
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
say() { printf '%s\n' "$*"; }
state() { stat -c '%n %a %U:%G' "$@"; }

say "== install"
dpkg -i /mnt/rollcall.deb
say "-- state"
getent passwd rollcall | cut -d: -f1,6,7
state /etc/rollcall /etc/rollcall/conf.d /etc/rollcall/tls
cat /systemctl.log

say "== run"
install -m 0640 -o root -g rollcall /mnt/rollcall.conf /etc/rollcall/rollcall.conf
install -m 0640 -o root -g rollcall /mnt/db-password /etc/rollcall/db-password
printf key | install -m 0640 -o root -g rollcall /dev/stdin /etc/rollcall/tls/privkey.pem
rollcalld -V
rollcallctl version
# As the unit restricts it: no capability, no new privileges, nothing can be written but its own two directories.
install -d -o rollcall -g rollcall /run/rollcall
install -d -m 0750 -o rollcall -g rollcall /var/log/rollcall
mount -t tmpfs -o mode=0755,uid=$(id -u rollcall) none /run/rollcall
mount -t tmpfs -o mode=0750,uid=$(id -u rollcall) none /var/log/rollcall
mount -o remount,ro /
unprivileged="setpriv --reuid=rollcall --regid=rollcall --init-groups --bounding-set=-all --inh-caps=-all --no-new-privs"
$unprivileged rollcalld -t
$unprivileged prlimit --nofile=4096 rollcalld &
daemon=$!
tries=0
until curl -fsS -m 5 "http://127.0.0.1:$(cat /mnt/health)/readyz" >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || { cat /var/log/rollcall/rollcalld.log; exit 1; }
	sleep 0.1
done
rollcallctl status | head -n 1
state /run/rollcall/admin.sock
kill -TERM $daemon
wait $daemon
say "daemon ended with $?"
tail -n 1 /var/log/rollcall/rollcalld.log
umount /run/rollcall /var/log/rollcall
mount -o remount,rw /

say "== upgrade"
: >/systemctl.log
chmod 0700 /etc/rollcall/tls
say "# of the administrator" >>/etc/rollcall/rollcall.conf
dpkg -i /mnt/rollcall.deb
say "-- state"
tail -n 1 /etc/rollcall/rollcall.conf
state /etc/rollcall/tls /etc/rollcall/rollcall.conf
cat /systemctl.log

say "== remove"
: >/systemctl.log
dpkg -r rollcall
say "-- state"
[ ! -e /usr/sbin/rollcalld ] && say "program gone"
state /etc/rollcall/rollcall.conf
cat /systemctl.log

say "== purge"
dpkg -P rollcall
say "-- state"
[ ! -e /etc/rollcall/rollcall.conf ] && [ ! -e /etc/rollcall/db-password ] && say "configuration gone"
[ ! -e /etc/fail2ban/filter.d/rollcall.conf ] && say "filter gone"
[ ! -e /var/log/rollcall ] && say "log gone"
find /etc/rollcall -type f
say "== install again, purge without anything of the administrator"
rm -r /etc/rollcall
dpkg -i /mnt/rollcall.deb >/dev/null
dpkg -P rollcall >/dev/null
say "-- state"
[ ! -e /etc/rollcall ] && say "directory gone"
"""


def test_install_run_upgrade_remove_purge(env):
    if os.geteuid() != 0:
        raise Skip("needs root for a mount namespace")
    database, port = env.new_database(), free_ports(4)
    given, system = os.path.join(env.directory, "given"), os.path.join(env.directory, "system")
    os.makedirs(given)
    os.makedirs(system)
    shutil.copy(package(env), os.path.join(given, "rollcall.deb"))
    for name, text in (("life", LIFE), ("prepare", PREPARE), ("db-password", DAEMON_PASSWORD), ("health", str(port + 2)),
                       ("rollcall.conf", CONFIGURATION % {"port": port, "health": port + 2, "url": database.url})):
        with open(os.path.join(given, name), "w") as file:
            file.write(text)
    probe = run("unshare", "-m", "true", check=False)
    if probe.returncode != 0:
        raise Skip("no mount namespace here: " + probe.stderr.strip())
    # With a process namespace as well, nothing outlives the script.
    done = run("unshare", "-m", "--propagation", "private", "-p", "-f", "--kill-child", "sh", os.path.join(given, "prepare"),
               system, given, check=False)
    said = done.stdout
    if done.returncode != 0 and "== install" not in said:
        raise Skip("no overlay file system here: " + done.stderr.strip()[-200:])
    equal(done.returncode, 0, "status after\n%s\n%s\n" % (said[-4000:], done.stderr[-4000:]))

    def part(name):
        return re.search(r"^== %s\n(.*?)(?=^== |\Z)" % name, said, re.M | re.S).group(1)

    def state(name):
        return part(name).split("-- state\n")[1].splitlines()
    true("Next: rollcallctl init, and " in part("install"), "what the installation says\n" + part("install"))
    equal(state("install"), ["rollcall:/nonexistent:/usr/sbin/nologin", "/etc/rollcall 750 root:rollcall",
                             "/etc/rollcall/conf.d 750 root:rollcall", "/etc/rollcall/tls 750 root:rollcall",
                             "systemctl daemon-reload"], "after the installation")
    true(re.search(r"^rollcalld \d+\.\d+\.\d+\n", part("run"), re.M), "it ran\n" + part("run"))
    true(re.search(r"^rollcall \d.* READY ", part("run"), re.M), "it ran\n" + part("run"))
    true("\n/run/rollcall/admin.sock 660 rollcall:rollcall\n" in part("run"), "it ran\n" + part("run"))
    true("\ndaemon ended with 0\n" in part("run") and " notice stop " in part("run"), "it ran\n" + part("run"))
    equal(state("upgrade"), ["# of the administrator", "/etc/rollcall/tls 700 root:rollcall",
                             "/etc/rollcall/rollcall.conf 640 root:rollcall", "systemctl daemon-reload"], "after the upgrade")
    equal(state("remove"), ["program gone", "/etc/rollcall/rollcall.conf 640 root:rollcall",
                            "systemctl --quiet disable --now rollcalld.service", "systemctl daemon-reload"], "after removal")
    equal(state("purge"), ["configuration gone", "filter gone", "log gone", "/etc/rollcall/tls/privkey.pem"], "after the purge")
    true(said.endswith("directory gone\n"), "it ended with\n" + said[-500:])
