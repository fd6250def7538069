"""Stage: the drawn units become tasks, in random order, and blind but where the ledger says otherwise."""

import numpy as np

from annotator import schema
from annotator.coding.build import build
from annotator.coding.protocol import Task
from annotator.progress import Progress, silent
from annotator.seeds import generator
from annotator.workspace import Workspace, ledger, tasks


def send(workspace: Workspace, round_number: int, progress: Progress = silent) -> str:
    """Make sure exactly one task a drawn unit exists, then write ``tasks.parquet``. Raises ServiceError."""
    service = build(workspace, progress)
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
    overlap = workspace.study.coding.overlap
    doubled = set(rng.choice(order, size=overlap.n_doubled(len(order)), replace=False))
    units = workspace.units.set_index("unit_id")
    image = workspace.study.corpus.image
    shown = _machine_labels_to_show(workspace, set(rows.loc[rows["preannotated"], "unit_id"]))
    return [
        Task(
            str(unit),
            str(units.at[unit, "text"]),
            overlap.coders if unit in doubled else 1,
            shown.get(unit),
            image=str(units.at[unit, image]) if image else None,
        )
        for unit in np.asarray(order)
    ]


def _machine_labels_to_show(workspace: Workspace, units: set[str]) -> dict[str, str]:
    """Only what the ledger says may be seen."""
    if not units:
        return {}
    labels = workspace.machine_labels(workspace.study.machine[0].name).set_index("unit_id")["label"]
    return {unit: str(labels[unit]) for unit in units}
