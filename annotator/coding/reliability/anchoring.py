"""How much seeing the machine's label shifts what people say: units shown with it against blind ones."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from annotator.coding.reliability.bootstrap import Measured
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.rows import Row, Scope, row
from annotator.inference.intervals import Interval, quantile
from models.arrays import BoolArray, FloatArray


def anchoring(coded: Coded, number: int, scope: Scope, confidence_level: float) -> Iterator[Row]:
    """The shift of agreement with the first machine annotator, and of each code's share.

    Who is shown a suggestion is left to chance among the units of a round that the machine labelled, so that
    a difference between the arms is its effect. Units that it failed on belong to neither arm, nor do those
    of rounds in which chance had nothing to decide. Without two arms there are no rows.
    """
    in_an_arm, n_failed = _by_lot(coded)
    if not in_an_arm.any():
        return
    shown, given, carries = (
        coded.shown[in_an_arm],
        coded.people.given[in_an_arm],
        coded.people.carries[in_an_arm],
    )
    machine = coded.machines.carries[in_an_arm, :1]
    agrees = _mean_of_coders(given, (carries == machine).all(axis=2))
    for weighting, every_weight in coded.weightings:
        weights = every_weight[in_an_arm]
        of = {"weighting": weighting, "annotator": coded.machines.coders[0]}
        found = _counted(shift(agrees, shown, weights, confidence_level), n_failed)
        yield row(number, scope, "anchoring_agreement_shift", found, **of)
        for k, name in enumerate(coded.codebook.names):
            share = _mean_of_coders(given, carries[:, :, k])
            found = _counted(shift(share, shown, weights, confidence_level), n_failed)
            yield row(number, scope, "anchoring_share_shift", found, label=name, **of)


def _by_lot(coded: Coded) -> tuple[BoolArray, int]:
    """Of which units (n,) chance decided whether they are shown; how many more the machine failed on."""
    able = coded.machines.given[:, 0]
    arms = [set(coded.rounds[able & arm]) for arm in (coded.shown, ~coded.shown)]
    in_both = np.isin(coded.rounds, list(set.intersection(*arms)))
    failed = in_both & ~able & coded.people.given.any(axis=1)
    return able & in_both, int(failed.sum())


def _counted(found: Measured, n_failed: int) -> Measured:
    if n_failed == 0:
        return found
    return replace(found, note=f"{found.note}, {n_failed} without a machine's label left out")


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
