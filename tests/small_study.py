"""A study small enough for unit tests: machine labels and human codes stand in its corpus."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from annotator.advance import advance
from annotator.workspace import Workspace

CODES = ("left", "right", "neither")


def corpus(n_units: int = 300, seed: int = 1) -> pd.DataFrame:
    """Texts with a human code, and a machine label that is right more often the surer it is."""
    rng = np.random.default_rng(seed)
    human = rng.choice(3, n_units, p=[0.5, 0.3, 0.2])
    confidence = rng.uniform(0.4, 1.0, n_units).round(2)
    machine = np.where(rng.random(n_units) < confidence, human, rng.integers(0, 3, n_units))
    return pd.DataFrame(
        {
            "id": [f"u{i:04d}" for i in range(n_units)],
            "text": [f"text number {i}" for i in range(n_units)],
            "party": rng.choice(["a", "b"], n_units),
            "human": np.asarray(CODES)[human],
            "machine": np.asarray(CODES)[machine],
            "confidence": confidence,
        }
    )


def study(**changes: Any) -> dict[str, Any]:
    """The study as plain data; ``changes`` replace whole sections."""
    return {
        "name": "small",
        "corpus": {"path": "corpus.csv", "id": "id", "text": "text", "covariates": ["party"]},
        "codebook": {"question": "Which side?", "labels": [{"name": code} for code in CODES]},
        "machine": [{"name": "old", "kind": "replay", "label": "machine", "confidence": "confidence"}],
        "coding": {"kind": "replay", "column": "human"},
        "design": {"rounds": 3, "budget": 60},
        "estimands": [
            {"name": "prevalence", "kind": "mean"},
            {"name": "by_party", "kind": "mean", "by": "party"},
        ],
        "seed": 5,
        **changes,
    }


def write(folder: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Path:
    """Write corpus and study file into ``folder``; the path of the study file."""
    folder.mkdir(parents=True, exist_ok=True)
    (corpus() if frame is None else frame).to_csv(folder / "corpus.csv", index=False)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study(**changes), sort_keys=False))
    return path


def run_to_the_end(path: Path) -> Workspace:
    """Advance the study until nothing is left to do."""
    workspace = Workspace.open(path)
    while advance(workspace).step.stage != "done":
        pass
    return workspace


def tables(folder: Path) -> dict[str, bytes]:
    """Every file of an output folder but those that hold the random identity of the run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"study.json", "corpus.parquet"}
    }
