"""Control from outside: configuration, reload, draining and log level through the admin API."""
import os
import signal
import time

from harness import equal, true
from harness.faults import wait_successor, workers
from harness.http import ask
from test_reload import C1, closed, issue, open_streams, own_certificates, still_open

API = "/api/v1"
TWO = {"server": {"workers": "2"}}
SLOW = {"health": {"drain_delay": "3s", "drain_spread": "1s", "drain_timeout": "20s"}}


def call(server, method, path, body=None, fields=()):
    return ask(server.socket, method, API + path, body, fields)


def options(server):
    return {o["key"]: o for o in call(server, "GET", "/config").expect(200).json["options"]}


def line_of(server, text):
    with open(server.configuration_path) as file:
        return 1 + next(n for n, line in enumerate(file) if text in line)


# --- configuration ---

def test_config_with_origins(env):
    server = env.make({"limits": {"per_ip_burst": 321}}, options=("-o", "limits.ipv6_prefix=56")).start()
    shown = options(server)
    path = server.configuration_path
    equal(shown["limits.per_ip_burst"], {"key": "limits.per_ip_burst", "value": "321", "default": "200", "applied_on": "reload",
                                         "origin": "%s:%d" % (path, line_of(server, "per_ip_burst"))}, "from the file")
    equal((shown["limits.ipv6_prefix"]["value"], shown["limits.ipv6_prefix"]["origin"]), ("56", "command line"), "-o")
    equal((shown["limits.overload_delay"]["value"], shown["limits.overload_delay"]["origin"]), ("500ms", "default"), "default")
    equal(shown["domain.example.com.schemes"]["value"], "both", "of a titled section")
    equal(shown["certificate.main.chain"]["default"], "", "what must be given has no default")
    equal(shown["server.workers"]["applied_on"], "restart", "applied_on")
    true(len(shown) > 80, "%d options" % len(shown))


def test_config_shows_what_is_in_force(env):
    server = env.start({"database": {"retries": 2}, "limits": {"per_ip_burst": 321}})
    server.configure({"database": {"retries": 4}, "limits": {"per_ip_burst": 432}})
    for _ in range(2):  # it is still not so
        equal(call(server, "POST", "/reload").expect(200).json["needs_restart"], ["database.retries"], "needs_restart")
    shown = options(server)
    equal(shown["database.retries"]["value"], "2", "waits for a restart")
    equal(shown["limits.per_ip_burst"]["value"], "432", "applied")


# --- reload ---

def test_reload_reports_true_differences(env):
    server = own_certificates(env, env.make(TWO)).start()
    streams, pids = open_streams(server), workers(server)
    nothing = {"applied": [], "needs_restart": [], "warnings": []}
    equal(call(server, "POST", "/reload").expect(200).json, nothing, "nothing changed")
    server.configure({"limits": {"per_ip_burst": 777}, ("domain", "new.example"): {}, "server": {"workers": "3"}})
    server.configure({("certificate", "main"): {"chain": server.certificates + "/server.pem", "key": server.certificates + "/server.key"}})
    issue(env, server, "reported")
    before = call(server, "POST", "/config:check").expect(200).json
    report = call(server, "POST", "/reload").expect(200).json
    equal(before, {"ok": True, "errors": [], **report}, "a check says the same beforehand")
    equal(report["needs_restart"], ["server.workers"], "needs_restart")
    equal(report["applied"][0:1], ["domain new.example added"], "a section")
    true(any(a.startswith("limits.per_ip_burst ") and a.endswith(" → 777") for a in report["applied"]), "%r" % report["applied"])
    true(report["applied"][-1].startswith("certificate main (expires 20"), "%r" % report["applied"])
    equal(len(report["applied"]), 3, "number of changes")
    true("not served domain" in report["warnings"][0] or "new.example" in report["warnings"][0], "%r" % report["warnings"])
    server.wait_log(r"notice reload node=reg-test message=\"applied: domain new\.example added\"")
    server.wait_log(r"notice reload node=reg-test message=\"applied: limits\.per_ip_burst \d+ -> 777\"")
    server.wait_log(r"these take effect after a restart: server\.workers")
    equal({**nothing, "warnings": report["warnings"], "needs_restart": ["server.workers"]},
          call(server, "POST", "/reload").expect(200).json, "what is applied is applied")
    still_open(streams)
    equal(workers(server), pids, "workers")
    phone = server.phone("tcp", domain="new.example")
    phone.reg0(C1).expect(401)


def test_hang_up_logs_the_same_report(env):
    server = env.start()
    server.configure({("domain", "new.example"): {}})
    server.reload()
    server.wait_log(r"notice reload node=reg-test message=\"applied: domain new\.example added\"")
    server.configure({("domain", "new.example"): None})
    equal(call(server, "POST", "/reload").expect(200).json["applied"], ["domain new.example removed"], "applied")


