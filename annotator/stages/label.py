"""Stage: machine annotators label every unit, shard by shard.

The corpus streams through: what is held is a few shards, however many units there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from annotator.errors import SpendingCapError
from annotator.labeling.build import build
from annotator.labeling.pipeline import label_parts
from annotator.machines import Machine, OpenAIMachine
from annotator.progress import Progress, silent
from annotator.stages import batch
from annotator.stages.shards import parts, shard_length, write_shard
from annotator.workspace import Workspace, shard


@dataclass(frozen=True)
class Shard:
    """The part of the corpus that is labelled and written in one go."""

    annotator: str
    index: int


def pending(workspace: Workspace, annotator: str | None = None) -> list[Shard]:
    """The shards not labelled yet, of all machine annotators or of one."""
    return [
        Shard(machine.name, index)
        for machine in workspace.study.machine
        if annotator in (None, machine.name)
        for index in range(workspace.n_shards)
        if not workspace.store.exists(shard(machine.name, index))
    ]


def label(
    workspace: Workspace, progress: Progress = silent, machines: Sequence[Machine] | None = None
) -> str:
    """Label what is not labelled yet, with all machine annotators of the study or with some.

    What a provider's batches are asked is handed in first; the message says if they have yet to answer.
    Raises ServiceError when an annotator as a whole cannot work, SpendingCapError when its money is spent.
    """
    machines = machines or workspace.study.machine
    for machine in sorted(machines, key=lambda machine: not batch.is_batched(machine)):
        todo = [part.index for part in pending(workspace, machine.name)]
        if todo and isinstance(machine, OpenAIMachine) and machine.batch:
            batch.label_by_batches(workspace, machine)
        elif todo:
            label_shards(workspace, machine, todo, progress)
    if still := batch.waiting(workspace):
        return f"waiting for {', '.join(still)}"
    return f"{workspace.n_units:,} units labelled by {', '.join(m.name for m in machines)}"


def label_shards(
    workspace: Workspace, machine: Machine, indices: Sequence[int], progress: Progress = silent
) -> None:
    """Label some shards with one annotator, which is loaded once; each is written when its units are done."""
    total = sum(shard_length(workspace, index) for index in indices)
    what = f"labelling with {machine.name}"
    progress(0, total, what)
    try:
        label_parts(
            build(workspace, machine),
            parts(workspace, sorted(indices)),
            lambda index, rows: write_shard(workspace, machine.name, index, rows),
            lambda done: progress(done, total, what),
        )
    except SpendingCapError as error:
        n_missing = sum(shard_length(workspace, part.index) for part in pending(workspace, machine.name))
        raise SpendingCapError(
            f"{error.message}; {n_missing:,} of {workspace.n_units:,} units are in no written shard yet",
            hint=error.hint,
        ) from error
    progress(total, total, what)
