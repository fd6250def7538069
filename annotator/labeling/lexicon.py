"""Sentiment by the lexicon VADER (Hutto and Gilbert, 2014): quick, free, the same everywhere, English."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from annotator.labeling.protocol import MachineLabel, Unit


class LexiconAnnotator:
    """Cuts the compound score of a text, from -1 to 1, into codes.

    The confidence is a half at a threshold and grows with the distance from the nearest one, up to 1 for the
    farthest score that the code allows: an order of sureness, not a probability of being right, as a lexicon
    has none. The error map turns it into one. A text without a word of the lexicon scores 0.

    Args:
        name: the annotator's name in the table.
        thresholds: for each code the lowest compound score at which it applies; the lowest of them is -1.

    >>> vader = LexiconAnnotator("vader", {"negative": -1.0, "neutral": -0.05, "positive": 0.05})
    >>> [row.label for row in vader.label([Unit("1", "What a great day!"), Unit("2", "It is a day.")])]
    ['positive', 'neutral']
    """

    def __init__(self, name: str, thresholds: Mapping[str, float]) -> None:
        self.name = name
        rising = sorted(thresholds.items(), key=lambda each: each[1])
        edges = [*(edge for _, edge in rising), 1.0]
        self._ranges = [(code, *edge) for (code, _), edge in zip(rising, pairwise(edges), strict=True)]

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order; costs nothing and cannot fail."""
        return [self._row(unit) for unit in units]

    def check(self) -> str:
        """Load the lexicon, and say how long it is."""
        return f"VADER, {len(self._lexicon.lexicon):,} words"

    def _row(self, unit: Unit) -> MachineLabel:
        scores: dict[str, float] = self._lexicon.polarity_scores(unit.text)
        compound = scores["compound"]
        code, low, high = next(each for each in reversed(self._ranges) if compound >= each[1])
        return MachineLabel(
            unit_id=unit.unit_id,
            annotator=self.name,
            label=code if unit.text.strip() else None,
            confidence=_confidence(compound, low, high) if unit.text.strip() else None,
            logprob=None,
            status="ok" if unit.text.strip() else "empty",
            raw=f"compound {compound:.4f}",
            prompt_hash=None,
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            seconds=0.0,
            attempts=0,
            signals={name: float(scores[short]) for name, short in _SIGNALS.items()},
        )

    @cached_property
    def _lexicon(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415

        return SentimentIntensityAnalyzer()


_SIGNALS = {"compound": "compound", "positive": "pos", "neutral": "neu", "negative": "neg"}


def _confidence(compound: float, low: float, high: float) -> float:
    """From a half at a threshold to one at the score within the range that is farthest from any."""
    below = compound - low if low > -1 else float("inf")
    above = high - compound if high < 1 else float("inf")
    is_inner = low > -1 and high < 1
    farthest = (high - low) / 2 if is_inner else high - low
    return 0.5 + 0.5 * min(below, above) / farthest
