"""What retraining a classifier after every round is worth, on a corpus with known codes.

    python benchmarks/retrain.py PATH/politeness.csv [--trials 200] [--kind tfidf_logistic]

The file is the one of `politeness.py`; what the rounds know beside the machine's labels and confidences is
the length of the texts (`--covariates` adds the 21 features of the tutorial). Each trial is a study of the
prevalence of politeness in five rounds, played without a classifier and with one that learns from all codes
so far after each round, both from the same seed; with `--training` part of later rounds is picked for it.

Printed are coverage and widths of the 90 % intervals, and how many codes a simple random sample of people
alone would need for that mean squared width (`ESS`). Without a path it says so and ends.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table

from annotator.budget import spread
from annotator.campaign_estimates import campaign_estimates
from annotator.features import features
from annotator.inference.estimands.mean import Mean
from annotator.inference.methods import Question
from annotator.sampling.campaign import Campaign, Part
from annotator.sampling.played import play
from annotator.sampling.training import Training
from annotator.simulate.retraining import Retraining
from models.kinds import KINDS, make
from models.label_map import LabelMap
from models.signals import Signals

CODES = LabelMap(("polite", "impolite"), "binary")
COVARIATES = tuple(f"feature_{number}" for number in range(1, 22))
N_ROUNDS = 5
LEVEL, NORMAL = 0.90, 1.6449
Trial = tuple[float, float, float, float, tuple[bool, ...]]


def campaign_of(data: pd.DataFrame, *, covariates: bool, training: float) -> Campaign:
    """The prevalence of politeness in requests that a machine labelled."""
    said = (data["gpt4o_label"] != "polite").to_numpy(dtype=np.int64)
    known = np.log1p(data["text"].str.len().to_numpy(dtype=float))[:, None]
    if covariates:
        known = np.concatenate([known, features(data, COVARIATES)], axis=1)
    signals = Signals(said[:, None], data["gpt4o_confidence"].to_numpy(dtype=float)[:, None], known)
    part = Part(signals, CODES.codes, [Mean("prevalence")])
    return Campaign([part], candidates=("logistic",), training=Training(training))


def trial(data: pd.DataFrame, campaign: Campaign, budget: int, kind: str | None, seed: int) -> Trial:
    """One study: estimate, interval, seconds, and which classifiers were promoted."""
    codes = (data["human"] != "polite").to_numpy(dtype=np.int64)
    learn = Retraining(data["text"].tolist(), partial(make, kind, CODES)) if kind else None
    started, rng = time.process_time(), np.random.default_rng([1, budget, seed])
    played = play(campaign, [codes], spread(budget, N_ROUNDS), rng, learn=learn)
    rows = campaign_estimates(campaign, played.rounds, played.gold, Question(CODES.codes, LEVEL), ["rounds"])
    row = next(row for row in rows if row.label == "impolite")
    promoted = tuple(each.is_better for each in learn.comparisons) if learn else ()
    return row.estimate, row.ci_low, row.ci_high, time.process_time() - started, promoted


def summary(trials: list[Trial], truth: float) -> Iterator[str]:
    """The figures of one line of the table."""
    point, low, high, seconds = np.array([each[:4] for each in trials]).T
    coverage = float(np.mean((low <= truth) & (truth <= high)))
    error = np.sqrt(coverage * (1.0 - coverage) / len(trials))
    yield f"{coverage:.3f} ± {2 * error:.3f}"
    yield f"{(high - low).mean():.4f} ± {2 * (high - low).std() / np.sqrt(len(trials)):.4f}"
    yield f"{np.sqrt(np.mean((point - truth) ** 2)):.4f}"
    yield f"{truth * (1 - truth) / np.mean(((high - low) / 2 / NORMAL) ** 2):,.0f}"
    promoted = np.array([each[4] for each in trials])
    yield " ".join(f"{share:.0%}" for share in promoted.mean(axis=0)) if promoted.size else ""
    yield f"{seconds.mean():.2f}"


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--budgets", type=int, nargs="*", default=[250, 500, 1000])
    parser.add_argument("--kind", choices=KINDS, default="tfidf_logistic")
    parser.add_argument("--training", type=float, default=0.0)
    parser.add_argument("--covariates", action="store_true")
    parser.add_argument("--processes", type=int, default=-1)
    args = parser.parse_args()
    if args.path is None:
        print("needs the corpus: python benchmarks/retrain.py PATH/politeness.csv")
        sys.exit(0)
    data = pd.read_csv(args.path)
    truth = float((data["human"] != "polite").mean())
    campaign = campaign_of(data, covariates=args.covariates, training=args.training)
    shown = Table(title=f"Prevalence in {len(data):,} requests, {args.trials} trials", title_justify="left")
    for column in ("codes", "classifier", "coverage", "width", "RMSE", "ESS", "promoted by round", "core s"):
        shown.add_column(column, justify="right")
    for budget in args.budgets:
        for kind in (None, args.kind):
            calls = (delayed(trial)(data, campaign, budget, kind, seed) for seed in range(args.trials))
            found = Parallel(args.processes)(calls)
            shown.add_row(str(budget), kind or "none", *summary(found, truth))
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
