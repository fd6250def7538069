"""How much seeing the machine's label shifts what people say: units shown with it against blind ones."""

from collections.abc import Iterator

import numpy as np

from annotator.coding.reliability.bootstrap import Measured
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.rows import Row, Scope, row
from annotator.inference.intervals import quantile
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
    """Weighted mean of values (n,) among the shown less that among the others, NaN values left out.

    The interval is that of two independent weighted means (linearised), with a t quantile.

    >>> values = np.array([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    >>> found = shift(values, np.arange(8) < 4, np.ones(8), 0.95)
    >>> found.value, found.n, bool(found.ci_low < 0 < found.ci_high)
    (0.5, 8, True)
    """
    known = np.isfinite(values)
    arms = [known & shown, known & ~shown]
    if min(int(arm.sum()) for arm in arms) < 2:
        return Measured(np.nan, np.nan, np.nan, int(known.sum()), "fewer than two units in one arm")
    means, variances = zip(*(_mean(values[arm], weights[arm]) for arm in arms), strict=True)
    value = means[0] - means[1]
    width = quantile(confidence_level, int(known.sum()) - 2) * float(np.sqrt(sum(variances)))
    note = f"{int(arms[0].sum())} units shown, {int(arms[1].sum())} blind"
    return Measured(value, max(value - width, -1.0), min(value + width, 1.0), int(known.sum()), note)


def _mean(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    share = weights / weights.sum()
    mean = float(share @ values)
    scale = values.size / (values.size - 1)
    return mean, float(scale * np.sum((share * (values - mean)) ** 2))


def _mean_of_coders(given: BoolArray, said: BoolArray) -> FloatArray:
    """(n,) the share of a unit's coders of whom it is true; NaN for a unit without one."""
    n_coders = given.sum(axis=1)
    share: FloatArray = np.where(n_coders > 0, (given & said).sum(axis=1) / np.maximum(n_coders, 1), np.nan)
    return share
