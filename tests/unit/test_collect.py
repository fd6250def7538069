"""What is collected: every answer once, the newest counts, and what was said before is kept."""

import pandas as pd
import small_study

from annotator.advance import advance
from annotator.coding.replay import ReplayCoding
from annotator.stages.collect import OVERLAPPING, collect, stored_codes
from annotator.workspace import Workspace, code_changes

DAY = pd.Timestamp("2026-01-02 12:00", tz="UTC")


class Coders:
    """Codes on record, of which some come late or are changed; remembers what it was asked for."""

    def __init__(self, monkeypatch):
        self.late, self.changes, self.asked = set(), {}, []
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
            codes.loc[changed, "updated_at"] = DAY + pd.Timedelta(hours=1)
        return codes[~codes["unit_id"].isin(self.late)].reset_index(drop=True)


def waiting(tmp_path, coders):
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
