"""One round after the other: clients at work, a fault, recovery, silence, a fetch of each address, judgement."""
import math
import random
import re
import statistics
from dataclasses import dataclass

from harness import Failure
from harness.faults import add_users
from harness.phone import ALICE_PASSWORD
from harness.report import quantile

from chaos import checker, service, traffic
from chaos.client import FETCH, REST, RUN, Load
from chaos.faults import FAULTS, PREPARATIONS, wait
from chaos.history import EMPTY
from chaos.pair import Pair
from chaos.probes import Probes

# What is wanted, in seconds. Of each time that comes back in many rounds the one in the middle keeps to it; once in a while a
# busy machine is forgiven ten times as much.
WANTED = {"worker": 1.0, "master": 3.0, "service": 5.0, "failover": 5.0, "probe": 0.1, "refusal": 2.0}
FORGIVEN = 10
# What fails a run besides: the same, but phones give up after eight seconds; and for how long a probe may repeat what was true. A build
# with sanitizers takes its time for probes.
LIMITS = {"probe": 1.0, "refusal": 6.0, "stale": service.STALE}
LIMITS_SANITIZED = {**LIMITS, "probe": 3.0, "stale": 3.0}
TIMES = 3  # so many have a middle
CHANGES = 1100  # acknowledged in a round, at least
OWN, SHARED, SHARING = 24, 4, 4  # addresses with one client, addresses with several, clients of each of these
SETTINGS = {
    "server": {"workers": "2"},
    ("domain", "example.com"): {"algorithms": ["MD5"]},
    "limits": {"per_aor_rate": "100000/s"},
    "log": {"level": "notice"},
    "health": {"db_grace": "1s"},  # shorter than some of the faults
}
DB_GRACE = 1.0


@dataclass
class Result:
    fault: str
    changes: int
    undecided: int
    outage: float  # from the fault to full service
    service: float  # from the database accepting, or the process being gone, to full service
    process: str
    back: float
    violations: list
    waits: list  # of probes, in seconds
    gaps: list  # of each node, when the database failed over


class Ground:
    """Two nodes of two workers each on one database, and the clients."""

    def __init__(self, env, seed, forgetful):
        self.env, self.pair, self.durability = env, Pair(env), "ignore" if forgetful else "required"
        if forgetful:
            self.pair.forget_commits()
        for prefix, count in (("own", OWN), ("shared", SHARED)):
            add_users(self.pair.database, count, ALICE_PASSWORD, prefix)
        self.servers = [self.start("reg-a", self.pair.piped_url), self.start("reg-b", self.pair.url)]
        self.load = Load(self.servers, seed, OWN, SHARED, SHARING)
        self.states = {client.address: EMPTY for client in self.load.clients}
        self.probes = Probes(self.servers, env.directory + "/probes")
        self.load.start()

    def start(self, name, url):
        server = self.env.make({**SETTINGS, "server": {"name": name, **SETTINGS["server"]}}, database=self.pair.database)
        server.configure({"database": {"url": url, "query_timeout": "2s", "durability": self.durability}})
        return server.start(60)

    def end(self):
        self.load.end()
        self.probes.end()

    def wait(self, condition, what, timeout=60.0):
        def met():
            if self.load.failure is not None:
                raise self.load.failure
            return condition()
        return wait(met, what, timeout)

    def settle(self):
        """Until nothing is under way any more, not even for clients that have left."""
        self.load.set_mode(REST)
        self.wait(self.load.idle, "the clients have their answers")
        for server in self.servers:
            self.wait(lambda: requests_live(server) == 0, "no request is in work")


def requests_live(server):
    """None while the admin process does not answer."""
    try:
        return server.stats()["counters"]["requests_live"]
    except OSError:
        return None


