"""Studies whose units may carry several codes: from labels that are sets to estimates about each code."""

import json

import multilabel_study
import numpy as np
import pandas as pd
import pytest
import small_study
from multilabel_study import CODES
from typer.testing import CliRunner

from annotator.ask import Request, ask
from annotator.cli import app
from annotator.errors import StudyError
from annotator.facets import of_sets
from annotator.simulate.study import Options, simulate_study
from annotator.workspace import Workspace

QUICK = {"design": {"rounds": 3, "budget": 120, "error_map": ["logistic"]}, "confidence_level": 0.9}


def applies(frame, column="human"):
    """One column of 0 and 1 a code."""
    return frame[column].str.get_dummies(";")[list(CODES)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multilabel")
    path = small_study.write(folder, multilabel_study.corpus(), **multilabel_study.sections(), **QUICK)
    return small_study.run_to_the_end(path), multilabel_study.corpus()


def newest(workspace, method="rounds"):
    rows = workspace.store.read_frame("estimates.parquet")
    return rows[(rows["round"] == rows["round"].max()) & (rows["method"] == method)]


def test_every_question_is_answered_once_a_code_it_is_about(finished):
    workspace, _ = finished
    rows = newest(workspace)
    assert list(dict.fromkeys(rows["estimand"])) == [each["name"] for each in multilabel_study.ESTIMANDS]
    by = {name: list(of["label"]) for name, of in rows.groupby("estimand")}
    assert by["prevalence"] == list(CODES)
    assert by["by_party"] == [code for code in CODES for _ in "ab"]
    assert by["drivers"] == ["jobs", "jobs"]
    assert by["votes"] == ["", "", "", ""]
    assert by["gap"] == ["jobs"]
    assert by["machine"] == [code for code in CODES for _ in range(2)]
    assert rows[rows["estimand"] == "votes"]["term"].tolist() == ["intercept", "age", "jobs", "health"]
    assert rows[rows["estimand"] == "gap"]["term"].tolist() == ["difference to crime"]
    assert (rows["n_human"] <= 120).all()
    assert np.isfinite(rows[["estimate", "ci_low", "ci_high"]]).all(axis=None)


def test_the_tables_write_sets_and_one_column_a_code(finished):
    workspace, corpus = finished
    gold = workspace.store.read_frame("rounds/001/gold.parquet")
    truth = corpus.set_index("id")["human"]
    assert (gold["label"] == truth.loc[gold["unit_id"]].to_numpy()).all()
    predictions = workspace.store.read_frame("rounds/002/predictions.parquet")
    assert list(predictions.columns) == ["unit_id", *CODES]
    assert predictions[list(CODES)].to_numpy().sum(axis=1).max() > 1.0
    labels = workspace.store.read_frame("labels.parquet")
    assert set(labels["prediction"]) <= set(of_sets(CODES).answers)
    for code in CODES:
        likely = labels["prediction"].str.split(";").map(lambda of, code=code: code in of)
        assert (likely == (labels[f"probability_{code}"] > 0.5)).all()
    mean = newest(workspace).query("estimand == 'prevalence'").set_index("label")["estimate"]
    rectified = labels[[f"rectified_{code}" for code in CODES]].mean()
    assert rectified.to_numpy() == pytest.approx(mean[list(CODES)].to_numpy(), abs=1e-9)
    report = workspace.store.read_bytes("report.html").decode()
    assert all(f"<h3>{code}</h3>" in report for code in CODES)


def test_a_census_gives_what_the_human_codes_say(tmp_path):
    corpus = multilabel_study.corpus(90)
    sections = multilabel_study.sections() | {"design": {"rounds": 2, "budget": 90, "error_map": ["table"]}}
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, corpus, **sections))
    rows = newest(workspace).set_index(["estimand", "term", "label", "group"])["estimate"]
    human, machine = applies(corpus), applies(corpus, "machine")
    for code in CODES:
        assert rows["prevalence", "mean", code, ""] == pytest.approx(human[code].mean())
        assert rows["machine", "accuracy", code, ""] == pytest.approx((human[code] == machine[code]).mean())
        assert rows["machine", "recall", code, ""] == pytest.approx(machine[code][human[code] == 1].mean())
    shares = human.groupby(corpus["party"]).mean()
    assert rows["parties", "ratio", "jobs", "b / a"] == pytest.approx(
        shares["jobs"]["b"] / shares["jobs"]["a"]
    )
    odds = shares["crime"] / (1 - shares["crime"])
    assert rows["odds", "party=b", "crime", ""] == pytest.approx(odds["b"] / odds["a"])
    assert rows["gap", "difference to crime", "jobs", ""] == pytest.approx(
        human["jobs"].mean() - human["crime"].mean()
    )
    design = np.column_stack([np.ones(90), corpus["age"], human["jobs"], human["health"]])
    beta = np.linalg.lstsq(design, corpus["votes"], rcond=None)[0]
    found = [rows["votes", term, "", ""] for term in ("intercept", "age", "jobs", "health")]
    assert found == pytest.approx(beta)


