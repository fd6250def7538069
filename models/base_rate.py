"""The simplest error map: how common each code is, and how far a machine label moves that."""

from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray, IntArray
from models.signals import Signals

PRIOR_UNITS = 1.0


@dataclass(frozen=True)
class BaseRate:
    """Every unit gets the share of each code in the gold, whatever the machine said."""

    share: FloatArray

    def predict(self, signals: Signals) -> FloatArray:
        """Probabilities (m, K), the same in every row."""
        return np.repeat(self.share[None, :], signals.n_units, axis=0)


def fit_base_rate(
    machine_labels: IntArray,
    gold: IntArray,
    n_codes: int,
    weights: FloatArray,
    prior_units: float = PRIOR_UNITS,
) -> BaseRate:
    """Weighted shares of the codes with a light Dirichlet prior.

    The prior counts as ``prior_units`` coded units: half of it uniform, half spread as the machine labels
    are, so that a code nobody has met yet keeps a positive probability.

    >>> rate = fit_base_rate(np.array([[0], [1]]), np.array([0, 0]), 2, np.ones(2))
    >>> rate.share.round(3).tolist()
    [0.833, 0.167]
    """
    said = machine_labels[machine_labels >= 0]
    prior: FloatArray = np.full(n_codes, 1.0 / n_codes)
    if said.size:
        prior = (prior + np.bincount(said, minlength=n_codes) / said.size) / 2.0
    counts = np.bincount(gold, weights, n_codes) + prior_units * prior
    return BaseRate(counts / counts.sum())


@dataclass(frozen=True)
class OneCoin:
    """A machine annotator that knows the code with probability ``skill`` and otherwise guesses the base rate.

    Never a candidate by itself: richer maps are shrunk towards it, since it needs one number only.
    """

    share: FloatArray
    skill: float

    def by_label(self) -> FloatArray:
        """P(code | machine label), (K + 1, K); the last row is for a failed label."""
        n_codes = self.share.size
        known = self.skill * np.eye(n_codes) + (1.0 - self.skill) * self.share
        return np.vstack([known, self.share])


def fit_one_coin(labels: IntArray, gold: IntArray, base: BaseRate, weights: FloatArray) -> OneCoin:
    """Chance-corrected agreement (Cohen's kappa with the base rate as chance), shrunk by two prior units."""
    usable = (labels >= 0) & (weights > 0)
    mass = float(weights[usable].sum())
    if mass <= 0:
        return OneCoin(base.share, 0.0)
    agreement = float(weights[usable] @ (labels[usable] == gold[usable])) / mass
    chance = float(weights[usable] @ base.share[labels[usable]]) / mass
    skill = (agreement - chance) / max(1.0 - chance, 1e-9) * mass / (mass + 2.0)
    return OneCoin(base.share, float(np.clip(skill, 0.0, 0.99)))
