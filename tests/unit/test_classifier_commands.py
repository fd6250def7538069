"""`annotator train`, `evaluate` and `predict` on the codes of a study."""

import json

import multilabel_study
import numpy as np
import pandas as pd
import pytest
import small_study
from typer.testing import CliRunner

from annotator.classifiers.coded_texts import coded_texts
from annotator.classifiers.evaluate import evaluate
from annotator.classifiers.predict import PART, predict
from annotator.classifiers.section import Model
from annotator.classifiers.train import train
from annotator.cli import app
from annotator.errors import StudyError
from annotator.workspace import Workspace
from models.kinds import KINDS

WORDS = {
    "left": "tax the rich unions workers",
    "right": "cut taxes borders tradition",
    "neither": "weather football recipes",
}
DESIGN = {
    "design": {"rounds": 2, "budget": 160, "error_map": ["table"]},
    "model": {"kind": "tfidf_logistic", "retrain": False},
}


def corpus():
    rng = np.random.default_rng(1)
    frame = small_study.corpus(400)
    frame["text"] = [
        f"{' '.join(rng.permutation([*WORDS[code].split(), 'the', 'and', 'of']))} {i}"
        for i, code in enumerate(frame["human"])
    ]
    return frame


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    path = small_study.write(tmp_path_factory.mktemp("classified"), corpus(), **DESIGN)
    return small_study.run_to_the_end(path)


def test_the_section_offers_every_kind_there_is():
    assert set(Model.model_fields["kind"].annotation.__args__) == set(KINDS)


def test_texts_come_with_labels_weights_and_rounds(coded):
    given = coded_texts(coded)
    truth = corpus()["human"].to_numpy()
    assert [small_study.CODES[k] for k in given.labels] == truth[given.rows].tolist()
    assert given.weights.sum() == pytest.approx(2 * 400, rel=0.2)  # either round stands for the corpus
    assert np.bincount(given.rounds).tolist() == [0, 80, 80]
    assert not given.low_agreement.any()


def test_trained_once_it_is_there_and_knows_the_codes(coded):
    first, second = train(coded), train(coded)
    assert first.is_new
    assert not second.is_new
    assert first.folder == second.folder
    assert first.card.codes == small_study.CODES
    assert first.folder.parent.name == "round-002"
    with pytest.raises(StudyError, match="belongs to another study"):
        train(coded, Model(kind="tfidf_logistic", settings={"c": 10.0}))


def test_another_file_is_predicted_part_by_part(coded, tmp_path):
    folder = train(coded).folder
    frame = pd.concat([corpus()] * 60, ignore_index=True)
    frame["id"] = [f"n{i}" for i in range(len(frame))]
    frame.to_parquet(tmp_path / "new.parquet", row_group_size=7_000)
    found = predict(coded, folder, tmp_path / "new.parquet", tmp_path / "out")
    assert (found.n_texts, found.n_parts) == (24_000, 2)
    parts = [pd.read_parquet(tmp_path / "out" / f"part-{i:05d}.parquet") for i in range(2)]
    assert [len(part) for part in parts] == [PART, 24_000 - PART]
    rows = pd.concat(parts, ignore_index=True)
    assert (rows["id"] == frame["id"]).all()
    assert (rows["prediction"] == frame["human"]).mean() > 0.95
    assert rows.filter(like="probability_").sum(axis=1).to_numpy() == pytest.approx(1.0)
    before = (tmp_path / "out" / "part-00000.parquet").stat().st_mtime_ns
    (tmp_path / "out" / "part-00001.parquet").unlink()
    predict(coded, folder, tmp_path / "new.parquet", tmp_path / "out")
    assert (tmp_path / "out" / "part-00000.parquet").stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "part-00001.parquet"), parts[1])


def test_classifiers_and_machines_stand_in_one_table(coded):
    found = evaluate(coded, n_folds=2, n_resamples=60)
    f1 = found.table[found.table["metric"] == "f1_macro"].set_index("classifier")["mean"]
    assert f1["tfidf_logistic"] > 0.9 > f1["old"] > f1["majority"]
    assert "vader" in found.left_out
    accuracy = found.intervals.query("classifier == 'old' and metric == 'accuracy' and texts == 'all'").iloc[
        0
    ]
    truth = corpus()
    assert accuracy["ci_low"] < (truth["human"] == truth["machine"]).mean() < accuracy["ci_high"]
    folder = coded.study.folder / "out" / "models" / "evaluation-002"
    names = {path.name for path in folder.iterdir()}
    assert {"scores.parquet", "scores.md", "scores.tex", "intervals.parquet", "old-roc.svg"} <= names


def test_the_commands(coded, tmp_path):
    runner, study = CliRunner(), str(coded.study.path)
    told = runner.invoke(app, ["train", study, "--kind", "majority", "--json"])
    assert told.exit_code == 0, told.output
    folder = json.loads(told.stdout)["folder"]
    told = runner.invoke(app, ["evaluate", study, "--classifiers", "tfidf_logistic", "--folds", "2"])
    assert told.exit_code == 0, told.output
    assert "| tfidf_logistic |" in told.stdout
    corpus().to_csv(tmp_path / "new.csv", index=False)
    told = runner.invoke(
        app, ["predict", study, folder, str(tmp_path / "new.csv"), "--out", str(tmp_path / "p"), "--json"]
    )
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["n_texts"] == 400


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "{study}", "--kind", "magic"], "no classifier 'magic'"),
        (["predict", "{study}", "nowhere", "{corpus}"], "is no checkpoint"),
        (["predict", "{study}", "{model}", "nothing.parquet"], "there is no such file"),
        (["predict", "{study}", "{model}", "{study}"], "a .parquet or .csv file is needed"),
    ],
)
def test_bad_input_is_named(coded, arguments, expected):
    places = {
        "study": str(coded.study.path),
        "corpus": str(coded.study.folder / "corpus.csv"),
        "model": str(train(coded).folder),
    }
    with pytest.raises(StudyError, match=expected):
        CliRunner().invoke(app, [each.format(**places) for each in arguments], catch_exceptions=False)


def test_before_any_code_there_is_nothing_to_learn(tmp_path):
    with pytest.raises(StudyError, match="no round is closed"):
        train(Workspace.open(small_study.write(tmp_path, **DESIGN)))


def test_sets_of_codes_are_learnt_code_by_code(tmp_path):
    frame = multilabel_study.corpus(200)
    frame["text"] = frame["human"].str.replace(";", " ") + " " + frame["id"]
    sections = multilabel_study.sections() | DESIGN | {"design": {"rounds": 1, "budget": 120}}
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, frame, **sections))
    folder = train(workspace).folder
    found = predict(workspace, folder, tmp_path / "corpus.csv", tmp_path / "out")
    rows = pd.read_parquet(tmp_path / "out" / "part-00000.parquet")
    assert found.n_texts == 200
    assert (rows["prediction"] == frame["human"]).mean() > 0.9
    result = evaluate(workspace, ["tfidf_logistic"], n_folds=2, n_resamples=20)
    assert set(result.table["classifier"]) == {"tfidf_logistic"}
