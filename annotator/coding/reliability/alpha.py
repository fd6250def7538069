"""Krippendorff's alpha, for codes that are names, ranks or numbers."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from annotator.coding.reliability.coefficient import Coefficient, Disagreement, code_counts, why_undefined
from models.arrays import FloatArray, IntArray

Level = Literal["nominal", "ordinal", "interval"]


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
    counts = code_counts(codes, n_codes)
    m = counts.sum(axis=1)
    shows = m >= 2
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(n_codes)
    pairs = np.where(shows[:, None, None], pairs / np.maximum(m - 1, 1)[:, None, None], 0.0)
    distance = _distance(level, n_codes, values)

    def disagreement(sums: FloatArray) -> Disagreement:
        together = sums.reshape(*sums.shape[:-1], n_codes, n_codes)
        return _disagreement(together, distance)

    undefined = why_undefined(codes)
    return Coefficient(
        per_unit=pairs.reshape(len(codes), n_codes * n_codes),
        disagreement=disagreement,
        shows=shows,
        differs=shows & (counts.max(axis=1) < m),
        severity=1.0 if undefined else _severity(pairs.sum(axis=0), distance),
        undefined=undefined,
    )


def _disagreement(together: FloatArray, distance: Callable[[FloatArray], FloatArray]) -> Disagreement:
    """From coincidences (..., K, K)."""
    margins = together.sum(axis=-1)
    n_values = margins.sum(axis=-1)
    apart = distance(margins)
    observed = (together * apart).sum(axis=(-1, -2)) / np.maximum(n_values, 1e-300)
    by_chance = (margins[..., :, None] * margins[..., None, :] * apart).sum(axis=(-1, -2))
    possible_pairs = n_values * (n_values - 1.0)
    return observed, by_chance / np.where(possible_pairs > 0, possible_pairs, np.inf)


def _distance(
    level: Level, n_codes: int, values: Sequence[float] | None
) -> Callable[[FloatArray], FloatArray]:
    """A function from margins (..., K) to squared distances (..., K, K)."""
    if level == "nominal":
        return lambda margins: 1.0 - np.eye(n_codes)
    if level == "ordinal":
        return lambda margins: _squared(np.cumsum(margins, axis=-1) - margins / 2.0)
    numbers = np.arange(n_codes, dtype=float) if values is None else np.asarray(values, dtype=float)
    if numbers.shape != (n_codes,):
        raise ValueError(f"interval codes need one value each: {n_codes} codes, {numbers.size} values")
    return lambda margins: _squared(numbers)


def _squared(scores: FloatArray) -> FloatArray:
    return np.asarray((scores[..., :, None] - scores[..., None, :]) ** 2)


def _severity(together: FloatArray, distance: Callable[[FloatArray], FloatArray]) -> float:
    """Mean distance of two codes that differ by chance."""
    margins = together.sum(axis=-1)
    chance = margins[:, None] * margins[None, :] * (1.0 - np.eye(len(margins)))
    return float((chance * distance(margins)).sum() / chance.sum())
