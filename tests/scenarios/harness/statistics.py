"""Whether two samples of times differ, and whether something grows: as far as it is needed here."""
import math


def mann_whitney(first, second):
    """(AUC, two-sided p): how often a value of first is above one of second, ties counting half, and how likely so large a
    distance from 0.5 is when both come from one source (normal approximation, corrected for ties)."""
    m, n = len(first), len(second)
    values = sorted([(v, 0) for v in first] + [(v, 1) for v in second])
    rank_sum, ties, at = 0.0, 0.0, 0
    while at < len(values):
        end = at
        while end < len(values) and values[end][0] == values[at][0]:
            end += 1
        equal = end - at
        rank_sum += (at + end + 1) / 2 * sum(1 for _, which in values[at:end] if which == 0)
        ties += equal ** 3 - equal
        at = end
    u = rank_sum - m * (m + 1) / 2
    total = m + n
    variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance == 0:
        return 0.5, 1.0
    return u / (m * n), math.erfc(abs(u - m * n / 2) / math.sqrt(2 * variance))


def resolution(sample, other, threshold):
    """The smallest of the shifts 1, 2, 4, … (in the unit of the samples) that would be told from chance: half of what one
    would like to know about a test that found nothing."""
    shift = 1
    while shift < 1 << 40:
        auc, p = mann_whitney([value + shift for value in sample], other)
        if p < threshold and auc > 0.5:
            return shift
        shift *= 2
    return None


def least_squares(points):
    """(slope, standard error of it) of the straight line through (x, y), at least three of them and not all at one x."""
    n = len(points)
    x_mean, y_mean = (sum(values) / n for values in zip(*points))
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread
    residues = sum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in points)
    return slope, math.sqrt(residues / (n - 2) / spread)
