"""rollcallctl where nothing runs yet: a first configuration, tokens, completion, colours, and words when the daemon is gone."""
import hashlib
import json
import os
import pty
import re
import select
import stat
import subprocess

from harness import equal, true
from harness.failing import PLAIN_BUILD, Failing
from harness.server import BUILD
from test_cli import Terminal, ctl, expect

FLAGS = ("--domain", "example.com", "--database", "postgresql://rollcall@localhost/rollcall")


def directory(env, name):
    path = os.path.join(env.server.directory, name)
    os.mkdir(path, 0o700)
    return path


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def read(path):
    with open(path) as file:
        return file.read()


def hashed(token):
    return hashlib.sha256(token.strip().encode()).hexdigest()


# --- init ---

def test_init_writes_what_the_daemon_takes(env):
    where = directory(env, "init")
    path, tokens = os.path.join(where, "rollcall.conf"), os.path.join(where, "tokens")
    pem = env.server.configuration[("certificate", "main")]
    done = expect(ctl("init", "-c", path, *FLAGS, "--chain", pem["chain"], "--key", pem["key"]), 0, "wrote " + path)
    true(re.fullmatch(r"[0-9a-f]{64}\n", done.stdout), "stdout is not the token alone: %r" % done.stdout)
    equal(read(tokens), "admin %s\n" % hashed(done.stdout), "tokens")
    true(done.stdout.strip() not in read(path) + read(tokens) + done.stderr, "the token stands somewhere else too")
    equal((mode(path), mode(tokens)), (0o640, 0o640), "modes")
    true(len(re.findall(r"(?m)^#", read(path))) >= 5, "the file has no comments")
    checked = subprocess.run([os.path.join(BUILD, "rollcalld"), "-t", "-c", path], capture_output=True, text=True, timeout=60)
    equal(checked.returncode, 0, "rollcalld -t: " + checked.stderr)


def test_init_takes_the_password_file_that_is_there(env):
    where = directory(env, "password-file")
    path, password = os.path.join(where, "rollcall.conf"), os.path.join(where, "db-password")
    expect(ctl("init", "-c", path, *FLAGS), 0)
    true('\n#\tpassword_file = "%s"\n' % password in read(path), "a file that is not there is no comment")
    os.unlink(path)
    with open(password, "w") as file:
        os.chmod(password, 0o644)
        file.write("secret\n")
    expect(ctl("init", "-c", path, *FLAGS), 0, "database.password_file %s can be read by everybody; run: chmod o= " % password)
    true('\n\tpassword_file = "%s"\n' % password in read(path), "the file is not taken")


def test_init_overwrites_nothing(env):
    where = directory(env, "kept")
    path = os.path.join(where, "rollcall.conf")
    with open(path, "w") as file:
        file.write("mine\n")
    expect(ctl("init", "-c", path, *FLAGS), 6, "error: %s is there already and stays as it is" % path)
    equal((read(path), os.listdir(where)), ("mine\n", ["rollcall.conf"]), "what is there")


def test_init_is_all_or_nothing(env):
    """No configuration stays behind when its token cannot be kept: then it can be tried again."""
    where = directory(env, "half")
    path = os.path.join(where, "rollcall.conf")
    os.mkdir(os.path.join(where, "tokens"))
    expect(ctl("init", "-c", path, *FLAGS), 1, "removed %s again" % path)
    os.rmdir(os.path.join(where, "tokens"))
    expect(ctl("init", "-c", path, *FLAGS), 0, "wrote %s" % path)


def test_init_leaves_nothing_on_a_full_disk(env):
    where = directory(env, "full")
    path, tokens = os.path.join(where, "rollcall.conf"), os.path.join(where, "tokens")
    expect(ctl("init", "-c", path, *FLAGS, room=0), 1, path + ": File too large")
    equal(os.listdir(where), [], "files")
    with open(tokens, "w") as file:
        file.write("read %s\n" % ("0" * 64) * 30)
    before = read(tokens)
    expect(ctl("init", "-c", path, *FLAGS, room=len(before) + 20), 1, tokens + ": File too large", "removed %s again" % path)
    equal((os.listdir(where), read(tokens)), (["tokens"], before), "files")
    expect(ctl("init", "-c", path, *FLAGS), 0)


