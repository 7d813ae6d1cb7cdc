"""Conversations with a real rollcalld over real sockets and a real PostgreSQL.

A scenario module has functions test_NAME(env); `@covers` names the rows of docs/rfc.md that a test proves. `env.server`
is a daemon in the baseline configuration (requirements, section 1.3) shared by the module, with no binding left over
from the test before; `env.start(...)` starts one of the test's own. `server.phone("udp")` speaks SIP to it.
"""
from harness.check import Failure, Skip, add_test, covers, equal, long_only, true
from harness.digest import Challenge, authorization
from harness.message import Request, Response, parse_response
from harness.transport import Stream, Udp, own_address

__all__ = ["Failure", "Skip", "add_test", "covers", "equal", "long_only", "true", "Challenge", "authorization",
           "Request", "Response", "parse_response", "Stream", "Udp", "own_address"]
