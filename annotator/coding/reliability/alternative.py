"""The alternative annotator test: may a machine annotator stand in for one of the coders?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotator.coding.reliability.coefficient import MISSING
from models.arrays import BoolArray, FloatArray, IntArray

MIN_CODERS = 3
MIN_UNITS = 30


@dataclass(frozen=True)
class Compared:
    """The machine against one coder: how often it does at least as well as that coder, and the test.

    ``p_value`` belongs to the hypothesis that the coder's advantage is ``epsilon`` or more.
    """

    coder: int
    n: int
    machine_at_least: float
    p_value: float
    won: bool


@dataclass(frozen=True)
class AlternativeTest:
    """Outcome of the test; ``undefined`` says why there is none, and the two numbers are then NaN.

    ``winning_rate`` (omega) is the share of coders against whom the machine wins; the test is passed at
    one half. ``advantage`` (rho) is the probability that the machine does at least as well as a coder
    picked at random.
    """

    winning_rate: float
    advantage: float
    epsilon: float
    compared: tuple[Compared, ...] = ()
    undefined: str = ""

    @property
    def passed(self) -> bool:
        """Whether the machine wins against half of the coders or more."""
        return self.winning_rate >= 0.5

    @property
    def n(self) -> int:
        """Comparisons made: units of each coder, summed."""
        return sum(each.n for each in self.compared)


def alternative_annotator_test(
    machine: IntArray,
    codes: IntArray,
    epsilon: float = 0.15,
    *,
    values: Sequence[float] | None = None,
    rate: float = 0.05,
    min_coders: int = MIN_CODERS,
    min_units: int = MIN_UNITS,
) -> AlternativeTest:
    """Leave out one coder at a time and ask who is closer to the others: the machine or that coder.

    Calderon, Reichart and Dror (2025), The Alternative Annotator Test for LLM-as-a-Judge, ACL. For coder j
    and unit i, machine and coder are scored by their mean agreement with the other coders of the unit, or
    by minus their root mean squared difference where codes have ``values``. W^f is one where the machine
    scores as high as the coder or higher, W^h where the coder does. The machine wins against the coder if a
    one-sided paired t test rejects ``mean(W^h) - mean(W^f) >= epsilon``; the false discovery rate over
    coders is held by the procedure of Benjamini and Yekutieli.

    Parameters
    ----------
    machine : (n,) array of int
        Machine labels, -1 where there is none.
    codes : (n, C) array of int
        What the coders said, -1 where missing.
    epsilon : float
        What the machine's lower cost is worth. The authors advise 0.2 against experts, 0.15 against skilled
        and 0.1 against crowd workers.
    values : sequence of float
        What the codes stand for, where they are numbers.
    rate : float
        The false discovery rate.
    min_coders, min_units : int
        Units with fewer coders are left out, coders with fewer such units too. The defaults are stricter
        than the authors' program, which takes units of two coders; with three the coders left make a group.

    Raises ValueError for an epsilon outside [0, 1).

    Examples
    --------
    >>> truth = np.arange(60) % 3
    >>> codes = np.repeat(truth[:, None], 3, axis=1)
    >>> codes[np.arange(30), np.arange(30) % 3] = (truth[:30] + 1) % 3
    >>> test = alternative_annotator_test(truth, codes)
    >>> test.winning_rate, test.advantage, test.passed
    (1.0, 1.0, True)
    >>> alternative_annotator_test(truth, codes[:, :2]).undefined
    'needs units coded by 3 people or more; there is none'
    """
    if not 0 <= epsilon < 1:
        raise ValueError(f"epsilon must be at least 0 and below 1, got {epsilon}")
    given = codes != MISSING
    usable = (given.sum(axis=1) >= min_coders) & (machine != MISSING)
    units_of = (given & usable[:, None]).sum(axis=0)
    enough = np.flatnonzero(units_of >= min_units)
    if not enough.size:
        return AlternativeTest(
            np.nan, np.nan, epsilon, undefined=_why(usable, units_of, min_coders, min_units)
        )
    machine, codes = machine[usable], codes[usable]
    parts = [_compare(machine, codes, int(j), epsilon, values) for j in enough]
    from scipy.stats import false_discovery_control  # noqa: PLC0415 (slow to import)

    won = false_discovery_control([part.p_value for part in parts], method="by") <= rate
    compared = tuple(Compared(**{**vars(part), "won": bool(w)}) for part, w in zip(parts, won, strict=True))
    advantage = float(np.mean([part.machine_at_least for part in compared]))
    return AlternativeTest(float(np.mean(won)), advantage, epsilon, compared)


def _compare(
    machine: IntArray, codes: IntArray, coder: int, epsilon: float, values: Sequence[float] | None
) -> Compared:
    mine = codes[:, coder] != MISSING
    machine, codes = machine[mine], codes[mine]
    others = np.delete(codes, coder, axis=1)
    of_machine = _closeness(machine, others, values)
    of_coder = _closeness(codes[:, coder], others, values)
    machine_wins, coder_wins = of_machine >= of_coder - 1e-12, of_coder >= of_machine - 1e-12
    return Compared(
        coder=coder,
        n=int(mine.sum()),
        machine_at_least=float(machine_wins.mean()),
        p_value=_p_value(coder_wins.astype(float) - machine_wins, epsilon),
        won=False,
    )


def _closeness(said: IntArray, others: IntArray, values: Sequence[float] | None) -> FloatArray:
    """(n,) how close a code is to those of the others, whose missing codes do not count."""
    there = others != MISSING
    if values is None:
        return np.asarray(((others == said[:, None]) & there).sum(axis=1) / there.sum(axis=1))
    numbers = np.asarray(values, dtype=float)
    squared = np.where(there, (numbers[others] - numbers[said][:, None]) ** 2, 0.0)
    return np.asarray(-np.sqrt(squared.sum(axis=1) / there.sum(axis=1)))


def _p_value(differences: FloatArray, epsilon: float) -> float:
    if np.ptp(differences) == 0:  # no variance to test against: the sign decides
        return 0.0 if differences[0] < epsilon else 1.0
    from scipy.stats import ttest_1samp  # noqa: PLC0415 (slow to import)

    return float(ttest_1samp(differences, epsilon, alternative="less").pvalue)


def _why(usable: BoolArray, units_of: IntArray, min_coders: int, min_units: int) -> str:
    if not usable.any():
        return f"needs units coded by {min_coders} people or more; there is none"
    return (
        f"needs {min_units} units coded by {min_coders} people or more from at least one coder; "
        f"the most is {int(units_of.max())}"
    )
