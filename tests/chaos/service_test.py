"""Made-up answers of nodes to phones and probes: each broken promise must be found, and what is allowed must not."""
from harness import equal
from harness.report import quantile

from chaos import service
from chaos.history import OUT_OF_ORDER, Request
from chaos.probes import Probe

GRACE = 1.0


def answers(*given, node=0):
    """Requests (sent, ended, status); each changes a contact of its own."""
    return [Request(number, "u@example.com", "x", number, {"a": 3600}, node=node, sent=sent, ended=ended, status=status,
                    seen=frozenset() if status == 200 else None) for number, (sent, ended, status) in enumerate(given, 1)]


def ready(*statuses, node=0, path="/readyz"):
    """One probe a second from 0 on, each takes 10 ms."""
    return [Probe(node, path, float(n), n + 0.01, status) for n, status in enumerate(statuses)]


def refusals(begin, end, node=0):
    """Requests of this time, ten a second, that all get 503."""
    tenths = range(int(begin * 10), int(end * 10))
    return answers(*((n / 10 + 0.02, n / 10 + 0.03, 503) for n in tenths), node=node)


def found(kind, violations, count):
    violations = list(violations)
    equal([v.kind for v in violations], [kind] * count, "violations (%s)" % "\n".join(v.text for v in violations))


# --- ready ---

def test_ready_within_the_grace(_env):
    found(service.UNSERVED, service.check_ready(refusals(0, 2), ready(200, 200, 200), GRACE), 0)


def test_not_ready_behind_the_grace(_env):
    found(service.UNSERVED, service.check_ready(refusals(0, 5), ready(200, 200, 503, 503, 503, 503), GRACE), 0)


def test_ready_behind_the_grace(_env):
    """Counted is what lies wholly between two probes that say so."""
    found(service.UNSERVED, service.check_ready(refusals(0, 4), ready(200, 200, 200, 200, 200), GRACE), 9 + 10)
    found(service.UNSERVED, service.check_ready(refusals(0, 4), ready(200, 200, 200, 503, 503), GRACE), 0)


def test_a_request_across_a_probe_proves_nothing(_env):
    requests = answers((0.1, 0.2, 503), (2.5, 3.5, 503))
    found(service.UNSERVED, service.check_ready(requests, ready(200, 200, 200, 200, 200), GRACE), 0)


def test_refusals_of_another_node(_env):
    found(service.UNSERVED, service.check_ready(refusals(0, 4, node=1), ready(*[200] * 5) + ready(*[503] * 5, node=1), GRACE), 0)


def test_a_node_that_serves_some(_env):
    """One worker has its database and another has not: each 200 begins the grace anew."""
    requests = refusals(0, 4) + answers(*((n / 10 + 0.05, n / 10 + 0.06, 200) for n in range(40)))
    found(service.UNSERVED, service.check_ready(requests, ready(*[200] * 5), GRACE), 0)


def test_a_node_that_serves_soon(_env):
    """Its other worker has its database again, as the next 200 shows; the second before that is forgiven."""
    probes = ready(503, 503, 503, 200, 200, 200)
    found(service.UNSERVED, service.check_ready(refusals(0, 4) + answers((3.97, 4, 200)), probes, GRACE), 0)
    found(service.UNSERVED, service.check_ready(refusals(0, 4) + answers((4, 4.5, 200)), probes, GRACE), 5)


def test_what_is_wrong_with_a_request_is_not_the_nodes_fault(_env):
    requests = refusals(0, 4)
    for request in requests:
        request.status, request.phrase = 500, OUT_OF_ORDER
    found(service.UNSERVED, service.check_ready(requests, ready(*[200] * 5), GRACE), 0)
    for request in requests:
        request.status, request.phrase, request.flaw = 503, "", "brief"
    found(service.UNSERVED, service.check_ready(requests, ready(*[200] * 5), GRACE), 0)


# --- alive ---

def test_alive_is_no_question_of_the_database(_env):
    found(service.DEAD, service.check_alive(ready(200, 503, 200, path="/livez")), 1)
    found(service.DEAD, service.check_alive(ready(200, 503, 200)), 0)


def test_probes_are_answered(_env):
    found(service.DEAD, service.check_alive(ready(200, 0, 0)), 2)
    found(service.DEAD, service.check_alive(ready(200, 0, 0), (0, 0.5, 1.005)), 1)
    found(service.DEAD, service.check_alive(ready(200, 0, 0), (1, 0.5, 9.0)), 2)


def test_waits_of_probes(_env):
    probes = [Probe(0, "/readyz", n, n + 0.001 * (n + 1), 200) for n in range(100)] + [Probe(0, "/readyz", 200, 205, 0)]
    equal(round(quantile(service.waits(probes), 0.98), 4), 0.099, "98 of 100 that were answered")
    equal(len(service.waits(probes, (0, 98.5, 99.5))), 99, "those that count")
    equal(quantile([], 0.99), 0.0, "p99 of nothing")


# --- phones ---

def test_silence_on_a_stream(_env):
    requests = answers((1, None, None), (2, 3, 200))
    found(service.SILENT, service.check_answered(requests), 0)
    requests[0].unheard = True
    found(service.SILENT, service.check_answered(requests), 1)


def test_gap_without_service(_env):
    requests = answers((0, 1, 200), (1, 4.5, 200), (4, 5, 200), (5, 7, 503), (5.5, 6, 503), (6, 8, 200), (8, 8.5, 503), (8, 9, 200))
    equal(service.gap(requests, 0, 5), service.Gap(3, [2, 0.5]), "the gap behind 5")
    equal(service.gap(requests, 0, 0), service.Gap(3.5, []), "the gap behind 0")
    equal(service.gap(requests, 1, 0), service.Gap(0.0, []), "the gap of a node that was not asked")
