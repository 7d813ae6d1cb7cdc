"""What an idle registered TLS connection costs: memory while it stays, processor time until it is there."""
from ground import say

import table
from generator import SLOTS, load_tls
from peer import MEMORY, Peer, make_database
from product import Product

IDLE_HEADINGS = ("TLS connections that register and stay", "server KB each", "PostgreSQL KB each", "server us", "PostgreSQL us",
                 "sum us", "KB / Kamailio", "sum / Kamailio", "connections/s", "p99 us", "errors")

PARTS = ("server", "postgresql")


def kilobytes(run, part="server"):
    return run["memory"][part]["pss_per_connection_kb"]


def idle_peers(env, database):
    """Kamailio with one process for TLS: with several some crash before some thousand handshakes are done."""
    return [Peer(env, database, MEMORY, tls=True, reserve=False, stream_workers=1)]


def idle_run(target, connections, number):
    """So many new connections, each with a phone that registers with a challenge and its answer. The registrar is started
    again first, so that it has no memory left over from connections before; its own growth counts, whatever it is for."""
    return load_tls(target, 1, first=1 + number * connections, phones=connections, extra=("--idle", str(connections)))


class IdleRow:
    def __init__(self, name, runs):
        self.name, self.runs = name, runs
        self.kilobytes = {part: table.middle(kilobytes(run, part) for run in runs) for part in PARTS}
        self.us = {part: table.middle(run["cpu_us"][part] for run in runs) for part in PARTS}
        self.sum = sum(self.us.values())

    def cells(self, peer):
        return (self.name, "%.1f" % self.kilobytes["server"], "%.1f" % self.kilobytes["postgresql"], "%.0f" % self.us["server"],
                "%.0f" % self.us["postgresql"], "%.0f" % self.sum, "%.2f" % (self.kilobytes["server"] / peer.kilobytes["server"]),
                "%.2f" % (self.sum / peer.sum), "%.0f" % table.median(self.runs, "per_second"),
                "%.0f" % table.median(self.runs, "p99_us"), table.errors(self.runs))


def measure_idle(env, connections, rounds):
    """{target: [run, …]}, in turn."""
    users = connections * rounds
    targets = [*idle_peers(env, make_database(env.cluster, users, "kamailio_idle")), Product(env, count=users)]
    found = {target: [] for target in targets}
    for number in range(rounds):
        for target in targets:
            run = idle_run(target, connections, number)
            found[target].append(run)
            say("  %d/%d %d idle connections: %-24s %5.1f KB each; %s" %
                (number + 1, rounds, connections, target.name, kilobytes(run),
                 ", ".join("%s %.0f us" % pair for pair in run["cpu_us"].items())))
    for target in targets:
        target.stop()
    return found


def idle_table(found):
    """found: {target: runs}, Kamailio first."""
    rows = [IdleRow(target.name, runs) for target, runs in found.items()]
    return table.render([IDLE_HEADINGS] + [row.cells(rows[0]) for row in rows])


def idle_caption(connections, rounds):
    return ("%d connections at the end, %s; each run with a registrar just started, %d connections at a time on their way. KB: "
            "growth of PSS. us: for connect, handshake, challenge, answer and commit; a commit is rollcall's only." %
            (connections, "medians of %d runs taken in turn" % rounds if rounds > 1 else "one run", SLOTS))
