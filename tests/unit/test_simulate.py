"""`annotator simulate`: many studies on a corpus whose human codes are known."""

import numpy as np
import pandas as pd
import pytest
import small_study
from typer.testing import CliRunner

from annotator.cli import app
from annotator.errors import AnnotatorError
from annotator.simulate.procedures import PROCEDURES
from annotator.simulate.study import Options, simulate_study
from annotator.workspace import Workspace

ESTIMANDS = [
    {"name": "prevalence", "kind": "mean"},
    {"name": "drivers", "kind": "logit", "outcome": "left", "covariates": ["party"]},
    {"name": "odds", "kind": "odds_ratio", "label": "left", "feature": "party=b"},
]
QUICK = {
    "estimands": ESTIMANDS,
    "design": {"rounds": 2, "budget": 60, "error_map": ["logistic"]},
    "confidence_level": 0.9,
}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    workspace = Workspace.open(small_study.write(tmp_path_factory.mktemp("study"), **QUICK))
    options = Options([m for m in PROCEDURES if m != "confidence_driven"], [60, 120], n_trials=6)
    return workspace, simulate_study(workspace, options)


def test_there_is_a_row_for_every_method_budget_and_value(played):
    workspace, table = played
    stored = workspace.store.read_frame("simulation.parquet")
    pd.testing.assert_frame_equal(stored, table, check_dtype=False)
    assert len(table) == 7 * 2 * (3 + 2 + 1)
    assert set(table["method"]) == set(PROCEDURES) - {"confidence_driven"}
    valid = table[table["method"] != "machine_only"]
    assert np.isfinite(valid[["truth", "bias", "rmse", "mean_half_width", "coverage"]]).all(axis=None)
    assert (table["answered"] <= table["trials"]).all()
    assert b"<svg" in workspace.store.read_bytes("simulation.svg")


def test_the_truth_is_what_all_human_codes_say(played):
    _, table = played
    corpus = small_study.corpus()
    truth = table.drop_duplicates(["estimand", "term", "label"]).set_index(["estimand", "term", "label"])[
        "truth"
    ]
    assert truth["prevalence", "mean", "right"] == pytest.approx((corpus["human"] == "right").mean())
    shares = (corpus["human"] == "left").groupby(corpus["party"]).mean()
    odds = shares / (1 - shares)
    assert truth["odds", "party=b", "left"] == pytest.approx(odds["b"] / odds["a"])
    assert truth["drivers", "party=b", "left"] == pytest.approx(np.log(odds["b"] / odds["a"]))


def test_methods_that_draw_alike_see_the_same_draws_and_processes_do_not_matter(tmp_path):
    tables = []
    for name, processes in (("one", 1), ("two", 2)):
        workspace = Workspace.open(small_study.write(tmp_path / name, **QUICK))
        options = Options(["rounds", "ppi", "dsl"], n_trials=4, seed=9, n_processes=processes)
        tables.append(simulate_study(workspace, options).drop(columns="core_seconds"))
    pd.testing.assert_frame_equal(*tables)
    ppi, dsl = (tables[0][tables[0]["method"] == m].drop(columns="method") for m in ("ppi", "dsl"))
    pd.testing.assert_frame_equal(ppi.reset_index(drop=True), dsl.reset_index(drop=True))


def test_the_confidence_driven_draw_follows_the_published_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("annotator.sampling.published.BOOSTING_ROUNDS", 20)
    workspace = Workspace.open(small_study.write(tmp_path, **QUICK))
    options = Options(["confidence_driven"], [100], n_trials=3, n_processes=1)
    table = simulate_study(workspace, options)
    assert (table["answered"] == 3).all()
    assert np.isfinite(table["rmse"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["magic"]}, "no method 'magic'"),
        ({"methods": []}, "no method is named"),
        ({"methods": ["rounds"], "n_trials": 1}, "say nothing"),
        ({"methods": ["confidence_driven"], "budgets": [50]}, "too small for confidence_driven"),
        ({"methods": ["rounds"], "budgets": [1]}, "too small for rounds"),
        ({"methods": ["rounds"], "budgets": [301]}, "more than the 300 units"),
    ],
)
def test_what_cannot_be_simulated_is_refused(tmp_path, options, message):
    workspace = Workspace.open(small_study.write(tmp_path, **QUICK))
    with pytest.raises(AnnotatorError) as caught:
        simulate_study(workspace, Options(**options))
    assert message in str(caught.value)
    assert not workspace.store.exists("simulation.parquet")


def test_a_study_without_codes_in_its_corpus_is_refused(tmp_path):
    path = small_study.write(tmp_path, coding={"kind": "label_studio"})
    with pytest.raises(AnnotatorError, match="human code for every unit"):
        simulate_study(Workspace.open(path), Options(["rounds"]))


def test_the_command_prints_a_table_or_json(tmp_path):
    path = small_study.write(tmp_path, **QUICK)
    wanted = ["simulate", str(path), "--trials", "2", "--budget", "40,60", "--processes", "1"]
    shown = CliRunner().invoke(app, [*wanted, "--methods", "human_only,machine_only"])
    assert shown.exit_code == 0, shown.output
    assert "human_only" in shown.output
    assert "coverage" in shown.output
    printed = CliRunner().invoke(app, [*wanted, "--methods", "human_only", "--json"])
    assert '"method":"human_only"' in printed.stdout.replace(" ", "").replace("\n", "")
    wrong = CliRunner().invoke(app, ["simulate", str(path), "--budget", "many"])
    assert "expected whole numbers" in str(wrong.exception)