def test_reload_of_a_bad_file_changes_nothing(env):
    server = env.start()
    streams, before = open_streams(server), options(server)
    good = {key: dict(value) for key, value in server.configuration.items()}
    server.configure({"registration": {"expires_may": "1h", "expires_min": "60"}, "limits": {"per_ip_burst": 777}})
    problem = call(server, "POST", "/reload").expect(422, "config_invalid")
    equal(problem.get("content-type"), "application/problem+json", "Content-Type")
    errors = sorted(problem.json["errors"], key=lambda e: "expires_may" not in e["message"])
    equal([(e["file"], e["line"]) for e in errors],
          [(server.configuration_path, line_of(server, "expires_may")), (server.configuration_path, line_of(server, "expires_min"))],
          "both mistakes and their places")
    true('no such option "expires_may" in registration; did you mean "expires_' in errors[0]["message"], errors[0]["message"])
    equal(errors[1]["message"], "expires_min = 60 has no unit; write 60s or 1m", "message")
    checked = call(server, "POST", "/config:check").expect(200).json
    equal((checked["ok"], checked["errors"], checked["applied"]), (False, problem.json["errors"], []), "config:check")
    server.wait_log(r"error reload node=reg-test message=\"reload refused, still running the previous configuration: "
                    r".*rollcall\.conf:\d+: error: expires_min = 60 has no unit")
    equal(options(server), before, "configuration")
    still_open(streams)
    server.configuration = good
    server.configure({})


def test_check_collects_all_faults_and_touches_nothing(env):
    server = own_certificates(env, env.make()).start()
    streams = open_streams(server)
    with open(server.certificates + "/server.pem", "w") as file:
        file.write("nothing\n")
    import socket
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        server.configure({("listener", "more"): {"bind": ["127.0.0.1:%d" % taken], "transport": ["tcp"]},
                          "database": {"password_file": "/nowhere/password"}})
        found = call(server, "POST", "/config:check").expect(200).json["errors"]
        errors = [e["message"] for e in found]
        with open(server.configuration_path) as file:
            lines = file.read().splitlines()
    for error in found:  # each with the line that names what is no good
        equal(error["file"], server.configuration_path, "file of " + error["message"])
        line = lines[error["line"] - 1]
        true(any(word in line and word in error["message"] for word in ("server.pem", "/nowhere/password", str(taken))),
             "line %d, %r, of %s" % (error["line"], line, error["message"]))
    for text in ("server.pem: holds no certificate", "database.password_file /nowhere/password: ",
                 "cannot open tcp 127.0.0.1:%d: in use by process %d" % (taken, os.getpid())):
        true(any(text in e for e in errors), "%r is not in %r" % (text, errors))
    still_open(streams)
    true("reload" not in server.log, "a check leaves no trace in the log")


def test_faults_name_their_line(env):
    """Of files, whose sentences know nothing of the configuration."""
    server = own_certificates(env, env.make()).start()
    stranger = env.certificates("stranger")
    with open(server.certificates + "/server.pem") as file:
        alone = file.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    with open(server.certificates + "/alone.pem", "w") as file:
        file.write(alone)
    key = server.certificates + "/server.key"
    cases = (("certificate", {"key": stranger + "/server.key"}, "private key does not belong to chain", "key = "),
             ("certificate", {"key": "/nowhere/key"}, "/nowhere/key: no such file", "key = "),
             ("certificate", {"key": key, "chain": server.certificates + "/alone.pem"}, "is not in the file; use the full chain",
              "chain = "),
             ("log", {"file": "/nowhere/log"}, "/nowhere/log", "file = "))
    for section, changes, words, names in cases:
        kept = {name: dict(value) for name, value in server.configuration.items()}
        server.configure({("certificate", "main") if section == "certificate" else section: changes})
        errors = call(server, "POST", "/config:check").expect(200).json["errors"]
        equal(len(errors), 1, "errors: %s" % errors)
        true(words in errors[0]["message"], "%r is not in %r" % (words, errors[0]["message"]))
        with open(server.configuration_path) as file:
            line = file.read().splitlines()[errors[0]["line"] - 1]
        true(line.startswith("\t" + names), "line %d, %r, of %s" % (errors[0]["line"], line, errors[0]["message"]))
        server.configuration = kept
    server.configure({})


