"""The table from requirement to test: rows.tsv on one side, what the tests cite on the other."""
import collections
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOCUMENT = os.path.join(ROOT, "docs", "rfc.md")
ROW = re.compile(r"\b(?:PAR|URI|TRN|TLS|TXN|UAS|AUT|REG|SPS|SEC|PTH|OUT|GRU|CAP|PSH|RDR|BNC|EVT|WSS|BRR|OVL|SAG)"
                 r"-[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*")
AREAS = {"PAR": "Message parser", "URI": "URIs", "TRN": "UDP and TCP", "TLS": "TLS", "TXN": "Server transactions",
         "UAS": "Inspection, responses, OPTIONS", "AUT": "Digest authentication", "REG": "Registrar",
         "SPS": "SIPS", "SEC": "Self-defence", "PTH": "Path and Service-Route", "OUT": "Keep-alive", "CAP": "Capabilities in Contact",
         "PSH": "Push parameters", "BNC": "Bulk numbers", "EVT": "Registration event package", "BRR": "Bearer tokens",
         "OVL": "Overload control", "SAG": "Security agreement"}

HEAD = """# From requirement to test

One line for each requirement of the first release, for each of Path and Service-Route, and for those of later releases of
which a test proves what holds already: what it asks for (shortened), where that stands (a section of RFC 3261 when only § is
given, D-nn for a decision of the product), and the tests that prove it. A test is cited when it fails as soon as the behaviour
breaks. Written by `tests/rfc/update` from what the tests say they prove; `./dev test` fails when a line has no test, when a
cited test did not pass, or when this page is out of date. What is declared not to be met (S/MIME of RFC 3608 §7, see
[calls.md](calls.md)) has no line.
"""

WHOLE = {"PTH"}  # areas whose second priority is due as the first is: one that is finished joins them

Row = collections.namedtuple("Row", "id priority level source text")


def area_of(row):
    return row.id.split("-")[0]


def every_row():
    """In the order of the requirements."""
    with open(os.path.join(HERE, "rows.tsv")) as file:
        return [Row(*line.rstrip("\n").split("\t")) for line in file if not line.startswith("#")]


def due():
    """The rows that need a test."""
    return [row for row in every_row() if row.priority == "1" or (row.priority == "2" and area_of(row) in WHOLE)]


def listed(cited):
    """Those, and what is proved already of the others."""
    needed = set(due())
    return [row for row in every_row() if row in needed or row.id in cited]


def c_citations():
    """Rows named in the comment right above START_TEST."""
    comment = re.compile(r"/\*((?:(?!\*/).)*)\*/\s*START_TEST\(\s*(\w+)\s*\)|((?://[^\n]*\n)+)START_TEST\(\s*(\w+)\s*\)",
                         re.S)
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "*", "*_test.c"))):
        with open(path) as file:
            for block, test, lines, line_test in comment.findall(file.read()):
                for row in ROW.findall(block or lines):
                    yield row, os.path.relpath(path, ROOT), test or line_test


def case_citations():
    """`rows:` lines of the registrations written as text; they belong to the `case:` they stand in."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "cases", "*.case"))):
        title = ""
        with open(path) as file:
            for line in file:
                key, _, value = line.partition(":")
                if key.strip() == "case":
                    title = re.sub(r"\s+#.*", "", value).strip()
                elif key.strip() == "rows":
                    for row in ROW.findall(value):
                        yield row, os.path.relpath(path, ROOT), title


def scenario_citations():
    listed = subprocess.run([os.path.join(ROOT, "tests", "scenarios", "run"), "--citations"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, check=True)
    for line in listed.stdout.splitlines():
        yield tuple(line.split("\t"))


def citations():
    """{row: [(file, test), …]} without repetitions, in the order found."""
    found = collections.defaultdict(list)
    for row, path, test in [*c_citations(), *case_citations(), *scenario_citations()]:
        if (path, test) not in found[row]:
            found[row].append((path, test))
    return found


def document(cited):
    lines, area = [HEAD], None
    for row in listed(cited):
        if area_of(row) != area:
            area = area_of(row)
            lines += ["", "## %s (%s)" % (AREAS[area], area), "", "| Row | Requirement | Source | Proved by |",
                      "|---|---|---|---|"]
        by_file = collections.OrderedDict()
        for path, test in cited.get(row.id, []):
            by_file.setdefault(path, []).append(test)
        proofs = "<br>".join("`%s`: %s" % (path[len("tests/"):], ", ".join(tests)) for path, tests in by_file.items())
        lines.append("| %s | %s %s | %s | %s |" % (row.id, row.level, row.text, row.source, proofs or "**no test yet**"))
    return "\n".join(lines) + "\n"


def fail(problems):
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
