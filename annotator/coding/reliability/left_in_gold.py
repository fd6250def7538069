"""What gold rests on, and how much measurement error adjudication has left in it."""

from collections.abc import Iterator

import numpy as np

from annotator.coding.disagreement import ADJUDICATED
from annotator.coding.reliability.bootstrap import Measured, measure
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.coefficient import MISSING, Coefficient, Disagreement
from annotator.coding.reliability.counts import beside, code_counts, why_undefined
from annotator.coding.reliability.rows import Row, Scope, row
from models.arrays import BoolArray, FloatArray, IntArray

SINGLE = "single"
COUNTED = "counted, not estimated"
NOT_ADJUDICATED = "no disagreement was adjudicated"


def left_in_gold(
    coded: Coded, number: int, scope: Scope, rng: np.random.Generator, confidence_level: float
) -> Iterator[Row]:
    """Shares of gold by how it came about, for each code; and where units were adjudicated, the error left.

    ``gold_<how>`` are shares of the gold of a code. ``single_code_error`` is the share of single coders'
    codes that adjudication would have changed, ``gold_error_left`` the share of gold of which that is to be
    expected: gold that is one coder's code, and disputes that were given up, which err more often.
    """
    for weighting, weights in coded.weightings:
        for label, carries in [("", np.ones(len(weights), dtype=bool)), *_of_codes(coded)]:
            for how in sorted(set(coded.how)):
                found = _share(coded.how == how, carries, weights)
                yield row(number, scope, f"gold_{how}", found, weighting=weighting, label=label)
    if (coded.how == ADJUDICATED).any():
        accuracy = single_code_accuracy(coded.said, coded.settled, coded.how == ADJUDICATED)
        for weighting, weights in coded.weightings:
            (found,) = measure([accuracy], rng, weights=weights, confidence_level=confidence_level)
            error = _one_minus(found)
            yield row(number, scope, "single_code_error", error, weighting=weighting)
            if (coded.how == SINGLE).any():
                left = _scaled(error, _exposed(coded.how == SINGLE, accuracy, weights))
                yield row(number, scope, "gold_error_left", left, weighting=weighting)


def single_code_accuracy(said: IntArray, settled: IntArray, adjudicated: BoolArray) -> Coefficient:
    """The share of single codes that are what adjudication makes of their unit.

    A unit on which coders agree shows no error; one on which they disagree shows the share of its codes that
    are not the adjudicated one, so that ``1 - accuracy`` is the disagreement rate times the mean of that
    share over the disagreements that were adjudicated. Which units are coded twice is left to chance, so it
    speaks of units that were coded once too. What two coders both get wrong is not seen: the error is a lower
    bound.

    Parameters
    ----------
    said : (n, C) array of int
        Labels of the coders, -1 where missing.
    settled : (n,) array of int
        Gold labels.
    adjudicated : (n,) array of bool
        Whether an adjudicator gave them.

    >>> said = np.array([[0, 0], [0, 0], [0, 1], [0, 1], [1, -1]])
    >>> found = single_code_accuracy(said, np.array([0, 0, 0, 2, 1]), np.array([0, 0, 1, 1, 0], dtype=bool))
    >>> found.value  # half of the units are disputed; one coder errs in the first, both in the second
    0.625
    """
    given = said != MISSING
    m = given.sum(axis=1)
    shows = m >= 2
    lowest = np.where(given, said, np.iinfo(np.int64).max).min(axis=1, initial=np.iinfo(np.int64).max)
    differs = shows & (said.max(axis=1, initial=MISSING) != lowest)
    resolved = differs & adjudicated
    wrong = (given & (said != settled[:, None])).sum(axis=1) / np.maximum(m, 1)

    severity = float(wrong[resolved].mean()) if resolved.any() else 1.0

    def disagreement(sums: FloatArray) -> Disagreement:
        rate = sums[..., 0] / np.maximum(sums[..., 1], 1e-300)
        known = sums[..., 3] > 0
        of_disputed = np.divide(sums[..., 2], sums[..., 3], out=np.full(rate.shape, severity), where=known)
        return rate * of_disputed, np.ones(rate.shape)

    undefined = why_undefined(code_counts(said), corrected=False)
    if not undefined and differs.any() and not resolved.any():
        undefined = NOT_ADJUDICATED
    return Coefficient(
        per_unit=beside([], differs, shows, wrong * resolved, resolved),
        disagreement=disagreement,
        shows=shows,
        differs=differs,
        severity=severity,
        undefined=undefined,
    )


def _exposed(single: BoolArray, accuracy: Coefficient, weights: FloatArray) -> float:
    """How much of the gold errs at the rate of single codes.

    A dispute that was given up counts for more than a unit that was coded once: as one over the share of
    units that are disputed, since the rate of errors is that share times their rate among the disputed.
    """
    shows, disputed = accuracy.shows, accuracy.differs
    rate = weights[disputed].sum() / max(weights[shows].sum(), 1e-300)
    counts = np.where(single & disputed, 1.0 / max(rate, 1e-300), single)
    return float(weights @ counts / weights.sum())


def _of_codes(coded: Coded) -> Iterator[tuple[str, BoolArray]]:
    """Each code, and which gold labels hold it."""
    for k, name in enumerate(coded.codebook.names):
        yield name, coded.gold.carries[:, 0, k]


def _share(of: BoolArray, among: BoolArray, weights: FloatArray) -> Measured:
    total = float(weights[among].sum())
    if total <= 0:
        return Measured(np.nan, np.nan, np.nan, 0, "no gold has this code")
    return Measured(float(weights[among & of].sum()) / total, np.nan, np.nan, int(among.sum()), COUNTED)


def _one_minus(found: Measured) -> Measured:
    return Measured(1.0 - found.value, 1.0 - found.ci_high, 1.0 - found.ci_low, found.n, found.note)


def _scaled(found: Measured, by: float) -> Measured:
    return Measured(by * found.value, by * found.ci_low, by * found.ci_high, found.n, found.note)
