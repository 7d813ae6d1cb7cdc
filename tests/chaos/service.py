"""What the service promises while something is broken, checked against what phones and probes saw.

Health is answered, and the node says ready only when it serves, or when the database is away for less than its grace; a request
over a stream that stays open is answered, whatever happens behind.
"""
from collections import namedtuple

from chaos.checker import Violation
from chaos.history import OUT_OF_ORDER

UNSERVED, DEAD, SILENT = "refused by a node that says ready", "dead or silent to a probe", "unanswered on an open stream"
KINDS = (UNSERVED, DEAD, SILENT)
STALE = 1.0  # seconds for which a probe may repeat what was true (docs/operations.md: state is refreshed once a second)

Gap = namedtuple("Gap", "seconds refusals")  # without a 200; the seconds that each refusal within it took


def was_refused(request):
    """A correct request that the node did not serve; one that came too late is not correct."""
    return request.flaw is None and request.status in (500, 503) and request.phrase != OUT_OF_ORDER


# --- probes ---

def outages(requests):
    """[(refusals, when the first came, when the next 200 came)] of one node."""
    found, refusals = [], []
    for request in sorted((r for r in requests if r.ended is not None), key=lambda r: r.ended):
        if was_refused(request):
            refusals.append(request)
        elif request.done and refusals:
            found.append((refusals, refusals[0].ended, request.ended))
            refusals = []
    return found + ([(refusals, refusals[0].ended, float("inf"))] if refusals else [])


def check_ready(requests, probes, grace, stale=STALE):
    """Refusals sent and answered between two probes in a row that say ready, later than any grace. A node is ready as soon as one
    of its workers serves, so what another refuses is no contradiction: there are 200s around it, or soon behind it."""
    for node in sorted({probe.node for probe in probes}):
        asked = sorted(p for p in probes if p.node == node and p.path == "/readyz")
        late = [(r, since, until) for refusals, since, until in outages([r for r in requests if r.node == node])
                for r in refusals if r.ended - since > grace + stale and until - r.ended > stale]
        for before, behind in zip(asked, asked[1:]):
            if before.status != 200 or behind.status != 200:
                continue
            for r, since, until in late:
                if before.ended <= r.sent and r.ended <= behind.sent:
                    yield Violation(UNSERVED, r.address, "%s; nothing else from %.3f to %.3f, ready at %.3f and %.3f" % (
                        r, since, until, before.ended, behind.sent), r)


def check_alive(probes, excuse=None):
    """/livez is 200 and /readyz is answered, but by a node without the process that answers: excuse = (node, from, to)."""
    for p in probes:
        if p.status == 0 or (p.path == "/livez" and p.status != 200):
            if not excused(p, excuse):
                yield Violation(DEAD, "node %d" % p.node, "%s from %.3f to %.3f: %s" % (
                    p.path, p.sent, p.ended, p.status or "no answer"), None)


def excused(probe, excuse):
    return excuse is not None and probe.node == excuse[0] and probe.sent < excuse[2] and probe.ended > excuse[1]


def waits(probes, excuse=None):
    """The seconds that each answered probe took, without those that are excused."""
    return [p.ended - p.sent for p in probes if p.status != 0 and not excused(p, excuse)]


# --- phones ---

def check_answered(requests):
    for r in requests:
        if r.unheard:
            yield Violation(SILENT, r.address, str(r), r)


def gap(requests, node, began):
    """The longest time without a 200 of this node that ended behind `began`."""
    own = [r for r in requests if r.node == node and r.ended is not None]
    served = sorted(r.ended for r in own if r.done)
    seconds, begin, end = max(((b - a, a, b) for a, b in zip(served, served[1:]) if b > began), default=(0.0, 0.0, 0.0))
    return Gap(seconds, [r.ended - r.sent for r in own if was_refused(r) and begin < r.ended < end])
