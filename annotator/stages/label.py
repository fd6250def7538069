"""Stage: machine annotators label every unit, shard by shard."""

from collections.abc import Sequence
from dataclasses import dataclass

from annotator.labeling.build import build
from annotator.progress import Progress, silent
from annotator.stages import batch
from annotator.stages.shards import units_of_shard, write_shard
from annotator.study import Machine, OpenAIMachine
from annotator.workspace import Workspace, shard


@dataclass(frozen=True)
class Shard:
    """The part of the corpus that is labelled and written in one go."""

    annotator: str
    index: int


def pending(workspace: Workspace) -> list[Shard]:
    """The shards not labelled yet, of all machine annotators."""
    return [
        Shard(machine.name, index)
        for machine in workspace.study.machine
        for index in range(workspace.n_shards)
        if not workspace.store.exists(shard(machine.name, index))
    ]


def label(workspace: Workspace, progress: Progress = silent) -> str:
    """Label what is not labelled yet. Raises ServiceError when an annotator as a whole cannot work.

    What a provider's batches are asked is handed in first; the message says if they have yet to answer.
    """
    for machine in sorted(workspace.study.machine, key=lambda machine: not batch.is_batched(machine)):
        todo = [part.index for part in pending(workspace) if part.annotator == machine.name]
        if todo and isinstance(machine, OpenAIMachine) and machine.batch:
            batch.label_by_batches(workspace, machine)
        elif todo:
            label_shards(workspace, machine, todo, progress)
    if still := batch.waiting(workspace):
        return f"waiting for {', '.join(still)}"
    return f"{len(workspace.units):,} units labelled by {', '.join(m.name for m in workspace.study.machine)}"


def label_shards(
    workspace: Workspace, machine: Machine, indices: Sequence[int], progress: Progress = silent
) -> None:
    """Label some shards with one annotator, which is loaded once."""
    annotator = build(workspace, machine)
    progress(0, len(indices), f"labelling with {machine.name}")
    for done, index in enumerate(indices, start=1):
        write_shard(workspace, machine.name, index, annotator.label(units_of_shard(workspace, index)))
        progress(done, len(indices), f"labelling with {machine.name}")
