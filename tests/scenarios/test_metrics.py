"""/metrics: what docs/operations.md promises exists, moves when it should, and never goes back."""
import os
import re

from harness import equal
from harness.metrics import scrape

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def documented():
    """{name: (type, labels, meaning)} of the table in docs/operations.md; standard names without the prefix are whole."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as file:
        section = re.search(r"^## Metrics\n(.*?)^## ", file.read(), re.M | re.S).group(1)
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", section, re.M)
    return {name if name.startswith("process_") else "rollcall_" + name:
            (kind, sorted(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows}


def test_documented_is_what_exists(env):
    """Both ways: neither a metric without its row nor a row without its metric, with type, labels and words alike."""
    wanted = documented()
    env.server.wait(lambda: scrape(env.server)["rollcall_bindings"].samples, "a first count of the bindings")
    found = {name: (f.type, f.labels, f.help) for name, f in scrape(env.server).items()}
    for name, facts in found.items():
        equal(wanted.get(name), facts, name + " in docs/operations.md")
    equal(sorted(wanted), sorted(found), "names")
