"""A small study with two coders who err and an adjudicator who knows, all from columns of the corpus."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import small_study

from annotator.advance import advance
from annotator.state import next_step
from annotator.workspace import Workspace

CODING = {
    "kind": "replay",
    "column": "first",
    "second": "second",
    "overlap": 0.5,
    "adjudicator": "human",
    "gold": {"adjudicate": True},
}


def corpus(n_units: int = 300) -> pd.DataFrame:
    """The small corpus, whose column `human` is the truth, with two coders who err in one unit of five."""
    frame = small_study.corpus(n_units)
    rng = np.random.default_rng(9)
    for coder in ("first", "second"):
        other = rng.choice(small_study.CODES, n_units)
        frame[coder] = np.where(rng.random(n_units) < 0.3, other, frame["human"])
    return frame


def write(folder: Path, **changes: Any) -> Path:
    """The study file of one round of 80 units."""
    design = {"rounds": 1, "budget": 80}
    return small_study.write(folder, corpus(), **{"coding": CODING, "design": design, **changes})


def advance_until(path: Path, stage: str) -> Workspace:
    """Advance until ``stage`` is due, as seen before it is done."""
    while next_step(Workspace.open(path)).stage != stage:
        advance(Workspace.open(path))
    return Workspace.open(path)
