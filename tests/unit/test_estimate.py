"""`annotator estimate`: old codes, new questions."""

import json

import numpy as np
import pandas as pd
import pytest
import small_study
import yaml
from typer.testing import CliRunner

from annotator.ask import Request, ask
from annotator.cli import app
from annotator.errors import AnnotatorError, EstimateRefusedError, StudyError
from annotator.workspace import Workspace


def corpus():
    rng = np.random.default_rng(4)
    frame = small_study.corpus()
    return frame.assign(urban=rng.integers(0, 2, len(frame)), age=rng.integers(18, 80, len(frame)))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = small_study.write(tmp_path_factory.mktemp("study"), corpus())
    small_study.run_to_the_end(path)
    return path


def questions(folder, **given):
    path = folder / "questions.yaml"
    path.write_text(yaml.safe_dump(given))
    return path


def files(path):
    return {p: p.stat().st_mtime_ns for p in (path.parent / "out").rglob("*") if p.is_file()}


def test_the_study_s_own_questions_give_the_study_s_own_answers(study):
    found = ask(Workspace.open(study), Request())
    stored = Workspace.open(study).store.read_frame("estimates.parquet")
    newest = stored[stored["round"] == 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, newest, check_dtype=False)
    earlier = ask(Workspace.open(study), Request(n_rounds=1))
    assert set(earlier["round"]) == {1}


def test_new_questions_may_use_columns_the_study_did_not_carry(study, tmp_path):
    before = files(study)
    path = questions(
        tmp_path,
        covariates=["age", "urban"],
        confidence_level=0.8,
        population="superpopulation",
        estimands=[
            {"name": "drivers", "kind": "ols", "outcome": "left", "covariates": ["urban", "age", "party"]},
            {"name": "odds", "kind": "odds_ratio", "label": "right", "feature": "urban"},
        ],
    )
    found = ask(Workspace.open(study), Request(path, methods=["rounds", "ppi", "ppi_plus_plus", "dsl"]))
    assert set(found["confidence_level"]) == {0.8}
    assert set(found["population"]) == {"superpopulation"}
    assert set(found["term"]) == {"intercept", "urban", "age", "party=b", "urban=1"}
    assert np.isfinite(found[["estimate", "ci_low", "ci_high"]]).all(axis=None)
    assert files(study) == before


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"n_rounds": 9}, StudyError, "3 rounds are closed"),
        ({"methods": []}, StudyError, "no method is named"),
        ({"methods": ["magic"]}, EstimateRefusedError, "no method 'magic'"),
        ({"methods": ["leverage_only"]}, EstimateRefusedError, "this ledger was drawn otherwise"),
        ({"methods": ["confidence_driven"]}, EstimateRefusedError, "this ledger was drawn otherwise"),
    ],
)
def test_what_cannot_be_estimated_is_refused(study, request_, error, message):
    with pytest.raises(error) as caught:
        ask(Workspace.open(study), Request(**request_))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimands": [{"name": "q", "kind": "mean", "by": "nothing"}]}, "not among corpus.covariates"),
        ({"estimands": [{"name": "q", "kind": "magic"}]}, "line 2, estimands.0"),
        ({"estimands": [{"name": "q", "kind": "mean"}], "covariates": ["absent"]}, "no column 'absent'"),
        ({"estimands": [{"name": "q", "kind": "mean"}], "covariates": "age"}, "expected a list"),
        ({"name": "q"}, "has the key `estimands`"),
    ],
)
def test_wrong_questions_are_refused_by_name(study, tmp_path, given, message):
    with pytest.raises(AnnotatorError) as caught:
        ask(Workspace.open(study), Request(questions(tmp_path, **given)))
    assert message in str(caught.value)


def test_a_corpus_that_lost_units_cannot_give_new_columns(study, tmp_path):
    path = questions(tmp_path, estimands=[{"name": "q", "kind": "mean", "by": "urban"}], covariates=["urban"])
    source = study.parent / "corpus.csv"
    whole = source.read_text()
    try:
        source.write_text("\n".join(whole.splitlines()[:100]) + "\n")
        with pytest.raises(StudyError, match="no longer holds"):
            ask(Workspace.open(study), Request(path))
    finally:
        source.write_text(whole)


def test_before_the_first_closed_round_there_is_nothing_to_ask(tmp_path):
    with pytest.raises(StudyError, match="no round is closed"):
        ask(Workspace.open(small_study.write(tmp_path)), Request())


def test_the_command_prints_and_writes(study, tmp_path):
    out = tmp_path / "mine.parquet"
    shown = CliRunner().invoke(app, ["estimate", str(study), "--out", str(out), "--methods", "rounds,ppi"])
    assert shown.exit_code == 0, shown.output
    assert "ppi" in shown.output
    assert set(pd.read_parquet(out)["method"]) == {"rounds", "ppi"}
    printed = CliRunner().invoke(app, ["estimate", str(study), "--json", "--round", "2"])
    assert {row["round"] for row in json.loads(printed.stdout)} == {2}
