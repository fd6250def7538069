"""A round whose codes do not all come is closed on request only, and the estimates say so."""

import numpy as np
import pandas as pd
import pytest
import small_study

from annotator import evidence
from annotator.advance import advance
from annotator.coding.replay import ReplayCoding
from annotator.errors import StudyError
from annotator.state import next_step
from annotator.status import status
from annotator.workspace import Workspace, ledger


def people_skip(monkeypatch, skipped):
    collect = ReplayCoding.collect

    def without(self, tasks, since=None):
        codes = collect(self, tasks)
        return codes[~codes["unit_id"].map(skipped)].reset_index(drop=True)

    monkeypatch.setattr(ReplayCoding, "collect", without)


def waiting_study(folder, monkeypatch, skipped=lambda unit: int(unit[1:]) % 3 == 0):
    people_skip(monkeypatch, skipped)
    workspace = Workspace.open(small_study.write(folder, design={"rounds": 2, "budget": 120}))
    for _ in range(10):
        if advance(workspace).waiting:
            return workspace
    raise AssertionError("the study never waits")


def test_the_round_waits_until_it_is_told_not_to(tmp_path, monkeypatch):
    workspace = waiting_study(tmp_path, monkeypatch)
    assert advance(workspace).waiting
    before = workspace.store.read_bytes(ledger(1))
    outcome = advance(workspace, force=True)
    assert "were given up" in outcome.message
    assert next_step(workspace).stage == "close_round"
    advance(workspace)
    assert workspace.store.read_bytes(ledger(1)) == before, "a ledger is never rewritten"


def test_probabilities_count_times_the_response_rate_of_the_fold(tmp_path, monkeypatch):
    workspace = waiting_study(tmp_path, monkeypatch)
    advance(workspace, force=True)
    rows = workspace.store.read_frame(ledger(1))
    skipped = rows["unit_id"].map(lambda unit: int(unit[1:]) % 3 == 0)
    used = evidence.drawn_in(workspace, 1)
    assert (used.drawn == (rows["drawn"] & ~skipped)).all()
    for fold, of_fold in rows.groupby("stratum"):
        rate = (~skipped)[of_fold.index][of_fold["drawn"]].mean()
        expected = of_fold["inclusion_probability"] * rate
        assert used.inclusion_probability[of_fold.index] == pytest.approx(expected), fold


def test_every_estimate_from_then_on_says_so(tmp_path, monkeypatch):
    workspace = waiting_study(tmp_path, monkeypatch)
    advance(workspace, force=True)
    monkeypatch.undo()
    while advance(workspace).step.stage != "done":
        pass
    rows = workspace.store.read_frame("estimates.parquet")
    assert set(rows["round"]) == {1, 2}
    assert rows["flags"].str.contains("nonresponse_adjusted").all()
    assert np.isfinite(rows[["estimate", "ci_low", "ci_high"]]).all(axis=None)
    assert "never coded" in workspace.store.read_bytes("report.html").decode()


def test_a_fold_without_any_code_lends_from_the_whole_round(tmp_path, monkeypatch):
    rows = waiting_study(tmp_path / "one", monkeypatch).store.read_frame(ledger(1))
    monkeypatch.undo()
    gone = set(rows.loc[rows["drawn"] & (rows["stratum"] == 0), "unit_id"])
    other = waiting_study(tmp_path / "other", monkeypatch, skipped=lambda unit: unit in gone)
    advance(other, force=True)
    lost = pd.DataFrame(other.store.read_frame("rounds/001/nonresponse.parquet"))
    assert set(lost["unit_id"]) == gone
    assert set(lost["response_rate"]) == {1 - len(gone) / 60}
    used = evidence.drawn_in(other, 1)
    assert used.inclusion_probability == pytest.approx(
        rows["inclusion_probability"].to_numpy() * (1 - len(gone) / 60)
    )


def test_one_who_said_why_there_is_no_code_is_not_waited_for_and_is_kept(tmp_path, monkeypatch):
    collect = ReplayCoding.collect
    doubled = {}

    def half_done(self, tasks, since=None):
        several = tasks.loc[tasks["overlap"] > 1, "unit_id"].tolist()
        doubled.update(dict(zip(several, ["declined", "silent", "coded"], strict=False)))
        codes = collect(self, tasks)
        fate = codes["unit_id"].map(doubled)
        codes.loc[fate == "declined", ["label", "cannot_code"]] = [None, "garbled"]
        is_second = codes["coder"] == "replay second"
        kept = codes[(fate != "silent") & ~(is_second & fate.isin(["declined", "coded"]))]
        return kept.reset_index(drop=True)

    monkeypatch.setattr(ReplayCoding, "collect", half_done)
    coding = {"kind": "replay", "column": "human", "second": "machine", "overlap": 0.2}
    workspace = Workspace.open(small_study.write(tmp_path, design={"rounds": 1, "budget": 60}, coding=coding))
    while not advance(workspace).waiting:
        pass
    assert status(workspace).rounds[0].n_codes_left == 4, "two of the silent one, one of each other"
    outcome = advance(workspace, force=True)
    assert "2 of 60 units were given up" in outcome.message
    left_out = workspace.store.read_frame("rounds/001/nonresponse.parquet")
    fates = {unit: fate for unit, fate in doubled.items() if fate != "coded"}
    said = dict(zip(left_out["unit_id"].map(fates), left_out["reason"], strict=True))
    assert said == {"declined": "cannot code: garbled", "silent": "not coded yet"}
    assert len(left_out) == 2


def test_what_cannot_be_forced_is_refused(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="does not wait for people"):
        advance(Workspace.open(small_study.write(tmp_path / "new")), force=True)
    nobody = waiting_study(tmp_path / "nobody", monkeypatch, skipped=lambda _: True)
    with pytest.raises(StudyError, match="nobody coded any unit"):
        advance(nobody, force=True)


def test_what_coders_say_cannot_be_coded_is_left_out_aloud(tmp_path, monkeypatch):
    collect = ReplayCoding.collect

    def declining(self, tasks, since=None):
        codes = collect(self, tasks)
        declined = codes["unit_id"].map(lambda unit: int(unit[1:]) % 5 == 0)
        codes.loc[declined, ["label", "cannot_code"]] = [None, "garbled"]
        return codes

    monkeypatch.setattr(ReplayCoding, "collect", declining)
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, design={"rounds": 2, "budget": 120}))
    left_out = workspace.store.read_frame("rounds/001/nonresponse.parquet")
    assert set(left_out["reason"]) == {"cannot code: garbled"}
    assert left_out["unit_id"].map(lambda unit: int(unit[1:]) % 5 == 0).all()
    gold = workspace.store.read_frame("rounds/001/gold.parquet")
    assert len(gold) + len(left_out) == 60
    estimates = workspace.store.read_frame("estimates.parquet")
    assert estimates["flags"].str.contains("nonresponse_adjusted").all()
