"""The design of a round: which eligible units can be drawn, with what probability, and which were."""

from dataclasses import dataclass

import numpy as np

from annotator.sampling.allocate import allocate
from annotator.sampling.draw import draw
from models.arrays import BoolArray, FloatArray, IntArray

N_FOLDS = 5
MEAN_MIX = 0.3


@dataclass(frozen=True)
class Design:
    """One round's design, one entry per eligible unit: what the ledger records.

    Attributes
    ----------
    units : (m,) array of int
        Positions of the eligible units in the corpus, ascending.
    inclusion_probability : (m,) array
        In ``(0, 1]``.
    score : (m,) array
        What the budget was spread by: the predicted standard deviation of the unit's contribution.
    error_probability : (m,) array
        Predicted probability that the machine label is wrong; NaN in a round that has no map yet.
    stratum : (m,) array of int
        The draw has a fixed size within each stratum. In a first round strata are cross-fitting folds.
    drawn : (m,) array of bool
    uniform_mix : float
        Share of the budget that was spread uniformly; 1 for a uniform round.
    reason : str
        One line on why the round looks like this.
    """

    units: IntArray
    inclusion_probability: FloatArray
    score: FloatArray
    error_probability: FloatArray
    stratum: IntArray
    drawn: BoolArray
    uniform_mix: float
    reason: str


def first_round(
    machine_labels: IntArray,
    confidence: FloatArray,
    budget: int,
    rng: np.random.Generator,
    *,
    eligible: BoolArray | None = None,
) -> Design:
    """Design a round before any gold exists: uniform, spread evenly over machine labels and confidences.

    The eligible units are split at random into at most five folds of equal size, and each fold gets an
    equal share of the budget and a draw of its own, so that predictions cross-fitted over the folds leave
    the estimate exactly unbiased. Within a fold the draw is systematic along machine label and confidence.

    Parameters
    ----------
    machine_labels : (N, A) array of int
        -1 where a label failed.
    confidence : (N, A) array
        NaN where there is none.
    budget : int
        Units to draw; all eligible units are drawn if there are fewer.
    rng : numpy.random.Generator
    eligible : (N,) array of bool, optional
        Units without gold; all by default.

    Raises
    ------
    ValueError
        If the budget is below one or no unit is eligible.
    """
    units = _eligible_units(machine_labels.shape[0], eligible, budget)
    size = min(budget, units.size)
    n_folds = min(N_FOLDS, size)
    fold = np.empty(units.size, dtype=np.int64)
    fold[rng.permutation(units.size)] = np.arange(units.size) % n_folds
    probability = np.empty(units.size)
    drawn = np.zeros(units.size, dtype=bool)
    order = _list_order(machine_labels[units], confidence[units], rng)
    for j in range(n_folds):
        inside = fold == j
        fold_size = size // n_folds + int(j < size % n_folds)
        probability[inside] = fold_size / inside.sum()
        drawn[inside] = draw(probability[inside], rng, _order_within(order, inside))
    reason = f"uniform in {n_folds} random folds: no gold yet"
    if size == units.size:
        reason = "census: the budget covers every eligible unit"
    return Design(
        units=units,
        inclusion_probability=probability,
        score=np.ones(units.size),
        error_probability=np.full(units.size, np.nan),
        stratum=fold,
        drawn=drawn,
        uniform_mix=1.0,
        reason=reason,
    )


def later_round(
    prediction: FloatArray,
    error_probability: FloatArray,
    eligible: BoolArray,
    budget: int,
    rng: np.random.Generator,
    *,
    map_has_skill: bool,
    uniform_mix: float,
    machine_labels: IntArray,
    confidence: FloatArray,
    influence: FloatArray | None = None,
) -> Design:
    """Design a round from an error map fitted on earlier gold.

    A unit scores its predicted residual standard deviation, ``sqrt(sum_k f_k (1 - f_k))``, times its
    influence on the estimands. The budget is allocated to the scores (`allocate`) but for a share that is
    spread uniformly, which bounds the cost of a map that is wrong. A map without skill leaves the influence
    alone to decide.

    Parameters
    ----------
    prediction : (N, K) array
        Class probabilities of every unit of the corpus.
    error_probability : (N,) array
        One minus the predicted probability of the machine label; recorded, not used.
    eligible : (N,) array of bool
        Units without gold.
    budget : int
        Units to draw; all eligible units are drawn if there are fewer.
    rng : numpy.random.Generator
    map_has_skill : bool
        Whether the map beats the base rate in cross-validation by more than noise.
    uniform_mix : float
        Smallest share of the budget to spread uniformly, in ``(0, 1]``. The share used is at least 0.3.
    machine_labels : (N, A) array of int
    confidence : (N, A) array
    influence : (N,) array, optional
        How much one unit of residual moves the estimands; equal for all units by default.

    Raises
    ------
    ValueError
        If the budget is below one, no unit is eligible, or ``uniform_mix`` is outside ``(0, 1]``.
    """
    if not 0 < uniform_mix <= 1:
        raise ValueError(f"uniform_mix must lie in (0, 1], not {uniform_mix}")
    units = _eligible_units(eligible.size, eligible, budget)
    size = min(budget, units.size)
    residual = np.sqrt((prediction[units] * (1.0 - prediction[units])).sum(axis=1))
    leverage = np.ones(units.size) if influence is None else np.abs(influence[units])
    mix = max(uniform_mix, MEAN_MIX)
    if size == units.size:
        score, mix, reason = residual * leverage, 1.0, "census: the budget covers every eligible unit"
    elif map_has_skill:
        score = residual * leverage
        reason = f"score: sd of the predicted residual, mixed {mix:.0%} with uniform"
    elif influence is not None:
        score = leverage
        reason = f"influence: the error map has no cross-validated skill; mixed {mix:.0%} with uniform"
    else:
        score, mix, reason = leverage, 1.0, "uniform: the error map has no cross-validated skill"
    share = size / units.size
    probability = mix * share + (1.0 - mix) * allocate(score, size) if mix < 1 else np.full(units.size, share)
    probability = np.minimum(probability, 1.0)
    order = _list_order(machine_labels[units], confidence[units], rng)
    return Design(
        units=units,
        inclusion_probability=probability,
        score=score,
        error_probability=error_probability[units],
        stratum=np.zeros(units.size, dtype=np.int64),
        drawn=draw(probability, rng, order),
        uniform_mix=mix,
        reason=reason,
    )


def _eligible_units(n_units: int, eligible: BoolArray | None, budget: int) -> IntArray:
    units = np.arange(n_units) if eligible is None else np.flatnonzero(eligible)
    if units.size == 0:
        raise ValueError("no unit is left to draw")
    if budget < 1:
        raise ValueError(f"a round needs a budget of at least one unit, not {budget}")
    return units


def _list_order(machine_labels: IntArray, confidence: FloatArray, rng: np.random.Generator) -> IntArray:
    """The order of the systematic draw: machine labels, then mean confidence, then random."""
    seen = np.isfinite(confidence)
    total = np.where(seen, confidence, 0.0).sum(axis=1)
    mean = np.where(seen.any(axis=1), total / np.maximum(seen.sum(axis=1), 1), -1.0)
    labels = machine_labels.T[::-1]
    order: IntArray = np.lexsort((rng.random(mean.size), mean, *labels))
    return order


def _order_within(order: IntArray, inside: BoolArray) -> IntArray:
    """The given order restricted to the units inside, as positions among them."""
    position = np.cumsum(inside) - 1
    return position[order[inside[order]]]
