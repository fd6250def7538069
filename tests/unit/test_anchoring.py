"""The shift by seeing the machine's label where the arms say next to nothing, and what is said of it."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import small_study

from annotator.advance import advance
from annotator.coding.reliability.anchoring import shift
from annotator.report.anchoring import pull
from annotator.workspace import Workspace, codes, ledger

SHOWN = np.arange(50) < 5
UNEQUAL = np.random.default_rng(3).lognormal(0.0, 1.0, 50)


@pytest.mark.parametrize("weights", [np.ones(50), UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("said", [0.0, 1.0])
def test_arms_in_which_all_agree_differ_by_exactly_nothing_give_or_take_an_interval(said, weights):
    found = shift(np.full(50, said), SHOWN, weights, 0.95)
    assert found.value == 0.0
    assert str(found.value) == "0.0"
    assert found.ci_low < -0.05
    assert found.ci_high > 0.05
    assert found.note == "5 units shown, 45 blind"


def test_equal_shares_that_are_no_binary_fractions_differ_by_exactly_nothing():
    values = np.tile([1.0, 0.0, 0.0], 12)
    found = shift(values, np.arange(36) < 6, np.full(36, 0.1), 0.95)
    assert str(found.value) == "0.0"


def test_one_arm_in_which_all_agree_has_an_interval_with_a_width():
    values = np.where(SHOWN, 1.0, np.arange(50) % 2)
    found = shift(values, SHOWN, np.ones(50), 0.95)
    assert found.value == pytest.approx(1.0 - values[~SHOWN].mean())
    assert found.ci_low < 0.1, "five of five is little"
    assert found.value < found.ci_high <= 1.0


@pytest.mark.parametrize("shown_say", [0.0, 1.0])
def test_opposite_arms_stay_within_the_possible(shown_say):
    found = shift(np.where(SHOWN, shown_say, 1.0 - shown_say), SHOWN, UNEQUAL, 0.95)
    assert abs(found.value) == 1.0
    assert -1.0 <= found.ci_low <= found.value <= found.ci_high <= 1.0
    assert found.ci_high - found.ci_low > 0.1


def test_the_interval_is_newcombes_but_for_the_quantile():
    # His example: 56 of 70 less 48 of 80 is 0.2, method 10 gives 0.0524 to 0.3339.
    values = np.concatenate([np.arange(70) < 56, np.arange(80) < 48]).astype(float)
    found = shift(values, np.arange(150) < 70, np.ones(150), 0.95)
    assert found.value == pytest.approx(0.2)
    assert [found.ci_low, found.ci_high] == pytest.approx([0.0524, 0.3339], abs=0.004)


def test_weights_count_by_their_ratios_alone_and_unequal_ones_for_less():
    values = (np.arange(50) % 3 == 0).astype(float)
    plain, scaled = (shift(values, SHOWN, np.full(50, weight), 0.95) for weight in (1.0, 7.0))
    assert vars(scaled) == pytest.approx(vars(plain))
    uneven = shift(values, SHOWN, UNEQUAL, 0.95)
    assert uneven.ci_high - uneven.ci_low > plain.ci_high - plain.ci_low


def test_two_units_in_each_arm_are_needed():
    found = shift(np.ones(50), np.arange(50) < 1, np.ones(50), 0.95)
    assert np.isnan([found.value, found.ci_low, found.ci_high]).all()
    assert found.note == "fewer than two units in one arm"


def test_what_cannot_be_said_is_not_said():
    row = {
        "statistic": "anchoring_agreement_shift",
        "weighting": "corpus",
        "value": np.nan,
        "note": "too few",
    }
    assert pull(pd.DataFrame([row])).endswith("cannot be said: too few.")
    assert pull(pd.DataFrame([row]).iloc[:0]) == ""


def finished(folder, frame=None, rounds=2, **coding):
    """A study whose first round is opened as ``coding`` says; all codes are those of the corpus."""
    design = {"rounds": rounds, "budget": 60 * rounds}
    path = small_study.write(folder, frame, design=design, coding={"kind": "label_studio", **coding})
    workspace = Workspace.open(path)
    while advance(workspace).step.stage != "open_round":
        pass
    return small_study.run_to_the_end(small_study.write(folder, frame, design=design))


def test_estimates_say_that_codes_were_not_blind(tmp_path):
    workspace = finished(tmp_path, anchoring=0.25)
    assert not workspace.store.read_frame(ledger(2))["preannotated"].any()
    rows = workspace.store.read_frame("estimates.parquet")
    assert set(rows["round"]) == {1, 2}
    assert rows["flags"].str.split().map(lambda flags: flags.count("not_blind")).eq(1).all()
    page = workspace.store.read_bytes("report.html").decode()
    assert "<b>not blind</b>" in page
    assert "(by lot: 15 units shown, 45 blind) shifted people&#39;s agreement with old by " in page
    for code in small_study.CODES:
        assert f"{code} by " in page


def test_without_a_blind_arm_there_is_a_flag_and_no_shift(tmp_path):
    done = finished(tmp_path, rounds=1, blind=False)
    assert done.store.read_frame("estimates.parquet")["flags"].str.contains("not_blind").all()
    page = done.store.read_bytes("report.html").decode()
    assert "<b>not blind</b>" in page
    assert "(by lot" not in page


def with_failures():
    """A corpus whose machine has no label for every fifth unit."""
    frame = small_study.corpus()
    frame.loc[::5, ["machine", "confidence"]] = None
    return frame


def shifts(workspace):
    rows = workspace.store.read_frame("reliability.parquet")
    return rows[rows["statistic"].str.startswith("anchoring")]


def test_units_that_the_machine_failed_on_belong_to_no_arm(tmp_path):
    assert shifts(finished(tmp_path / "1", with_failures(), rounds=1, blind=False)).empty
    rows = shifts(finished(tmp_path / "2", with_failures(), rounds=1, anchoring=0.5))
    (note,) = set(rows["note"])
    shown, blind, failed = map(int, re.findall(r"\d+", note))
    assert note == f"{shown} units shown, {blind} blind, {failed} without a machine's label left out"
    assert shown + blind + failed == 60
    assert shown + blind == rows["n"].iloc[0]
    assert failed > 0
    assert abs(shown - blind) <= 1


def test_blind_studies_say_nothing_of_it(tmp_path):
    workspace = finished(tmp_path)
    assert not workspace.store.read_frame("estimates.parquet")["flags"].str.contains("not_blind").any()
    page = workspace.store.read_bytes("report.html").decode()
    assert "not blind" not in page
    assert "Seeing the machine" not in page


def adopting(folder, **by):
    """Codes of one unit from before the study, by coder: whether each began from a suggestion."""
    truth = small_study.corpus().set_index("id")["human"]
    annotations = [
        {
            "id": number,
            "completed_by": number,
            "result": [{"type": "choices", "from_name": "c", "value": {"choices": [truth["u0001"]]}}],
            "parent_prediction": 9 if is_suggested else None,
        }
        for number, is_suggested in enumerate(by.values(), start=1)
    ]
    folder.mkdir()
    task = {"id": 1, "data": {"id": "u0001", "text": "text number 1"}, "annotations": annotations}
    (folder / "export.json").write_text(json.dumps([task]))
    adopted = [{"file": "export.json", "use": "known", "id": "id"}]
    path = small_study.write(folder, adopted=adopted, design={"rounds": 1, "budget": 60})
    return small_study.run_to_the_end(path)


def test_a_suggested_answer_from_before_the_study_that_is_refused_is_in_no_estimate(tmp_path):
    workspace = adopting(tmp_path / "study", ann=True, ben=False)
    assert workspace.store.read_frame(codes(0))["preannotated"].sum() == 1
    flags = workspace.store.read_frame("estimates.parquet")["flags"]
    assert flags.str.contains("adopted_codes").all()
    assert not flags.str.contains("not_blind").any()