def test_the_same_study_gives_the_same_files(finished, tmp_path):
    workspace, corpus = finished
    path = small_study.write(tmp_path, corpus, **multilabel_study.sections(), **QUICK)
    again = small_study.run_to_the_end(path)
    first, second = (small_study.tables(w.study.folder / "out") for w in (workspace, again))
    assert first == second


def test_new_questions_a_plan_and_a_simulation(finished, tmp_path):
    workspace, _ = finished
    questions = tmp_path / "questions.yaml"
    questions.write_text("estimands:\n- {name: all, kind: ols, outcome: votes, covariates: [label]}\n")
    asked = ask(workspace, Request(questions, ["rounds", "dsl"]))
    assert asked["term"].tolist() == ["intercept", *(f"label={code}" for code in CODES)] * 2
    assert np.isfinite(asked[["ci_low", "ci_high"]]).all(axis=None)
    told = CliRunner().invoke(app, ["plan", str(workspace.study.path), "--budget", "150", "--json"])
    assert told.exit_code == 0, told.output
    values = json.loads(told.stdout)["values"]
    assert [v["estimand"] for v in values if v["label"] == "health"][:1] == ["prevalence"]
    assert all(v["half_width"] > 0 for v in values)
    table = simulate_study(workspace, Options(["rounds", "human_only", "ppi_plus_plus"], [60], 2, n_trials=4))
    ours = table[table["method"] == "rounds"]
    assert len(ours) == len(newest(workspace))
    assert (ours["answered"] == 4).all()


def test_before_labelling_a_plan_takes_a_share_for_each_code(tmp_path):
    path = small_study.write(tmp_path, multilabel_study.corpus(), **multilabel_study.sections(), **QUICK)
    runner = CliRunner()
    told = runner.invoke(app, ["plan", str(path), "--shares", "0.6,0.5,0.1", "--json"])
    assert told.exit_code == 0, told.output
    values = pd.DataFrame(json.loads(told.stdout)["values"]).query(
        "estimand == 'prevalence' and budget == 120"
    )
    assert values["estimate"].to_numpy() == pytest.approx([0.6, 0.5, 0.1], abs=0.02)
    with pytest.raises(StudyError, match="not the shares of 3 codes"):
        runner.invoke(app, ["plan", str(path), "--shares", "0.6,0.4"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"kind": "multinomial_logit"}, "ask for a logit of each code"),
        ({"kind": "quantile"}, "needs codes that are numbers"),
        ({"kind": "agreement", "statistics": ["macro_f1"]}, "no macro_f1"),
        ({"kind": "custom", "path": "own.py", "class": "Own"}, "needs `codes`"),
        ({"kind": "ols", "outcome": "votes", "covariates": ["label"]}, "relates 5 codes"),
    ],
)
def test_what_needs_exclusive_codes_is_refused(tmp_path, question, expected):
    sections = multilabel_study.sections()
    labels = [{"name": name} for name in (*CODES, "war", "peace")]
    sections["codebook"] = {**multilabel_study.CODEBOOK, "labels": labels}
    with pytest.raises(StudyError, match=expected):
        Workspace.open(
            small_study.write(tmp_path, **sections | {"estimands": [{"name": "q", **question}]}, **QUICK)
        )


@pytest.mark.parametrize("name", ["a;b", "None"])
def test_a_code_may_not_look_like_a_set(tmp_path, name):
    codebook = {**multilabel_study.CODEBOOK, "labels": [{"name": name}, {"name": "jobs"}]}
    with pytest.raises(StudyError, match="no code may be called"):
        Workspace.open(small_study.write(tmp_path, codebook=codebook))


def test_an_own_estimand_gets_the_sets_as_codes(tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "class Both:\n"
        "    terms, start = ('share',), np.zeros(1)\n"
        "    def __init__(self, units, codes):\n"
        "        self.codes, self.n = codes, len(units)\n"
        "    def score(self, theta, code):\n"
        "        return np.full((self.n, 1), float(self.codes[code] == 'jobs;health')) - theta\n"
    )
    corpus = multilabel_study.corpus(80)
    question = {
        "name": "both",
        "kind": "custom",
        "path": "own.py",
        "class": "Both",
        "codes": ["jobs", "health"],
    }
    sections = multilabel_study.sections() | {"estimands": [question], "design": {"rounds": 1, "budget": 80}}
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, corpus, **sections))
    human = applies(corpus)
    assert newest(workspace)["estimate"].tolist() == pytest.approx([(human["jobs"] * human["health"]).mean()])