def test_who_may(env):
    from test_admin import bearer, with_tcp
    server = with_tcp(env).start()
    asked = (("GET", "/config"), ("POST", "/config:check"), ("POST", "/reload"), ("POST", "/drain"), ("DELETE", "/drain"),
             ("GET", "/log-level"), ("PUT", "/log-level"))
    for method, path in asked:
        ask(server.admin_tcp, method, API + path, None, bearer("reader")).expect(403, "forbidden")
        ask(server.admin_tcp, method, API + path).expect(401, "unauthorized")
    equal(server.health()[0], 200, "/readyz")
    ask(server.admin_tcp, "POST", API + "/reload", None, bearer("writer")).expect(200)
    server.wait_log(r"notice admin\.write status=200 token=admin node=reg-test method=\"POST\" path=\"/api/v1/reload\"")
    server.wait_log(r"notice admin\.write status=403 token=read node=reg-test method=\"POST\" path=\"/api/v1/drain\"")
    true('method="GET"' not in server.log, "reading is no write")


def test_bodies_of_commands(env):
    server = env.server
    call(server, "POST", "/reload", {}).expect(200)
    call(server, "POST", "/reload", {"force": True}).expect(400, "invalid_field")
    call(server, "POST", "/config:check", []).expect(400, "invalid_body")
    call(server, "POST", "/drain", {"now": "yes"}).expect(400, "invalid_field")
    call(server, "POST", "/drain", {"soon": True}).expect(400, "invalid_field")
    for body in ({}, {"level": "loud"}, {"level": 7}, {"level": "debug", "for": 0}, {"level": "debug", "for": "600"},
                 {"level": "debug", "for": 604801}, {"level": "debug", "until": "later"}):
        call(server, "PUT", "/log-level", body).expect(400, "invalid_field")
    equal(server.health()[0], 200, "/readyz")


def test_master_that_stands_still(env):
    """The exchange has a deadline of its own, and the admin API goes on."""
    server = env.start({"admin": {"request_timeout": "1s"}})
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        call(server, "POST", "/reload").expect(503, "master_timeout")
        call(server, "GET", "/stats").expect(200)
        equal(server.health()[0], 200, "/readyz")
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    call(server, "GET", "/config").expect(200)


# --- certificates ---

def test_certificates_are_listed_and_follow_a_reload(env):
    server = own_certificates(env, env.make()).start()
    item, = call(server, "GET", "/certificates").expect(200).json["items"]
    equal(sorted(item), ["certificate", "chain", "default", "expires_in", "issuer", "names", "not_after", "not_before", "subject"], "fields")
    equal((item["certificate"], item["chain"], item["default"]), ("main", 2, True), "item")
    true("example.com" in item["names"] and item["not_before"].endswith("Z") and item["not_after"].endswith("Z"), "%r" % item)
    true(80 * 86400 < item["expires_in"] <= 90 * 86400, "expires_in %d" % item["expires_in"])
    phone = server.phone("tls")
    phone.opt().expect(200)
    issue(env, server, "listed")
    call(server, "POST", "/reload").expect(200)
    server.wait(lambda: "other.example" in call(server, "GET", "/certificates").json["items"][0]["names"], "the new one is listed")
    phone.opt().expect(200)


def test_no_certificates_is_an_empty_list(env):
    server = env.make({("certificate", "main"): None, ("listener", "tls"): None}).start()
    equal(call(server, "GET", "/certificates").expect(200).json, {"items": []}, "certificates")


# --- log level ---

def quiet(server, phone):
    before = len(server.log)
    phone.reg0(C1).expect(401)
    return len(server.log) == before


def debug(server, phone):
    before = server.log.count("auth.challenge")
    phone.reg0(C1).expect(401)
    return server.log.count("auth.challenge") > before


def test_log_level_for_a_while(env):
    server = env.start({"log": {"level": "notice"}})
    phone = server.phone("tcp")
    equal(call(server, "GET", "/log-level").expect(200).json, {"level": "notice", "configured": "notice", "until": None}, "level")
    answer = call(server, "PUT", "/log-level", {"level": "debug", "for": 3}).expect(200).json
    equal((answer["level"], answer["until"][-1]), ("debug", "Z"), "answer")
    server.wait(lambda: debug(server, phone), "debug lines")
    server.wait(lambda: call(server, "GET", "/log-level").json["level"] == "notice", "back again", 30)
    server.wait(lambda: quiet(server, phone), "no debug lines")


