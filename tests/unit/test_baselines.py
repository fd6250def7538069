"""What is particular to single baselines, and what their files may hold."""

import json
import os
import pickle

import numpy as np
import pytest
import reviews

from models.baseline_config import BaselineConfig
from models.errors import CannotFitError, CheckpointError
from models.given import GivenPredictions
from models.kinds import make
from models.label_map import LabelMap
from models.saving import load, save
from models.vader import Vader

BINARY = LabelMap(("negative", "positive"), "binary")
THREE = LabelMap(("negative", "neutral", "positive"))
TEXTS, LABELS = reviews.reviews(60)


def rng():
    return np.random.default_rng(1)


def test_the_majority_gives_weighted_shares():
    found = make("majority", THREE).fit(
        ["a", "b", "c"], np.array([0, 2, 2]), np.array([2.0, 1.0, 1.0]), rng()
    )
    assert found.predict_proba(["x"])[0].tolist() == pytest.approx([0.5, 0.0, 0.5])


def test_probabilities_of_the_svm_are_calibrated():
    """Words that are right four times out of five: sure predictions would be wrong."""
    chance = np.random.default_rng(2)
    texts, labels = reviews.reviews(600)
    said = np.where(chance.random(600) < 0.8, labels, 1 - labels)
    found = make("linear_svm", BINARY).fit(texts[:400], said[:400], None, rng()).predict_proba(texts[400:])
    assert np.median(found.max(axis=1)) == pytest.approx(0.8, abs=0.1)


def test_the_svm_needs_two_examples_of_two_codes():
    with pytest.raises(CannotFitError, match="two examples of each of two codes"):
        make("linear_svm", BINARY).fit(TEXTS[:3], np.array([0, 0, 1]), None, rng())


def test_texts_without_words():
    with pytest.raises(CannotFitError, match="no word occurs"):
        make("tfidf_logistic", BINARY).fit(["", "!", "?"], np.array([0, 1, 1]), None, rng())


def test_balanced_codes_find_the_rare_one():
    rare = np.where(np.arange(60) < 12, LABELS, 0)
    plain, balanced = (
        make("tfidf_logistic", BINARY, {"balanced": on}).fit(TEXTS, rare, None, rng()).predict_proba(TEXTS)
        for on in (False, True)
    )
    assert balanced[:, 1].mean() > 2 * plain[:, 1].mean()


@pytest.mark.parametrize("settings", [{"c": 0}, {"ngrams": 0}, {"trees": -1}, {"max_features": 0}])
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(CannotFitError, match=next(iter(settings))):
        BaselineConfig(**settings)


def test_what_there_is_not():
    with pytest.raises(CannotFitError, match=r"no classifier 'magic'; there are: majority, .*encoder"):
        make("magic", BINARY)
    with pytest.raises(CannotFitError, match=r"setting that tfidf_logistic does not have.*epochs"):
        make("tfidf_logistic", BINARY, {"epochs": 3})


def test_given_labels_with_confidence_failures_and_copies():
    texts = ["a", "b", "c", "a"]
    machine = GivenPredictions(THREE, texts, np.array([0, -1, 2, 1]), np.array([0.8, 0.9, np.nan, 0.8]))
    machine.fit(["x", "y", "z", "z"], np.array([0, 1, 1, 1]), None, rng())
    found = machine.predict_proba(["a", "b", "c"])
    assert found[0].tolist() == pytest.approx([0.45, 0.45, 0.1])
    assert found[1].tolist() == pytest.approx([0.25, 0.75, 0.0])
    assert found[2].tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(CannotFitError, match="no prediction was handed in for text 1: 'never seen'"):
        machine.predict_proba(["a", "never seen"])
    with pytest.raises(ValueError, match="from 0 to 1"):
        GivenPredictions(THREE, texts, np.array([0, 1, 2, 1]), np.array([1.2, 0, 0, 0]))
    with pytest.raises(ValueError, match="label 1 is 3"):
        GivenPredictions(THREE, texts, np.array([0, 3, 2, 1]))


def test_vader_by_its_thresholds():
    vader = Vader(THREE).fit(TEXTS, LABELS, None, rng())
    found = vader.predict_proba(["I love it, excellent!", "the table is brown", "what a horrible, sad day"])
    assert found.argmax(axis=1).tolist() == [2, 1, 0]
    two = Vader(LabelMap(("bad", "good")), {"bad": "negative", "good": "positive"})
    two.fit(["x"] * 4, np.array([0, 0, 0, 1]), None, rng())
    assert two.predict_proba(["the table is brown"])[0].tolist() == [0.75, 0.25]
    with pytest.raises(CannotFitError, match="the codes polite, rude are not those"):
        Vader(LabelMap(("polite", "rude")))


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_file_that_would_run_something_is_refused(tmp_path):
    save(make("tfidf_logistic", BINARY).fit(TEXTS, LABELS, None, rng()), tmp_path / "one")
    file, card = tmp_path / "one" / "pipelines.pickle", tmp_path / "one" / "checkpoint.json"
    content = json.loads(card.read_text())
    for bad in (pickle.dumps([Evil()]), b"no pickle at all", pickle.dumps({"a": 1})):
        file.write_bytes(bad)
        card.write_text(json.dumps({**content, "files": {"pipelines.pickle": len(bad)}}))
        with pytest.raises(CheckpointError, match="does not hold fitted pipelines"):
            load(tmp_path / "one")


def test_another_version_of_the_library_is_refused(tmp_path):
    save(make("tfidf_logistic", BINARY).fit(TEXTS, LABELS, None, rng()), tmp_path / "one")
    card = tmp_path / "one" / "checkpoint.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps({**content, "versions": {"scikit-learn": "0.20.1"}}))
    with pytest.raises(CheckpointError, match=r"written with scikit-learn 0\.20\.1"):
        load(tmp_path / "one")


def test_a_save_that_is_killed_leaves_nothing(tmp_path):
    classifier = make("majority", BINARY).fit(TEXTS, LABELS, None, rng())

    def killed(folder):
        (folder / "half").write_text("half")
        raise KeyboardInterrupt

    classifier.write_files = killed
    with pytest.raises(KeyboardInterrupt):
        save(classifier, tmp_path / "one")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("codes", "task", "match"),
    [
        (("a",), "categorical", "two codes at least"),
        (("a", "a"), "categorical", "given twice"),
        (("a", "b", "c"), "binary", "has two codes, not 3"),
        (("a", "b"), "numeric", "no task is called 'numeric'"),
    ],
)
def test_maps_that_make_no_sense(codes, task, match):
    with pytest.raises(ValueError, match=match):
        LabelMap(codes, task)


def test_names_that_are_no_code():
    with pytest.raises(
        ValueError, match="label 1 is 'Positive', which is none of the codes negative, positive"
    ):
        BINARY.encode(["positive", "Positive"])
    tags = LabelMap(("a", "b"), "multilabel")
    with pytest.raises(ValueError, match="takes sets of codes"):
        tags.encode(["a"])
    with pytest.raises(ValueError, match="label 0 is 'c'"):
        tags.encode([["c"]])