def test_a_token_that_nobody_saw_is_not_kept(env):
    where = directory(env, "unseen")
    path, tokens = os.path.join(where, "rollcall.conf"), os.path.join(where, "tokens")
    lost = "the token was not shown and is lost; %s does not have it" % tokens
    with open("/dev/full", "w") as full:
        expect(ctl("init", "-c", path, *FLAGS, stdout=full), 1, "cannot write the output: No space left on device", lost)
    equal(os.listdir(where), [], "files")
    expect(ctl("init", "-c", path, *FLAGS), 0)
    before = read(tokens)
    create = ("token", "create", "--role", "read", "-c", path)
    with open("/dev/full", "w") as full:
        for words in (create, (*create, "--json")):
            expect(ctl(*words, stdout=full), 1, lost)
            equal(read(tokens), before, "the file")
    reader, writer = os.pipe()
    os.close(reader)
    expect(ctl(*create, stdout=writer), 1, "Broken pipe", lost)
    os.close(writer)
    equal(read(tokens), before, "the file")


def test_calls_that_fail_while_a_token_is_made(env):
    """It is added whole, behind a whole line, or not at all; and it is said when the file could not be mended."""
    where, failing = directory(env, "failing"), Failing(env)
    path, tokens = os.path.join(where, "rollcall.conf"), os.path.join(where, "tokens")
    expect(ctl("init", "-c", path, *FLAGS), 0)
    before = read(tokens).rstrip("\n")
    with open(tokens, "w") as file:
        file.write(before)

    def create(call, error, *words, stdout=subprocess.PIPE):
        failing.arm(call, error)
        done = subprocess.run([os.path.join(PLAIN_BUILD, "rollcallctl"), "token", "create", "--role", "read", "-c", path],
                              stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60,
                              env={**os.environ, **failing.server.environment})
        expect(done, 1, *words)
        equal(failing.disarm()[0], 1, "%s calls that failed" % call)
    for call in ("pread", "fsync"):
        create(call, "EIO", tokens + ": Input/output error")
        equal(read(tokens), before, "the file behind %s" % call)
    with open("/dev/full", "w") as full:
        create("ftruncate", "EIO", "cannot write the output: No space left on device",
               tokens + " keeps a line that is no good: Input/output error", stdout=full)
    equal((read(tokens).splitlines()[0], len(read(tokens).splitlines())), (before, 2), "the file that was not mended")


def test_init_writes_nothing_that_is_no_good(env):
    where = directory(env, "refused")
    path = os.path.join(where, "rollcall.conf")
    expect(ctl("init", "-c", path), 2, "error: no terminal to ask at; say --domain")
    expect(ctl("init", "-c", path, *FLAGS[:2]), 2, "say --database")
    expect(ctl("init", "-c", path, *FLAGS, "--chain", "/x.pem"), 2, "--chain and --key belong together")
    expect(ctl("init", "-c", path, "--domain", 'a"b', *FLAGS[2:]), 2, "--domain may not have")
    expect(ctl("init", "-c", path, "--domain", "exa mple", *FLAGS[2:]), 1, "error: ")
    expect(ctl("init", "-c", "/nonexistent/rollcall.conf", *FLAGS), 1, "/nonexistent/: No such file or directory")
    equal(os.listdir(where), [], "files")


def test_init_asks(env):
    path = os.path.join(directory(env, "asked"), "rollcall.conf")
    terminal = Terminal("init", "-c", path)
    terminal.wait("Domain to serve [example.com]: ").type("voice.example.net\n")
    terminal.wait("Database URL").type("\n")
    terminal.wait("Certificate chain").type("\n")
    equal(terminal.end(), 0, terminal.seen)
    true('domain "voice.example.net"' in read(path), "domain")
    true('url = "postgresql://rollcall@localhost/rollcall"' in read(path), "the suggestion")


def test_init_says_what_is_wrong_with_an_answer(env):
    path = os.path.join(directory(env, "unanswered"), "rollcall.conf")
    for typed, said in (("\x04", "error: the input ends without an answer; say --domain"),
                        ("x" * 2000 + "\n", "error: --domain is longer than 1022 octets"),
                        ("a\"b\n", "error: --domain may not have ")):
        terminal = Terminal("init", "-c", path)
        terminal.wait("Domain to serve [example.com]: ").type(typed)
        equal(terminal.end(), 2, terminal.seen)
        true(said in terminal.seen, "%r is not in %r" % (said, terminal.seen))
        equal(terminal.seen.count("error: "), 1, "errors")
    expect(ctl("init", "-c", path, "--domain", "x" * 2000, *FLAGS[2:]), 2, "--domain is longer than 1022 octets")
    true(not os.path.exists(path), "the file")


