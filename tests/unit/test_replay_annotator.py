import math

import pytest
from tiny_model import CODEBOOK

from annotator.errors import StudyError
from annotator.labeling.protocol import MachineLabel, Unit
from annotator.labeling.replay import ReplayAnnotator


def replayed(label: object, confidence: float | None = None) -> MachineLabel:
    annotator = ReplayAnnotator("old", {"a": label}, {"a": confidence}, CODEBOOK)
    return annotator.label([Unit("a", "text")])[0]


@pytest.mark.parametrize("value", [None, float("nan"), "", "  "])
def test_nothing_is_empty(value: object) -> None:
    assert (replayed(value).status, replayed(value).label) == ("empty", None)


def test_an_unknown_code_is_off_the_codebook() -> None:
    row = replayed("wealth", 0.9)
    assert (row.label, row.status, row.raw, row.confidence) == (None, "off_codebook", "wealth", None)


def test_case_and_space_do_not_matter() -> None:
    assert replayed(" Health ").label == "health"


@pytest.mark.parametrize("value", [-0.1, 1.1, 85.0, math.nan, math.inf, None])
def test_an_impossible_confidence_is_null(value: float | None) -> None:
    assert replayed("health", value).confidence is None


def test_confidence_may_be_absent() -> None:
    assert ReplayAnnotator("old", {"a": "health"}, None, CODEBOOK).label([Unit("a", "")])[0].status == "ok"


def test_a_check_tells_what_can_be_used() -> None:
    labels = {"a": "health", "b": "wealth", "c": None}
    found = ReplayAnnotator("old", labels, {"a": 0.9, "b": math.nan, "c": None}, CODEBOOK).check()
    assert found == "1 labels to replay, 1 not in the codebook"


def test_labels_of_another_codebook_and_percentages_do_not_pass_a_check() -> None:
    with pytest.raises(StudyError, match="none of its 2 labels is in the codebook; the first is 'wealth'"):
        ReplayAnnotator("old", {"a": None, "b": "wealth"}, None, CODEBOOK).check()
    with pytest.raises(StudyError, match=r"(?s)1 of its confidences are not between 0 and 1.* 85\n.*by 100"):
        ReplayAnnotator("old", {"a": "health", "b": "health"}, {"a": 85.0, "b": 1.0}, CODEBOOK).check()
