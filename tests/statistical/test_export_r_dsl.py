"""Rounds as rows of one draw: what the R package dsl makes of them is unbiased, and its errors cover.

The package's estimate of a mean, written out: a learner of all codes, cross-fitted over units, its
predictions corrected by codes over probabilities, and errors clustered by unit.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from annotator.export.r_dsl import as_draw
from annotator.inference.rectify import Round
from annotator.sampling.design import design_round
from models.arrays import FloatArray, IntArray

Mean = tuple[float, float]  # and its standard error
pytestmark = pytest.mark.statistical

TRIALS = 1_000
N_UNITS, SIZES, N_FOLDS = 1_500, (60, 60, 60, 60), 5
SHARES = np.array([0.05, 0.2, 0.5, 0.8, 0.9, 0.3])  # of each kind of text
MONTE_CARLO = np.sqrt(0.95 * 0.05 / TRIALS)  # 0.007


def smoothed(kind: IntArray, label: FloatArray) -> FloatArray:
    """The share of each kind of text among labels, drawn a little to one half."""
    n = np.bincount(kind, minlength=SHARES.size)
    found: FloatArray = (np.bincount(kind, label, minlength=SHARES.size) + 0.5) / (n + 1.0)
    return found


def rounds(kind: IntArray, label: FloatArray, rng: np.random.Generator) -> Iterator[Round]:
    """Rounds that go where the codes of earlier ones were mixed."""
    known, nothing = np.zeros(N_UNITS, dtype=bool), np.zeros(0)
    for number, size in enumerate(SIZES, start=1):
        share = smoothed(kind[known], label[known])
        units = np.flatnonzero(~known)
        design = design_round(
            units,
            np.sqrt(share * (1.0 - share))[kind[units]],
            size,
            rng,
            uniform_mix=0.1,
            order=rng.permutation(units.size),
            error_probability=np.full(units.size, np.nan),
            reason="a test",
        )
        probability, drawn = np.full(N_UNITS, np.nan), np.zeros(N_UNITS, dtype=bool)
        probability[units], drawn[units] = design.inclusion_probability, design.drawn
        yield Round(number, known, probability, drawn, nothing.astype(np.int64), nothing)
        known = known | drawn


def as_the_package_does(
    kind: IntArray, label: FloatArray, drawn: list[Round], rng: np.random.Generator
) -> Mean:
    """The mean of a label and its standard error from the rows of all rounds."""
    labelled, probability = (np.concatenate(of) for of in zip(*map(as_draw, drawn), strict=True))
    unit = np.tile(np.arange(N_UNITS), len(drawn))
    fold = rng.integers(0, N_FOLDS, N_UNITS)[unit]
    guess = np.zeros(unit.size)
    for k in range(N_FOLDS):
        learnt = labelled & (fold != k)
        guess[fold == k] = smoothed(kind[unit][learnt], label[unit][learnt])[kind[unit][fold == k]]
    corrected = guess + np.where(labelled, (label[unit] - guess) / probability, 0.0)
    mean = corrected.mean()
    return mean, float(np.linalg.norm(np.bincount(unit, corrected - mean))) / unit.size


def test_unbiased_and_covering_though_rounds_follow_earlier_codes() -> None:
    rng = np.random.default_rng(3)
    errors, std_errors = np.zeros(TRIALS), np.zeros(TRIALS)
    for trial in range(TRIALS):
        kind = rng.integers(0, SHARES.size, N_UNITS)
        label = (rng.random(N_UNITS) < SHARES[kind]).astype(np.float64)
        mean, std_errors[trial] = as_the_package_does(kind, label, list(rounds(kind, label, rng)), rng)
        errors[trial] = mean - SHARES.mean()
    assert abs(errors.mean()) < 3.0 * errors.std() / np.sqrt(TRIALS)
    assert std_errors.mean() == pytest.approx(errors.std(), rel=0.1)
    assert (np.abs(errors) < 1.96 * std_errors).mean() > 0.95 - 3.0 * MONTE_CARLO
