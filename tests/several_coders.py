"""A small study whose units more than one person coded: two coders beside the codes on record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import small_study

from annotator import schema
from annotator.advance import advance
from annotator.workspace import Workspace, codes, tasks

SKILLS = {"ann": 0.95, "ben": 0.75}


def write(folder: Path, frame: pd.DataFrame | None = None, *, gold: Any = None, **changes: Any) -> Path:
    """The study file of three rounds with 60 units each; ``gold`` is the section ``coding.gold``."""
    coding = {"kind": "replay", "column": "human", **({"gold": gold} if gold else {})}
    design = {"rounds": 3, "budget": 180}
    return small_study.write(folder, frame, **{"design": design, "coding": coding, **changes})


def run(path: Path, label: Callable[[str, str, np.random.Generator], str] | None = None) -> Workspace:
    """Advance the study to its end; as soon as a round is sent, two coders code seven units in ten each.

    ``label`` says what a coder answers for a unit; by default the code on record, or an error.
    """
    workspace = Workspace.open(path)
    while (step := advance(workspace).step).stage != "done":
        if step.stage == "send":
            _code(workspace, step.round_number, label or _label)
    return workspace


def _code(workspace: Workspace, number: int, label: Callable[[str, str, np.random.Generator], str]) -> None:
    rng = np.random.default_rng([3, number])
    rows = [
        {
            "unit_id": unit,
            "coder": coder,
            "label": label(unit, coder, rng),
            "lead_time": float(rng.lognormal(2.2, 0.4)),
            "annotation_id": 1,
            "updated_at": pd.Timestamp("2026-01-01", tz="UTC"),
            "skipped": False,
            "preannotated": False,
            "cannot_code": None,
            "note": None,
        }
        for unit in workspace.store.read_frame(tasks(number))["unit_id"]
        for coder in SKILLS
        if rng.random() < 0.7
    ]
    workspace.write(codes(number), pd.DataFrame(rows), schema.CODES, round=number)


_TRUTH = small_study.corpus().set_index("id")["human"]


def _label(unit: str, coder: str, rng: np.random.Generator) -> str:
    return str(_TRUTH[unit] if rng.random() < SKILLS[coder] else rng.choice(small_study.CODES))
