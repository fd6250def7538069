"""Time and memory of the estimators at a million units, against ppi_py on the same arrays.

    python benchmarks/estimator_speed.py [--units 1000000] [--labels 10000] [--quantile-units 20000]

`arrays` are the functions of `annotator.inference.ppi` with a tuned lambda, `rounds` the estimate of one
uniform round by `annotator.inference.methods`, which also checks every unit and predicts its own variance.
Regressions have five coefficients. Each row is a process of its own on one thread: after a run on few units,
the median time of five whole ones, and the peak memory of the process, data included. `of ppi_py` is the time
divided by ppi_py's, whose quantile needs 80 kB a unit and is therefore compared on fewer.
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

from annotator.inference import ppi
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.regression import Regression
from annotator.inference.methods import Question, estimate
from annotator.inference.rectify import Round
from models.arrays import FloatArray

GOALS = {"mean": "1", "ols": "0.2", "logistic": "0.2"}
TERMS = ("intercept", "a", "b", "c", "d")
LEVEL = 0.9
FEW = 2_000


@dataclass(frozen=True)
class Arrays:
    """Covariates (n, 5), a binary label and its prediction; ``_far`` are those of the unlabelled units."""

    x: FloatArray
    y: FloatArray
    y_hat: FloatArray
    x_far: FloatArray
    y_far: FloatArray

    def arguments(self, estimand: str) -> tuple[FloatArray | float, ...]:
        """What both libraries take, in the order in which both take it."""
        if estimand == "mean":
            return self.y, self.y_hat, self.y_far
        if estimand == "quantile":
            a, a_far = self.x[:, 1], self.x_far[:, 1]
            return self.y + a, self.y_hat + a, self.y_far + a_far, 0.5
        return self.x, self.y, self.y_hat, self.x_far, self.y_far


def made_up(n_units: int, n_labels: int) -> Arrays:
    """A logistic label and a noisy prediction of its probability."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n_units + n_labels, len(TERMS)))
    x[:, 0] = 1.0
    probability = 1.0 / (1.0 + np.exp(-x @ [-0.3, 0.5, -0.4, 0.3, 0.2]))
    y = (rng.random(probability.size) < probability).astype(np.float64)
    y_hat = np.clip(probability + 0.1 * rng.normal(size=y.size), 0.01, 0.99)
    near, far = slice(0, n_labels), slice(n_labels, None)
    return Arrays(x[near], y[near], y_hat[near], x[far], y_hat[far])


def ready(who: str, estimand: str, data: Arrays) -> Callable[[], object]:
    """The call to time, with everything around it prepared."""
    if who == "rounds":
        return one_round(estimand, data)
    arguments = data.arguments(estimand)
    if who == "arrays":
        # The quantile as ppi_py has it: without a factor.
        method = "ppi" if estimand == "quantile" else "ppi_plus_plus"
        return lambda: getattr(ppi, estimand)(*arguments, method=method, confidence_level=LEVEL)
    import ppi_py  # noqa: PLC0415

    return lambda: getattr(ppi_py, f"ppi_{estimand}_ci")(*arguments, alpha=1.0 - LEVEL)


def one_round(estimand: str, data: Arrays) -> Callable[[], object]:
    """A uniform round of a corpus of all the units."""
    n_labels, n_units = data.y.size, data.y.size + data.y_far.size
    said = np.concatenate([data.y_hat, data.y_far])
    gold = np.concatenate([data.y.astype(np.int64), np.full(data.y_far.size, -1)])
    each = Round(
        number=1,
        known=np.zeros(n_units, dtype=bool),
        inclusion_probability=np.full(n_units, n_labels / n_units),
        drawn=gold >= 0,
        stratum=np.zeros(n_units, dtype=np.int64),
        prediction=np.column_stack([1.0 - said, said]),
    )
    codes = np.array([0.0, 1.0])
    asked: Mean | Regression = Mean("mean", outcomes=codes[None, :])
    if estimand != "mean":
        link = "identity" if estimand == "ols" else "logit"
        x = np.concatenate([data.x, data.x_far])
        asked = Regression(estimand, TERMS, link, x, code_outcome=codes)
    question = Question(("no", "yes"), LEVEL, "superpopulation")
    return lambda: estimate([each], gold, [asked], question, methods=["rounds"])


def measure(who: str, estimand: str, n_units: int, n_labels: int, repeats: int) -> tuple[float, float]:
    """Median seconds of a run and the peak memory of this process in GiB."""
    ready(who, estimand, made_up(2 * FEW, FEW))()
    run = ready(who, estimand, made_up(n_units, n_labels))
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(np.median(seconds)), used / (2**30 if sys.platform == "darwin" else 2**20)


def apart(who: str, estimand: str, n_units: int, args: argparse.Namespace) -> tuple[float, float]:
    """`measure` in a process of its own."""
    case = [who, estimand, n_units, args.labels, args.repeats]
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def compare(estimand: str, n_units: int, contestants: list[str], args: argparse.Namespace) -> None:
    """One row a contestant; ppi_py comes first."""
    of_peer = None
    for who in contestants:
        seconds, peak = apart(who, estimand, n_units, args)
        of_peer = seconds if who == "ppi_py" else of_peer
        ratio = f"{seconds / of_peer:9.3f}" if of_peer else " " * 9
        goal = f"  goal {GOALS[estimand]}" if who == "arrays" and estimand in GOALS else ""
        print(
            f"{estimand:<9} {n_units:>9,} {who:<7} {seconds * 1e3:9.1f} ms {ratio} {peak:7.2f} GiB{goal}",
            flush=True,
        )


def main() -> None:
    """Print the table, or with ``--case`` measure one row of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--quantile-units", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(measure(*json.loads(args.case))))
        return
    peer = ["ppi_py"] if importlib.util.find_spec("ppi_py") else []
    if not peer:
        print("ppi_py is not installed (pip install 'annotator[parity]'): nothing to compare with.")
    print(f"{'':<9} {'units':>9} {'':<7} {'time':>12} {'of ppi_py':>9} {'peak':>11}")
    for estimand in ("mean", "ols", "logistic"):
        compare(estimand, args.units, [*peer, "arrays", "rounds"], args)
    compare("quantile", args.quantile_units, [*peer, "arrays"], args)
    compare("quantile", args.units, ["arrays"], args)


if __name__ == "__main__":
    main()
