"""Named ways to turn rounds and human codes into estimates, all on one kernel."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from annotator.errors import EstimateRefusedError
from annotator.inference.estimands import Estimand, Solution
from annotator.inference.intervals import Interval, quantile, score_interval
from annotator.inference.rectify import Rectified, Round, rectify
from annotator.inference.sequences import sequence_interval
from annotator.inference.variance import DesignVariance, design_variance, sampling_variance
from models.arrays import FloatArray, IntArray

Population = Literal["corpus", "superpopulation"]
METHODS = ("rounds", "human_only", "machine_only")
FEW_CODED_UNITS = 1


@dataclass(frozen=True)
class Estimate:
    """One value with its interval: a row of the table of estimates.

    ``n_units`` and ``n_human`` count the units and the human codes the value depends on. ``n_effective`` is
    the number of human codes that a simple random human-only study would need for the same variance.
    ``lambda_`` is the factor on the machine's prediction (1 rectified, 0 human only).
    """

    estimand: str
    term: str
    label: str
    group: str
    method: str
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    confidence_level: float
    population: Population
    n_units: int
    n_human: int
    n_effective: float | None
    lambda_: float | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What is the same for every estimate of one call.

    Attributes
    ----------
    codes : sequence of str
        Names of the codes, in codebook order.
    confidence_level : float
    population : str
        ``corpus``: the estimand is this corpus. ``superpopulation``: the corpus is itself a sample.
    planned_labels : int, optional
        Human codes of the whole plan, when a stopping rule watches the intervals: they then are confidence
        sequences, and the usual intervals stand beside them as ``<method>_fixed_n``.
    flags : tuple of str
        Carried by every estimate, for example ``nonresponse_adjusted``.
    """

    codes: Sequence[str]
    confidence_level: float = 0.95
    population: Population = "corpus"
    planned_labels: int | None = None
    flags: tuple[str, ...] = ()


