"""How often a machine annotator is right, on the whole corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Term
from models.arrays import FloatArray, IntArray

Statistic = Literal["accuracy", "precision", "recall", "f1", "macro_f1"]
STATISTICS: tuple[Statistic, ...] = ("accuracy", "precision", "recall", "f1", "macro_f1")


@dataclass(frozen=True)
class Agreement:
    """Accuracy, and precision, recall and F1 of each code, of one annotator's labels.

    All are ratios of totals over the corpus: with ``a`` the units of a code that have its machine label,
    ``b`` the units with the machine label and ``c`` the units of the code, precision is a / b, recall a / c
    and F1 2 a / (b + c). A failed machine label (-1) is a wrong one for accuracy and recall. Macro F1 is the
    mean of F1 over the codes.

    Parameters
    ----------
    name : str
    machine_labels : (N,) array of int
    statistics : sequence of str
        From ``accuracy, precision, recall, f1, macro_f1``.
    weights : (N,) array, optional
        Of the corpus.
    code : int, optional
        The only code to speak of, as where the question is whether it applies.

    Examples
    --------
    >>> labels = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> found = Agreement("gpt", np.array([0, 1, 0]), ("accuracy", "recall")).solve(labels)
    >>> found.values.round(3).tolist()
    [0.667, 1.0, 0.5]
    """

    name: str
    machine_labels: IntArray
    statistics: Sequence[Statistic] = STATISTICS
    weights: FloatArray | None = None
    code: int | None = None

    def solve(self, labels: FloatArray) -> "AgreementSolution":
        """Raises NotEstimableError if a denominator is not positive: nobody uses a code."""
        weighted = labels if self.weights is None else labels * self.weights[:, None]
        n_codes = labels.shape[1]
        said = self.machine_labels
        mass, units = weighted.sum(axis=1), np.arange(said.size)
        labelled = said >= 0
        hit = _sums(said[labelled], weighted[units, said][labelled], n_codes)
        given = _sums(said[labelled], mass[labelled], n_codes)
        true = weighted.sum(axis=0)
        codes = range(n_codes) if self.code is None else [self.code]
        rows = [
            _Ratio.of(statistic, k, hit, given, true)
            for statistic in self.statistics
            for k in ([None] if statistic in {"accuracy", "macro_f1"} else codes)
        ]
        if not all(np.isfinite(row.value) for row in rows):
            raise NotEstimableError(
                f"Estimand '{self.name}' has no answer: nobody uses one of the codes so far.",
                hint="Code more units, or ask for accuracy alone.",
            )
        return AgreementSolution(
            terms=tuple(Term(r.statistic, self.code if r.code is None else r.code, "") for r in rows),
            values=np.array([row.value for row in rows]),
            rows=tuple(rows),
            estimand=self,
            n_codes=n_codes,
        )


@dataclass(frozen=True)
class _Ratio:
    """A mean of ratios ``(hit_weight . hit) / (given_weight . given + true_weight . true)``, one a code.

    ``code`` is the code of a single ratio. The weights (K,) are already over the denominators, so that the
    influence of a unit is ``hit_weight[k] 1[said = k] - given_weight[said] - true_weight[k]``.
    """

    statistic: Statistic
    code: int | None
    value: float
    hit: FloatArray
    given: FloatArray
    true: FloatArray

    @classmethod
    def of(
        cls, statistic: Statistic, code: int | None, hit: FloatArray, given: FloatArray, true: FloatArray
    ) -> "_Ratio":
        if statistic == "accuracy":
            total, one = float(true.sum()), np.ones(hit.size)
            value = float(hit.sum()) / total
            return cls(statistic, None, value, one / total, 0.0 * one, value * one / total)
        factor, of_given, of_true = {
            "precision": (1.0, 1.0, 0.0),
            "recall": (1.0, 0.0, 1.0),
        }.get(statistic, (2.0, 1.0, 1.0))
        chosen = np.ones(hit.size) / hit.size if code is None else np.eye(hit.size)[code]
        with np.errstate(divide="ignore", invalid="ignore"):
            denominator = np.where(chosen > 0, of_given * given + of_true * true, 1.0)
            denominator[denominator <= 0] = np.nan
            ratio = factor * hit / denominator
        scale = chosen / denominator
        return cls(
            statistic,
            code,
            float(chosen @ ratio),
            factor * scale,
            of_given * ratio * scale,
            of_true * ratio * scale,
        )


@dataclass(frozen=True)
class AgreementSolution:
    """Values in the order of ``rows``."""

    terms: tuple[Term, ...]
    values: FloatArray
    rows: tuple[_Ratio, ...]
    estimand: Agreement
    n_codes: int
    bounds: tuple[float, float] = (0.0, 1.0)

    def support(self, t: int) -> IntArray:
        """Every unit, and for a precision those with the machine label."""
        row, said = self.rows[t], self.estimand.machine_labels
        return np.flatnonzero(said == row.code) if row.statistic == "precision" else np.arange(said.size)

    def influence(self, t: int, units: IntArray) -> FloatArray:
        """(len(units), K)."""
        row, said = self.rows[t], self.estimand.machine_labels[units]
        given = np.flatnonzero(said >= 0)
        influence = np.tile(-row.true, (units.size, 1))
        influence[given] -= row.given[said[given]][:, None]
        influence[given, said[given]] += row.hit[said[given]]
        weights = self.estimand.weights
        return influence if weights is None else influence * weights[units][:, None]


def _sums(codes: IntArray, values: FloatArray, n_codes: int) -> FloatArray:
    return np.bincount(codes, values, n_codes).astype(np.float64)
