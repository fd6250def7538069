"""The loop to its report for every type of codebook, coded by one person, by two, and adjudicated."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study

from annotator.advance import advance
from annotator.workspace import REPORT, Workspace

ROOT = Path(__file__).parents[2]
CODEBOOKS = {
    "binary": {"type": "binary", "labels": [{"name": "yes"}, {"name": "no"}]},
    "categorical of two": {"labels": [{"name": "yes"}, {"name": "no"}]},
    "categorical": {"labels": [{"name": "left"}, {"name": "right"}, {"name": "neither"}]},
    "ordinal": {"type": "ordinal", "labels": [{"name": "mild"}, {"name": "firm"}, {"name": "harsh"}]},
    "numeric": {
        "type": "numeric",
        "labels": [
            {"name": "none", "value": 0},
            {"name": "some", "value": 2},
            {"name": "many", "value": 9},
        ],
    },
    "multilabel": {"type": "multilabel", "labels": [{"name": "jobs"}, {"name": "health"}]},
}
CODED = {
    "by one": {},
    "by two": {"second": "second", "overlap": 0.4},
    "adjudicated": {
        "second": "second",
        "overlap": 0.4,
        "adjudicator": "truth",
        "gold": {"adjudicate": True},
    },
}


def corpus(codebook: dict) -> pd.DataFrame:
    """Texts with a true code; two people and a machine are right about it with chances of their own."""
    rng = np.random.default_rng(3)
    names = [code["name"] for code in codebook["labels"]]
    truth = rng.choice(names, 200)
    noisy = {
        who: np.where(rng.random(200) < skill, truth, rng.choice(names, 200))
        for who, skill in (("first", 0.9), ("second", 0.8), ("machine", 0.7))
    }
    return pd.DataFrame(
        {
            "id": [f"u{number:03d}" for number in range(200)],
            "text": [f"text number {number}" for number in range(200)],
            "truth": truth,
            "confidence": rng.uniform(0.5, 1.0, 200).round(2),
            **noisy,
        }
    )


@pytest.mark.parametrize("coded", CODED)
@pytest.mark.parametrize("kind", CODEBOOKS)
def test_the_loop_ends_in_a_report(tmp_path: Path, kind: str, coded: str) -> None:
    codebook = {"question": "Which?", **CODEBOOKS[kind]}
    path = small_study.write(
        tmp_path,
        corpus(codebook),
        corpus={"path": "corpus.csv", "id": "id", "text": "text"},
        codebook=codebook,
        coding={"kind": "replay", "column": "first", **CODED[coded]},
        design={"rounds": 2, "budget": 60},
        estimands=[{"name": "prevalence", "kind": "mean"}],
    )
    while advance(Workspace.open(path)).step.stage != "done":
        pass
    report = Workspace.open(path).store.read_bytes(REPORT).decode()
    assert ("no unit was coded by two people" in report) == (coded == "by one")
    assert ("how to read it" in report) == (coded != "by one")


def test_the_politeness_example(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    human = rng.choice(["polite", "impolite"], 1200)
    rows = pd.DataFrame(
        {
            "unit_id": [f"p{number:05d}" for number in range(1200)],
            "text": [f"Could you do number {number}?" for number in range(1200)],
            "human": human,
            "gpt4o_label": np.where(rng.random(1200) < 0.75, human, "polite"),
            "gpt4o_confidence": rng.uniform(0.5, 1.0, 1200).round(2),
            **{f"feature_{number}": rng.integers(0, 2, 1200) for number in range(1, 22)},
        }
    )
    rows.to_csv(tmp_path / "politeness.csv", index=False)
    spec = importlib.util.spec_from_file_location("run", ROOT / "examples/politeness/run.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = example.run(tmp_path / "politeness.csv", tmp_path / "study")
    assert (found["n_human"][:2] == 500).all()
    # 90 % intervals of six numbers, and one seed: most of them hold the truth.
    assert found["truth"].between(found["ci_low"], found["ci_high"]).sum() >= 4
    assert (tmp_path / "study" / "out" / REPORT).exists()
