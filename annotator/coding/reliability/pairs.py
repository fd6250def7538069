"""Sums over units of agreement within pairs of codes: what three coefficients are made of."""

from collections.abc import Callable

import numpy as np

from annotator.coding.reliability.coefficient import Coefficient, Disagreement
from annotator.coding.reliability.counts import beside, code_counts, divided, why_undefined
from models.arrays import FloatArray, IntArray


def of_pairs(
    codes: IntArray, n_codes: int, chance: Callable[[FloatArray], FloatArray], *, corrected: bool = True
) -> Coefficient:
    """A coefficient that compares the pairs of codes within a unit with ``chance``.

    Units count alike however many coders they have (Gwet 2014, chapter 2): a unit's observed disagreement is
    the share of its pairs of codes that differ, averaged over units with two codes or more; the shares of the
    codes are averaged over units with one code or more, those that were coded once included.

    ``chance`` turns shares of the codes that were given (..., S) into the expected disagreement (...).
    """
    counts = code_counts(codes, n_codes)
    m = counts.m
    squares: FloatArray = counts.per_unit.power(2).sum(axis=1)
    shows = m >= 2
    differing = np.where(shows, 1.0 - (squares - m) / np.where(shows, m * (m - 1), 1.0), 0.0)
    shares = divided(counts.per_unit, np.maximum(m, 1.0))

    def disagreement(sums: FloatArray) -> Disagreement:
        n_coded = np.maximum(sums[..., -1:], 1e-300)
        return sums[..., -3] / np.maximum(sums[..., -2], 1e-300), chance(sums[..., :-3] / n_coded)

    return Coefficient(
        per_unit=beside([shares], differing, shows, m >= 1),
        disagreement=disagreement,
        shows=shows,
        differs=differing > 0,
        undefined=why_undefined(counts, corrected=corrected),
    )
