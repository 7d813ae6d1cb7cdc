"""rollcallctl's output: lists page by page, formats that a command has and has not, files that were not finished."""
import http.server
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
