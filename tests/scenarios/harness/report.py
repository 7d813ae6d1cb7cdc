"""Figures of a test, for who reads them later."""
import os


def report(name, line):
    """Prints the line, and adds it to NAME.report in the state of the tests."""
    print(line)
    with open(os.path.join(os.environ["ROLLCALL_TEST_STATE"], name + ".report"), "a") as file:
        file.write(line + "\n")


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
