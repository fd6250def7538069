"""Krippendorff's alpha, for codes that are names, ranks or numbers."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from annotator.coding.reliability.coefficient import Coefficient, Disagreement
from annotator.coding.reliability.coincidences import Coincidences, coincidences
from annotator.coding.reliability.counts import Counts, code_counts, why_undefined
from models.arrays import FloatArray, IntArray

Level = Literal["nominal", "ordinal", "interval"]
# From margins (..., D) of D codes and their positions in the codebook to where they lie, (..., D) or (D,).
Scores = Callable[[FloatArray, IntArray], FloatArray]


def krippendorff_alpha(
    codes: IntArray, n_codes: int, level: Level = "nominal", values: Sequence[float] | None = None
) -> Coefficient:
    """One minus observed over expected disagreement, from coincidences of codes within units.

    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: any number of coders, codes may be
    missing. A unit with m codes counts m times; a unit coded once has nothing to pair and is left out.

    Parameters
    ----------
    codes : (n, C) array of int
        Positions in the codebook, -1 where a coder did not code a unit.
    n_codes : int
        How many codes there are, K.
    level : str
        How far two codes are apart: ``nominal``, one if they differ; ``ordinal``, the squared number of codes
        given between them; ``interval``, the squared difference of their values.
    values : sequence of float
        What the K codes stand for, for ``interval``; 0, 1, 2, ... by default.

    Examples
    --------
    >>> alpha = krippendorff_alpha(np.array([[0, 0], [1, 1], [0, 1], [1, 1]]), 2)
    >>> round(alpha.value, 4), alpha.n
    (0.5333, 4)
    >>> krippendorff_alpha(np.array([[0, 0], [0, 0]]), 2).undefined
    'only one code was given: agreement by chance cannot be told from agreement'
    """
    return alpha_of_counts(code_counts(codes, n_codes), _scores(level, n_codes, values))


def alpha_of_counts(counts: Counts, scores: Scores | None = None) -> Coefficient:
    """Krippendorff's alpha from how often each code was given to each unit.

    Codes are as far apart as the squared difference of their ``scores``, or one where there are none.
    """
    cells = coincidences(counts)

    def disagreement(sums: FloatArray) -> Disagreement:
        margins = cells.margins(sums)
        at = None if scores is None else scores(margins, cells.codes)
        n_values = margins.sum(axis=-1)
        observed = (sums * _apart(cells, at)).sum(axis=-1) / np.maximum(n_values, 1e-300)
        possible_pairs = n_values * (n_values - 1.0)
        return observed, _of_all_pairs(margins, at) / np.where(possible_pairs > 0, possible_pairs, np.inf)

    shows = counts.m >= 2
    undefined = why_undefined(counts)
    return Coefficient(
        per_unit=cells.per_unit,
        disagreement=disagreement,
        shows=shows,
        differs=shows & (np.diff(counts.per_unit.indptr) > 1),
        severity=1.0 if undefined else _severity(cells, scores),
        undefined=undefined,
    )


def _scores(level: Level, n_codes: int, values: Sequence[float] | None) -> Scores | None:
    if level == "nominal":
        return None
    if level == "ordinal":
        return lambda margins, codes: np.cumsum(margins, axis=-1) - margins / 2.0
    numbers = np.arange(n_codes, dtype=float) if values is None else np.asarray(values, dtype=float)
    if numbers.shape != (n_codes,):
        raise ValueError(f"interval codes need one value each: {n_codes} codes, {numbers.size} values")
    return lambda margins, codes: numbers[codes] - numbers[codes].min()


def _apart(cells: Coincidences, at: FloatArray | None) -> FloatArray:
    """Squared distance of the codes of each cell, (..., Q) or (Q,)."""
    if at is None:
        return np.asarray(cells.first != cells.second, dtype=float)
    return np.asarray((at[..., cells.first] - at[..., cells.second]) ** 2)


def _of_all_pairs(margins: FloatArray, at: FloatArray | None) -> FloatArray:
    """Sum of squared distances over all pairs of codes, units disregarded, (...).

    With scores it is twice the number of codes times the sum of squares about their mean: no pair need be
    looked at.
    """
    n_values = margins.sum(axis=-1, keepdims=True)
    if at is None:
        return np.asarray((margins * (n_values - margins)).sum(axis=-1))
    mean = (margins * at).sum(axis=-1, keepdims=True) / np.maximum(n_values, 1e-300)
    return np.asarray(2.0 * (n_values * margins * (at - mean) ** 2).sum(axis=-1))


def _severity(cells: Coincidences, scores: Scores | None) -> float:
    """Mean distance of two codes that differ by chance."""
    margins = cells.margins(cells.per_unit.sum(axis=0))
    at = None if scores is None else scores(margins, cells.codes)
    return float(_of_all_pairs(margins, at) / _of_all_pairs(margins, None))
