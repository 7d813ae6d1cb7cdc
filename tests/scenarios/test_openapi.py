"""The OpenAPI document: served as it stands, complete, and each of its examples is what the daemon answers."""
import json
import os
import re
import urllib.parse

from harness import equal, true
from harness.check import Failure
from harness.http import ask
from harness.schema import complaints

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE = os.path.join(ROOT, "src/admin/openapi.json")
API = "/api/v1"
# What differs from one run to the next: only the type and the form of these is compared.
COUNTED = {"$.items[0].bindings"}  # null until the first count, which may be over by now
VOLATILE = {"id", "source", "peer", "call_id", "cseq", "created_at", "updated_at", "changed_at", "expires_at", "expires_in",
            "started_at", "seen_at", "seen_ago", "next_page_token", "not_before", "not_after", "until", "names"}

with open(FILE, encoding="utf-8") as file:
    DOCUMENT = json.load(file)


def operations():
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def resolved(value):
    """A response or a parameter, behind its $ref if it is one."""
    while "$ref" in value:
        name, value = value["$ref"], DOCUMENT
        for part in name[2:].split("/"):
            value = value[part]
    return value


class Example:
    """One request that the document shows, and what it says comes back."""

    def __init__(self, path, method, operation, name, status, content):
        self.path, self.method, self.operation, self.name = path, method, operation, name
        self.status, self.type, self.wanted = status, *content
        self.schema = operation["responses"][status]["content"][self.type]["schema"] if self.type else None

    def target(self):
        path, query = self.path, {}
        for parameter in map(resolved, self.operation.get("parameters", ())):
            given = parameter.get("examples", {}).get(self.name)
            if given is not None and parameter["in"] == "path":
                path = path.replace("{%s}" % parameter["name"], urllib.parse.quote(str(given["value"]), safe=""))
            elif given is not None:
                query[parameter["name"]] = given["value"]
        if "{" in path:
            raise Failure("%s %s: no value for the path" % (self.operation["operationId"], self.name))
        return API + path + ("?" + urllib.parse.urlencode(query) if query else "")

    def body(self):
        content = self.operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        given = content.get("examples", {}).get(self.name)
        return None if given is None else given["value"]


def examples():
    """By (operationId, name of the example)."""
    found = {}
    for path, method, operation in operations():
        for status, response in operation["responses"].items():
            shown = [(name, (kind, example["value"])) for kind, content in resolved(response).get("content", {}).items()
                     for name, example in content.get("examples", {}).items()]
            shown += [(name, (None, None)) for name in response.get("x-examples", ())]
            for name, content in shown:
                key = operation["operationId"], name
                true(key not in found, "%s stands twice" % (key,))
                found[key] = Example(path, method, operation, name, status, content)
    return found


def differences(wanted, got, where="$"):
    """Where an answer is not what the document shows."""
    if where.rpartition(".")[2] in VOLATILE:
        if not isinstance(got, type(wanted)):
            yield "%s is %r, the document shows %r" % (where, got, wanted)
    elif isinstance(wanted, dict) and isinstance(got, dict):
        for name in sorted(set(wanted) ^ set(got)):
            yield "%s: %s is only in %s" % (where, name, "the document" if name in wanted else "the answer")
        for name in set(wanted) & set(got):
            yield from differences(wanted[name], got[name], where + "." + name)
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, pair in enumerate(zip(wanted, got)):
            yield from differences(*pair, "%s[%d]" % (where, index))
    elif wanted is None and where in COUNTED:
        if got is not None and not isinstance(got, int):
            yield "%s is %r, the document shows %r" % (where, got, wanted)
    elif undated(wanted) != undated(got):
        yield "%s is %r, the document shows %r" % (where, got, wanted)


def undated(value):
    return re.sub(r"\d{4}-\d\d-\d\d", "DATE", value) if isinstance(value, str) else value


def judge(example, answer):
    what = "%s %s" % (example.operation["operationId"], example.name)
    if answer.status != int(example.status):
        raise Failure("%s: answer is %d, the document says %s: %r" % (what, answer.status, example.status, answer.body[:600]))
    if example.type is None:
        equal(answer.body, b"", what)
        return
    equal(answer.get("content-type"), example.type, what)
    wrong = [*complaints(example.schema, answer.json, DOCUMENT), *differences(example.wanted, answer.json)]
    true(not wrong, "%s: %s\nanswer %s" % (what, "; ".join(wrong), json.dumps(answer.json)))


