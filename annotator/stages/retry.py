"""Asking again for the units no machine label could be had for, before anything is drawn by the labels."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from annotator.errors import StudyError
from annotator.labeling.build import build
from annotator.labeling.pipeline import Part, label_parts
from annotator.labeling.protocol import MachineLabel, to_table
from annotator.machines import Machine
from annotator.progress import Progress, silent
from annotator.schema import MACHINE_LABELS
from annotator.stages.shards import parts
from annotator.workspace import Workspace, ledger, shard

_ADDS_UP = ("tokens_in", "tokens_out", "cost", "seconds", "attempts")


def retry_failed(
    workspace: Workspace, progress: Progress = silent, machines: Sequence[Machine] | None = None
) -> str:
    """Ask again for every unit whose status is not ``ok``, also where the reply that is no label is known.

    A row takes what came of it, failed again or not; what both tries took adds up. Other rows, and shards
    without a failure, stay as they are. Raises StudyError once a round is open, and what labelling does.
    """
    refuse_when_drawn(workspace)
    said = [_retry(workspace, machine, progress) for machine in machines or workspace.study.machine]
    return "; ".join(said)


def refuse_when_drawn(workspace: Workspace) -> None:
    """Raise StudyError once the machine labels have decided who is drawn."""
    if workspace.store.exists(ledger(1)):
        raise StudyError(
            "round 1 is open: the machine labels decided who is drawn, and can no longer change",
            hint="Estimates are valid with the failures there are. To label anew, start a new study: set "
            "`output` to another folder.",
        )


def failures(workspace: Workspace, annotator: str) -> dict[int, int]:
    """How many units of each written shard have no label; shards without a failure are left out."""
    counts: dict[int, int] = {}
    for index in range(workspace.n_shards):
        path = shard(annotator, index)
        if workspace.store.exists(path):
            status = workspace.store.read(path, ["status"])["status"].to_pylist()
            counts[index] = sum(one != "ok" for one in status)
    return {index: count for index, count in counts.items() if count}


def failed_parts(workspace: Workspace, annotator: str, indices: Sequence[int]) -> Iterator[Part]:
    """The units without a label of these shards, which are in ascending order."""
    for index, units in parts(workspace, indices):
        table = workspace.store.read(shard(annotator, index), ["unit_id", "status"])
        failed = {row["unit_id"] for row in table.to_pylist() if row["status"] != "ok"}
        yield index, [unit for unit in units if unit.unit_id in failed]


def _retry(workspace: Workspace, machine: Machine, progress: Progress) -> str:
    failed = failures(workspace, machine.name)
    total, what = sum(failed.values()), f"asking {machine.name} again"
    if not total:
        return f"{machine.name}: no failed unit"
    n_labelled = 0

    def replace(index: int, rows: list[MachineLabel]) -> None:
        nonlocal n_labelled
        path = shard(machine.name, index)
        table = _updated(workspace.store.read(path), rows)
        workspace.store.write(path, table, workspace.provenance(annotator=machine.name))
        n_labelled += sum(row.status == "ok" for row in rows)

    label_parts(
        build(workspace, machine, ask_again=True),
        failed_parts(workspace, machine.name, list(failed)),
        replace,
        lambda done: progress(done, total, what),
    )
    progress(total, total, what)
    return f"{machine.name}: {n_labelled:,} of {total:,} failed units labelled now"


def _updated(table: pa.Table, rows: Sequence[MachineLabel]) -> pa.Table:
    """The table with these rows in place of the units' former ones."""
    new = {row["unit_id"]: row for row in to_table(rows).to_pylist()}
    rows_before = table.to_pylist()
    merged = [_merged(old, new[old["unit_id"]]) if old["unit_id"] in new else old for old in rows_before]
    return pa.Table.from_pylist(merged, schema=MACHINE_LABELS)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {**new, **{column: old[column] + new[column] for column in _ADDS_UP}}
