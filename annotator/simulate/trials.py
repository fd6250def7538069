"""Many trials over many processors, and what they add up to."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from annotator.inference.estimands import Reported, ReportingSolution, Solution
from annotator.inference.estimate import Estimate
from annotator.inference.intervals import quantile
from annotator.inference.superpopulation import sampling_variance
from annotator.progress import Progress, silent
from annotator.simulate.procedures import PROCEDURES, Setting, trial
from models.arrays import FloatArray

TRIALS_A_TASK = 5
KEY = ["method", "budget", "estimand", "term", "label", "group"]


@dataclass(frozen=True)
class Plan:
    """Which procedures with which budgets, how often, from which seed."""

    methods: Sequence[str]
    budgets: Sequence[int]
    n_trials: int
    seed: int

    @property
    def tasks(self) -> list[tuple[str, int, range]]:
        """Method, budget and a few trials; the slowest first, so that no processor waits at the end."""
        slowest_first = sorted(self.methods, key=lambda method: -PROCEDURES.index(method))
        starts = range(0, self.n_trials, TRIALS_A_TASK)
        return [
            (method, budget, range(start, min(start + TRIALS_A_TASK, self.n_trials)))
            for method in slowest_first
            for budget in sorted(self.budgets, reverse=True)
            for start in starts
        ]


@dataclass(frozen=True)
class Done:
    """One trial: its estimates and the processor seconds it took."""

    method: str
    budget: int
    number: int
    rows: list[Estimate]
    seconds: float


def simulate(
    setting: Setting, plan: Plan, *, n_processes: int = -1, progress: Progress = silent
) -> pd.DataFrame:
    """Play all trials; one row for each method, budget and value (see `schema.SIMULATION`).

    Every trial has a seed of its own, so that the result does not depend on the number of processes.

    Raises EstimateRefusedError if an estimand has no answer on the human codes of the whole corpus.
    """
    truths = list(_truths(setting))
    tasks = plan.tasks
    total = len(plan.methods) * len(plan.budgets) * plan.n_trials
    pool = Parallel(n_jobs=n_processes, return_as="generator_unordered")
    done: list[Done] = []
    progress(0, total, "trials")
    for several in pool(delayed(_play)(setting, *task, plan.seed) for task in tasks):
        done += several
        progress(len(done), total, "trials")
    rows = [row for each in _by_method(done, plan) for row in _summed(each, truths, setting)]
    return pd.DataFrame(rows)


def _play(setting: Setting, method: str, budget: int, numbers: range, seed: int) -> list[Done]:
    done = []
    for number in numbers:
        # Methods that draw alike see the same draws, so that their difference is theirs alone.
        rng = np.random.default_rng([seed, budget, number])
        started = time.process_time()
        rows = trial(setting, method, budget, rng)
        done.append(Done(method, budget, number, rows, time.process_time() - started))
    return done


@dataclass(frozen=True)
class Truth:
    """One value on the human codes of the whole corpus, as it is reported.

    ``unit_variance`` is the asymptotic variance of a simple random sample, times its size, on the scale on
    which the value is estimated; ``slope`` is the change of what is reported by that scale.
    """

    key: tuple[str, str, str, str]
    value: float
    unit_variance: float
    slope: float


def _truths(setting: Setting) -> Iterator[Truth]:
    for inquiry in setting.campaign.inquiries:
        labels = np.eye(len(inquiry.codes))[setting.campaign.combined(inquiry, setting.codes)]
        for estimand in inquiry.estimands:
            yield from _truths_of(estimand.name, estimand.solve(labels), labels, inquiry.codes)


def _truths_of(name: str, solution: Solution, labels: FloatArray, codes: Sequence[str]) -> Iterator[Truth]:
    for t, term in enumerate(solution.terms):
        value, slope = _reported(solution, t)
        label = "" if term.label is None else codes[term.label]
        yield Truth(
            (name, term.term, label, term.group),
            value,
            labels.shape[0] * sampling_variance(solution, t, labels),
            slope,
        )


def _reported(solution: Solution, t: int) -> tuple[float, float]:
    value = float(solution.values[t])
    if not isinstance(solution, ReportingSolution):
        return value, 1.0
    found = solution.report(t, Reported(value, 1.0, value, value), 0.95)
    # Quantiles have no delta method: their standard error follows from their interval.
    return found.estimate, found.std_error or np.nan


def _by_method(done: list[Done], plan: Plan) -> Iterator[list[Done]]:
    for method in plan.methods:
        for budget in plan.budgets:
            chosen = [each for each in done if each.method == method and each.budget == budget]
            yield sorted(chosen, key=lambda each: each.number)


def _summed(done: list[Done], truths: list[Truth], setting: Setting) -> Iterator[dict[str, object]]:
    by_value: dict[tuple[str, str, str, str], list[Estimate]] = {}
    for each in done:
        for row in each.rows:
            if np.isfinite(row.estimate) and row.method == each.method:
                by_value.setdefault((row.estimand, row.term, row.label, row.group), []).append(row)
    seconds = float(np.mean([each.seconds for each in done]))
    for truth in truths:
        rows = by_value.get(truth.key, [])
        numbers = np.array([(r.estimate, r.ci_low, r.ci_high) for r in rows]).reshape(-1, 3)
        yield {
            "method": done[0].method,
            "budget": done[0].budget,
            **dict(zip(KEY[2:], truth.key, strict=True)),
            "trials": len(done),
            "answered": len(rows),
            "truth": truth.value,
            **_figures(numbers, truth, done[0].budget, setting),
            "core_seconds": seconds,
        }


def _figures(numbers: FloatArray, truth: Truth, budget: int, setting: Setting) -> dict[str, float]:
    """Bias, error, width, coverage and efficiency of one value; numbers (trials, 3)."""
    names = (
        "bias",
        "bias_mc_error",
        "rmse",
        "mean_half_width",
        "coverage",
        "coverage_mc_error",
        "relative_efficiency",
        "n_effective",
        "n_effective_width",
    )
    if not len(numbers):
        return dict.fromkeys(names, np.nan)
    error = numbers[:, 0] - truth.value
    half_width = (numbers[:, 2] - numbers[:, 1]) / 2.0
    coverage = float(np.mean((numbers[:, 1] <= truth.value) & (truth.value <= numbers[:, 2])))
    mean_square, n_units = float(np.mean(error**2)), setting.campaign.n_units
    unit_variance = truth.unit_variance * truth.slope**2
    simple_random = unit_variance * (1.0 / budget - 1.0 / n_units)
    from_width = float(np.mean((half_width / quantile(setting.question.confidence_level)) ** 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = (
            float(error.mean()),
            float(error.std() / np.sqrt(len(error))),
            float(np.sqrt(mean_square)),
            float(half_width.mean()),
            coverage,
            float(np.sqrt(coverage * (1.0 - coverage) / len(error))),
            float(np.divide(simple_random, mean_square)),
            float(np.divide(unit_variance, mean_square)),
            float(np.divide(unit_variance, from_width)),
        )
    return dict(zip(names, values, strict=True))
