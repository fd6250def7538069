"""Processor time of one simulated study: five adaptive rounds against the published confidence-driven draw.

    python benchmarks/simulation_cost.py [--trials 10] [--peer-trials 3]

Both play the same made-up corpus of 5,000 units with 500 human codes, in this process, on one thread.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time

import numpy as np

from annotator.inference.estimands.mean import Mean
from annotator.inference.methods import Question
from annotator.sampling.campaign import Campaign, Part
from annotator.simulate.procedures import Setting, trial
from models.signals import Signals


def made_up(n_units: int, rng: np.random.Generator) -> Setting:
    """A machine that is right for 80 % of the units, and surer where it is."""
    codes = (rng.random(n_units) < 0.4).astype(np.int64)
    right = rng.random(n_units) < 0.8
    confidence = np.where(right, rng.beta(6, 2, n_units), rng.beta(4, 4, n_units)).round(2)
    signals = Signals(np.where(right, codes, 1 - codes)[:, None], confidence[:, None])
    campaign = Campaign([Part(signals, ("no", "yes"), [Mean("prevalence")])], candidates=("logistic",))
    return Setting(campaign, [codes], Question(("no", "yes"), 0.90), 5)


def seconds(setting: Setting, method: str, trials: int) -> float:
    """Median processor time of a trial."""
    times = []
    for number in range(trials):
        started = time.process_time()
        trial(setting, method, 500, np.random.default_rng(number))
        times.append(time.process_time() - started)
    return float(np.median(times))


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--peer-trials", type=int, default=3)
    args = parser.parse_args()
    setting = made_up(5_000, np.random.default_rng(1))
    seconds(setting, "rounds", 1)
    ours = seconds(setting, "rounds", args.trials)
    peer = seconds(setting, "confidence_driven", args.peer_trials)
    print(f"rounds, logistic map        {ours:8.3f} core seconds a trial")
    print(f"confidence_driven, 2,000 boosting rounds {peer:8.3f}")
    print(f"ratio {peer / ours:.0f}")


if __name__ == "__main__":
    main()