def test_the_document_is_served(env):
    answer = ask(env.server.socket, "GET", API + "/openapi.json").expect(200)
    with open(FILE, "rb") as file:
        true(answer.body == file.read(), "it is not src/admin/openapi.json")
    equal(answer.get("content-type"), "application/json", "type")


def test_every_route_is_documented(env):
    """With its role and its arguments, and nothing else is."""
    with open(os.path.join(ROOT, "src/admin/routes.c")) as file:
        rows = re.findall(r'\{\s*"([A-Z]+)",\s*"([^"]+)",\s*ROLE_(\w+),\s*"([^"]*)"', file.read())
    true(len(rows) > 10, "only %d routes were found" % len(rows))
    routes = {(method, path, role.lower(), arguments) for method, path, role, arguments in
              ((m, p, r, " ".join(sorted(a.split()))) for m, p, r, a in rows) if path != "openapi.json"}
    documented = {(method, re.sub(r"\{\w+\}", "{}", path[1:]), operation["x-role"],
                   " ".join(sorted(p["name"] for p in map(resolved, operation.get("parameters", ())) if p["in"] == "query")))
                  for path, method, operation in operations()}
    equal(sorted(routes - documented), [], "routes that the document does not have so")
    equal(sorted(documented - routes), [], "operations that do not exist so")


def test_examples_fit_their_schemas(env):
    """Those of requests as well."""
    for path, _method, operation in operations():
        contents = [*operation.get("requestBody", {}).get("content", {}).values(),
                    *(c for r in operation["responses"].values() for c in resolved(r).get("content", {}).values())]
        for content in contents:
            for name, example in content.get("examples", {}).items():
                wrong = list(complaints(content["schema"], example["value"], DOCUMENT))
                true(not wrong, "%s %s: %s" % (operation["operationId"], name, "; ".join(wrong)))


# --- the examples, in an order in which each finds what it needs ---

def register_alice(server):
    phone = server.phone("udp", user="alice")
    phone.reg('<sip:alice@192.0.2.5:5060>;q=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"',
              fields=[("User-Agent", "Bria 6.7"), ("Expires", "2880")]).expect(200)


def node_is_listed(server):
    server.wait(lambda: [n for n in json.loads(server.api("/nodes")[1])["items"] if n["state"] == "ready"], "the node in the list", 30)


def phone_stays(server):
    """So that there is somebody to move away, and draining takes its time."""
    server.phone("tcp", user="alice").reg("<sip:alice@192.0.2.5:5060>").expect(200)


def ends(server):
    server.wait(lambda: server.process.poll() is not None, "the end of the daemon", 60)
    server.process = None


STEPS = [
    register_alice,
    "listBindings alice", "listBindings badip", "listBindings badtoken", "countBindings transport",
    "showAor alice", "showAor nobody", "showAor noaddress",
    "removeBinding gone", "removeBindings all",
    "createUser carol", "createUser again", "createUser foreign", "listUsers carol", "showUser carol", "showUser nobody",
    "changeUser disable", "deleteUser carol", "deleteUser gone", "createUsers two",
    "addBan one", "addBan crooked", "addBan exempt", "listBans one", "removeBan one", "removeBan gone",
    node_is_listed, "listNodes one", "listCertificates one", "checkConfig good", "reload good",
    "showLogLevel now", "changeLogLevel info",
    "drain later", "undrain back", phone_stays, "drain atonce", "undrain late", ends,
]


def test_every_example(env):
    """Against a node that is called as in the examples, with nothing in it but the baseline users."""
    shown, server = examples(), env.start({"server": {"name": "reg-1"}, "registration": {"expires_jitter": "0%"},
                                         "health": {"drain_delay": "60s", "drain_spread": "5s", "drain_timeout": "90s"}})
    missing = [" ".join(key) for key in shown if " ".join(key) not in STEPS]
    equal(missing, [], "examples that no step runs")
    failures = []
    for step in STEPS:
        if callable(step):
            step(server)
            continue
        example = shown.get(tuple(step.split()))
        true(example is not None, "the document has no example %s" % step)
        try:
            judge(example, ask(server.socket, example.method, example.target(), example.body()))
        except Failure as failure:
            failures.append(str(failure))
    true(not failures, "\n".join(failures))
