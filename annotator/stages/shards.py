"""The parts of the corpus that are labelled and written in one go."""

from collections.abc import Sequence

from annotator.labeling.protocol import MachineLabel, Unit, to_table
from annotator.workspace import SHARD_SIZE, Workspace, shard


def units_of_shard(workspace: Workspace, index: int) -> list[Unit]:
    """The units of a shard, in corpus order."""
    rows = workspace.units.iloc[index * SHARD_SIZE : (index + 1) * SHARD_SIZE]
    return [Unit(unit_id, text) for unit_id, text in zip(rows["unit_id"], rows["text"], strict=True)]


def write_shard(workspace: Workspace, annotator: str, index: int, rows: Sequence[MachineLabel]) -> None:
    """Write a shard, whole or not at all."""
    workspace.store.write(shard(annotator, index), to_table(rows), workspace.provenance(annotator=annotator))
