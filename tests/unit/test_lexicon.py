"""VADER's score cut into codes."""

from pathlib import Path
from typing import Any

import pytest
import small_study
from hypothesis import given
from hypothesis import strategies as st

from annotator.errors import StudyError
from annotator.labeling.build import build
from annotator.labeling.lexicon import LexiconAnnotator
from annotator.labeling.protocol import Unit
from annotator.workspace import Workspace

THRESHOLDS = {"positive": 0.05, "negative": -1.0, "neutral": -0.05}
VADER = LexiconAnnotator("vader", THRESHOLDS)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love this, it is great!", "positive"),
        ("I hate this, it is awful.", "negative"),
        ("The train leaves at nine.", "neutral"),
        ("This is not good.", "negative"),
    ],
)
def test_sentiment_is_read(text: str, label: str) -> None:
    (row,) = VADER.label([Unit("u", text)])
    assert (row.label, row.status) == (label, "ok")
    assert row.raw == f"compound {row.signals['compound']:.4f}"


@given(text=st.text())
def test_every_text_has_a_sound_row(text: str) -> None:
    (row,) = VADER.label([Unit("u", text)])
    assert (row.label in THRESHOLDS) if row.status == "ok" else row.label is None
    assert row.confidence is None or 0.5 <= row.confidence <= 1
    assert -1 <= row.signals["compound"] <= 1


def test_confidence_grows_with_the_distance_from_a_threshold() -> None:
    def sure(text: str) -> float:
        return VADER.label([Unit("u", text)])[0].confidence or 0.0

    assert sure("fine") < sure("good and fine") < sure("excellent, wonderful, great, love it")
    assert sure("The train leaves at nine.") == 1.0


def test_no_text_is_no_label() -> None:
    (row,) = VADER.label([Unit("u", " ")])
    assert (row.label, row.confidence, row.status) == (None, None, "empty")


def test_check_says_how_long_the_lexicon_is() -> None:
    assert "7,5" in VADER.check()


def test_a_study_names_the_thresholds(tmp_path: Path) -> None:
    machine = {"name": "vader", "kind": "lexicon", "thresholds": {"left": -1, "right": 0.2}}
    workspace = Workspace.open(small_study.write(tmp_path, machine=[machine]))
    (row,) = build(workspace, workspace.study.machine[0]).label([Unit("u", "A wonderful day")])
    assert row.label == "right"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"thresholds": {"left": -1}}, "a threshold of its own"),
        ({"thresholds": {"left": -0.5, "right": 0.5}}, "the lowest code that of -1"),
        ({"thresholds": {"left": -1, "right": -1}}, "a threshold of its own"),
        ({"thresholds": {"left": -1, "wrong": 0}}, "names 'wrong', which is no code"),
        ({"thresholds": {"left": -1, "right": 2}}, "less than 1"),
        ({}, "this key is missing"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError) as caught:
        Workspace.open(small_study.write(tmp_path, machine=[{"name": "v", "kind": "lexicon", **changes}]))
    assert said in caught.value.message
