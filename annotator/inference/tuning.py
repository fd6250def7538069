"""How much of a hard machine label to use: the power-tuning factor of prediction-powered inference."""

from dataclasses import dataclass

import numpy as np

from annotator.inference.estimands import Solution
from annotator.inference.moments import CERTAIN
from annotator.inference.rectify import Rectified, Round
from models.arrays import FloatArray, IntArray


def hard_prediction(machine_labels: IntArray, n_codes: int) -> FloatArray:
    """Machine labels (N,) as one-hot predictions (N, K); a failed one (-1) gets the shares of the others.

    >>> hard_prediction(np.array([0, 1, 0, 0, -1]), 2)[[1, 4]].tolist()
    [[0.0, 1.0], [0.75, 0.25]]
    """
    given = machine_labels >= 0
    counts = np.bincount(machine_labels[given], minlength=n_codes).astype(np.float64)
    shares = counts / counts.sum() if given.any() else np.full(n_codes, 1.0 / n_codes)
    prediction = np.tile(shares, (machine_labels.size, 1))
    prediction[given] = np.eye(n_codes)[machine_labels[given]]
    return prediction


@dataclass(frozen=True)
class Tuner:
    """Finds the factor on one prediction that narrows a value most, from the drawn units of every round.

    A drawn unit contributes ``(a_i - lambda b_i) / pi_i`` to the error, ``a_i`` being its influence under the
    human code and ``b_i`` the expected one under the prediction. The factor with the smallest design variance
    is the regression of the first on the second, both centred within the strata of a fixed-size draw.

    References
    ----------
    Angelopoulos, Duchi and Zrnic (2023), PPI++: efficient prediction-powered inference, section 6.
    """

    rounds: tuple["_Drawn", ...]

    @classmethod
    def of(cls, rectified: Rectified, prediction: FloatArray) -> "Tuner":
        """A tuner for one prediction (N, K)."""
        pairs = zip(rectified.round_weights, rectified.rounds, strict=True)
        return cls(tuple(_Drawn.of(w, r, rectified.gold, prediction) for w, r in pairs))

    def factor(self, solution: Solution, t: int) -> float:
        """The factor for value t, in [0, 1]; 1 where the prediction moves nothing."""
        covariance = variance = 0.0
        for each in self.rounds:
            together, alone = each.products(solution, t)
            covariance += together
            variance += alone
        return float(np.clip(covariance / variance, 0.0, 1.0)) if variance > 0 else 1.0


@dataclass(frozen=True)
class _Drawn:
    """The drawn units of a round that were not certain; n units."""

    weight: float
    units: IntArray
    code: IntArray
    prediction: FloatArray
    probability: FloatArray
    stratum: IntArray | None

    @classmethod
    def of(cls, weight: float, each: Round, gold: IntArray, prediction: FloatArray) -> "_Drawn":
        units = np.flatnonzero(each.drawn & (each.inclusion_probability < CERTAIN))
        stratum = np.unique(each.stratum[units], return_inverse=True)[1] if each.fixed_size else None
        probability = each.inclusion_probability[units]
        return cls(weight, units, gold[units], prediction[units], probability, stratum)

    def products(self, solution: Solution, t: int) -> tuple[float, float]:
        """Design covariance of both contributions and design variance of the prediction's."""
        if self.units.size == 0:
            return 0.0, 0.0
        influence = solution.influence(t, self.units)
        seen = self._centred(influence[np.arange(self.units.size), self.code] / self.probability)
        said = self._centred((self.prediction * influence).sum(axis=1) / self.probability)
        spread = self.weight**2 * (1.0 - self.probability)
        return float(np.sum(spread * seen * said)), float(np.sum(spread * said**2))

    def _centred(self, values: FloatArray) -> FloatArray:
        if self.stratum is None:
            return values
        spread = 1.0 - self.probability
        totals = np.bincount(self.stratum, spread)
        centre = np.bincount(self.stratum, spread * values) / totals
        centred: FloatArray = values - centre[self.stratum]
        return centred
