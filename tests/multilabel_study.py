"""A study whose units may carry several codes, machine labels and human codes in its corpus."""

import numpy as np
import pandas as pd

from annotator.label_sets import join

CODES = ("jobs", "health", "crime")
CODEBOOK = {"question": "Which problems?", "type": "multilabel", "labels": [{"name": code} for code in CODES]}
ESTIMANDS = [
    {"name": "drivers", "kind": "logit", "outcome": "jobs", "covariates": ["age"]},
    {"name": "votes", "kind": "ols", "outcome": "votes", "covariates": ["jobs", "health", "age"]},
    {"name": "prevalence", "kind": "mean"},
    {"name": "by_party", "kind": "mean", "by": "party"},
    {"name": "gap", "kind": "difference", "labels": ["jobs", "crime"]},
    {"name": "parties", "kind": "ratio", "by": "party"},
    {"name": "odds", "kind": "odds_ratio", "label": "crime", "feature": "party=b"},
    {"name": "machine", "kind": "agreement", "statistics": ["accuracy", "recall"]},
]


def flags(n_units: int, rng: np.random.Generator) -> np.ndarray:
    """Which of the codes apply, (n_units, 3): the first two go together, the third is rarer."""
    common = rng.random(n_units) < 0.4
    jobs = rng.random(n_units) < np.where(common, 0.8, 0.15)
    health = rng.random(n_units) < np.where(common, 0.7, 0.2)
    return np.column_stack([jobs, health, rng.random(n_units) < 0.12])


def corpus(n_units: int = 400, seed: int = 1) -> pd.DataFrame:
    """Texts with human label sets, and machine labels that are right more often the surer they are."""
    rng = np.random.default_rng(seed)
    human = flags(n_units, rng)
    confidence = rng.uniform(0.5, 1.0, n_units).round(2)
    right = rng.random((n_units, 3)) < confidence[:, None]
    machine = np.where(right, human, flags(n_units, rng))
    age = rng.normal(size=n_units).round(2) + 0.5 * human[:, 0]
    return pd.DataFrame(
        {
            "id": [f"u{i:04d}" for i in range(n_units)],
            "text": [f"text number {i}" for i in range(n_units)],
            "party": rng.choice(["a", "b"], n_units),
            "age": age,
            "votes": (2.0 + human[:, 0] - 0.5 * human[:, 1] + rng.normal(size=n_units)).round(2),
            "human": labels(human),
            "machine": labels(machine),
            "confidence": confidence,
        }
    )


def labels(applies: np.ndarray) -> list[str]:
    """Flags (N, 3) as labels."""
    return [join({code for code, yes in zip(CODES, row, strict=True) if yes}, CODES) for row in applies]


def sections() -> dict[str, object]:
    """What makes `small_study` one of these."""
    return {
        "corpus": {
            "path": "corpus.csv",
            "id": "id",
            "text": "text",
            "covariates": ["party", "age", "votes"],
        },
        "codebook": CODEBOOK,
        "estimands": ESTIMANDS,
    }
