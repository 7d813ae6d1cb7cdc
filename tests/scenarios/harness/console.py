"""Console examples of a document: commands behind a prompt, and what they print, run again and compared.

Numbers, times and ids differ from run to run, and columns with them: they are compared as such. "…" stands for anything.
"""
import difflib
import re
import subprocess

from harness.check import Failure

ID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
TIME = r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
SPAN = r"\b\d+(\.\d+)?(ms|s|m|h|d)( \d+(s|m|h))?\b"
NUMBER = r"\b\d+((?:[  .])\d+)*\b(?!\.\d)"


def examples(text):
    """(heading, [(command, [line of its output, …]), …]) for each console block."""
    heading, inside, found = "", None, []
    for line in text.splitlines():
        if inside is None and re.match(r"#+ ", line):
            heading = line.lstrip("# ")
        elif line.startswith("```"):
            if inside:
                found.append((heading, inside))
            inside = [] if line == "```console" else None
        elif inside is not None and re.match(r"[$#] ", line):
            inside.append((line[2:], []))
        elif inside and inside[-1][0].endswith("\\"):
            inside[-1] = (inside[-1][0][:-1] + line.strip(), [])
        elif inside and (line or inside[-1][1]):
            inside[-1][1].append(line)
    return found


def timeless(line):
    for pattern, word in ((ID, "ID"), (TIME, "TIME"), (SPAN, "SPAN"), (NUMBER, "N")):
        line = re.sub(pattern, word, line)
    return " ".join(line.split())


def fits(wanted, got):
    return re.fullmatch(".*".join(map(re.escape, timeless(wanted).split("…"))), timeless(got)) is not None


def compare(command, wanted, got):
    if len(wanted) != len(got) or not all(fits(*pair) for pair in zip(wanted, got)):
        shown = difflib.unified_diff([timeless(line) for line in wanted], [timeless(line) for line in got],
                                     "the document", "this run", lineterm="")
        raise Failure("$ %s\n%s" % (command, "\n".join(shown)))


def run(command, directory, environment):
    done = subprocess.run(["sh", "-c", command], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.stdout.rstrip("\n").splitlines()
