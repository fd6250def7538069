"""The rectified label: one vector a unit that makes every estimate unbiased."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotator.errors import EstimateRefusedError
from models.arrays import BoolArray, FloatArray, IntArray

UNKNOWN = -1


@dataclass(frozen=True)
class Round:
    """What one round left behind, one entry per unit of the corpus (N units, K codes).

    Attributes
    ----------
    number : int
        From 1; 0 for a sample that was drawn before the study.
    known : (N,) array of bool
        Units that had gold before the round.
    inclusion_probability : (N,) array
        Probability that the round draws the unit, for units not known before; others may hold NaN.
    drawn : (N,) array of bool
    stratum : (N,) array of int
        The round's draw has a fixed size within each stratum.
    prediction : (N, K) array
        Class probabilities from earlier gold only, or cross-fitted over the strata.
    weight : float, optional
        Weight relative to the other rounds; the expected size of the draw by default. It must not depend
        on the codes of this round or a later one.
    fixed_size : bool
        Whether the draw has a fixed size in each stratum; otherwise units were drawn independently (Poisson).
    """

    number: int
    known: BoolArray
    inclusion_probability: FloatArray
    drawn: BoolArray
    stratum: IntArray
    prediction: FloatArray
    weight: float | None = None
    fixed_size: bool = True

    @property
    def is_census(self) -> bool:
        """Whether every unit that was left is certain to be drawn."""
        return bool(np.all(self.inclusion_probability[~self.known] == 1.0))

    @property
    def expected_size(self) -> float:
        """The expected number of units drawn: the sum of the inclusion probabilities."""
        return float(self.inclusion_probability[~self.known].sum())


@dataclass(frozen=True)
class Rectified:
    """Rectified labels and what they came from.

    Attributes
    ----------
    labels : (N, K) array
        ``z = sum_r w_r z^(r)``; rows sum to one, entries may leave [0, 1].
    gold : (N,) array of int
        Human codes, -1 where there is none.
    rounds : tuple of Round
    round_weights : (R,) array
        ``w_r``, summing to one.
    """

    labels: FloatArray
    gold: IntArray
    rounds: tuple[Round, ...]
    round_weights: FloatArray

    @property
    def n_codes(self) -> int:
        """K, the number of codes."""
        return int(self.labels.shape[1])

    def with_predictions(self, prediction: FloatArray) -> "Rectified":
        """The same draws rectified with one other prediction (N, K) in every round."""
        rounds = tuple(replace(each, prediction=prediction) for each in self.rounds)
        return _combine(rounds, self.gold)


def rectify(rounds: Sequence[Round], gold: IntArray, n_codes: int) -> Rectified:
    """Combine rounds and human codes into one rectified label a unit.

    In round r a unit known before carries its code ``y``, any other unit ``f + drawn / pi * (y - f)``; the
    rounds are averaged with weights proportional to their size. Given what was known when the round was
    designed, the total over the corpus is unbiased for the total of ``y`` whatever ``f`` is.

    Parameters
    ----------
    rounds : sequence of Round
        In order; N units and K codes each.
    gold : (N,) array of int
        Human codes, -1 where there is none.
    n_codes : int

    Raises
    ------
    EstimateRefusedError
        If a unit that could be drawn has no inclusion probability, a drawn unit has no code, a code was
        collected outside every ledger or lies outside the codebook, or predictions are not probabilities.

    Examples
    --------
    Two units, one drawn with probability one half and coded 0:

    >>> half = Round(1, np.zeros(2, bool), np.full(2, 0.5), np.array([True, False]), np.zeros(2, int),
    ...              np.full((2, 2), 0.5))
    >>> rectify([half], np.array([0, -1]), 2).labels.tolist()
    [[1.5, -0.5], [0.5, 0.5]]
    """
    if not rounds:
        raise EstimateRefusedError("There is no closed round yet.", hint="Code and close a round first.")
    _check_gold(rounds, gold, n_codes)
    for each in rounds:
        _check_round(each, gold, n_codes)
    return _combine(tuple(rounds), gold)


def round_weights(rounds: Sequence[Round]) -> FloatArray:
    """Weights of the rounds, proportional to their size unless a round brings its own; they sum to one.

    A round that codes every unit that is left has no error, so it takes all the weight. Whether it does
    follows from the sizes of corpus and rounds, not from any code, so the weights stay predictable.
    """
    if rounds[-1].is_census:
        last: FloatArray = np.eye(len(rounds))[-1]
        return last
    raw = np.array([r.expected_size if r.weight is None else r.weight for r in rounds])
    if not (np.all(raw >= 0) and raw.sum() > 0):
        raise EstimateRefusedError(
            "The weights of the rounds are not positive.", hint="Leave the weights out to use the sizes."
        )
    weights: FloatArray = raw / raw.sum()
    return weights


def _combine(rounds: tuple[Round, ...], gold: IntArray) -> Rectified:
    weights = round_weights(rounds)
    labels = _round_labels(rounds[0], gold)
    labels *= weights[0]
    for weight, each in zip(weights[1:], rounds[1:], strict=True):
        labels += weight * _round_labels(each, gold)
    return Rectified(labels, gold, rounds, weights)


def _round_labels(each: Round, gold: IntArray) -> FloatArray:
    labels = each.prediction.astype(np.float64, copy=True)
    drawn = np.flatnonzero(each.drawn)
    scale = 1.0 / each.inclusion_probability[drawn]
    labels[drawn] *= (1.0 - scale)[:, None]
    labels[drawn, gold[drawn]] += scale
    known = np.flatnonzero(each.known)
    labels[known] = 0.0
    labels[known, gold[known]] = 1.0
    return labels


def _check_gold(rounds: Sequence[Round], gold: IntArray, n_codes: int) -> None:
    outside = (gold != UNKNOWN) & ((gold < 0) | (gold >= n_codes))
    _refuse_any(
        outside,
        f"have a code that is not one of the {n_codes} codes of the codebook",
        "Recode these units, or estimate with the codebook they were coded with.",
    )
    accounted = np.any([r.known | r.drawn for r in rounds], axis=0)
    _refuse_any(
        (gold != UNKNOWN) & ~accounted,
        "have a human code though no round drew them",
        "A code without a known inclusion probability cannot be used; leave it out of the gold.",
    )


def _check_round(each: Round, gold: IntArray, n_codes: int) -> None:
    place = f"in round {each.number}"
    if each.prediction.shape != (gold.size, n_codes):
        raise EstimateRefusedError(
            f"The predictions {place} have the shape {each.prediction.shape}, not ({gold.size}, {n_codes}).",
            hint="Predictions need one row a unit of the corpus and one column a code.",
        )
    _refuse_any(
        each.drawn & each.known,
        f"were drawn {place} though they had a code before",
        "A ledger lists only units without a code; restore the ledger as it was written.",
    )
    probability = each.inclusion_probability
    with np.errstate(invalid="ignore"):
        valid = (probability > 0) & (probability <= 1.0 + 1e-9)
    _refuse_any(
        ~each.known & ~valid,
        f"have no valid inclusion probability {place}",
        "Every unit that could be drawn needs a probability in (0, 1]; restore the ledger as it was written.",
    )
    _refuse_any(
        (each.drawn | each.known) & (gold == UNKNOWN),
        f"were drawn for or before round {each.number} but have no human code",
        "Wait for the coders, or close the round with --force.",
    )
    with np.errstate(invalid="ignore"):
        # A row that is not finite has no finite sum.
        sums_to_one = np.abs(each.prediction @ np.ones(n_codes) - 1.0) <= 1e-6
    _refuse_any(
        ~sums_to_one,
        f"have predictions {place} that are not probabilities",
        "The predicted probabilities of a unit must be finite and sum to one.",
    )


def _refuse_any(bad: BoolArray, what: str, hint: str) -> None:
    count = int(bad.sum())
    if count:
        first = ", ".join(str(i) for i in np.flatnonzero(bad)[:3])
        raise EstimateRefusedError(f"{count} units {what} (first at position {first}).", hint=hint)
