"""Medians of runs as one Markdown table, with ratios to Kamailio."""
import statistics

HEADINGS = ("", "reg/s", "server us", "PostgreSQL us", "sum us", "sum / write-through", "sum / memory only",
            "reg/s / write-through", "p50 us", "p99 us", "errors")


def median(runs, value):
    return statistics.median(value(run) for run in runs)


class Row:
    """All runs of one registrar in one kind of load."""

    def __init__(self, what, name, runs):
        self.what, self.name, self.runs = what, name, runs
        self.rate = median(runs, lambda run: run["per_second"])
        self.server = median(runs, lambda run: run["cpu_us"]["server"])
        self.postgresql = median(runs, lambda run: run["cpu_us"]["postgresql"])
        self.sum = median(runs, lambda run: sum(run["cpu_us"].values()))
        self.p50, self.p99 = (median(runs, lambda run: run[key]) for key in ("p50_us", "p99_us"))

    def errors(self):
        """Refusals, losses and challenges that the load does not provoke itself, of all runs."""
        counts = {"refused": 0, "lost": 0}
        for run in self.runs:
            refused = run["refused"]
            counts["refused"] += sum(refused.values()) if isinstance(refused, dict) else refused
            counts["lost"] += run["lost"]
        return ", ".join("%d %s" % (count, word) for word, count in counts.items() if count) or "0"

    def cells(self, through, memory):
        def ratio(mine, other):
            return "%.2f" % (mine / other) if other else "-"
        return ("%s: %s" % (self.what, self.name), "%.0f" % self.rate, "%.1f" % self.server, "%.1f" % self.postgresql,
                "%.1f" % self.sum, ratio(self.sum, through and through.sum), ratio(self.sum, memory and memory.sum),
                ratio(self.rate, through and through.rate), "%d" % self.p50, "%d" % self.p99, self.errors())


def render(groups):
    """groups: lists of rows, each (write-through, memory only or None, then whom to compare)."""
    lines = [HEADINGS]
    for rows in groups:
        through, memory = rows[0], rows[1]
        lines += [row.cells(through, memory) for row in rows if row is not None]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    text = ["| %s |" % " | ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
            for line in lines]
    text.insert(1, "|%s|" % "|".join(":" + "-" * (w + 1) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)))
    return "\n".join(text)
