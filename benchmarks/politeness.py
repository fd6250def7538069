"""Human codes saved on a corpus with known codes, against simple random sampling and the published methods.

    python benchmarks/politeness.py PATH/politeness.csv [--trials 2000]

The file has the columns `human`, `gpt4o_label`, `gpt4o_confidence` and `feature_1` to `feature_21` of the
tutorial data of Gligoric et al. (2025). Four questions, each with 500 human codes in five rounds and 90 %
intervals: the prevalence of politeness, the logit coefficients of hedges (feature_3) and of the first person
plural (feature_10), and the prevalence with all that is known of a unit replaced by noise. Without a path it
says so and ends.

`ESS` is how many human codes a simple random sample with replacement would need: by the mean squared error,
and by the mean squared width of the intervals. `MSE ratio` compares with a simple random sample of that size.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from annotator.features import features
from annotator.inference.estimands import Estimand
from annotator.inference.estimands.mean import Mean
from annotator.inference.estimands.regression import Regression
from annotator.inference.methods import Question
from annotator.sampling.campaign import Campaign, Part
from annotator.simulate.procedures import Setting
from annotator.simulate.trials import Plan, simulate
from models.signals import Signals

METHODS = ("rounds", "human_only", "ppi_plus_plus", "leverage_only")
QUESTIONS = ("prevalence", "feature_3", "feature_10", "prevalence, noise")
COVARIATES = tuple(f"feature_{number}" for number in range(1, 22))


def question(data: pd.DataFrame, name: str) -> Estimand:
    """The estimand of one row of the table."""
    if name.startswith("prevalence"):
        return Mean(name)
    design = np.column_stack([np.ones(len(data)), data[name]])
    polite = np.array([1.0, 0.0])
    return Regression(name, ("intercept", name), "logit", design, code_outcome=polite, label=0)


def setting(data: pd.DataFrame, name: str, rng: np.random.Generator) -> Setting:
    """A corpus of 5,480 requests, labelled by a machine."""
    said = (data["gpt4o_label"] != "polite").to_numpy(dtype=np.int64)
    confidence = data["gpt4o_confidence"].to_numpy(dtype=float)
    known = features(data, COVARIATES)
    if name.endswith("noise"):
        said, confidence, known = rng.integers(0, 2, len(data)), rng.permutation(confidence), known[:, :0]
    signals = Signals(said[:, None], confidence[:, None], known)
    part = Part(signals, ("polite", "impolite"), [question(data, name)])
    campaign = Campaign([part], candidates=("logistic",))
    codes = (data["human"] != "polite").to_numpy(dtype=np.int64)
    return Setting(campaign, [codes], Question(("polite", "impolite"), 0.90), 5)


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--questions", nargs="*", default=QUESTIONS)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.path is None:
        print("needs the corpus: python benchmarks/politeness.py PATH/politeness.csv")
        sys.exit(0)
    data = pd.read_csv(args.path)
    shown = Table(
        title=f"500 human codes of {len(data):,} requests, {args.trials} trials", title_justify="left"
    )
    for column in (
        "question",
        "method",
        "coverage",
        "MSE ratio",
        "ESS by MSE",
        "ESS by width",
        "RMSE",
        "core s",
    ):
        shown.add_column(column, justify="left" if column in {"question", "method"} else "right")
    for name in args.questions:
        one = setting(data, name, np.random.default_rng(args.seed))
        with Progress(transient=True) as bars:
            bar = bars.add_task(name)
            table = simulate(
                one,
                Plan(list(args.methods), [500], args.trials, args.seed),
                progress=lambda done, total, _, bars=bars, bar=bar: bars.update(
                    bar, completed=done, total=total
                ),
            )
        for row in table[(table["label"] == "polite") & (table["term"] != "intercept")].to_dict("records"):
            shown.add_row(
                name,
                row["method"],
                f"{row['coverage']:.3f} ± {2 * row['coverage_mc_error']:.3f}",
                f"{row['relative_efficiency']:.2f}",
                f"{row['n_effective']:,.0f}",
                f"{row['n_effective_width']:,.0f}",
                f"{row['rmse']:.4f}",
                f"{row['core_seconds']:.3f}",
            )
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
