"""`annotator train`, `evaluate` and `predict` on the codes of a study."""

import json

import classified_study
import multilabel_study
import numpy as np
import pandas as pd
import pytest
import small_study
from classified_study import DESIGN, corpus
from typer.testing import CliRunner

from annotator.classifiers.coded_texts import coded_texts
from annotator.classifiers.evaluate import Options, evaluate
from annotator.classifiers.predict import predict
from annotator.classifiers.section import Model
from annotator.classifiers.train import train
from annotator.cli import app
from annotator.errors import StudyError
from annotator.workspace import Workspace
from models.kinds import KINDS


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    return classified_study.run(tmp_path_factory.mktemp("classified"))


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
        (
            ["evaluate", "{study}", "--classifiers", "vader,nobody"],
            r"'nobody'\nChoose from: .*, encoder, old\.",
        ),
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
    result = evaluate(workspace, Options(kinds=["tfidf_logistic"], n_folds=2, n_resamples=20))
    assert set(result.table["classifier"]) == {"tfidf_logistic"}
    confusion = workspace.store.read_frame("models/evaluation-001-tfidf_logistic/confusion.parquet")
    assert set(confusion["gold"]) == {"absent", "present"}
    assert confusion["n"].sum() == 120 * len(workspace.study.codebook.names)
    pictures = {
        path.name for path in (tmp_path / "out" / "models" / "evaluation-001-tfidf_logistic").glob("*.svg")
    }
    assert pictures == {f"tfidf_logistic-{what}.svg" for what in ("roc", "precision-recall", "reliability")}


def test_pairs_of_texts_stay_pairs(tmp_path):
    frame = corpus().assign(topic=lambda rows: "topic " + rows["party"])
    section = {"path": "corpus.csv", "id": "id", "text": ["topic", "text"], "covariates": ["party"]}
    workspace = classified_study.run(tmp_path, frame, corpus=section)
    given = coded_texts(workspace)
    assert given.texts[0] == tuple(frame[["topic", "text"]].iloc[given.rows[0]])
    folder = train(workspace).folder
    predict(workspace, folder, tmp_path / "corpus.csv", tmp_path / "out" / "predicted")
    rows = pd.read_parquet(tmp_path / "out" / "predicted")
    assert list(rows) == ["id", "prediction", *(f"probability_{code}" for code in small_study.CODES)]
    assert (rows["prediction"] == frame["human"]).mean() > 0.95
    found = evaluate(workspace, Options(kinds=["tfidf_logistic", "old"], n_folds=2, n_resamples=20))
    assert set(found.table["classifier"]) == {"tfidf_logistic", "old"}
