"""rollcallctl's output: lists page by page, formats that a command has and has not, files that were not finished."""
import csv
import http.server
import io
import json
import os
import threading

from harness import equal, true
from test_cli import ctl, expect

USER = {"username": "al", "domain": "example.com", "login": "al", "enabled": True}


class Api:
    """An admin API that gives these answers, one after the other: (status, document)."""

    def __init__(self, env, *answers):
        rest = list(answers)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, document = rest.pop(0)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status == 200 else "application/problem+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env.cleanups.append(server.server_close)
        env.cleanups.append(server.shutdown)
        self.url = ("--url", "http://127.0.0.1:%d" % server.server_address[1])


# --- lists and files ---

def test_csv_has_one_first_line_also_behind_empty_pages(env):
    api = Api(env, (200, {"items": [], "next_page_token": "a"}), (200, {"items": [], "next_page_token": "b"}),
              (200, {"items": [USER]}))
    rows = expect(ctl("user", "list", "--csv", *api.url), 0).stdout.splitlines()
    equal([row.split(",")[0] for row in rows], ["username", "al"], "rows")


def test_an_export_that_failed_leaves_no_file(env):
    path = os.path.join(env.server.directory, "failed.csv")
    pages = (200, {"items": [USER] * 1000, "next_page_token": "a"})
    expect(ctl("user", "export", path, *Api(env, pages, (503, {"title": "Gone", "reason": "database_unavailable"})).url), 7)
    true(not os.path.exists(path), "half of an export")
    expect(ctl("user", "export", path, "--url", "http://127.0.0.1:1"), 5)
    true(not os.path.exists(path), "an empty export")
    done = expect(ctl("user", "export", path, *Api(env, (200, {"items": [USER]})).url, room=10), 1,
                  "cannot write the output: File too large")
    equal(done.stderr.count("error: "), 1, "errors")
    true(not os.path.exists(path), "an export that did not fit")
    with open(path, "w") as file:
        file.write("mine\n")
    expect(ctl("user", "export", path, *Api(env, (200, {"items": [USER]})).url), 1, "File exists")
    true(os.path.exists(path), "what was there before")
    os.unlink(path)
    expect(ctl("user", "export", path, *Api(env, (200, {"items": [USER]})).url), 0)


# --- formats ---

def test_version_and_one_reason_as_data(env):
    version = json.loads(expect(ctl("version", "--json"), 0).stdout)["version"]
    equal(ctl("version").stdout, "rollcallctl %s\n" % version, "words")
    equal(expect(ctl("--version", "--ndjson"), 0).stdout, '{"version":"%s"}\n' % version, "NDJSON")
    reason = json.loads(expect(ctl("explain", "bad_password", "--json"), 0).stdout)
    true(reason["reason"] == "bad_password" and len(reason["text"]) > 10, reason)
    equal(json.loads(expect(ctl("explain", "bad_password", "--ndjson"), 0).stdout), reason, "NDJSON")
    equal(list(csv.DictReader(io.StringIO(expect(ctl("explain", "bad_password", "--csv"), 0).stdout))), [reason], "CSV")


def test_documents_on_one_line(env):
    server = env.server
    for words in (("status",), ("config", "check"), ("reload",), ("log", "level")):
        document = server.ctl(*words, "--ndjson").stdout
        equal(document.count("\n"), 1, "lines of %s" % (words,))
        equal(json.loads(document).keys(), json.loads(server.ctl(*words, "--json").stdout).keys(), "members of %s" % (words,))


def test_what_was_changed_as_data(env):
    server = env.server
    for words, enabled in (("disable", False), ("enable", True)):
        user = json.loads(server.ctl("user", words, "bob@example.com", "--ndjson").stdout)
        equal((user["username"], user["enabled"]), ("bob", enabled), "user")
    ban = ("ban", "add", "198.51.100.0/24", "--for", "1h")
    try:
        rows = list(csv.DictReader(io.StringIO(server.ctl(*ban, "--csv").stdout)))
        equal([(row["cidr"], row["expires_in"]) for row in rows], [("198.51.100.0/24", "3600")], "CSV")
        equal(server.ctl_json(*ban)["cidr"], "198.51.100.0/24", "JSON")
    finally:
        server.ctl("ban", "remove", "198.51.100.0/24")


def test_init_as_data(env):
    where = os.path.join(env.server.directory, "data")
    os.mkdir(where, 0o700)
    made = json.loads(expect(ctl("init", "-c", os.path.join(where, "rollcall.conf"), "--domain", "example.com", "--database",
                                 "postgresql://rollcall@localhost/rollcall", "--json"), 0).stdout)
    equal((made["role"], made["tokens_file"], len(made["token"])), ("admin", os.path.join(where, "tokens"), 64), "JSON")


def test_formats_that_a_command_has_not(env):
    """Refused before anything is done: the server is not even asked."""
    nowhere = ("--url", "unix:/nonexistent")
    for words, format, said in ((("status",), "csv", "status has no --csv; it has --json, --ndjson"),
                                (("config", "check"), "csv", "config check has no --csv; it has --json, --ndjson"),
                                (("db", "status"), "csv", "db status has no --csv; it has --json, --ndjson"),
                                (("version",), "csv", "version has no --csv; it has --json, --ndjson"),
                                (("user", "delete", "alice@example.com", "--yes"), "json",
                                 "user delete has no --json; it prints words, no data"),
                                (("completion", "bash"), "ndjson", "completion bash has no --ndjson; it prints words, no data")):
        equal(expect(ctl(*words, "--" + format, *nowhere), 2, "error: " + said).stdout, "", "stdout")


def test_a_ban_is_told_as_it_holds(env):
    server = env.server
    try:
        expect(server.ctl("ban", "add", "198.51.100.7", "--for", "90m"), 0, "198.51.100.7/32 gets silence for 1h 30m\n")
        done = expect(server.ctl("ban", "add", "198.51.100.7", "--for", "1m"), 0, "gets silence for 1h ",
                      "; it was already banned for longer\n")
        true("silence for 1m" not in done.stderr, done.stderr)
    finally:
        server.ctl("ban", "remove", "198.51.100.7")


def test_numbers_have_the_digits_that_were_measured(env):
    server = env.server
    server.phone().reg("<sip:alice@192.0.2.10:5062>").expect(200)
    recent = server.wait(lambda: (lambda r: r if r and r["ok"] else None)(server.ctl_json("status")["recent"]),
                         "the registration among the last ten seconds", 30)
    for name, digits in (("seconds", 1), ("registers_per_second", 1), ("ok", 4), ("challenged", 4), ("failed", 4), ("p50_ms", 3),
                         ("db_p50_ms", 3)):
        equal(recent[name], round(recent[name], digits), name)
