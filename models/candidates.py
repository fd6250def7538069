"""The candidates for an error map, simple to rich, each fitted on several weightings of the gold at once."""

from collections.abc import Sequence
from typing import Protocol

from models import boosting
from models.arrays import FloatArray, IntArray
from models.base_rate import BaseRate
from models.boosting import fit_boosting
from models.multinomial import fit_multinomials
from models.signals import Signals
from models.smoothed_table import confidence_edges, fit_smoothed_table

INTERCEPT = "intercept"
CANDIDATES = ("table", "logistic", "boosting")
MIN_GOLD = 8


class FittedMap(Protocol):
    """What every fitted candidate can do."""

    def predict(self, signals: Signals) -> FloatArray:
        """Probabilities (m, K) of m units."""
        ...


def fit_candidates(
    signals: Signals,
    gold: IntArray,
    weights: FloatArray,
    bases: Sequence[BaseRate],
    candidates: Sequence[str] = CANDIDATES,
) -> dict[str, list[FittedMap]]:
    """Every candidate fitted once per row of ``weights`` (fits, n), simplest first.

    The intercept is always there. ``table`` gives one candidate for each annotator, called ``table_0`` and so
    on when there are several. Below 8 gold units nothing richer is fitted, below 300 no ``boosting``.
    """
    fits: dict[str, list[FittedMap]] = {INTERCEPT: list(bases)}
    if gold.size < MIN_GOLD:
        return fits
    if "table" in candidates:
        for a in range(signals.n_annotators):
            edges = confidence_edges(signals.confidence[:, a], gold.size)
            fits["table" if signals.n_annotators == 1 else f"table_{a}"] = [
                fit_smoothed_table(a, signals, gold, weights=w, edges=edges, base=base)
                for w, base in zip(weights, bases, strict=True)
            ]
    if "logistic" in candidates:
        fits["logistic"] = list(fit_multinomials(signals, gold, weights=weights, bases=list(bases)))
    if "boosting" in candidates and gold.size >= boosting.MIN_GOLD:
        fits["boosting"] = [
            fit_boosting(signals, gold, weights=w, base=base) for w, base in zip(weights, bases, strict=True)
        ]
    return fits


def kind_of(candidate: str) -> str:
    """The kind that a candidate belongs to: ``table_1`` is a ``table``.

    >>> kind_of("table_1"), kind_of("logistic")
    ('table', 'logistic')
    """
    return candidate.split("_", maxsplit=1)[0]


def inside(prediction: FloatArray, base: BaseRate, n_gold: int) -> FloatArray:
    """Keep predictions off the edge of the simplex, by Jeffreys' half a gold unit a code.

    Half of these units are spread evenly and half as the base rate is. A map that has never been wrong among
    n gold units may still be wrong about once in n: a draw that believed it would hardly look there, and an
    interval that believed it would be too narrow.

    >>> import numpy as np
    >>> inside(np.array([[1.0, 0.0]]), BaseRate(np.array([0.5, 0.5])), 9).round(2).tolist()
    [[0.95, 0.05]]
    """
    n_codes = base.share.size
    mixed: FloatArray = n_gold * prediction + 0.25 * (n_codes * base.share + 1.0)
    mixed /= mixed.sum(axis=1, keepdims=True)
    return mixed
