"""Draws and a script for the R package dsl. R is not needed: what the script names must be in the file."""

import re
from pathlib import Path
from typing import Any

import multilabel_study
import numpy as np
import pandas as pd
import pytest
import small_study

from annotator import evidence
from annotator.errors import StudyError
from annotator.export.formats import export
from annotator.export.wanted import Wanted
from annotator.inference.rectify import Round, rectify
from annotator.workspace import Workspace

SCORES = {"left": 1.0, "right": 2.0, "neither": 3.5}


def finish(folder: Path, **changes: Any) -> Workspace:
    """A study of two rounds, all done; its codes are numbers, and some machine labels failed."""
    corpus = small_study.corpus()
    corpus["year"] = 2000 + np.arange(len(corpus)) % 20
    corpus.loc[:5, ["machine", "confidence"]] = None
    codes = [{"name": code, "value": value} for code, value in SCORES.items()]
    sections = {
        "corpus": {"path": "corpus.csv", "id": "id", "text": "text", "covariates": ["party", "year"]},
        "codebook": {"question": "Which side?", "labels": codes},
        "design": {"rounds": 2, "budget": 40},
        "estimands": [
            {"name": "prevalence", "kind": "mean", "by": "party"},
            {"name": "score", "kind": "mean", "of": "number"},
            {"name": "drivers", "kind": "logit", "outcome": "left", "covariates": ["party"]},
            {"name": "effect", "kind": "ols", "outcome": "year", "covariates": ["label"]},
            {"name": "in_parties", "kind": "ols", "outcome": "label", "covariates": ["year"], "by": "party"},
            {"name": "odds", "kind": "odds_ratio", "label": "left", "feature": "party"},
            {"name": "middle", "kind": "quantile"},
        ],
    }
    return small_study.run_to_the_end(small_study.write(folder, corpus, **{**sections, **changes}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return finish(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def exported(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    assert [p.name for p in export(finished, "r-dsl", folder, Wanted())] == ["draws.csv", "analyse.R"]
    return folder


def calls(script: str) -> dict[str, dict[str, str]]:
    """The arguments of every call of dsl() in a script, by the name of what it gives."""
    found = {}
    for name, arguments in re.findall(r"^(\w+) <- (?:lapply.*)?dsl\(\n((?:  .*\n)*)\)", script, re.MULTILINE):
        found[name] = dict(line.strip().rstrip(",").split(" = ", 1) for line in arguments.splitlines())
    return found


def test_every_round_has_every_unit_with_its_own_probability(finished: Workspace, exported: Path) -> None:
    rows = pd.read_csv(exported / "draws.csv")
    assert len(rows) == 600
    codes = finished.store.read_frame("labels.parquet").set_index("unit_id")
    for number in (1, 2):
        of_round = rows[rows["round"] == number].set_index("unit_id")
        ledger = finished.store.read_frame(f"rounds/{number:03d}/ledger.parquet").set_index("unit_id")
        before = codes.index[codes["round"] < number]
        assert of_round.loc[ledger.index, "sample_prob"].tolist() == pytest.approx(
            ledger["inclusion_probability"].tolist()
        )
        assert of_round.loc[before, "sample_prob"].tolist() == pytest.approx([1.0] * len(before), abs=1e-5)
        is_labelled = of_round["code_left"].notna()
        assert set(of_round.index[is_labelled]) == {*before, *ledger.index[ledger["drawn"]]}
        assert (of_round["code_left"] == (codes["gold"] == "left"))[is_labelled].all()
        assert of_round["number"][is_labelled].tolist() == [
            SCORES[code] for code in codes["gold"].loc[of_round.index[is_labelled]]
        ]


def test_the_package_need_not_rescale_the_probabilities(exported: Path) -> None:
    """It multiplies them by the labelled share over their mean, which would spoil them were it not one."""
    rows = pd.read_csv(exported / "draws.csv")
    assert rows["sample_prob"].between(0, 1, inclusive="neither").all()
    assert rows["code_left"].notna().mean() == pytest.approx(rows["sample_prob"].mean(), rel=1e-5)


def test_the_rows_give_the_estimate_of_equally_weighted_rounds(finished: Workspace, exported: Path) -> None:
    rows = pd.read_csv(exported / "draws.csv")
    said = rows["says_old_left"]
    shift = (rows["code_left"].fillna(0.0) - said) / rows["sample_prob"]
    by_hand = (said + shift.where(rows["code_left"].notna(), 0.0)).mean()

    labels = finished.machine_labels("old")["label"]
    guess = np.column_stack([labels == "left", labels != "left"]).astype(float)
    rounds = [
        Round(r.number, r.known, r.inclusion_probability, r.drawn, r.stratum, guess, weight=1.0)
        for r in evidence.rounds(finished, 2)[0]
    ]
    gold = np.minimum(evidence.gold_codes(finished, 2)[0], 1)
    assert by_hand == pytest.approx(rectify(rounds, gold, 2).labels[:, 0].mean(), abs=1e-6)


def test_the_script_asks_what_the_study_asks_and_names_columns_that_are_there(exported: Path) -> None:
    script = (exported / "analyse.R").read_text(encoding="utf-8")
    columns = set(pd.read_csv(exported / "draws.csv", nrows=1))
    found = calls(script)
    assert {name: (of["model"], of["formula"]) for name, of in found.items()} == {
        "prevalence_left": ('"lm"', "code_left ~ 0 + factor(party)"),
        "prevalence_right": ('"lm"', "code_right ~ 0 + factor(party)"),
        "prevalence_neither": ('"lm"', "code_neither ~ 0 + factor(party)"),
        "score": ('"lm"', "number ~ 1"),
        "drivers": ('"logit"', "code_left ~ party"),
        "effect": ('"lm"', "year ~ code_right + code_neither"),
        "in_parties": ('"lm"', "number ~ year"),
        "odds_log": ('"logit"', 'code_left ~ I(party == "b")'),
    }
    assert found["effect"]["predicted_var"] == 'c("code_right", "code_neither")'
    assert found["effect"]["prediction"] == 'c("says_old_right", "says_old_neither")'
    assert found["score"]["data"] == "usable(rows)"
    assert found["effect"]["data"] == 'usable(rows, "year")'
    assert found["in_parties"]["data"] == 'usable(group, c("year", "party"))'
    assert "# middle (quantile): nothing that dsl() fits" in script
    for of in found.values():
        quoted = re.findall(
            r'"(\w+)"', of["predicted_var"] + of["prediction"] + of["cluster"] + of["sample_prob"]
        )
        assert set(quoted) <= columns
    features = re.findall(r'"(\w+)"', re.search(r"^features <- (.*)$", script, re.MULTILINE)[1])  # type: ignore[index]
    assert set(features) <= columns
    assert pd.read_csv(exported / "draws.csv")[features].notna().all(axis=None)


def test_sets_of_codes_are_one_column_a_code(tmp_path: Path) -> None:
    sections = {**multilabel_study.sections(), "design": {"rounds": 1, "budget": 40}}
    workspace = small_study.run_to_the_end(
        small_study.write(tmp_path, multilabel_study.corpus(), **sections)  # type: ignore[arg-type]
    )
    export(workspace, "r-dsl", tmp_path / "r", Wanted())
    rows = pd.read_csv(tmp_path / "r" / "draws.csv").set_index("unit_id")
    gold = workspace.store.read_frame("labels.parquet").set_index("unit_id")["gold"].dropna()
    for code in multilabel_study.CODES:
        applies = gold.map(lambda label, code=code: code in label.split(";"))
        assert (rows.loc[gold.index, f"code_{code}"] == applies).all()
    votes = calls((tmp_path / "r" / "analyse.R").read_text(encoding="utf-8"))["votes"]
    assert votes["formula"] == "votes ~ code_jobs + code_health + age"


def test_what_the_package_would_get_wrong_is_refused(finished: Workspace, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="needs the units without"):
        export(finished, "r-dsl", tmp_path / "x", Wanted(coded_only=True))
    weighted = finish(
        tmp_path / "weighted",
        corpus={
            "path": "corpus.csv",
            "id": "id",
            "text": "text",
            "covariates": ["party", "year"],
            "weight": "year",
        },
        design={"rounds": 1, "budget": 20},
    )
    with pytest.raises(StudyError, match="no weights"):
        export(weighted, "r-dsl", tmp_path / "x", Wanted())
    census = small_study.run_to_the_end(
        small_study.write(tmp_path / "census", small_study.corpus(30), design={"rounds": 2, "budget": 30})
    )
    with pytest.raises(StudyError, match="every unit is coded"):
        export(census, "r-dsl", tmp_path / "x", Wanted())
    assert not (tmp_path / "x").exists()
