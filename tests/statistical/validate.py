"""`make validate`: coverage and width of the intervals over a grid of studies, as a table.

Each cell plays many studies of a simulated corpus of 5,000 units whose first code has the given prevalence.
Coverage is that of the first code's 90 % interval; relative width is the mean width over that of the normal
interval with the true standard error, the root mean square error over trials.
"""

import argparse
import itertools
import os
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from simulated_study import SKILLS, play, simulate_corpus

from annotator.inference.estimands.mean import Mean
from annotator.inference.intervals import quantile
from annotator.inference.methods import Question, estimate

N_UNITS = 5_000
LEVEL = 0.90
COMMON_FROM = 5


@dataclass(frozen=True, order=True)
class Cell:
    """One kind of study."""

    n: int
    codes: int
    prevalence: float
    skill: str
    rounds: int

    @property
    def is_common(self) -> bool:
        """Whether a human-only study of this size would meet the code about five times."""
        return self.n * self.prevalence >= COMMON_FROM

    @property
    def share(self) -> list[float]:
        """The shares of all codes."""
        rest = (1.0 - self.prevalence) / (self.codes - 1)
        return [self.prevalence, *[rest] * (self.codes - 1)]


def run(cell: Cell, trials: int, seed: int) -> dict[str, object]:
    """Play one cell: what the intervals did."""
    key = [seed, cell.n, cell.codes, round(1000 * cell.prevalence), SKILLS.index(cell.skill), cell.rounds]
    corpus = simulate_corpus(N_UNITS, cell.share, cell.skill, np.random.default_rng(key))
    question = Question([str(k) for k in range(cell.codes)], LEVEL)
    sizes = [cell.n // cell.rounds] * cell.rounds
    found = np.empty((trials, 3))
    for s in range(trials):
        rounds, gold = play(corpus, sizes, np.random.default_rng([*key, s]))
        row = estimate(rounds, gold, [Mean("p")], question, methods=["rounds"])[0]
        found[s] = row.estimate, row.ci_low, row.ci_high
    truth = corpus.share[0]
    error = found[:, 0] - truth
    width = found[:, 2] - found[:, 1]
    covered = (found[:, 1] <= truth) & (truth <= found[:, 2])
    rmse = float(np.sqrt(np.mean(error**2)))
    return {
        **vars(cell),
        "common": cell.is_common,
        "trials": trials,
        "coverage": covered.mean(),
        "mc_error": np.sqrt(LEVEL * (1 - LEVEL) / trials),
        "missed_above": (truth > found[:, 2]).mean(),
        "relative_width": width.mean() / (2 * quantile(LEVEL) * rmse),
        "smallest_width": width.min(),
        "bias": error.mean(),
        "rmse": rmse,
        "relative_efficiency": truth * (1 - truth) / cell.n * (1 - cell.n / N_UNITS) / rmse**2,
    }


def main() -> None:
    """Play the grid and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--n", type=int, nargs="*", default=[50, 100, 200, 500, 1000])
    parser.add_argument("--codes", type=int, nargs="*", default=[2, 3, 7, 10])
    parser.add_argument("--prevalence", type=float, nargs="*", default=[0.5, 0.1, 0.01])
    parser.add_argument("--skill", nargs="*", default=list(SKILLS))
    parser.add_argument("--rounds", type=int, nargs="*", default=[1, 5])
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("docs/validation"))
    args = parser.parse_args()
    grid = itertools.product(args.n, args.codes, args.prevalence, args.skill, args.rounds)
    cells = [Cell(*point) for point in grid]
    started = time.time()
    rows = []
    columns = (TextColumn("coverage grid"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProcessPoolExecutor(args.processes) as pool, Progress(*columns) as bars:
        bar = bars.add_task("cells", total=len(cells))
        # The longest first, so that no processor waits at the end.
        ordered = sorted(cells, key=lambda cell: -cell.n * cell.codes)
        for each in as_completed([pool.submit(run, cell, args.trials, args.seed) for cell in ordered]):
            rows.append(each.result())
            bars.advance(bar)
    table = pd.DataFrame(rows).sort_values(["n", "codes", "prevalence", "skill", "rounds"])
    args.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(args.out / "coverage.csv", index=False, float_format="%.5g")
    (args.out / "coverage.md").write_text(page(table, args, time.time() - started), encoding="utf-8")
    print(summary(table).to_string(index=False))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Worst and mean of common and of rare codes, by skill."""
    rows = []
    for (common, skill), cells in table.groupby(["common", "skill"]):
        rows.append(
            {
                "n x prevalence >= 5": "yes" if common else "no",
                "skill": skill,
                "cells": len(cells),
                "mean coverage": f"{cells['coverage'].mean():.3f}",
                "lowest coverage": f"{cells['coverage'].min():.3f}",
                "mean relative width": f"{cells['relative_width'].mean():.2f}",
                "largest relative width": f"{cells['relative_width'].max():.2f}",
                "smallest width": f"{cells['smallest_width'].min():.2g}",
            }
        )
    return pd.DataFrame(rows)


def page(table: pd.DataFrame, args: argparse.Namespace, seconds: float) -> str:
    """The table for docs/validation, as Markdown."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    lines = summary(table)
    head = "| " + " | ".join(lines.columns) + " |"
    rule = "|" + " --- |" * len(lines.columns)
    body = ["| " + " | ".join(str(value) for value in row) + " |" for row in lines.itertuples(index=False)]
    return "\n".join(
        [
            "# Coverage of the intervals",
            "",
            (__doc__ or "").split("\n\n", 1)[1].strip(),
            "",
            f"Nominal coverage {LEVEL:.2f}, {args.trials} trials a cell (Monte-Carlo error of one coverage "
            f"{np.sqrt(LEVEL * (1 - LEVEL) / args.trials):.3f}), seed {args.seed}, commit {commit}, "
            f"{seconds / 60:.0f} minutes. One row a cell: [coverage.csv](coverage.csv).",
            "",
            head,
            rule,
            *body,
            "",
        ]
    )


if __name__ == "__main__":
    main()
