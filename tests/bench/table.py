"""Medians of runs as Markdown tables, with ratios to Kamailio."""
import statistics

COMPARED = ("", "reg/s", "server us", "PostgreSQL us", "sum us", "sum / write-through", "sum / memory only",
            "reg/s / write-through", "p50 us", "p99 us", "errors")


middle = statistics.median


def median(runs, key):
    return middle(run[key] for run in runs)


def errors(runs):
    """Refusals by status, losses and crashes, of all runs."""
    counts = {}
    for run in runs:
        for status, count in run["refused"].items():
            counts[status] = counts.get(status, 0) + count
        for what in ("lost", "crashes"):
            if run.get(what):
                counts[what] = counts.get(what, 0) + run[what]
    return ", ".join("%d %s" % (count, what) for what, count in counts.items()) or "0"


def render(lines):
    """Cells, the first line being the headings."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| %s |" % " | ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
            for line in lines]
    text.insert(1, "|%s|" % "|".join(":" + "-" * (w + 1) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)))
    return "\n".join(text)


class Row:
    """All runs of one registrar under one load."""

    def __init__(self, what, name, runs):
        self.what, self.name, self.runs = what, name, runs
        self.rate, self.p50, self.p99 = (median(runs, key) for key in ("per_second", "p50_us", "p99_us"))
        self.server, self.postgresql = (middle(run["cpu_us"][part] for run in runs) for part in ("server", "postgresql"))
        self.sum = middle(sum(run["cpu_us"].values()) for run in runs)

    def cells(self, through, memory):
        return ("%s: %s" % (self.what, self.name), "%.0f" % self.rate, "%.1f" % self.server, "%.1f" % self.postgresql,
                "%.1f" % self.sum, "%.2f" % (self.sum / through.sum), "%.2f" % (self.sum / memory.sum),
                "%.2f" % (self.rate / through.rate), "%.0f" % self.p50, "%.0f" % self.p99, errors(self.runs))


def compared(groups):
    """groups: lists of rows; the first of each is Kamailio write-through, the second memory only."""
    return render([COMPARED] + [row.cells(*rows[:2]) for rows in groups for row in rows])
