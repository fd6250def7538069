"""Stage: the drawn units become tasks for the coders, blind and in random order."""

import numpy as np

from annotator import schema
from annotator.coding.build import build
from annotator.coding.protocol import Task
from annotator.seeds import generator
from annotator.study import LabelStudioCoding
from annotator.workspace import Workspace, ledger, tasks


def send(workspace: Workspace, round_number: int) -> str:
    """Make sure exactly one task a drawn unit exists, then write ``tasks.parquet``. Raises ServiceError."""
    service = build(workspace)
    wanted = planned_tasks(workspace, round_number)
    sent = service.send(round_number, wanted)
    workspace.write(tasks(round_number), sent, schema.TASKS, round=round_number, address=service.address)
    return f"{len(sent)} units to be coded in {service.describe()}"


def planned_tasks(workspace: Workspace, round_number: int) -> list[Task]:
    """The tasks of a round: order and overlap come from the study's seed alone."""
    rows = workspace.store.read_frame(ledger(round_number))
    drawn = rows.loc[rows["drawn"], "unit_id"].to_numpy()
    rng = generator(workspace.study, round_number, "send")
    order = rng.permutation(drawn)
    coding = workspace.study.coding
    share = coding.overlap if isinstance(coding, LabelStudioCoding) else 0.0
    doubled = set(rng.choice(order, size=round(share * len(order)), replace=False)) if share else set()
    text = workspace.units.set_index("unit_id")["text"]
    return [
        Task(str(unit), str(text[unit]), overlap=2 if unit in doubled else 1) for unit in np.asarray(order)
    ]
