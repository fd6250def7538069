"""Shards whose questions go to a provider's batches together, and the files that tell how far each lot is.

A lot is asked in turns: the questions of a turn are what its units lack after the turns before.
``NNNNN-TT.questions.parquet`` is written before anything is handed in, ``.batch.json`` says which batch it
became, ``.answers.parquet`` ends the turn. A lot without an open turn whose shards exist is done.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from annotator.labeling.batch_answers import from_table
from annotator.labeling.reading import Outcome
from annotator.workspace import Workspace, shard


@dataclass(frozen=True)
class Record:
    """What is known of the batch of a turn.

    Attributes:
        began: when handing it in began, in seconds since 1970.
        batch_id: the provider's name for it; None before that is known.
        failures: what the provider said when it refused the batch as a whole.
    """

    began: float
    batch_id: str | None = None
    failures: tuple[str, ...] = ()

    def handed_in(self, batch_id: str) -> "Record":
        """The record of a batch with the provider."""
        return replace(self, batch_id=batch_id)

    def refused(self, why: str | None) -> "Record":
        """The record of a batch that is to be handed in again; ``why`` if that counts as a failure."""
        return replace(self, batch_id=None, failures=(*self.failures, *([why] if why else [])))


@dataclass(frozen=True)
class Lot:
    """Some consecutive shards of one machine annotator."""

    workspace: Workspace = field(repr=False, compare=False)
    annotator: str
    first: int
    n_shards: int

    @property
    def indices(self) -> range:
        """Its shards."""
        return range(self.first, self.first + self.n_shards)

    @property
    def n_turns(self) -> int:
        """How many turns were begun."""
        turn = 0
        while self.workspace.store.exists(self.path(turn + 1, "questions.parquet")):
            turn += 1
        return turn

    @property
    def is_open(self) -> bool:
        """Whether its last turn waits for answers."""
        turn = self.n_turns
        return bool(turn) and not self.workspace.store.exists(self.path(turn, "answers.parquet"))

    def path(self, turn: int, what: str) -> str:
        """A file of one turn."""
        return f"{_folder(self.annotator)}/{self.first:05d}-{turn:02d}.{what}"

    def ask(self, questions: pa.Table) -> int:
        """Begin the next turn with these questions, and say which it is."""
        turn = self.n_turns + 1
        about = self.workspace.provenance(annotator=self.annotator, n_shards=self.n_shards)
        self.workspace.store.write(self.path(turn, "questions.parquet"), questions, about)
        return turn

    def questions(self, turn: int) -> pa.Table:
        """The questions of a turn."""
        return self.workspace.store.read(self.path(turn, "questions.parquet"))

    def answered(self, turn: int, answers: pa.Table) -> None:
        """End a turn with its answers."""
        about = self.workspace.provenance(annotator=self.annotator)
        self.workspace.store.write(self.path(turn, "answers.parquet"), answers, about)

    def answers(self) -> Iterator[Iterator[tuple[str, Outcome]]]:
        """What the finished turns brought, in their order."""
        for turn in range(1, self.n_turns + 1):
            path = self.path(turn, "answers.parquet")
            if self.workspace.store.exists(path):
                yield iter(from_table(self.workspace.store.read(path)))

    def record(self, turn: int) -> Record | None:
        """What is known of a turn's batch, if handing it in ever began."""
        path = self.path(turn, "batch.json")
        if not self.workspace.store.exists(path):
            return None
        known: dict[str, Any] = json.loads(self.workspace.store.read_bytes(path))
        return Record(known["began"], known["batch_id"], tuple(known["failures"]))

    def write_record(self, turn: int, record: Record) -> None:
        """Keep what is known of a turn's batch."""
        text = json.dumps(
            {"began": record.began, "batch_id": record.batch_id, "failures": list(record.failures)}, indent=1
        )
        self.workspace.store.write_bytes(self.path(turn, "batch.json"), text.encode())


def lots(workspace: Workspace, annotator: str, n_shards: int) -> Iterator[Lot]:
    """The lots that are not labelled yet: those begun as they are, the rest of at most ``n_shards``."""
    index = 0
    while index < workspace.n_shards:
        begun = _begun(workspace, annotator, index)
        if begun is not None:
            if any(_is_pending(workspace, annotator, i) for i in begun.indices):
                yield begun
            index += begun.n_shards
        elif _is_pending(workspace, annotator, index):
            end = index + 1
            while end < min(index + n_shards, workspace.n_shards) and _is_free(workspace, annotator, end):
                end += 1
            yield Lot(workspace, annotator, index, end - index)
            index = end
        else:
            index += 1


def _is_pending(workspace: Workspace, annotator: str, index: int) -> bool:
    return not workspace.store.exists(shard(annotator, index))


def _is_free(workspace: Workspace, annotator: str, index: int) -> bool:
    return _is_pending(workspace, annotator, index) and _begun(workspace, annotator, index) is None


def _begun(workspace: Workspace, annotator: str, first: int) -> Lot | None:
    """The lot that starts at a shard, if its first turn was begun."""
    path = f"{_folder(annotator)}/{first:05d}-01.questions.parquet"
    if not workspace.store.exists(path):
        return None
    return Lot(workspace, annotator, first, int(workspace.store.metadata(path)["n_shards"]))


def _folder(annotator: str) -> str:
    return f"machine_labels/{annotator}/batches"