def estimate(
    rounds: Sequence[Round],
    gold: IntArray,
    estimands: Sequence[Estimand],
    question: Question,
    *,
    machine_labels: IntArray | None = None,
    methods: Sequence[str] = METHODS,
) -> list[Estimate]:
    """Estimates of every estimand by every method.

    Parameters
    ----------
    rounds : sequence of Round
        The closed rounds, in order.
    gold : (N,) array of int
        Human codes, -1 where there is none.
    estimands : sequence of Estimand
    question : Question
    machine_labels : (N,) array of int, optional
        Of the annotator that ``machine_only`` believes, -1 where it failed; without it there is no such row.
    methods : sequence of str
        ``rounds``: rectified labels. ``human_only``: the same draws without the machine, weighted by one over
        the inclusion probability (Hajek). ``machine_only``: machine labels taken for true, never valid.

    Raises
    ------
    EstimateRefusedError
        If no honest estimate can be given (see `rectify`) or a method is unknown.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise EstimateRefusedError(
            f"There is no method {unknown[0]!r}.", hint=f"Choose from: {', '.join(METHODS)}."
        )
    rectified = rectify(rounds, gold, len(question.codes))
    rows: list[Estimate] = []
    for estimand in estimands:
        if "rounds" in methods:
            rows += _designed("rounds", estimand, rectified, question, expected=None)
        if "human_only" in methods:
            human, expected = _without_machine(rectified)
            rows += _designed("human_only", estimand, human, question, expected)
        if "machine_only" in methods and machine_labels is not None:
            rows += _machine_only(estimand, machine_labels, question)
    return rows


def _without_machine(rectified: Rectified) -> tuple[Rectified, list[FloatArray]]:
    """The draws with the prediction zero, so that labels are weights, and what to expect of unseen units."""
    human = rectified.with_predictions(np.zeros_like(rectified.labels))
    totals = human.labels.sum(axis=0)
    n_coded = int((rectified.gold >= 0).sum())
    # Jeffreys' half a unit a code: a code that nobody met is rare, not impossible.
    share = (n_coded * totals / totals.sum() + 0.5) / (n_coded + 0.5 * totals.size)
    return human, [np.broadcast_to(share, human.labels.shape)] * len(human.rounds)


def _designed(
    method: str,
    estimand: Estimand,
    rectified: Rectified,
    question: Question,
    expected: Sequence[FloatArray] | None,
) -> list[Estimate]:
    """Rows of a method whose error comes from the draw."""
    solution = estimand.solve(rectified.labels)
    rows = []
    for t in range(len(solution.terms)):
        design = design_variance(rectified, solution, t, expected)
        rows += _rows(method, estimand.name, rectified, solution, t, design, question)
    return rows


def _rows(  # noqa: PLR0917
    method: str,
    name: str,
    rectified: Rectified,
    solution: Solution,
    t: int,
    design: DesignVariance,
    question: Question,
) -> list[Estimate]:
    term, value = solution.terms[t], float(solution.values[t])
    low, high = solution.bounds
    n_units = solution.support(t).size
    sampling = sampling_variance(solution, t, rectified.labels)
    total = design.variance + (sampling if question.population == "superpopulation" else 0.0)
    freedom = design.degrees_of_freedom
    if design.variance > 0:
        freedom *= (total / design.variance) ** 2
    # An estimate beyond its bounds is reported as it is; its interval is laid around the nearest bound.
    centre = min(max(value, low), high)
    plain = score_interval(centre, total, design.third, freedom, question.confidence_level)
    fixed = Estimate(
        estimand=name,
        term=term.term,
        label="" if term.label is None else question.codes[term.label],
        group=term.group,
        method=method,
        estimate=value,
        std_error=math.sqrt(total),
        ci_low=plain.clipped(low, high).low,
        ci_high=plain.clipped(low, high).high,
        confidence_level=question.confidence_level,
        population=question.population,
        n_units=n_units,
        n_human=design.n_coded,
        n_effective=_effective(n_units, sampling, design.variance),
        lambda_=1.0 if method == "rounds" else 0.0,
        flags=(*question.flags, *_flags(value, solution, n_units, design)),
    )
    if question.planned_labels is None:
        return [fixed]
    anytime = sequence_interval(
        centre,
        total,
        int((rectified.gold >= 0).sum()),
        question.planned_labels,
        question.confidence_level,
        third=design.third,
        degrees_of_freedom=freedom,
    ).clipped(low, high)
    return [
        replace(fixed, ci_low=anytime.low, ci_high=anytime.high, flags=(*fixed.flags, "confidence_sequence")),
        replace(fixed, method=f"{method}_fixed_n", flags=(*fixed.flags, "not_valid_under_stopping")),
    ]


def _effective(n_units: int, sampling: float, design: float) -> float:
    """n with ``S**2 / n * (1 - n / N) = design variance``, where ``S**2 / N`` is the sampling variance."""
    if design <= 0:
        return float(n_units)
    return n_units * sampling / (design + sampling)


def _flags(value: float, solution: Solution, n_units: int, design: DesignVariance) -> list[str]:
    flags = []
    low, high = solution.bounds
    if not low <= value <= high:
        flags.append("outside_range")
    if design.n_coded <= FEW_CODED_UNITS and design.n_coded < n_units:
        flags.append("few_coded_units")
    return flags


def _machine_only(estimand: Estimand, machine_labels: IntArray, question: Question) -> list[Estimate]:
    """Machine labels taken for true; the standard error is the naive one of a sample of the corpus' size."""
    labelled = machine_labels >= 0
    labels = np.zeros((machine_labels.size, len(question.codes)))
    labels[labelled, machine_labels[labelled]] = 1.0
    if not labelled.any():
        return []
    solution = estimand.solve(labels)
    low, high = solution.bounds
    rows = []
    for t, term in enumerate(solution.terms):
        support = solution.support(t)
        value = float(solution.values[t])
        std_error = math.sqrt(sampling_variance(solution, t, labels))
        width = quantile(question.confidence_level) * std_error
        interval = Interval(value - width, value + width).clipped(low, high)
        rows.append(
            Estimate(
                estimand=estimand.name,
                term=term.term,
                label="" if term.label is None else question.codes[term.label],
                group=term.group,
                method="machine_only",
                estimate=value,
                std_error=std_error,
                ci_low=interval.low,
                ci_high=interval.high,
                confidence_level=question.confidence_level,
                population=question.population,
                n_units=int(labelled[support].sum()),
                n_human=0,
                n_effective=None,
                lambda_=None,
                flags=(*question.flags, "not_valid"),
            )
        )
    return rows