# --- tokens ---

def test_token_that_was_made_opens_the_door(env):
    server = env.make()
    tokens = os.path.join(server.directory, "tokens")
    with open(tokens, "w") as file:
        os.chmod(tokens, 0o600)
        file.write("read %s" % ("0" * 64))  # without a line end, as editors leave it
    server.configure({"admin": {"listen": "127.0.0.1:%d" % (server.port + 3), "tokens_file": tokens}})
    server.start()
    config = ("-c", server.configuration_path)
    reader = expect(ctl("token", "create", "--role", "read", *config), 0, "shown once", "rollcallctl reload").stdout
    admin = json.loads(expect(ctl("token", "create", "--role", "admin", "--json", *config), 0).stdout)
    equal((admin["role"], admin["tokens_file"]), ("admin", tokens), "JSON")
    equal(read(tokens).splitlines()[1:], ["read " + hashed(reader), "admin " + hashed(admin["token"])], "the file")
    equal(mode(tokens), 0o600, "the mode that somebody chose")
    server.reload()
    url = ("--url", "http://127.0.0.1:%d" % (server.port + 3), "--token-file")
    for token, status in ((reader.strip(), 4), (admin["token"], 0)):
        mine = os.path.join(server.directory, "mine")
        with open(mine, "w") as file:
            file.write(token + "\n")
        server.wait(lambda: ctl("status", *url, mine).returncode == 0, "the token counts behind the reload")
        expect(ctl("status", *url, mine), 0, "READY")
        expect(ctl("user", "disable", "bob@example.com", *url, mine), status)
        true(token not in server.log, "the token is in the log")


def test_tokens_that_cannot_be_made(env):
    path = os.path.join(directory(env, "tokenless"), "rollcall.conf")
    with open(path, "w") as file:
        file.write('domain "example.com" {\n}\nadmin {\n\ttokens_file = ""\n}\n')
    expect(ctl("token", "create", "-c", path), 2, "--role read or --role admin")
    expect(ctl("token", "create", "--role", "root", "-c", path), 2, "--role read or --role admin")
    expect(ctl("token", "create", "--role", "read", "-c", path), 1, "admin.tokens_file is not set in " + path)


# --- completion ---

def complete(script, *words):
    """What bash offers for the last word."""
    ask = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rollcallctl; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "--norc", "-c", ask, "bash", script, "rollcallctl", *words], capture_output=True, text=True,
                          timeout=60)
    equal((done.returncode, done.stderr), (0, ""), "bash")
    return [line for line in done.stdout.splitlines() if line != ""]


def test_completion(env):
    where = directory(env, "completion")
    script = os.path.join(where, "rollcallctl.bash")
    with open(script, "w") as file:
        file.write(expect(ctl("completion", "bash"), 0).stdout)
    for words, offered in (
            (["stat"], ["status"]), (["us"], ["user"]), (["tok"], ["token"]), (["user", "im"], ["import"]),
            (["-q", "user", "im"], ["import"]), (["--url", "unix:/x", "user", "im"], ["import"]),
            (["user", "import", "--on"], ["--on-duplicate"]), (["user", "import", "--on-duplicate", ""], ["skip", "update", "fail"]),
            (["user", "list", "--on"], []), (["user", "list", "--limit", ""], []), (["user", "list", "--no"], ["--no-color"]),
            (["token", "create", "--role", "a"], ["admin"]), (["explain", "bad_p"], ["bad_password"]),
            (["status", "-c", script[:-3]], [script]), (["user", "import", script[:-3]], [script])):
        equal(sorted(complete(script, *words)), sorted(offered), "completion of %s" % words)
    true({"user", "binding", "init", "completion", "--json", "-h"} <= set(complete(script, "")), "what can come first")


