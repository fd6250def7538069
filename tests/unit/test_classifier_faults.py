"""What can go wrong with codes, texts, disks and interruptions: clear errors, nothing lost."""

import shutil

import classified_study
import numpy as np
import pandas as pd
import pytest
import small_study
import tiny_encoder
from classified_study import corpus
from full_disk import full_disk

from annotator.classifiers.coded_texts import encoded
from annotator.classifiers.evaluate import Options, evaluate
from annotator.classifiers.predict import predict
from annotator.classifiers.section import Model
from annotator.classifiers.train import train
from annotator.errors import ServiceUnavailableError, StudyError
from models.saving import load

FAST = {"n_folds": 5, "n_resamples": 10}
BASE = {"kind": "encoder", "base": "base", "settings": {"epochs": 4, "learning_rate": 5e-3, "max_length": 8}}


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    return classified_study.run(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A study whose model is a tiny encoder."""
    folder = tmp_path_factory.mktemp("encoder")
    tiny_encoder.build(folder / "base", corpus()["text"].tolist())
    return classified_study.run(folder, model=BASE)


def study_with(folder, human):
    """A study whose units are all coded, as the column says."""
    frame = corpus(len(human))
    frame["human"] = human
    design = {"rounds": 1, "budget": len(human), "error_map": ["table"]}
    return classified_study.run(folder, frame, design=design)


def test_a_code_with_two_examples(tmp_path):
    rare = ["right" if i in (5, 30) else "neither" if i % 3 else "left" for i in range(60)]
    workspace = study_with(tmp_path, rare)
    assert train(workspace).card.codes == small_study.CODES
    found = evaluate(workspace, Options(kinds=["tfidf_logistic", "linear_svm"], **FAST))
    assert set(found.table["classifier"]) == {"tfidf_logistic", "linear_svm"}
    recall = found.intervals.query(
        "classifier == 'tfidf_logistic' and metric == 'recall' and code == 'right'"
    )
    assert np.isfinite(recall["estimate"]).all()


def test_one_code_only(tmp_path):
    workspace = study_with(tmp_path, ["left"] * 60)
    with pytest.raises(StudyError, match=r"all 60 examples are labelled left.*two codes"):
        train(workspace)
    found = evaluate(workspace, Options(kinds=["majority", "tfidf_logistic"], **FAST))
    assert set(found.table["classifier"]) == {"majority"}
    assert "two codes" in found.left_out["tfidf_logistic"]
    with pytest.raises(StudyError, match=r"no classifier can be evaluated.*two codes"):
        evaluate(workspace, Options(kinds=["tfidf_logistic"], **FAST))


def test_fewer_texts_than_folds(tmp_path):
    with pytest.raises(StudyError, match="4 different texts cannot be divided into 5 folds"):
        evaluate(study_with(tmp_path, ["left", "right"] * 2), Options(kinds=["majority"], **FAST))


def test_texts_longer_than_the_model_are_cut_counted_and_told(encoder, tmp_path, caplog):
    trained = train(encoder)
    assert trained.card.metrics["n_cut"] > 0
    long = {"id": ["a"], "text": ["weather " * 5000]}
    pd.DataFrame(long).to_parquet(tmp_path / "long.parquet")
    predict(encoder, trained.folder, tmp_path / "long.parquet", tmp_path / "out")
    assert "1 of 1 texts are longer than 8 tokens and were cut" in caplog.text
    assert len(pd.read_parquet(tmp_path / "out")) == 1


def test_a_label_that_is_not_in_the_map(coded):
    with pytest.raises(StudyError, match="label 1 is 'centre', which is none of the codes left, right"):
        encoded(coded, ["left", "centre"])


def test_an_interrupted_training_goes_on_to_the_same_classifier(encoder):
    def interrupt(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    folder = encoder.study.folder / "out" / "models" / "round-002"
    shutil.rmtree(folder, ignore_errors=True)
    with pytest.raises(KeyboardInterrupt):
        train(encoder, progress=interrupt)
    assert not (folder / "encoder" / "checkpoint.json").exists()
    [state] = encoder.folder.glob("training-*.state")
    told = []
    resumed = train(encoder, progress=lambda done, total, what: told.append(done))
    assert told == [3, 4]
    assert not state.exists()
    assert (folder / "encoder-losses.svg").read_text().startswith("<?xml")
    texts = corpus()["text"].tolist()
    (folder / "encoder").rename(folder / "resumed")
    whole = train(encoder)
    np.testing.assert_array_equal(
        load(folder / "resumed").predict_proba(texts), load(whole.folder).predict_proba(texts)
    )
    assert whole.card.metrics["losses"] == resumed.card.metrics["losses"]


def test_without_room_for_the_classifier_nothing_is_left_and_it_can_be_done_again(coded):
    kind = Model(kind="count_logistic")
    with full_disk(5_000), pytest.raises(StudyError, match=r"cannot write the checkpoint.*Make room"):
        train(coded, kind)
    folder = coded.study.folder / "out" / "models" / "round-002"
    assert not [path for path in folder.iterdir() if "count" in path.name]
    assert train(coded, kind).is_new


def test_without_room_for_a_part_the_others_stay(coded, tmp_path):
    model = train(coded).folder
    pd.concat([corpus()] * 60).to_parquet(tmp_path / "new.parquet")
    with full_disk(5_000), pytest.raises(ServiceUnavailableError, match=r"cannot write or read .*part-00000"):
        predict(coded, model, tmp_path / "new.parquet", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["_job.json"]
    assert predict(coded, model, tmp_path / "new.parquet", tmp_path / "out").n_parts == 2


def test_without_room_for_the_tables_of_an_evaluation_it_says_so(coded):
    options = Options(kinds=["tfidf_logistic"], n_folds=2, n_resamples=10)
    with full_disk(5_000), pytest.raises(ServiceUnavailableError, match="cannot write or read"):
        evaluate(coded, options)
    assert not evaluate(coded, options).table.empty


def test_an_interrupted_search_goes_on(coded):
    model = Model(kind="count_logistic", settings={"ngrams": 1})

    def interrupt(done, total, what):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(coded, model, interrupt, n_trials=4)
    told = []
    found = train(coded, model, lambda done, total, what: told.append((done, total)), n_trials=4)
    assert told == [(3, 4), (4, 4)]
    assert found.folder.name == "count_logistic-tuned-4"
    assert set(found.card.metrics["searched"]["settings"]) == {"c", "min_count"}
    assert found.card.settings["ngrams"] == 1
    assert not train(coded, model, n_trials=4).is_new
    trials = coded.store.read_frame("models/round-002/count_logistic-tuned-4-trials.parquet")
    assert len(trials) == 4


def test_there_may_be_nothing_to_search(coded):
    with pytest.raises(StudyError, match="majority has no setting to search"):
        train(coded, Model(kind="majority"), n_trials=4)
