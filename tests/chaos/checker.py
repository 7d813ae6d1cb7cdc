"""Is there an order of the requests of an address that explains every answer? If not, what went wrong?

Each request takes effect at one moment between sending and answer, and a 200 lists the state at that moment. One whose outcome is
not known takes effect at any time after sending, or never; once it was answered 500, it must have done so before the effect of
any request that was sent later and answered 200. All possibilities are followed (Wing and Gong's search, each request put in its
place as late as its answer allows). Where only the moment of the list differs from that of the effect, as when a repetition is
answered from what is stored, the order counts all the same: that is tried second.
"""
from collections import Counter, namedtuple

from chaos.history import EMPTY, apply, show

LOST, HALF, ORDER, BACK, REFUSED = "lost", "half applied", "out of order", "resurrected", "applied though refused"
EARLY, TABLE, UNDECIDED = "answered before the commit", "different in fetch and table", "too entangled to judge"
KINDS = (LOST, HALF, ORDER, BACK, REFUSED, EARLY, TABLE, UNDECIDED)
POSSIBILITIES_MAX = 500000

Violation = namedtuple("Violation", "kind address text request")

# One possibility: the state; what was sent and has had no effect yet; what had its effect and has not seen its list yet.
World = namedtuple("World", "state waiting watching")


class Entangled(Exception):
    """More possibilities than can be followed."""


class Search:
    """The requests of one address; requests that wrote what was there before are known too."""

    def __init__(self, history, requests, relaxed):
        self.history, self.requests, self.relaxed = history, requests, relaxed

    def step(self, world, request):
        """The world in which this request has its effect now; None when it cannot."""
        state = apply(world.state, request, self.requests)
        watching = world.watching
        if state is None:
            return None
        if request.done and state != request.seen:
            if not self.relaxed and request.copies == 1:
                return None
            watching = watching | {request.number}
        elif not request.done and state == world.state:
            return None  # as if it never happened
        return World(state, self.still_possible(world.waiting, request), self.unseen(watching, state))

    def still_possible(self, waiting, request):
        """A commit that was given up may land until somebody else has changed the version of the row."""
        left = waiting - {request.number}
        if not request.done:
            return left
        return frozenset(n for n in left if not self.settled_by(self.requests[n], request))

    @staticmethod
    def settled_by(earlier, later):
        return earlier.open and earlier.ended is not None and earlier.ended < later.sent

    def unseen(self, watching, state):
        return frozenset(n for n in watching if self.requests[n].seen != state)

    def answer(self, worlds, request):
        """(worlds in which the request had its effect and its list was true, states that were tried)."""
        found, tried, queue = set(), set(), list(worlds)
        known = set(queue)
        while queue:
            world = queue.pop()
            tried.add(world.state)
            if request.number not in world.waiting and request.number not in world.watching:
                found.add(world)
                continue
            for number in world.waiting:
                after = self.step(world, self.requests[number])
                if after is not None and after not in known:
                    known.add(after)
                    queue.append(after)
            if len(known) > POSSIBILITIES_MAX:
                raise Entangled
        return self.without_lesser(found), tried

    def without_lesser(self, worlds):
        """Of two worlds that differ only in what may still happen, the richer one."""
        best = {}
        for world in worlds:
            due = frozenset(n for n in world.waiting if self.requests[n].done)
            best.setdefault((world.state, due, world.watching), []).append(world)
        kept = set()
        for group in best.values():
            kept.update(w for w in group if not any(w.waiting < other.waiting for other in group))
        return kept

    def run(self, start):
        """The first request that nothing explains, with the states that were possible before it; None when all is well."""
        worlds = {World(start, EMPTY, EMPTY)}
        for _, ending, number in events(self.history):
            if not ending:
                worlds = {World(w.state, w.waiting | {number}, w.watching) for w in worlds}
                continue
            request = self.requests[number]
            worlds_after, tried = self.answer(worlds, request)
            if not worlds_after:
                return request, tried
            worlds = worlds_after
        return None


def events(history):
    """(moment, whether it is an end, number) in order: sending of what may have an effect, answers 200."""
    found = []
    for request in history:
        if request.refused or (request.flaw and not request.done):
            continue
        found.append((request.sent, False, request.number))
        if request.done:
            found.append((request.ended, True, request.number))
    return sorted(found)


def closest(states, seen):
    return min(states, key=lambda state: (len(state ^ seen), sorted(state)))


def half_a_star(request, states, requests):
    """Some bindings are gone and some are not, where a "*" of unknown outcome should have removed all or none."""
    stars = any(r.star and r.open and r.address == request.address and r.sent < request.ended for r in requests.values())
    return stars and request.seen and any(request.seen < state for state in states)


