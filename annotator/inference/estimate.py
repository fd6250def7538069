"""One estimate: a value of a solved estimand with its variance, its interval and what to know about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from annotator.errors import NotEstimableError
from annotator.inference.estimands import Reported, ReportingSolution, Solution, Term
from annotator.inference.intervals import Interval, quantile, score_interval
from annotator.inference.sequences import sequence_interval
from annotator.inference.superpopulation import SamplingVariance, clustered_variance, sampling_variance
from annotator.inference.variance import DesignVariance
from models.arrays import FloatArray, IntArray

Population = Literal["corpus", "superpopulation"]
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
    clusters : (N,) array of int, optional
        Cluster of each unit, from 0: a superpopulation is then one of clusters.
    """

    codes: Sequence[str]
    confidence_level: float = 0.95
    population: Population = "corpus"
    planned_labels: int | None = None
    flags: tuple[str, ...] = ()
    clusters: IntArray | None = None


@dataclass(frozen=True)
class Answer:
    """One value of an estimand as one method solved it.

    ``labels`` (N, K) are those it was solved from; ``n_labels`` counts the human codes spent so far.
    """

    method: str
    estimand: str
    solution: Solution
    t: int
    labels: FloatArray
    lambda_: float | None = None
    n_labels: int = 0

    @property
    def value(self) -> float:
        """On the scale on which the value is estimated."""
        return float(self.solution.values[self.t])

    @property
    def n_units(self) -> int:
        """Units that can move the value."""
        return int(self.solution.support(self.t).size)


def estimates(answer: Answer, design: DesignVariance, question: Question) -> list[Estimate]:
    """The rows of a value whose error comes from the draw: one, or two when a stopping rule watches."""
    solution = answer.solution
    low, high = solution.bounds
    independent = sampling_variance(solution, answer.t, answer.labels)
    try:
        total, freedom = _total(design, _sampling(answer, independent, question))
    except NotEstimableError:
        return [refused_estimate(answer.method, answer.estimand, solution.terms[answer.t], question)]
    # An estimate beyond its bounds is reported as it is; its interval is laid around the nearest bound.
    centre = min(max(answer.value, low), high)
    flags = (*question.flags, *_flags(answer, design))
    n_effective = _effective(answer.n_units, independent, design.variance)

    def row(interval: Interval, method: str, *further: str) -> Estimate:
        return _row(
            answer,
            question,
            method,
            math.sqrt(total),
            interval.clipped(low, high),
            n_human=design.n_coded,
            n_effective=n_effective,
            flags=(*flags, *further),
        )

    plain = score_interval(centre, total, design.third, freedom, question.confidence_level)
    if question.planned_labels is None:
        return [row(plain, answer.method)]
    anytime = sequence_interval(
        centre,
        total,
        answer.n_labels,
        question.planned_labels,
        question.confidence_level,
        third=design.third,
        degrees_of_freedom=freedom,
    )
    return [
        row(anytime, answer.method, "confidence_sequence"),
        row(plain, f"{answer.method}_fixed_n", "not_valid_under_stopping"),
    ]


def naive_estimate(answer: Answer, question: Question) -> Estimate:
    """The row of a value as if its labels were true: the standard error is that of a sample of units."""
    std_error = math.sqrt(sampling_variance(answer.solution, answer.t, answer.labels))
    width = quantile(question.confidence_level) * std_error
    interval = Interval(answer.value - width, answer.value + width).clipped(*answer.solution.bounds)
    seen = answer.labels[answer.solution.support(answer.t)].any(axis=1)
    flags = (*question.flags, "not_valid")
    return _row(answer, question, answer.method, std_error, interval, n_units=int(seen.sum()), flags=flags)


def refused_estimate(method: str, estimand: str, term: Term, question: Question) -> Estimate:
    """The row of a value that has no answer yet: every number is missing and the flag says so."""
    return _named(
        term,
        method,
        estimand,
        question,
        Reported(math.nan, math.nan, math.nan, math.nan),
        flags=(*question.flags, "not_estimable"),
    )


def _row(
    answer: Answer,
    question: Question,
    method: str,
    std_error: float,
    interval: Interval,
    **rest: Any,
) -> Estimate:
    found = Reported(answer.value, std_error, interval.low, interval.high)
    if isinstance(answer.solution, ReportingSolution):
        found = answer.solution.report(answer.t, found, question.confidence_level)
    term = answer.solution.terms[answer.t]
    rest = {"n_units": answer.n_units, "lambda_": answer.lambda_, **rest}
    return _named(term, method, answer.estimand, question, found, **rest)


def _named(
    term: Term, method: str, estimand: str, question: Question, found: Reported, **rest: Any
) -> Estimate:
    known = {"n_units": 0, "n_human": 0, "n_effective": None, "lambda_": None, **rest}
    return Estimate(
        estimand=estimand,
        term=term.term,
        label="" if term.label is None else question.codes[term.label],
        group=term.group,
        method=method,
        estimate=found.estimate,
        std_error=found.std_error,
        ci_low=found.low,
        ci_high=found.high,
        confidence_level=question.confidence_level,
        population=question.population,
        **known,
    )


def _sampling(answer: Answer, independent: float, question: Question) -> SamplingVariance:
    if question.population == "corpus":
        return SamplingVariance(0.0)
    if question.clusters is None:
        return SamplingVariance(independent)
    return clustered_variance(answer.solution, answer.t, answer.labels, question.clusters)


def _total(design: DesignVariance, sampling: SamplingVariance) -> tuple[float, float]:
    """The sum of both variances, and its degrees of freedom by Satterthwaite."""
    total = design.variance + sampling.variance
    parts = (design.variance**2 / design.degrees_of_freedom) if design.variance > 0 else 0.0
    parts += (sampling.variance**2 / sampling.degrees_of_freedom) if sampling.variance > 0 else 0.0
    return total, total**2 / parts if parts > 0 else math.inf


def _effective(n_units: int, sampling: float, design: float) -> float:
    """n with ``S**2 / n * (1 - n / N) = design variance``, where ``S**2 / N`` is the sampling variance."""
    if design <= 0:
        return float(n_units)
    return n_units * sampling / (design + sampling)


def _flags(answer: Answer, design: DesignVariance) -> list[str]:
    flags = []
    low, high = answer.solution.bounds
    if not low <= answer.value <= high:
        flags.append("outside_range")
    if design.n_drawn <= FEW_CODED_UNITS and design.n_coded < answer.n_units:
        flags.append("few_coded_units")
    return flags
