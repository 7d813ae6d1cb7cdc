"""Histories that were made up: each violation must be found, under its name, and what is only unusual must not.

History().put(1, 2, a=60) is a request that was sent at 1 and answered 200 at 2; ask() leaves the answer open. Every history ends
with a fetch. expect() compares what is found with what was wanted.
"""
from harness import equal

from chaos import checker
from chaos.history import EMPTY, OUT_OF_ORDER, Request, apply

ADDRESS = "u@example.com"


class History:
    def __init__(self):
        self.requests, self.history, self.start, self.now = {}, [], EMPTY, 0

    def ask(self, sent, ended=None, status=None, phrase="", call="x", cseq=None, star=False, flaw=None, copies=1, seen=None, **changes):
        """A request; seen: {contact: number} that a 200 lists, by default what the order of the calls makes of it."""
        number = len(self.requests) + 1
        request = Request(number, ADDRESS, call, cseq or number, changes, star, flaw, sent=sent, ended=ended, status=status,
                          phrase=phrase, copies=copies)
        self.requests[number] = request
        self.history.append(request)
        if status == 200:
            after = self.so_far(number)
            request.seen = frozenset(seen.items()) if seen is not None else after
        self.now = max(self.now, sent, ended or 0)
        return self

    def so_far(self, number):
        state = self.start
        for request in self.history[:number]:
            after = apply(state, request, self.requests) if request.status == 200 else None
            state = state if after is None else after
        return state

    def put(self, sent, ended, **how):
        return self.ask(sent, ended, 200, **how)

    def refuse(self, sent, ended, status=423, **how):
        return self.ask(sent, ended, status, **how)

    def expect(self, fetched, *kinds):
        """What the last fetch lists, and the violations that are to be found."""
        self.put(self.now + 1, self.now + 2, seen=fetched)
        found = checker.check_address(ADDRESS, self.history, self.start, self.requests)
        equal([violation.kind for violation in found], list(kinds), "violations (%s)" % "\n".join(v.text for v in found))


# --- what is right ---

def test_plain_life(_env):
    History().put(1, 2, a=60).put(3, 4, a=60, b=60).put(5, 6, a=0).put(7, 8, star=True).put(9, 10, c=60).expect({"c": 5})


def test_both_orders_of_two_at_once(_env):
    for seen in ({"a": 1, "b": 2}, {"b": 2}):
        History().put(1, 4, a=60, seen={"a": 1} if len(seen) == 2 else {"a": 1, "b": 2}).put(
            2, 3, b=60, call="y", seen=seen).expect({"a": 1, "b": 2})


def test_unknown_outcome_may_be_either(_env):
    for fetched in ({"a": 1}, {"a": 2, "b": 2}):
        History().put(1, 2, a=60).ask(3, 4, 500, a=60, b=60).expect(fetched)
        History().put(1, 2, a=60).ask(3, a=60, b=60).expect(fetched)


def test_what_got_no_answer_may_be_done_late(_env):
    History().ask(1, a=60).put(2, 3, b=60, seen={"b": 2}).put(4, 5, c=60, seen={"a": 1, "b": 2, "c": 3}).expect(
        {"a": 1, "b": 2, "c": 3})


def test_several_unknown_outcomes_in_any_order(_env):
    History().put(1, 2, a=60).ask(3, star=True, call="y").ask(4, b=60, call="z").ask(5, c=60, call="w").expect({"b": 3})


def test_repetition_lists_what_is_stored_by_then(_env):
    """The first copy was done, somebody else came, the second copy was answered."""
    History().put(1, 6, a=60, copies=2, seen={"a": 1, "b": 2}).put(3, 4, b=60, call="y", seen={"a": 1, "b": 2}).expect(
        {"a": 1, "b": 2})


def test_refused_twice_sent_may_have_been_done(_env):
    """A worker died behind the first copy's commit; the second one's nonce count was used up then."""
    History().put(1, 2, a=60).ask(3, 5, 401, copies=2, star=True).expect({})


def test_stale_requests_are_refused(_env):
    History().put(1, 2, a=60, cseq=5).refuse(3, 4, 500, phrase=OUT_OF_ORDER, cseq=4, a=60).expect({"a": 1})


# --- each violation ---

def test_lost_change(_env):
    History().put(1, 2, a=60).expect({}, checker.LOST)


def test_lost_refresh(_env):
    History().put(1, 2, a=60).put(3, 4, a=90).expect({"a": 1}, checker.LOST)


