"""Stage: machine annotators label every unit, shard by shard."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from annotator.labeling.build import build
from annotator.labeling.protocol import MachineAnnotator, Unit, to_table
from annotator.progress import Progress, silent
from annotator.study import Machine
from annotator.workspace import SHARD_SIZE, Workspace, shard


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
    """Label what is not labelled yet. Raises ServiceError when an annotator as a whole cannot work."""
    for machine in workspace.study.machine:
        todo = [part.index for part in pending(workspace) if part.annotator == machine.name]
        if todo:
            label_shards(workspace, machine, todo, progress)
    return f"{len(workspace.units):,} units labelled by {', '.join(m.name for m in workspace.study.machine)}"


def label_shards(
    workspace: Workspace, machine: Machine, indices: Sequence[int], progress: Progress = silent
) -> None:
    """Label some shards with one annotator, which is loaded once."""
    annotator = build(workspace, machine)
    progress(0, len(indices), f"labelling with {machine.name}")
    for done, index in enumerate(indices, start=1):
        _label_shard(workspace, annotator, index)
        progress(done, len(indices), f"labelling with {machine.name}")


def units_of(workspace: Workspace, rows: pd.DataFrame) -> list[Unit]:
    """Rows of the corpus as machine annotators take them."""
    image = workspace.study.corpus.image
    images = rows[image] if image else itertools.repeat(None)
    known = zip(rows["unit_id"], rows["text"], images, strict=image is not None)
    return [Unit(unit_id, text, place) for unit_id, text, place in known]


def _label_shard(workspace: Workspace, annotator: MachineAnnotator, index: int) -> None:
    rows = workspace.units.iloc[index * SHARD_SIZE : (index + 1) * SHARD_SIZE]
    table = to_table(annotator.label(units_of(workspace, rows)))
    workspace.store.write(shard(annotator.name, index), table, workspace.provenance(annotator=annotator.name))
