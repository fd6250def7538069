"""The table of reliability after some closed rounds."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from annotator.coding.reliability.anchoring import anchoring
from annotator.coding.reliability.bootstrap import Measured
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.drift import change, slope
from annotator.coding.reliability.left_in_gold import left_in_gold
from annotator.coding.reliability.machines import with_people
from annotator.coding.reliability.people import among_people, of_coders, of_pairs
from annotator.coding.reliability.rows import Row, row

Streams = Callable[[int, str], np.random.Generator]
WATCHED = "corpus"  # later rounds draw harder units: only with weights do rounds speak of the same texts


def reliability_table(
    coded: Coded, streams: Streams, *, confidence_level: float = 0.95, adopted: Coded | None = None
) -> pd.DataFrame:
    """One row a statistic, in the columns of ``schema.RELIABILITY``.

    ``scope`` is ``round`` for agreement among the people of one round alone, and ``so_far`` for everything
    that speaks of all rounds together. ``streams`` gives the random numbers for one use in one round, so that
    the rows of a round stay what they are when further rounds are added.

    ``adopted`` are units that people coded before the study. They make a round of their own, with the
    agreement of each coder as well, and are no part of what speaks of all rounds: other people may have
    coded them by other rules.
    """
    rows = [] if adopted is None else [*_before_the_study(adopted, streams, confidence_level)]
    rows += _rows(coded, streams, confidence_level)
    return pd.DataFrame([vars(each) for each in rows])


def _before_the_study(adopted: Coded, streams: Streams, level: float) -> Iterator[Row]:
    """In a crowd most pairs of people share no unit: these are left out."""
    number = int(adopted.rounds[0])
    rng = streams(number, "reliability")
    yield from among_people(adopted, number, "round", rng, level)
    yield from of_coders(adopted, number, "round", rng, level)
    yield from of_pairs(adopted, number, "round", rng, level, strangers=False)


def _rows(coded: Coded, streams: Streams, level: float) -> Iterator[Row]:
    numbers = sorted({int(number) for number in coded.rounds})
    rounds = []
    for number in numbers:
        rng = streams(number, "reliability")
        rounds += list(among_people(coded.of_round(number), number, "round", rng, level))
    yield from rounds
    last = numbers[-1]
    rng = streams(last, "reliability so far")
    yield from among_people(coded, last, "so_far", rng, level)
    yield from _drift(rounds, numbers, coded)
    yield from of_coders(coded, last, "so_far", rng, level)
    yield from of_pairs(coded, last, "so_far", rng, level)
    yield from with_people(coded, last, "so_far", rng, level)
    yield from _doubt(coded, last)
    yield from left_in_gold(coded, last, "so_far", streams(last, "error left in gold"), level)
    yield from anchoring(coded, last, "so_far", level)


def _drift(rounds: list[Row], numbers: list[int], coded: Coded) -> Iterator[Row]:
    """Change and slope over rounds of percent agreement, and of alpha at the level of the codes."""
    for statistic in ("percent_agreement", f"alpha_{coded.level}"):
        watched = [
            Measured(each.value, each.ci_low, each.ci_high, each.n)
            for each in rounds
            if (each.statistic, each.weighting, each.label) == (statistic, WATCHED, "")
        ]
        for name, found in (("change", change(watched)), ("slope", slope(watched))):
            yield row(numbers[-1], "so_far", f"{statistic}_{name}", found, weighting=WATCHED)


def _doubt(coded: Coded, number: int) -> Iterator[Row]:
    """The share of gold labels that are wrong, by the model that formed them."""
    modelled = np.isfinite(coded.doubt)
    if modelled.any():
        for weighting, weights in coded.weightings:
            share = float(np.average(coded.doubt[modelled], weights=weights[modelled]))
            found = Measured(share, np.nan, np.nan, int(modelled.sum()), "by the model of Dawid and Skene")
            yield row(number, "so_far", "gold_error", found, weighting=weighting)
