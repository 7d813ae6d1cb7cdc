"""Does what was acknowledged survive whatever dies? Clients keep a history, a checker judges it, faults happen meanwhile.

history.py says what a request is and what it does to an address, checker.py finds out whether some order of the requests explains
all that was seen, traffic.py and client.py make the requests, faults.py and pair.py the trouble, rounds.py brings all together.
checker_test.py proves that the checker finds each kind of violation in histories that were made up.
"""