def test_log_level_stays_through_reload_and_new_workers(env):
    server = env.start({"log": {"level": "notice"}})
    phone = server.phone("tcp")
    equal(call(server, "PUT", "/log-level", {"level": "debug"}).expect(200).json["until"], None, "until")
    server.wait(lambda: debug(server, phone), "debug lines")
    server.configure({"log": {"level": "warning"}})
    call(server, "POST", "/reload").expect(200)
    true(debug(server, phone), "a reload ended it")
    victim, = workers(server)
    os.kill(victim, signal.SIGKILL)
    wait_successor(server, victim)
    phone = server.phone("tcp")
    server.wait(lambda: debug(server, phone), "debug lines of the new worker", 20)
    equal(call(server, "GET", "/log-level").json, {"level": "debug", "configured": "warning", "until": None}, "level")
    call(server, "PUT", "/log-level", {"level": "warning"}).expect(200)
    server.wait(lambda: quiet(server, phone), "no debug lines")


def test_usr2_and_the_api_are_one_switch(env):
    server = env.start({"log": {"level": "notice"}})

    def level():
        return call(server, "GET", "/log-level").json["level"]
    server.process.send_signal(signal.SIGUSR2)
    server.wait(lambda: level() == "debug", "debug")
    true(call(server, "GET", "/log-level").json["until"] is not None, "USR2 ends by itself")
    call(server, "PUT", "/log-level", {"level": "notice"}).expect(200)
    server.process.send_signal(signal.SIGUSR2)
    server.wait(lambda: level() == "debug", "the next USR2 begins again")
    server.process.send_signal(signal.SIGUSR2)
    server.wait(lambda: level() == "notice", "and the next ends it")


# --- draining ---

def test_drain_and_undrain(env):
    server = env.start(SLOW)
    streams = open_streams(server)
    equal(call(server, "POST", "/drain").expect(202).json,
          {"state": "draining", "drain_delay": 3.0, "drain_spread": 1.0, "drain_timeout": 20.0}, "answer")
    equal(server.health()[0], 503, "/readyz")
    call(server, "POST", "/drain").expect(202)  # is no second TERM
    server.wait(lambda: streams[1].opt().status == 503, "OPTIONS 503")
    server.phone("tls").reg("<sips:alice@192.0.2.10:5062>").expect(200)
    equal(call(server, "DELETE", "/drain").expect(200).json, {"state": "ready"}, "answer")
    equal(server.health()[0], 200, "/readyz")
    server.wait(lambda: streams[1].opt().status == 200, "OPTIONS 200")
    call(server, "DELETE", "/drain").expect(200)
    time.sleep(3.2)  # the drain_delay that began is over
    still_open(streams)
    server.phone("tls").opt().expect(200)
    server.wait_log(r"notice admin\.write status=202 uid=\d+ node=reg-test method=\"POST\" path=\"/api/v1/drain\"")
    server.wait_log(r"notice drain node=reg-test message=\"called off; ready again\"")


def test_undrain_comes_too_late(env):
    server = env.start({"health": {"drain_delay": "0s", "drain_spread": "3s", "drain_timeout": "20s"}})
    kept = server.phone("tcp")
    kept.opt().expect(200)
    call(server, "POST", "/drain").expect(202)
    server.wait(lambda: closed(server.port), "the listeners are closed")
    call(server, "DELETE", "/drain").expect(409, "too_late")
    call(server, "POST", "/reload").expect(409, "too_late")
    equal(server.process.wait(30), 0, "exit status")


def test_drain_now(env):
    server = env.start({"health": {"drain_delay": "60s", "drain_spread": "0s", "drain_timeout": "90s"}})
    server.phone("tcp").opt().expect(200)
    call(server, "POST", "/drain", {"now": True}).expect(202)
    equal(server.process.wait(30), 0, "exit status")


def test_drain_now_while_draining(env):
    server = env.start({"health": {"drain_delay": "60s", "drain_spread": "0s", "drain_timeout": "90s"}})
    server.process.send_signal(signal.SIGTERM)
    server.wait(lambda: server.health()[0] == 503, "draining")
    call(server, "POST", "/drain", {"now": True}).expect(202)
    equal(server.process.wait(30), 0, "exit status")


def test_worker_that_dies_while_draining_is_replaced(env):
    """Phones are served until the listeners close, so somebody must serve them; it is told that the node drains."""
    server = env.start({"health": {"drain_delay": "60s", "drain_spread": "0s", "drain_timeout": "90s"}})
    call(server, "POST", "/drain").expect(202)
    victim, = workers(server)
    os.kill(victim, signal.SIGKILL)
    wait_successor(server, victim)
    phone = server.phone("tcp")
    server.wait(lambda: phone.reg(C1).status == 200, "the new worker serves", 20)
    phone.opt().expect(503)
    call(server, "DELETE", "/drain").expect(200)
    server.wait(lambda: phone.opt().status == 200, "OPTIONS 200")
    call(server, "POST", "/drain", {"now": True}).expect(202)
    equal(server.process.wait(30), 0, "exit status")
