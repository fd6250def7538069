"""What is collected: every answer once, the newest counts, and what was said before is kept."""

import pandas as pd
import pytest
import small_study
from typer.testing import CliRunner

from annotator import cli, schema
from annotator.advance import advance
from annotator.coding.replay import ReplayCoding
from annotator.stages.collect import OVERLAPPING, collect, merge, stored_codes
from annotator.stages.late import stored_late
from annotator.state import Step, next_step
from annotator.status import status
from annotator.workspace import ESTIMATES, Workspace, code_changes, codes, gold, late_codes, nonresponse

DAY = pd.Timestamp.now(tz="UTC").floor("s") - pd.Timedelta(minutes=30)


class Coders:
    """Codes on record, of which some come late or are changed; remembers what it was asked for."""

    def __init__(self, monkeypatch):
        self.late, self.changes, self.asked, self.others, self.names = set(), {}, [], {}, {}
        self.unmarked = set()
        self._collect = ReplayCoding.collect

        def instead(service, *given):
            return self.collect(service, *given)

        monkeypatch.setattr(ReplayCoding, "collect", instead)

    def collect(self, service, tasks, since=None):
        self.asked.append(since)
        codes = self._collect(service, tasks).assign(updated_at=DAY)
        for unit, label in self.changes.items():
            changed = codes["unit_id"] == unit
            codes.loc[changed, "label"] = label
            codes.loc[changed, "updated_at"] = DAY + pd.Timedelta(minutes=5)
        for unit, label in self.others.items():
            row = codes[codes["unit_id"] == unit].assign(coder="eve", label=label)
            codes = pd.concat([codes, row.assign(annotation_id=1_000_000)])
        codes["coder"] = codes["coder"].replace(self.names)
        if since is not None:
            codes = codes[~codes["unit_id"].isin(self.unmarked)]
        return codes[~codes["unit_id"].isin(self.late)].reset_index(drop=True)


def waiting(tmp_path, coders):
    """In the middle of a round that is the only one."""
    workspace = Workspace.open(small_study.write(tmp_path, design={"rounds": 1, "budget": 20}))
    while advance(workspace).step.stage != "send":
        pass
    sent = workspace.store.read_frame("rounds/001/tasks.parquet")["unit_id"]
    coders.late = set(sent[:3])
    collect(workspace, 1)
    return workspace, sent


def test_a_changed_code_counts_and_the_earlier_one_is_kept(tmp_path, monkeypatch):
    coders = Coders(monkeypatch)
    workspace, sent = waiting(tmp_path, coders)
    assert not workspace.store.exists(code_changes(1))
    unit = sent.iloc[5]
    before = stored_codes(workspace, 1).set_index("unit_id")["label"]
    other = next(code for code in small_study.CODES if code != before[unit])
    coders.changes = {unit: other}
    for _ in range(2):
        collect(workspace, 1)
        kept = workspace.store.read_frame(code_changes(1))
        assert kept[["unit_id", "label"]].to_numpy().tolist() == [[unit, before[unit]]]
    assert stored_codes(workspace, 1).set_index("unit_id")["label"][unit] == other


def test_only_what_is_new_is_asked_for_and_everything_once_more_at_the_end(tmp_path, monkeypatch):
    coders = Coders(monkeypatch)
    workspace, _ = waiting(tmp_path, coders)
    assert coders.asked == [None]
    assert collect(workspace, 1) == "17 of 20 units coded"
    assert coders.asked == [None, DAY - OVERLAPPING]
    coders.late = set()
    assert collect(workspace, 1) == "20 of 20 units coded"
    assert coders.asked[2:] == [DAY - OVERLAPPING, None]


@pytest.fixture
def unmarked(tmp_path, monkeypatch):
    """Coders whose last answer the service does not call new: it was killed, or its clock went back."""
    coders = Coders(monkeypatch)
    workspace, _ = waiting(tmp_path, coders)
    coders.unmarked, coders.late = coders.late, set()
    return workspace, coders


def test_where_nothing_comes_for_an_hour_everything_is_looked_at(unmarked, monkeypatch):
    workspace, coders = unmarked
    assert collect(workspace, 1) == "17 of 20 units coded"
    assert coders.asked == [None, DAY - OVERLAPPING], "half an hour is no reason"
    monkeypatch.setattr("annotator.stages.collect.QUIET", pd.Timedelta(minutes=20))
    assert collect(workspace, 1) == "20 of 20 units coded"
    assert coders.asked[2:] == [DAY - OVERLAPPING, None]


def test_nobody_is_given_up_before_everything_was_looked_at(unmarked):
    workspace, _ = unmarked
    assert advance(workspace, force=True).message == "20 of 20 units coded"
    assert not workspace.store.exists(nonresponse(1))


def test_answers_of_the_future_do_not_hide_those_of_the_present(tmp_path, monkeypatch):
    coders = Coders(monkeypatch)
    workspace, _ = waiting(tmp_path, coders)
    ahead = stored_codes(workspace, 1).assign(updated_at=DAY + pd.Timedelta(hours=5))
    workspace.write(codes(1), ahead, schema.CODES, round=1)
    collect(workspace, 1)
    assert coders.asked[1] < pd.Timestamp.now(tz="UTC")


def answers(*rows):
    """Rows of coder, number, minute and label, all of one unit, in the columns of codes."""
    frame = pd.DataFrame(rows, columns=["coder", "annotation_id", "updated_at", "label"])
    at = DAY + pd.to_timedelta(frame["updated_at"], unit="min")
    return frame.assign(unit_id="u1", updated_at=at, skipped=False, preannotated=False)


