"""The parts of the corpus that are labelled and written in one go."""

import itertools
from collections.abc import Iterator, Sequence

import pyarrow as pa

from annotator.labeling.pipeline import Part
from annotator.labeling.protocol import MachineLabel, Unit, to_table
from annotator.workspace import SHARD_SIZE, Workspace, shard


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
