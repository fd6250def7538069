"""Off-the-shelf classifiers: the numbers of the library's own pipelines, and labels that fit the codebook."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_study
import tiny_classifier
from codebooks import TONE, TOPICS
from transformers import pipeline

from annotator.errors import ServiceError, StudyError
from annotator.labeling.build import build
from annotator.labeling.classifier import ClassifierAnnotator
from annotator.labeling.protocol import Unit
from annotator.workspace import Workspace

TEXTS = ["good day", "bad news , awful rain .", "it is fine", "the sun", "crime is bad", "health and tax !"]
UNITS = [Unit(f"u{number}", text) for number, text in enumerate(TEXTS)]
NLI = ["contradiction", "neutral", "entailment"]


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier.build(tmp_path_factory.mktemp("tone"), ["Negative", "Neutral", "Positive"])


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier.build(tmp_path_factory.mktemp("judge"), NLI, seed=3)


def annotator(path: Path, codebook: Any = TONE, **options: Any) -> ClassifierAnnotator:
    return ClassifierAnnotator("bert", model_path=str(path), codebook=codebook, **options)


def test_probabilities_are_those_of_the_librarys_pipeline(tone: Path) -> None:
    theirs = pipeline("text-classification", model=str(tone), top_k=None)(TEXTS)
    rows = annotator(tone, batch_size=4).label(UNITS)
    assert len({row.label for row in rows}) > 1
    for row, scores in zip(rows, theirs, strict=True):
        by_label = {score["label"].lower(): score["score"] for score in scores}
        assert {name: row.signals[f"code:{name}"] for name in TONE.names} == pytest.approx(by_label, abs=1e-5)
        assert row.label == max(by_label, key=lambda label: by_label[label])
        assert row.confidence == pytest.approx(max(by_label.values()), abs=1e-5)


@pytest.mark.parametrize("codebook", [TOPICS, TONE])
def test_zero_shot_is_that_of_the_librarys_pipeline(judge: Path, codebook: Any) -> None:
    model = pipeline("zero-shot-classification", model=str(judge))
    hypothesis = "this is about {}"
    rows = annotator(judge, codebook, hypothesis=hypothesis, batch_size=5).label(UNITS)
    for row, text in zip(rows, TEXTS, strict=True):
        theirs = model(
            text, list(codebook.names), hypothesis_template=hypothesis, multi_label=codebook.is_multilabel
        )
        scores = dict(zip(theirs["labels"], theirs["scores"], strict=True))
        assert {name: row.signals[f"code:{name}"] for name in codebook.names} == pytest.approx(
            scores, abs=1e-5
        )
        if codebook.is_multilabel:
            expected = ";".join(name for name in codebook.names if scores[name] > 0.5) or "none"
            sure = np.prod([max(value, 1 - value) for value in scores.values()])
            assert (row.label, row.confidence) == (expected, pytest.approx(sure, abs=1e-5))
        else:
            assert row.label == theirs["labels"][0]


def test_batches_and_order_change_nothing(tone: Path) -> None:
    one = annotator(tone, batch_size=1).label(UNITS)
    many = annotator(tone, batch_size=64).label(UNITS[::-1])[::-1]
    assert [(row.unit_id, row.label) for row in one] == [(row.unit_id, row.label) for row in many]
    assert [row.confidence for row in one] == pytest.approx([row.confidence for row in many], abs=1e-5)
    assert annotator(tone).label([]) == []


def test_labels_may_be_called_otherwise_and_several_may_be_one_code(tone: Path) -> None:
    renamed = {"Negative": "negative", "Neutral": "negative", "Positive": "positive"}
    merged = annotator(tone, labels=renamed).label(UNITS)
    plain = annotator(tone).label(UNITS)
    for row, before in zip(merged, plain, strict=True):
        both = before.signals["code:negative"] + before.signals["code:neutral"]
        assert row.signals["code:negative"] == pytest.approx(both)
        assert "code:neutral" not in row.signals


def test_a_label_that_is_no_code_is_no_label(tmp_path: Path) -> None:
    path = tiny_classifier.build(tmp_path, ["negative", "neutral", "mixed"])
    rows = annotator(path).label(UNITS)
    assert {row.status for row in rows} == {"ok", "off_codebook"}
    assert all((row.label is None) == (row.status != "ok") for row in rows)


def test_labels_that_do_not_fit_are_named(tone: Path, judge: Path) -> None:
    with pytest.raises(
        StudyError, match="no label 'POS'; the model's labels are Negative, Neutral, Positive"
    ):
        annotator(tone, labels={"POS": "positive"}).check()
    with pytest.raises(StudyError, match="none of its labels is a code"):
        annotator(tone, TOPICS).check()
    with pytest.raises(StudyError, match="no model of natural language inference"):
        annotator(tone, hypothesis="about {}").label(UNITS)
    assert "tells 3 labels apart" in annotator(tone).check()


def test_a_long_text_is_cut_and_says_so(tone: Path) -> None:
    short, long = annotator(tone).label([UNITS[0], Unit("long", "good " * 100)])
    assert (short.signals["truncated"], long.signals["truncated"]) == (0.0, 1.0)
    assert long.tokens_in == 32


def test_a_pair_is_given_as_a_pair(tone: Path) -> None:
    columns = ("claim", "reply")
    pairs = annotator(tone, columns=columns)
    (row,) = pairs.label([Unit("p", "claim: good day\n\nreply: bad news")])
    theirs = pipeline("text-classification", model=str(tone), top_k=None)
    scores = theirs([{"text": "good day", "text_pair": "bad news"}])[0]
    assert row.confidence == pytest.approx(max(score["score"] for score in scores), abs=1e-5)


def test_strange_texts_are_rows(tone: Path) -> None:
    strange = [Unit("empty", ""), Unit("half", "\ud800"), Unit("nul", "\x00"), Unit("words", "unknown words")]
    rows = annotator(tone).label(strange)
    assert [row.unit_id for row in rows] == [unit.unit_id for unit in strange]
    assert all(0 <= (row.confidence or 0) <= 1 for row in rows)


def test_a_missing_model_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be loaded") as caught:
        annotator(tmp_path / "nowhere").check()
    assert "sequence classification" in (caught.value.hint or "")


def test_a_study_names_task_and_labels(tone: Path, tmp_path: Path) -> None:
    machine = {"name": "bert", "kind": "transformers", "model": str(tone), "task": "text-classification"}
    labels = {"Negative": "left", "Positive": "right", "Neutral": "neither"}
    workspace = Workspace.open(small_study.write(tmp_path, machine=[{**machine, "labels": labels}]))
    (row,) = build(workspace, workspace.study.machine[0]).label(UNITS[:1])
    assert row.label in small_study.CODES


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"confidence": "logprob"}, "`confidence` says nothing"),
        ({"shuffles": 2}, "`shuffles` says nothing"),
        ({"labels": {"A": "nobody"}}, "names 'nobody', which is no code"),
        ({"hypothesis": "about it"}, "needs {}"),
        ({"task": "text-generation", "labels": {"A": "left"}}, "`labels` says nothing"),
        ({"task": "summarization"}, "expected 'text-generation'"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(tmp_path: Path, keys: dict[str, Any], said: str) -> None:
    machine = {"name": "b", "kind": "transformers", "model": "m", "task": "zero-shot-classification", **keys}
    with pytest.raises(StudyError) as caught:
        Workspace.open(small_study.write(tmp_path, machine=[machine]))
    assert said in caught.value.message
