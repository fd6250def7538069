"""How far each machine annotator agrees with people, and whether it may stand in for one of them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from annotator.coding.reliability.alternative import AlternativeTest, alternative_annotator_test
from annotator.coding.reliability.bootstrap import Measured, measure
from annotator.coding.reliability.coded import Coded
from annotator.coding.reliability.coefficient import MISSING
from annotator.coding.reliability.cohen import against_others
from annotator.coding.reliability.rows import Row, Scope, row
from models.arrays import IntArray

EPSILONS = (0.1, 0.15, 0.2)  # what the authors advise against crowd workers, skilled coders, experts


def with_people(
    coded: Coded, number: int, scope: Scope, rng: np.random.Generator, confidence_level: float
) -> Iterator[Row]:
    """Agreement and kappa of each machine annotator with gold and with the coders, in both weightings."""
    for at, annotator in enumerate(coded.machines.coders):
        for label, machine, gold, people, n_labels in _parts(coded, at):
            for other, theirs in (("gold", gold), ("coders", people)):
                coefficients = {
                    "percent_agreement": against_others(machine, theirs, n_labels, corrected=False),
                    "cohen_kappa": against_others(machine, theirs, n_labels),
                }
                failed = _failed(machine, theirs)
                of = {"annotator": annotator, "other": other, "label": label}
                for weighting, weights in coded.weightings:
                    found = measure(
                        [*coefficients.values()], rng, weights=weights, confidence_level=confidence_level
                    )
                    for statistic, measured in zip(coefficients, found, strict=True):
                        noted = replace(measured, note="; ".join(filter(None, (measured.note, failed))))
                        yield row(number, scope, statistic, noted, weighting=weighting, **of)
        yield from _alternative(coded, at, number, scope)


def _failed(machine: IntArray, theirs: IntArray) -> str:
    n_failed = int(((machine == MISSING) & (theirs != MISSING).any(axis=1)).sum())
    return f"{n_failed} units without a machine label left out" if n_failed else ""


def _parts(coded: Coded, at: int) -> Iterator[tuple[str, IntArray, IntArray, IntArray, int]]:
    """The whole label, and each code: (name, the machine's (n,), gold (n, 1), people's (n, C), number)."""
    yield "", coded.by_machine(at), coded.settled[:, None], coded.said, coded.n_labels
    for name, k in coded.separate:
        machine, gold = coded.machines.of_code(k)[:, at], coded.gold.of_code(k)
        yield name, machine, gold, coded.people.of_code(k), 2


def _alternative(coded: Coded, at: int, number: int, scope: Scope) -> Iterator[Row]:
    annotator = coded.machines.coders[at]
    values = None if coded.level == "nominal" else coded.codebook.numbers
    tests = [
        alternative_annotator_test(coded.by_machine(at), coded.said, epsilon, values=values)
        for epsilon in EPSILONS
    ]
    for test in tests:
        note = test.undefined or f"epsilon {test.epsilon:g}, {_verdict(test)}"
        found = Measured(test.winning_rate, np.nan, np.nan, test.n, note)
        yield row(number, scope, "alt_test_winning_rate", found, annotator=annotator, other="coders")
    advantage = Measured(tests[0].advantage, np.nan, np.nan, tests[0].n, tests[0].undefined)
    yield row(number, scope, "alt_test_advantage", advantage, annotator=annotator, other="coders")


def _verdict(test: AlternativeTest) -> str:
    won = sum(each.won for each in test.compared)
    return f"{'passed' if test.passed else 'failed'} ({won} of {len(test.compared)} coders)"
