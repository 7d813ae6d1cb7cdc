"""The text format 0.0.4 of Prometheus, read strictly: whatever a scraper might stumble over is a failure here."""
import math
import re
import time

from harness.check import Failure
from harness.http import ask

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(r"(%s)(?:\{(.*)\})? (\S+)" % NAME)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
VALUE = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|\+Inf")
PARTS = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


class Family:
    def __init__(self, name, help):
        self.name, self.help, self.type, self.samples = name, help, None, {}

    @property
    def labels(self):
        """The names of its labels, without the one of the buckets."""
        return sorted({name for _, labels in self.samples for name, _ in labels} - {"le"})

    def value(self, part="", **wanted):
        """The sum over all series that have these labels."""
        return sum(value for (name, labels), value in self.samples.items()
                   if name == self.name + part and wanted.items() <= dict(labels).items())


def labels_of(text, line):
    found, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match:
            raise Failure("labels of %r" % line)
        found.append((match.group(1), re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m.group(1), m.group(1)), match.group(2))))
        at = match.end()
    if text.endswith(",") or len({name for name, _ in found}) != len(found):
        raise Failure("labels of %r" % line)
    return tuple(sorted(found))


def judge_histogram(family):
    series = {}
    for (name, labels), value in family.samples.items():
        if name == family.name + "_bucket":
            rest = tuple(label for label in labels if label[0] != "le")
            series.setdefault(rest, []).append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
    for labels, buckets in series.items():
        bounds, counts = [b for b, _ in buckets], [c for _, c in buckets]
        count = family.samples.get((family.name + "_count", labels))
        if bounds != sorted(set(bounds)) or counts != sorted(counts) or bounds[-1] != math.inf or counts[-1] != count:
            raise Failure("buckets of %s %s: %s, count %s" % (family.name, labels, buckets, count))
        if (family.name + "_sum", labels) not in family.samples:
            raise Failure("no sum of %s %s" % (family.name, labels))


def parse(text):
    """{name: Family}"""
    families, family = {}, None
    if not text.endswith("\n"):
        raise Failure("the last line has no end")
    for line in text[:-1].split("\n"):
        words = line.split(" ", 3)
        if line.startswith("# HELP "):
            family = Family(words[2], words[3])
            if words[2] in families or not family.help or "\\" in family.help:
                raise Failure("a second family or no help: %r" % line)
            families[words[2]] = family
        elif line.startswith("# TYPE "):
            if family is None or words[2] != family.name or family.type or family.samples or words[3] not in PARTS:
                raise Failure("type out of place: %r" % line)
            family.type = words[3]
        else:
            sample = SAMPLE.fullmatch(line)
            if not sample or not VALUE.fullmatch(sample.group(3)):
                raise Failure("not a sample: %r" % line)
            name, labels = sample.group(1), labels_of(sample.group(2) or "", line)
            if family is None or not family.type or name not in [family.name + p for p in PARTS[family.type]]:
                raise Failure("sample without its family: %r" % line)
            if (name, labels) in family.samples:
                raise Failure("a series twice: %r" % line)
            family.samples[name, labels] = float(sample.group(3).replace("+Inf", "inf"))
    for family in families.values():
        if family.type == "histogram":
            judge_histogram(family)
        if family.type == "counter" and any(value < 0 for value in family.samples.values()):
            raise Failure("negative: %s" % family.name)
    return families


def scrape(server):
    """The numbers of now: when many ask in quick succession they share what was rendered for the first of them, but no longer than
    five times as long as that took, or a second."""
    time.sleep(max(0.0, server.scraped_until - time.monotonic()))
    began = time.monotonic()
    answer = ask(("127.0.0.1", server.health_port), "GET", "/metrics").expect(200)
    ended = time.monotonic()
    server.scraped_until = ended + min(5 * (ended - began), 1.0)
    if answer.get("content-type") != "text/plain; version=0.0.4; charset=utf-8":
        raise Failure("type is %r" % answer.get("content-type"))
    return parse(answer.body.decode())
