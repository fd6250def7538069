"""A small study whose codes can be told from the words of its texts, so that classifiers learn them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import small_study

from annotator.workspace import Workspace

WORDS = {
    "left": "tax the rich unions workers",
    "right": "cut taxes borders tradition",
    "neither": "weather football recipes",
}
DESIGN = {
    "design": {"rounds": 2, "budget": 160, "error_map": ["table"]},
    "model": {"kind": "tfidf_logistic", "retrain": False},  # by hand
}


def corpus(n_units: int = 400) -> pd.DataFrame:
    """The texts of `small_study`, with words that go with the human code."""
    rng = np.random.default_rng(1)
    frame = small_study.corpus(n_units)
    frame["text"] = [
        f"{' '.join(rng.permutation([*WORDS[code].split(), 'the', 'and', 'of']))} {i}"
        for i, code in enumerate(frame["human"])
    ]
    return frame


def run(folder: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Workspace:
    """A study of two rounds that has been coded to its end."""
    path = small_study.write(folder, corpus() if frame is None else frame, **{**DESIGN, **changes})
    return small_study.run_to_the_end(path)