def test_fallen_back_to_an_older_state(_env):
    """Nothing is half applied where everything is as it had been."""
    History().put(1, 2, a=60, b=60).put(3, 4, b=60).put(5, 6, a=60, b=60).put(7, 8, a=60).expect({"a": 1, "b": 2}, checker.LOST)


def test_loss_is_seen_by_the_next_request(_env):
    History().put(1, 2, a=60).put(3, 4, b=60, seen={"b": 2}).put(5, 6, c=60, seen={"b": 2, "c": 3}).expect(
        {"b": 2, "c": 3}, checker.LOST)


def test_one_of_two_contacts_is_missing(_env):
    History().put(1, 2, a=60, b=60).expect({"a": 1}, checker.HALF)


def test_unknown_outcome_in_part(_env):
    History().put(1, 2, a=60).ask(3, 4, 500, a=60, b=60).expect({"a": 1, "b": 2}, checker.HALF)
    History().put(1, 2, a=60).ask(3, a=0, b=60).expect({"a": 1, "b": 2}, checker.HALF)


def test_half_a_star(_env):
    History().put(1, 2, a=60).put(3, 4, b=60).put(5, 6, c=60).ask(7, 8, 500, star=True).expect({"a": 1, "c": 3}, checker.HALF)


def test_removed_binding_comes_back(_env):
    History().put(1, 2, a=60).put(3, 4, a=0).expect({"a": 1}, checker.BACK)
    History().put(1, 2, a=60).put(3, 4, star=True).put(5, 6, b=60).expect({"a": 1, "b": 3}, checker.BACK)


def test_unknown_outcome_comes_true_behind_a_fetch(_env):
    """What was answered 500 was decided by the fetch that did not list it."""
    History().ask(1, 2, 500, a=60).put(3, 4, seen={}).expect({"a": 1}, checker.BACK)


def test_older_request_wins(_env):
    History().put(1, 2, cseq=5, a=60).ask(3, 4, 500, cseq=4, a=90).expect({"a": 2}, checker.ORDER)


def test_older_request_is_acknowledged(_env):
    History().put(1, 2, cseq=5, a=60).put(3, 4, cseq=4, a=90, seen={"a": 2}).expect({"a": 2}, checker.ORDER)


def test_refused_request_is_applied(_env):
    for status, flaw in ((423, "brief"), (401, None), (503, None), (403, "own")):
        History().put(1, 2, a=60).refuse(3, 4, status, flaw=flaw, b=60).expect({"a": 1, "b": 2}, checker.REFUSED)


def test_flawed_request_is_acknowledged(_env):
    History().put(1, 2, flaw="brief", a=60, seen={"a": 1}).expect({"a": 1}, checker.REFUSED)


def test_flawed_request_of_unknown_outcome_is_applied(_env):
    History().ask(1, 2, 500, flaw="brief", a=60).expect({"a": 1}, checker.REFUSED)


def test_binding_of_nobody(_env):
    History().put(1, 2, a=60).expect({"a": 1, "b": 77}, checker.REFUSED)


def test_two_at_once_see_what_no_order_explains(_env):
    History().put(1, 4, a=60, seen={"a": 1}).put(2, 3, b=60, call="y", seen={"b": 2}).expect({"a": 1, "b": 2}, checker.LOST)


def test_one_loss_is_counted_once(_env):
    history = History().put(1, 2, a=60).put(3, 4, b=60, seen={"b": 2})
    for n in range(3, 30):
        history.put(2 * n, 2 * n + 1, c=60, seen={"b": 2, "c": n})
    history.expect({"b": 2, "c": 29}, checker.LOST)


def test_acknowledged_while_the_database_was_shut(_env):
    history = History().put(1, 2, a=60).put(4, 5, b=60)
    for closed, count in (((3, 6, (0,)), 1), ((3, 6, (1,)), 0), ((4.5, 6, (0,)), 0), ((3, 4.5, (0,)), 0)):
        equal([v.kind for v in checker.check_early(history.history, closed)], [checker.EARLY] * count, "found of %s" % (closed,))


def test_fetch_and_table_differ(_env):
    requests = History().put(1, 2, a=60, cseq=7).requests
    for rows, count in (([("a", 1, "x", 7, 60)], 0), ([], 1), ([("a", 1, "x", 6, 60)], 1), ([("a", 1, "y", 7, 60)], 1),
                        ([("a", 1, "x", 7, 61)], 1), ([("a", 1, "x", 7, 60), ("b", 1, "x", 7, 60)], 2)):
        found = list(checker.check_table(ADDRESS, frozenset({("a", 1)}), rows, requests))
        equal([v.kind for v in found], [checker.TABLE] * count, "found of %s" % rows)
