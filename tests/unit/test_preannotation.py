"""What coders may see of the machine is decided with the draw and written in the ledger."""

import small_study

from annotator.advance import advance
from annotator.stages.send import planned_tasks
from annotator.workspace import Workspace, ledger


def opened(folder, **coding):
    path = small_study.write(folder, design={"rounds": 2, "budget": 120})
    small_study.write(folder, design={"rounds": 2, "budget": 120}, coding={"kind": "label_studio", **coding})
    workspace = Workspace.open(path)
    while advance(workspace).step.stage != "open_round":
        pass
    return workspace, workspace.store.read_frame(ledger(1))


def test_blind_by_default(tmp_path):
    workspace, rows = opened(tmp_path)
    assert not rows["preannotated"].any()
    assert workspace.store.metadata(ledger(1))["blind"]
    assert {task.suggestion for task in planned_tasks(workspace, 1)} == {None}


def test_the_anchoring_arm_is_a_random_share_of_the_drawn_units(tmp_path):
    workspace, rows = opened(tmp_path, anchoring=0.25)
    shown = set(rows.loc[rows["preannotated"], "unit_id"])
    assert shown <= set(rows.loc[rows["drawn"], "unit_id"])
    assert len(shown) == 15
    assert not workspace.store.metadata(ledger(1))["blind"]
    machine = workspace.machine_labels("old").set_index("unit_id")["label"]
    for task in planned_tasks(workspace, 1):
        assert task.suggestion == (machine[task.unit_id] if task.unit_id in shown else None)
    _, rows_again = opened(tmp_path / "again", anchoring=0.25)
    assert rows.equals(rows_again)


def test_everything_is_shown_only_if_the_study_says_so(tmp_path):
    _, rows = opened(tmp_path, blind=False)
    assert (rows["preannotated"] == rows["drawn"]).all()
