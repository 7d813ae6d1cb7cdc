"""Figures of a test, for who reads them later."""
import os


def report(name, line):
    """Prints the line, and adds it to NAME.report in the state of the tests."""
    print(line)
    with open(os.path.join(os.environ["ROLLCALL_TEST_STATE"], name + ".report"), "a") as file:
        file.write(line + "\n")


def quantile(values, share):
    """The value below which that share of them lies; 0.0 of none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0