def half_applied(expected, seen, requests):
    """A request of several changes shows in part, where it should show whole or not at all."""
    for number in {n for _, n in expected | seen if n in requests}:
        writer = requests[number]
        if len(writer.changes) < 2 or writer.flaw:
            continue
        should, does = visible(writer, expected), visible(writer, seen)
        if len(set(does)) > 1 and len(set(should)) == 1:
            return True
    return False


def visible(request, state):
    """Of each change, whether the state shows it."""
    contacts = {contact for contact, _ in state}
    return [(contact, request.number) in state if seconds else contact not in contacts
            for contact, seconds in request.changes.items()]


def overtaken(expected, seen, requests):
    """An older request stands where a newer one of its Call-ID should."""
    should = dict(expected)
    for contact, number in seen - expected:
        old, new = requests.get(number), requests.get(should.get(contact))
        if old and new and old.call_id == new.call_id and old.cseq <= new.cseq and old.sent > new.sent:
            return True
    return False


def classify(request, states, former, requests):
    """(kind, the state that was expected) of an answer that nothing explains; former: what had been seen before."""
    after = [state for state in (apply(s, request, requests) for s in states) if state is not None]
    if not after:
        return (REFUSED if request.flaw else ORDER), closest(states, request.seen)
    expected, seen = closest(after, request.seen), request.seen
    if any(n not in requests or requests[n].refused or requests[n].flaw for _, n in seen - expected):
        return REFUSED, expected
    fallen_back = any(apply(state, request, requests) == seen for state in former)
    if not fallen_back and (half_applied(expected, seen, requests) or half_a_star(request, after, requests)):
        return HALF, expected
    if overtaken(expected, seen, requests):
        return ORDER, expected
    known = {contact for contact, _ in expected}
    if any(contact not in known for contact, _ in seen):
        return BACK, expected
    return LOST, expected


def check_address(address, history, start, requests):
    """The violations in the history of an address that was in the state `start`; the last request of a history is a fetch
    after everything has ended. Behind a violation it goes on from what a request saw that had no other beside it."""
    violations, rest = [], sorted(history, key=lambda r: r.sent)
    while True:
        try:
            failure = Search(rest, requests, relaxed=False).run(start)
            if failure:
                failure = Search(rest, requests, relaxed=True).run(start)
        except Entangled:
            violations.append(Violation(UNDECIDED, address, explain(rest, None, EMPTY), None))
            return violations
        if failure is None:
            return violations
        request, states = failure
        former = {start} | {r.seen for r in history if r.done and r.ended < request.ended}
        kind, expected = classify(request, states, former, requests)
        violations.append(Violation(kind, address, explain(history, request, expected), request))
        anew = next((r for r in rest if r.done and r.sent > request.ended and alone(r, rest)), None)
        if anew is None:
            return violations
        start = anew.seen
        rest = [r for r in rest if r.sent > anew.ended or (r.open and r.ended is None)]


def alone(request, history):
    return not any(r is not request and r.sent < request.ended and r.ended is not None and r.ended > request.sent
                   for r in history)


def explain(history, request, expected):
    """What may have had an effect before, as far as it fits a screen."""
    told = [str(r) for r in history if not r.refused and (request is None or r.sent <= request.ended)][-30:]
    if request is None:
        return "\n".join(told)
    return "\n".join(["#%d saw %s, possible was %s" % (request.number, show(request.seen), show(expected)), *told])


def check_early(history, closed):
    """Requests answered 200 although nothing could be committed between sending and answer: closed = (from, to, nodes)."""
    begin, end, nodes = closed
    for r in history:
        if r.done and r.node in nodes and begin < r.sent and r.ended < end:
            yield Violation(EARLY, r.address, "%s; the database was shut from %.3f to %.3f" % (r, begin, end), r)


def check_table(address, fetched, rows, requests):
    """rows: (contact, number, Call-ID, CSeq, seconds asked for) of the view, against what the fetch listed."""
    stored = frozenset((contact, number) for contact, number, *_ in rows)
    if stored != fetched:
        yield Violation(TABLE, address, "fetched %s, stored %s" % (show(fetched), show(stored)), None)
    for contact, number, *written in rows:
        writer = requests.get(number)
        sent = [writer.call_id, writer.cseq, writer.changes.get(contact)] if writer else None
        if written != sent:
            yield Violation(TABLE, address, "%s#%s is stored as %s, was sent as %s" % (contact, number, written, sent), None)


def count(violations, kinds=KINDS):
    found = Counter(violation.kind for violation in violations)
    return {kind: found[kind] for kind in kinds}