class Run:
    """Rounds with faults in an order that the seed alone decides. forgetful: on a database that loses commits when it dies."""

    def __init__(self, env, seed, names=(), changes=CHANGES, tell=print, forgetful=False, limits=None):
        unknown = [name for name in names if name not in FAULTS]
        if unknown:
            raise Failure("no such fault: %s; there are %s" % (" ".join(unknown), " ".join(FAULTS)))
        self.seed, self.names, self.changes, self.tell, self.limits = seed, list(names or FAULTS), changes, tell, limits or LIMITS
        self.order, self.results, self.violations = random.Random("order of %s" % seed), [], []
        self.bag = []
        self.ground = Ground(env, seed, forgetful)

    def next_fault(self):
        """Each of them once, in any order; then again."""
        if not self.bag:
            self.bag = self.order.sample(self.names, len(self.names))
        return self.bag.pop()

    def rounds(self, count):
        try:
            for number in range(1, count + 1):
                result = self.round(number, self.next_fault())
                self.results.append(result)
                self.violations += result.violations
                self.tell(self.line(number, result))
                for violation in result.violations:
                    self.tell("  %s: %s\n    %s" % (violation.kind, violation.address, violation.text.replace("\n", "\n    ")))
        finally:
            self.ground.end()
        self.judge_logs()
        self.judge_times()

    def round(self, number, name):
        ground, load, rng = self.ground, self.ground.load, random.Random("%s/%d" % (self.seed, number))
        if name in PREPARATIONS:
            PREPARATIONS[name](ground)
        load.set_mode(RUN)
        ground.wait(lambda: load.changes >= self.changes // 3, "changes before the fault")
        outcome = FAULTS[name](ground, rng)
        load.watch_service()
        served = ground.wait(load.served, "all clients are served again", WANTED["service"] * FORGIVEN)
        ground.wait(lambda: load.changes >= self.changes, "changes behind the fault")
        ground.settle()
        load.set_mode(FETCH)
        ground.wait(load.all_fetched, "every address was fetched")
        if outcome.process == "worker" and outcome.back > WANTED["worker"] * FORGIVEN:
            raise Failure("the worker was back after %.1f s only" % outcome.back)
        return self.judge(name, outcome, served)

    def judge(self, name, outcome, served):
        ground, load = self.ground, self.ground.load
        violations, stored, undecided = [], ground.pair.stored(), 0
        for address, history in load.history.items():
            violations += checker.check_address(address, history, ground.states[address], load.requests)
            if outcome.closed:
                violations += checker.check_early(history, outcome.closed)
            fetched = next(r for r in reversed(history) if r.is_fetch and r.done).seen
            violations += checker.check_table(address, fetched, self.rows(stored.get(address, [])), load.requests)
            ground.states[address] = fetched
            undecided += sum(r.open for r in history)
        if load.complaints:
            raise Failure("\n".join(load.complaints[:10]))
        broken, waits, gaps = self.judge_service(name, outcome)
        changes = load.changes
        load.forget(ground.states.values())
        return Result(name, changes, undecided, served - outcome.began, max(0.0, served - outcome.again), outcome.process,
                      outcome.back, violations + broken, waits, gaps)

    def judge_service(self, name, outcome):
        """(violations, seconds that probes took, gaps of a failover)."""
        requests = [r for history in self.ground.load.history.values() for r in history]
        probes, nodes = self.ground.probes.take(), range(len(self.ground.servers))
        excuse = (outcome.node, outcome.began, outcome.began + outcome.back) if outcome.process in ("admin", "master") else None
        broken = [*service.check_ready(requests, probes, DB_GRACE, self.limits["stale"]),
                  *service.check_alive(probes, excuse), *service.check_answered(requests)]
        gaps = [service.gap(requests, node, outcome.began) for node in nodes] if name == "failover" else []
        return broken, service.waits(probes, excuse), gaps

    @staticmethod
    def rows(rows):
        """Of the view, as check_table() wants them."""
        found = []
        for uri, params, *rest in rows:
            number = re.search(r"\bop=(\d+)", params or "")
            found.append((traffic.contact_of(uri), int(number.group(1)) if number else 0, *rest))
        return found

    def judge_logs(self):
        """No process ended but by the faults."""
        for server in self.ground.servers:
            died = [line for line in server.log.splitlines() if "process.died" in line and "signal=9" not in line]
            if died:
                raise Failure("processes died by themselves:\n%s" % "\n".join(died[:5]))

    def judge_times(self):
        for what, seconds in (("probe", quantile(self.waits, 0.99)), ("refusal", max(self.refusals, default=0.0))):
            if seconds > self.limits[what]:
                raise Failure("a %s took %.2f s" % (what, seconds))
        for what, values in self.returns().items():
            if len(values) >= TIMES and statistics.median(values) > WANTED.get(what, math.inf):
                raise Failure("%s: %.2f s in the middle of %d" % (what, statistics.median(values), len(values)))

    # --- what it says ---

    @property
    def waits(self):
        return [seconds for result in self.results for seconds in result.waits]

    @property
    def gaps(self):
        return [gap for result in self.results for gap in result.gaps]

    @property
    def refusals(self):
        return [seconds for gap in self.gaps for seconds in gap.refusals]

    def line(self, number, result):
        back = ", %s back after %.2f s" % (result.process, result.back) if result.back is not None else ""
        return "round %3d, seed %s, %-13s outage %5.2f s, service after %4.2f s%s; %d changes, %d undecided, %d violations" % (
            number, self.seed, result.fault + ":", result.outage, result.service, back, result.changes, result.undecided,
            len(result.violations))

    def returns(self):
        """{what: seconds until it served again}"""
        found = {"service": [r.service for r in self.results], "failover": [gap.seconds for gap in self.gaps]}
        for result in self.results:
            if result.back is not None:
                found.setdefault(result.process, []).append(result.back)
        return found

    def times(self):
        """Median and worst of each measured time, wanted ones with their limit."""
        for what, values in self.returns().items():
            if what == "failover":
                continue  # see service_times
            limit = " (wanted: %g s)" % WANTED[what] if what in WANTED else ""
            yield "%s again after %.2f s in the middle, %.2f s at most, %d times%s" % (
                what, statistics.median(values), max(values), len(values), limit)
        yield from self.service_times()

    def service_times(self):
        waits = self.waits
        yield "livez and readyz in %.0f ms (99 of 100), %.0f ms at most, %d times (wanted: %.0f ms)" % (
            1000 * quantile(waits, 0.99), 1000 * max(waits, default=0.0), len(waits), 1000 * WANTED["probe"])
        if self.gaps:
            outages = [gap.seconds for gap in self.gaps]
            yield "failover: a node without a 200 for %.2f s in the middle, %.2f s at most, %d times; " \
                "%d refusals within after %.2f s at most (wanted: %g s)" % (
                    statistics.median(outages), max(outages), len(outages), len(self.refusals), max(self.refusals, default=0.0),
                    WANTED["refusal"])

    def summary(self):
        counts = checker.count(self.violations, checker.KINDS + service.KINDS)
        return "%d acknowledged changes checked in %d rounds: %s" % (
            sum(r.changes for r in self.results), len(self.results),
            ", ".join("%d %s" % (n, kind) for kind, n in counts.items()))
