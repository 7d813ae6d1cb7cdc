"""What was sent, what came back, and what a registrar must make of it (RFC 3261 §10.3) without knowing how it does so.

The state of an address is a set of pairs: which contact, and the number of the request that wrote it last. Call-ID, CSeq and
interval are those of that request. A request shows its number as a parameter of each Contact, so that whoever lists the bindings
of an address tells its whole state.
"""
from dataclasses import dataclass, field
from typing import Optional

EMPTY = frozenset()
OUT_OF_ORDER = "CSeq Out of Order"


@dataclass(slots=True)
class Request:
    number: int
    address: str
    call_id: str
    cseq: int
    changes: dict = field(default_factory=dict)  # contact -> seconds, 0 removes it
    star: bool = False
    flaw: Optional[str] = None  # why it must be refused whatever is stored
    node: int = 0
    sent: float = 0.0
    copies: int = 1  # retransmissions included
    ended: Optional[float] = None  # when the answer came
    status: Optional[int] = None
    phrase: str = ""
    seen: Optional[frozenset] = None  # the state that a 200 listed
    unheard: bool = False  # no answer, over a stream that was open all the time

    @property
    def is_fetch(self):
        return not self.changes and not self.star

    @property
    def done(self):
        return self.status == 200

    @property
    def refused(self):
        """The answer promises that nothing has changed. A 500 does so only with a reason that was found before any commit, and
        what was sent twice may have been done by the copy that was not answered."""
        if self.status is None or self.done or self.copies > 1:
            return False
        return self.status != 500 or self.phrase == OUT_OF_ORDER

    @property
    def open(self):
        """Nobody knows yet whether it was done."""
        return not self.done and not self.refused

    def __str__(self):
        what = "*" if self.star else ", ".join("%s:%s" % (c, s or "remove") for c, s in self.changes.items()) or "fetch"
        answer = "%s %s" % (self.status or "no answer", self.phrase if self.status != 200 else show(self.seen))
        return "%8.3f to %8s node %d #%d %s cseq %d copies %d%s {%s}: %s" % (
            self.sent, "?" if self.ended is None else "%.3f" % self.ended, self.node, self.number, self.call_id[:6], self.cseq,
            self.copies, " " + self.flaw if self.flaw else "", what, answer)


def show(state):
    return "{%s}" % ", ".join("%s#%s" % pair for pair in sorted(state or ()))


def apply(state, request, requests):
    """The state after the request; None when this state refuses it."""
    if request.flaw:
        return None
    touched = state if request.star else {pair for pair in state if pair[0] in request.changes}
    for _, number in touched:
        writer = requests[number]
        if writer.call_id == request.call_id and writer.cseq >= request.cseq:
            return None
    written = {(contact, request.number) for contact, seconds in request.changes.items() if seconds > 0}
    return frozenset((state - touched) | written)
