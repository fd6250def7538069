"""Stage: machine annotators label every unit, shard by shard.

The corpus streams through: what is held is a few shards, however many units there are.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from annotator.errors import SpendingCapError
from annotator.labeling.build import build
from annotator.labeling.pipeline import Part, label_parts
from annotator.labeling.protocol import MachineLabel, Unit, to_table
from annotator.progress import Progress, silent
from annotator.study import Machine
from annotator.workspace import SHARD_SIZE, Workspace, shard


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

    Raises ServiceError when an annotator as a whole cannot work, SpendingCapError when its money is spent.
    """
    machines = machines or workspace.study.machine
    for machine in machines:
        todo = [part.index for part in pending(workspace, machine.name)]
        if todo:
            label_shards(workspace, machine, todo, progress)
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


def units_of(workspace: Workspace, rows: pa.Table) -> list[Unit]:
    """Rows of the corpus as machine annotators take them."""
    image = workspace.study.corpus.image
    images = rows[image].to_pylist() if image else itertools.repeat(None)
    known = zip(rows["unit_id"].to_pylist(), rows["text"].to_pylist(), images, strict=image is not None)
    return [Unit(unit_id, text, place) for unit_id, text, place in known]


def shard_length(workspace: Workspace, index: int) -> int:
    """How many units a shard has: only the last can have fewer than the others."""
    return min(SHARD_SIZE, workspace.n_units - index * SHARD_SIZE)


def parts(workspace: Workspace, indices: Sequence[int]) -> Iterator[Part]:
    """The units of these shards, which are in ascending order, a shard at a time."""
    for index, rows in zip(indices, workspace.shards(indices), strict=True):
        yield index, units_of(workspace, rows)


def write_shard(workspace: Workspace, annotator: str, index: int, rows: Sequence[MachineLabel]) -> None:
    """Write a shard, whole or not at all."""
    workspace.store.write(shard(annotator, index), to_table(rows), workspace.provenance(annotator=annotator))
