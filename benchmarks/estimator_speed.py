"""Time and memory of the estimators at a million units, against ppi_py on the same arrays.

    python benchmarks/estimator_speed.py [--units 1000000] [--labels 10000] [--quantile-units 20000]

`arrays` are the functions of `annotator.inference.ppi` with a tuned lambda, `rounds` the estimate of one
uniform round by `annotator.inference.methods`, which checks its input and predicts its own variance. Each row
is a process of its own on one thread: three runs after one on a few units, of which the median time and the
peak memory of the process, data included, are printed. The ratio is that to ppi_py; regressions have five
coefficients. ppi_py's quantile needs 80 kB a unit, so it is timed on fewer units.
"""

import argparse
import json
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import importlib.util
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.arrays import FloatArray

GOALS = {"mean": 1.0, "ols": 0.2, "logistic": 0.2}
REPEATS = 3
FEW = 2_000
LEVEL = 0.9
TERMS = ("intercept", "a", "b", "c", "d")
CODES = np.array([0.0, 1.0])


@dataclass(frozen=True)
class Arrays:
    """Covariates (n, 5), a binary label and its prediction; ``_far`` are those of the unlabelled units."""

    x: FloatArray
    y: FloatArray
    y_hat: FloatArray
    x_far: FloatArray
    y_far: FloatArray

    def some(self) -> "Arrays":
        """The first units of each kind, to warm up with."""
        near, far = slice(0, FEW), slice(0, 2 * FEW)
        return Arrays(self.x[near], self.y[near], self.y_hat[near], self.x_far[far], self.y_far[far])

    @property
    def regression(self) -> tuple[FloatArray, ...]:
        """In the order in which regressions take them."""
        return self.x, self.y, self.y_hat, self.x_far, self.y_far

    @property
    def numbers(self) -> tuple[FloatArray, ...]:
        """A continuous label and its prediction, for the quantile."""
        return self.y + self.x[:, 1], self.y_hat + self.x[:, 1], self.y_far + self.x_far[:, 1]


def made_up(n_units: int, n_labels: int) -> Arrays:
    """A logistic label and a noisy prediction of its probability."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n_units + n_labels, len(TERMS)))
    x[:, 0] = 1.0
    probability = 1.0 / (1.0 + np.exp(-x @ [-0.3, 0.5, -0.4, 0.3, 0.2]))
    y = (rng.random(probability.size) < probability).astype(np.float64)
    y_hat = np.clip(probability + 0.1 * rng.normal(size=y.size), 0.01, 0.99)
    near, far = slice(0, n_labels), slice(n_labels, None)
    return Arrays(x[near], y[near], y_hat[near], x[far].copy(), y_hat[far].copy())


def by_ppi_py(estimand: str) -> Callable[[Arrays], object]:
    """Two-sided intervals with its own tuned lambda."""
    import ppi_py  # noqa: PLC0415

    alpha = 1.0 - LEVEL
    return {
        "mean": lambda d: ppi_py.ppi_mean_ci(d.y, d.y_hat, d.y_far, alpha=alpha),
        "ols": lambda d: ppi_py.ppi_ols_ci(*d.regression, alpha=alpha),
        "logistic": lambda d: ppi_py.ppi_logistic_ci(*d.regression, alpha=alpha),
        "quantile": lambda d: ppi_py.ppi_quantile_ci(*d.numbers, 0.5, alpha=alpha),
    }[estimand]


def by_arrays(estimand: str) -> Callable[[Arrays], object]:
    """The array-level functions; the quantile as ppi_py has it, without a factor."""
    from annotator.inference import ppi  # noqa: PLC0415

    return {
        "mean": lambda d: ppi.mean(d.y, d.y_hat, d.y_far, confidence_level=LEVEL),
        "ols": lambda d: ppi.ols(*d.regression, confidence_level=LEVEL),
        "logistic": lambda d: ppi.logistic(*d.regression, confidence_level=LEVEL),
        "quantile": lambda d: ppi.quantile(*d.numbers, 0.5, method="ppi", confidence_level=LEVEL),
    }[estimand]


def by_rounds(estimand: str) -> Callable[[Arrays], object]:
    """One uniform round of a corpus of all the units."""
    from annotator.inference.estimands import Estimand  # noqa: PLC0415
    from annotator.inference.estimands.mean import Mean  # noqa: PLC0415
    from annotator.inference.estimands.regression import Regression  # noqa: PLC0415
    from annotator.inference.methods import Question, estimate  # noqa: PLC0415
    from annotator.inference.rectify import Round  # noqa: PLC0415

    def asked(x: FloatArray) -> Estimand:
        if estimand == "mean":
            return Mean("mean", code_values=CODES)
        link = "identity" if estimand == "ols" else "logit"
        return Regression(estimand, TERMS, link, x, code_outcome=CODES)

    def prepared(d: Arrays) -> tuple[Round, np.ndarray, Estimand]:
        n_units, n_labels = d.y.size + d.y_far.size, d.y.size
        said = np.concatenate([d.y_hat, d.y_far])
        drawn, gold = np.arange(n_units) < n_labels, np.full(n_units, -1)
        gold[:n_labels] = d.y
        nothing = np.zeros(n_units, dtype=np.int64)
        uniform, prediction = np.full(n_units, n_labels / n_units), np.column_stack([1.0 - said, said])
        each = Round(1, nothing > 0, uniform, drawn, nothing, prediction)
        return each, gold, asked(np.concatenate([d.x, d.x_far]))

    def run(d: Arrays) -> object:
        if d not in ready:
            ready[d] = prepared(d)
        each, gold, one = ready[d]
        question = Question(("no", "yes"), LEVEL, "superpopulation")
        return estimate([each], gold, [one], question, methods=["rounds"])

    return run


def measured(who: str, estimand: str, n_units: int, n_labels: int) -> dict[str, float]:
    """Median seconds of a run, and the peak memory of this process in GiB."""
    run = {"ppi_py": by_ppi_py, "arrays": by_arrays, "rounds": by_rounds}[who](estimand)
    return {}


if __name__ == "__main__":
    pass
