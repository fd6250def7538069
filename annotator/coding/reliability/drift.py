"""Whether agreement changes from round to round."""

from collections.abc import Sequence

import numpy as np

from annotator.coding.reliability.bootstrap import Measured
from models.arrays import FloatArray

TOO_FEW = "fewer than two rounds have a value with an interval"


def change(rounds: Sequence[Measured]) -> Measured:
    """Agreement in the last round less that in the first, of those that have a value.

    >>> found = change([Measured(0.8, 0.7, 0.9, 50), Measured(0.6, 0.5, 0.7, 50)])
    >>> round(found.value, 3), round(found.ci_low, 3), round(found.ci_high, 3), found.note
    (-0.2, -0.341, -0.059, 'round 1 to round 2')
    """
    usable = _usable(rounds)
    if len(usable) < 2:
        return _nothing(rounds)
    coefficients = np.zeros(len(usable))
    coefficients[0], coefficients[-1] = -1.0, 1.0
    ends = rounds[usable[0]].n + rounds[usable[-1]].n
    return _combined([rounds[at] for at in usable], coefficients, ends, _span(usable))


def slope(rounds: Sequence[Measured]) -> Measured:
    """Change of agreement a round: the least-squares slope, rounds weighted by their units.

    >>> found = slope([Measured(0.8, 0.7, 0.9, 50), Measured(0.7, 0.6, 0.8, 50), Measured(0.6, 0.5, 0.7, 50)])
    >>> round(found.value, 3), round(found.ci_low, 3), round(found.ci_high, 3)
    (-0.1, -0.171, -0.029)
    """
    usable = _usable(rounds)
    if len(usable) < 2:
        return _nothing(rounds)
    n = np.array([rounds[at].n for at in usable], dtype=float)
    centred = np.array(usable) - np.average(usable, weights=n)
    coefficients = n * centred / (n @ centred**2)
    return _combined([rounds[at] for at in usable], coefficients, int(n.sum()), _span(usable))


def _combined(rounds: list[Measured], coefficients: FloatArray, n: int, note: str) -> Measured:
    """A linear combination of independent values, with an interval from theirs.

    The ends keep the asymmetry of the parts: Zou, Huang and Zhang (2009), A note on confidence interval
    estimation for a linear function of binomial proportions, Computational Statistics and Data Analysis 53.
    """
    values = np.array([each.value for each in rounds])
    below = values - np.array([each.ci_low for each in rounds])
    above = np.array([each.ci_high for each in rounds]) - values
    value = coefficients @ values
    down = np.sqrt(np.sum((coefficients * np.where(coefficients > 0, below, above)) ** 2))
    up = np.sqrt(np.sum((coefficients * np.where(coefficients > 0, above, below)) ** 2))
    return Measured(float(value), float(value - down), float(value + up), n, note)


def _usable(rounds: Sequence[Measured]) -> list[int]:
    return [at for at, each in enumerate(rounds) if np.isfinite([each.ci_low, each.ci_high]).all()]


def _span(usable: list[int]) -> str:
    return f"round {usable[0] + 1} to round {usable[-1] + 1}"


def _nothing(rounds: Sequence[Measured]) -> Measured:
    return Measured(np.nan, np.nan, np.nan, sum(each.n for each in rounds), TOO_FEW)
