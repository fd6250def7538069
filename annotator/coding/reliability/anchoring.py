"""How much seeing the machine's label shifts what people say: units shown with it against blind ones."""

import math
from collections.abc import Iterator

import numpy as np

from annotator.coding.reliability.bootstrap import Measured
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.rows import Row, Scope, row
from annotator.inference.intervals import Interval, quantile
from models.arrays import BoolArray, FloatArray


def anchoring(coded: Coded, number: int, scope: Scope, confidence_level: float) -> Iterator[Row]:
    """The shift of agreement with the first machine annotator, and of each code's share.

    Who is shown a suggestion is left to chance, so that a difference between the arms is its effect. Without
    two arms there are no rows.
    """
    if not coded.shown.any() or coded.shown.all():
        return
    given, carries = coded.people.given, coded.people.carries
    machine = coded.machines.carries[:, :1]
    agrees = _mean_of_coders(given, (carries == machine).all(axis=2))
    annotator = coded.machines.coders[0]
    for weighting, weights in coded.weightings:
        of = {"weighting": weighting, "annotator": annotator}
        found = shift(agrees, coded.shown, weights, confidence_level)
        yield row(number, scope, "anchoring_agreement_shift", found, **of)
        for k, name in enumerate(coded.codebook.names):
            share = _mean_of_coders(given, carries[:, :, k])
            found = shift(share, coded.shown, weights, confidence_level)
            yield row(number, scope, "anchoring_share_shift", found, label=name, **of)


def shift(values: FloatArray, shown: BoolArray, weights: FloatArray, confidence_level: float) -> Measured:
    """Weighted mean of values (n,) in [0, 1] among the shown less that among the others, NaN values left out.

    The interval squares and adds the distances to the ends of one Wilson interval an arm (Newcombe 1998,
    Statistics in Medicine 17, 873-890, method 10; Zou and Donner 2008), so that it has a width where all of
    an arm agree. It is within [-1, 1] and holds the value.

    >>> values = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    >>> found = shift(values, np.arange(8) < 4, np.ones(8), 0.95)
    >>> found.value, found.n, bool(found.ci_low < 0 < found.ci_high)
    (0.5, 8, True)
    """
    known = np.isfinite(values)
    arms = [known & shown, known & ~shown]
    if min(int(arm.sum()) for arm in arms) < 2:
        return Measured(np.nan, np.nan, np.nan, int(known.sum()), "fewer than two units in one arm")
    (seen, seen_ends), (blind, blind_ends) = (
        _share(values[arm], weights[arm], confidence_level) for arm in arms
    )
    value = round(seen - blind, 12) + 0.0  # a difference of rounding alone is none, nor is it -0.0
    low = value - math.hypot(seen - seen_ends.low, blind_ends.high - blind)
    high = value + math.hypot(seen_ends.high - seen, blind - blind_ends.low)
    note = f"{int(arms[0].sum())} units shown, {int(arms[1].sum())} blind"
    return Measured(value, max(low, -1.0), min(high, 1.0), int(known.sum()), note)


def _share(values: FloatArray, weights: FloatArray, confidence_level: float) -> tuple[float, Interval]:
    """Weighted mean of values (m,) in [0, 1], and Wilson's interval, which holds it.

    For m its effective number counts: Kish's, or the one by which the linearised variance is that of a
    share, if that is smaller. Student's t with m - 1 degrees of freedom makes up for what an arm of a few
    units of unequal weight is short of.
    """
    weight = weights / weights.sum()
    mean = min(max(float(weight @ values), 0.0), 1.0)
    m, spread = values.size, mean * (1.0 - mean)
    variance = m / (m - 1) * float(np.sum((weight * (values - mean)) ** 2))
    effective = 1.0 / float(weight @ weight)
    if 0.0 < spread < effective * variance:
        effective = spread / variance
    q = quantile(confidence_level, m - 1)
    scale = 1.0 + q**2 / effective
    centre = (mean + q**2 / effective / 2.0) / scale
    half = q * math.sqrt(spread / effective + (q / effective / 2.0) ** 2) / scale
    return mean, Interval(min(max(centre - half, 0.0), mean), max(min(centre + half, 1.0), mean))


def _mean_of_coders(given: BoolArray, said: BoolArray) -> FloatArray:
    """(n,) the share of a unit's coders of whom it is true; NaN for a unit without one."""
    n_coders = given.sum(axis=1)
    share: FloatArray = np.where(n_coders > 0, (given & said).sum(axis=1) / np.maximum(n_coders, 1), np.nan)
    return share
