"""Bootstrap intervals of agreement coefficients: units are drawn again, coders stay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import betaincinv

from annotator.coding.reliability.coefficient import Coefficient, SparseRows
from annotator.coding.reliability.patterns import distinct_rows
from models.arrays import FloatArray, IntArray

N_RESAMPLES = 2000
MOST_UNDEFINED = 0.05  # share of resamples without a value above which no interval is given
_DRAWN = 4_000_000  # numbers drawn at once: another value gives other resamples to the same seed
_HELD = 500_000  # sums held at once


@dataclass(frozen=True)
class Measured:
    """A coefficient with its interval; NaN where there is none, and then ``note`` says why."""

    value: float
    ci_low: float
    ci_high: float
    n: int
    note: str = ""


def measure(
    coefficients: Sequence[Coefficient],
    rng: np.random.Generator,
    *,
    weights: FloatArray | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
) -> list[Measured]:
    """Each coefficient with its interval, all from the same resamples.

    Units are drawn with replacement, those with two codes or more apart from the others, since the design
    fixes how many there are (Zapf, Castell, Morawietz and Karch 2016, BMC Medical Research Methodology 16,
    on bootstrapping units); ends are percentiles. They are never narrower than what the exact binomial
    (Clopper-Pearson) interval for the share of units with a disagreement makes of the coefficient, its
    expected disagreement held: a handful of units on which all agree must not give an interval without width.

    Parameters
    ----------
    coefficients : sequence of Coefficient
        Of the same n units.
    rng : numpy.random.Generator
    weights : (n,) array
        How much of the corpus each unit stands for; the same for all by default.

    Raises ValueError where coefficients are not of the same units.

    Examples
    --------
    >>> from annotator.coding.reliability.percent import percent_agreement
    >>> codes = np.array([[0, 0]] * 17 + [[0, 1]] * 3)
    >>> found, = measure([percent_agreement(codes, 2)], np.random.default_rng(1))
    >>> found.value, round(found.ci_low, 2), round(found.ci_high, 2), found.n
    (0.85, 0.62, 1.0, 20)
    """
    if not coefficients:
        return []
    n_units = len(coefficients[0].shows)
    if any(len(each.shows) != n_units for each in coefficients):
        raise ValueError("coefficients measured together must be of the same units")
    weights = np.ones(n_units) if weights is None else weights
    wanted = [each for each in coefficients if not each.undefined]
    resampled = iter(_resampled(wanted, weights, rng, n_resamples))
    return [
        Measured(np.nan, np.nan, np.nan, each.n, each.undefined)
        if each.undefined
        else _interval(each, weights, next(resampled), confidence_level)
        for each in coefficients
    ]


def _resampled(
    coefficients: Sequence[Coefficient], weights: FloatArray, rng: np.random.Generator, n_resamples: int
) -> list[FloatArray]:
    """(n_resamples,) values of each coefficient."""
    if not coefficients:
        return []
    patterns, strata = _patterns(coefficients, weights)
    widths = np.cumsum([each.per_unit.shape[1] for each in coefficients])[:-1]
    few = max(_HELD // max(patterns.shape), 1)
    values = []
    for draws in _draws(strata, n_resamples, rng):
        for start in range(0, len(draws), few):
            sums: FloatArray = draws[start : start + few].astype(float) @ patterns
            parts = np.split(sums, widths, axis=1)
            values.append([each.of(part) for each, part in zip(coefficients, parts, strict=True)])
    return [np.concatenate(of_one) for of_one in zip(*values, strict=True)]


def _patterns(
    coefficients: Sequence[Coefficient], weights: FloatArray
) -> tuple[SparseRows, list[tuple[int, FloatArray]]]:
    """Weighted rows that differ, and for each stratum the number of its units and the rows' shares in it.

    Drawing n units is drawing how often each distinct row occurs: the same distribution, far fewer numbers.
    """
    shows = np.any([each.shows for each in coefficients], axis=0)
    rows = sparse.csr_array(sparse.hstack([each.per_unit for each in coefficients], format="csr"))
    rows.data *= np.repeat(weights, np.diff(rows.indptr))
    rows.eliminate_zeros()
    rows.sort_indices()
    found, strata = [], []
    for stratum in (np.flatnonzero(shows), np.flatnonzero(~shows)):
        if stratum.size:
            where, times = distinct_rows(rows[stratum])
            found.append(stratum[where])
            strata.append((int(times.sum()), times / times.sum()))
    return rows[np.concatenate(found)], strata


def _draws(
    strata: list[tuple[int, FloatArray]], n_resamples: int, rng: np.random.Generator
) -> Iterator[IntArray]:
    """How often each resample holds each pattern, (size, P) for some resamples after the others."""
    step = max(_DRAWN // sum(len(shares) for _, shares in strata), 1)
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        yield np.concatenate([rng.multinomial(n, shares, size) for n, shares in strata], axis=1)


def _interval(
    coefficient: Coefficient, weights: FloatArray, resampled: FloatArray, confidence_level: float
) -> Measured:
    sums = np.asarray(weights @ coefficient.per_unit)
    value = float(coefficient.of(sums))
    undefined = np.isnan(resampled)
    if undefined.mean() > MOST_UNDEFINED:
        note = f"no interval: {undefined.mean():.0%} of resamples hold one code only"
        return Measured(value, np.nan, np.nan, coefficient.n, note)
    ends = [(1.0 - confidence_level) / 2.0, (1.0 + confidence_level) / 2.0]
    low, high = np.quantile(resampled[~undefined], ends)
    lowest, highest = _exact_ends(coefficient, sums, weights, ends)
    return Measured(value, float(min(low, lowest)), float(max(high, highest)), coefficient.n)


def _exact_ends(
    coefficient: Coefficient, sums: FloatArray, weights: FloatArray, ends: list[float]
) -> tuple[float, float]:
    """The coefficient at the ends of the exact interval for the share of units with a disagreement.

    With weights the number of units is Kish's effective one.
    """
    observed, expected = coefficient.disagreement(sums)
    shown = weights[coefficient.shows]
    share = float(shown @ coefficient.differs[coefficient.shows] / shown.sum())
    n = float(shown.sum() ** 2 / (shown @ shown))
    severity = float(observed) / share if share > 0 else coefficient.severity
    least = float(betaincinv(share * n, (1 - share) * n + 1, ends[0])) if share > 0 else 0.0
    most = float(betaincinv(share * n + 1, (1 - share) * n, ends[1])) if share < 1 else 1.0
    return 1.0 - severity * most / float(expected), 1.0 - severity * least / float(expected)