def said(merged):
    return merged[["coder", "label"]].to_numpy().tolist()


NOTHING = answers().reindex(columns=schema.CODES.names)


def test_the_latest_of_several_answers_counts_also_once_it_is_deleted():
    both = answers(("ann", 1, 0, "left"), ("ann", 2, 3, "right"))
    known = merge(NOTHING, both)
    assert said(known) == [["ann", "right"]]
    assert said(merge(known, both.iloc[:1])) == [["ann", "right"]]


def test_an_answer_counts_as_it_is_now_whatever_the_clock_says():
    known = merge(NOTHING, answers(("ann", 1, 5, "left")))
    assert said(merge(known, answers(("ann", 1, 2, "right")))) == [["ann", "right"]]


def test_who_answers_again_under_another_name_is_still_one_coder():
    known = merge(NOTHING, answers(("ann@x.org", 1, 0, "left")))
    renamed = answers(("account 5", 1, 0, "left"), ("account 5", 2, 3, "right"))
    assert said(merge(known, renamed)) == [["ann@x.org", "right"]]
    another = pd.concat([renamed, answers(("ben@x.org", 3, 1, "left"))], ignore_index=True)
    assert said(merge(known, another)) == [["ann@x.org", "right"], ["ben@x.org", "left"]]


@pytest.fixture
def second(tmp_path, monkeypatch):
    """In the middle of round 2: the workspace, the coders, and a unit of round 1 with its code."""
    coders = Coders(monkeypatch)
    path = small_study.write(tmp_path, design={"rounds": 3, "budget": 60})
    while next_step(Workspace.open(path)) != Step("collect", 2):
        advance(Workspace.open(path))
    workspace = Workspace.open(path)
    coders.late = set(workspace.store.read_frame("rounds/002/tasks.parquet")["unit_id"][:3])
    code = stored_codes(workspace, 1).iloc[4]
    return workspace, coders, code["unit_id"], code["label"]


def other_codes(label):
    return [code for code in small_study.CODES if code != label]


def late_labels(workspace, number=1):
    return stored_late(workspace, number)["label"].tolist()


def test_a_code_that_comes_after_its_round_was_closed_is_kept_once_and_counts_in_nothing(second):
    workspace, coders, unit, label = second
    before = {path: workspace.store.read_bytes(path) for path in (codes(1), gold(1), ESTIMATES)}
    collect(workspace, 2)
    assert not workspace.store.exists(late_codes(1)), "what was collected is not late"
    first, then = other_codes(label)
    coders.changes, coders.others = {unit: first}, {unit: label}
    for _ in range(3):
        collect(workspace, 2)
    kept = workspace.store.read(late_codes(1))
    assert kept.schema.remove_metadata().equals(schema.CODES)
    assert sorted(zip(kept["coder"].to_pylist(), kept["label"].to_pylist(), strict=True)) == sorted(
        [("eve", label), ("replay", first)]
    )
    coders.others = {}
    for said in (then, label, label):
        coders.changes = {unit: said}
        collect(workspace, 2)
    assert late_labels(workspace)[2:] == [then, label], "a coder's way back is a change too"
    assert {path: workspace.store.read_bytes(path) for path in before} == before
    assert [each.n_late for each in status(workspace).rounds] == [4, 0]
    shown = CliRunner().invoke(cli.app, ["status", str(workspace.study.path)]).stdout
    assert "round 1: 4 codes came after it was closed, uncounted" in shown
    coders.late = set()
    while advance(workspace).step.stage != "done":
        pass
    assert status(workspace).rounds[0].n_late == 4
    assert len(workspace.store.read_frame(gold(2))) == 20


def test_one_look_serves_the_open_round_and_the_closed_ones(second):
    workspace, coders, _, _ = second
    coders.asked.clear()
    collect(workspace, 2)
    assert coders.asked == [DAY - OVERLAPPING], "a new round begins where the last one ended"
    coders.late = set()
    collect(workspace, 2)
    assert coders.asked[1:] == [DAY - OVERLAPPING, None]


def test_a_kill_between_late_codes_and_those_of_the_round_loses_and_doubles_nothing(second, monkeypatch):
    workspace, coders, unit, label = second
    coders.changes = {unit: other_codes(label)[0]}
    write = Workspace.write

    def killed(self, path, *given, **about):
        if path == codes(2):
            raise KeyboardInterrupt
        write(self, path, *given, **about)

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            collect(workspace, 2)
    assert len(late_labels(workspace)) == 1
    coders.asked.clear()
    collect(workspace, 2)
    assert coders.asked == [DAY - OVERLAPPING]
    assert len(late_labels(workspace)) == 1
    assert len(stored_codes(workspace, 2)) == 17


def test_who_has_another_name_now_said_nothing_late_and_stays_the_coder(second):
    workspace, coders, unit, label = second
    collect(workspace, 2)
    coders.names = {"replay": "account 5"}
    collect(workspace, 2)
    assert not workspace.store.exists(late_codes(1))
    assert set(stored_codes(workspace, 2)["coder"]) == {"replay"}
    coders.changes = {unit: other_codes(label)[0]}
    for _ in range(2):
        collect(workspace, 2)
    assert stored_late(workspace, 1)[["coder", "label"]].to_numpy().tolist() == [
        ["replay", other_codes(label)[0]]
    ]