def typed_in_bash(script, where, keys):
    """The line that bash makes of these keys, with TAB for what is to be completed."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "PS1": "", "INPUTRC": "/dev/null", "HISTFILE": ""}
    bash = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave, stderr=slave, cwd=where,
                            env=environment, start_new_session=True)
    os.close(slave)
    shown = os.path.join(where, "shown")
    os.write(master, b"rollcallctl() { printf '%%s\\n' \"$*\" > shown; exit; }; source '%s'; PS1=rea''dy:\n" % script.encode())
    seen = b""
    try:
        while b"ready:" not in seen:
            true(select.select([master], [], [], 30)[0], "bash shows only %r" % seen)
            seen += os.read(master, 65536)
        os.write(master, b"rollcallctl " + keys + b"\n")
        equal(bash.wait(30), 0, "bash")
    finally:
        bash.kill()
        bash.wait()
        os.close(master)
    return read(shown)


def test_words_are_not_completed_as_names_of_files(env):
    where = directory(env, "named")
    script = os.path.join(where, "rollcallctl.bash")
    with open(script, "w") as file:
        file.write(ctl("completion", "bash").stdout)
    os.mkdir(os.path.join(where, "user"))
    os.mkdir(os.path.join(where, "staff"))
    equal(typed_in_bash(script, where, b"use\tim\tsta\tx"), "user import staff/x\n", "the line")
    equal(typed_in_bash(script, where, b"-c sta\tx"), "-c staff/x\n", "the line")


def test_every_command_is_completed(env):
    script = os.path.join(directory(env, "all"), "rollcallctl.bash")
    with open(script, "w") as file:
        file.write(ctl("completion", "bash").stdout)
    commands = re.findall(r"(?m)^  ([a-z]+)(?: ([a-z]+))?  +", ctl("-h").stdout.split("Options for all")[0])
    true(len(commands) > 20, "help has only %s" % commands)
    for noun, verb in commands:
        true(noun in complete(script, noun), noun)
        true(not verb or verb in complete(script, noun, verb), "%s %s" % (noun, verb))
        usage = re.search(r"usage: (.*)", ctl(*filter(None, (noun, verb)), "-h").stdout).group(1)
        for option in re.findall(r"--[a-z-]+", usage):
            true(option in complete(script, *filter(None, (noun, verb)), option), "%s of %s %s" % (option, noun, verb))


# --- colours, reasons, a daemon that is gone ---

def test_colours_only_on_a_terminal_that_wants_them(env):
    socket = "unix:" + env.server.socket
    for arguments, variables, coloured in (((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False),
                                           ((), {"NO_COLOR": ""}, True), ((), {"TERM": "dumb"}, False)):
        terminal = Terminal("status", *arguments, **{"ROLLCALL_URL": socket, "TERM": "xterm", **variables})
        equal(terminal.end(), 0, terminal.seen)
        equal("\033[32mREADY\033[0m" in terminal.seen, coloured, "%s %s: %r" % (arguments, variables, terminal.seen))
        equal("\033" in terminal.seen, coloured, "escapes")
    true("\033" not in env.server.ctl("status").stdout, "escapes in a pipe")


def test_all_reasons(env):
    listed = expect(ctl("explain"), 0).stdout
    reasons = json.loads(ctl("explain", "--json").stdout)["items"]
    true(len(reasons) > 30, "few reasons")
    for reason in reasons:
        true("%s\n    %s\n" % (reason["reason"], reason["text"]) in listed, reason["reason"])


def test_last_words_of_a_daemon_that_is_gone(env):
    where = directory(env, "journal")
    program = os.path.join(where, "journalctl")
    with open(program, "w") as file:
        file.write("#!/bin/sh\ncase $* in *--identifier=rollcalld*) ;; *) echo 'Scheduled restart job.' ;; esac\n"
                   "printf 'stop signal=\\033[31mTERM\\nsecond\\n'\n")  # without it systemd has the last word
    os.chmod(program, 0o755)
    path = os.path.join(where, "nobody.sock")
    expect(ctl("status", "--url", "unix:" + path, PATH=where + ":/usr/bin:/bin"), 5,
           "error: no rollcalld at %s; start it: systemctl start rollcalld; last log: stop signal=?[31mTERM\n" % path)
    failing = Failing(env)
    for call, error, words in (("pipe2", "EMFILE", "its log: journalctl -u rollcalld"), ("waitpid", "EINTR", "last log: stop signal=")):
        failing.arm(call, error)
        done = subprocess.run([os.path.join(PLAIN_BUILD, "rollcallctl"), "status", "--url", "unix:" + path], capture_output=True,
                              text=True, timeout=60, env={**os.environ, **failing.server.environment, "PATH": where + ":/usr/bin:/bin"})
        expect(done, 5, "error: no rollcalld at %s; start it: systemctl start rollcalld; %s" % (path, words))
        equal(failing.disarm()[0], 1, "%s calls that failed" % call)
    with open(program, "w") as file:
        file.write("#!/bin/sh\nexit 1\n")
    expect(ctl("status", "--url", "unix:" + path, PATH=where + ":/usr/bin:/bin"), 5, "its log: journalctl -u rollcalld")
