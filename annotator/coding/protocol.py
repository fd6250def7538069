"""What the study asks of the place where people code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from annotator import schema


@dataclass(frozen=True)
class Task:
    """A unit to be coded: its text, by how many different coders, what they are shown as a suggestion.

    ``given`` is for an adjudicator: what the unit's coders said, one answer a line. ``image`` is the place of
    its image as the corpus gives it.
    """

    unit_id: str
    text: str
    overlap: int = 1
    suggestion: str | None = None
    given: str | None = None
    image: str | None = None


class CodingService(Protocol):
    """Takes the drawn units of a round and gives back what people said about them.

    Every call may be repeated, also after the caller or the service was killed in the middle of it.
    """

    @property
    def address(self) -> str:
        """Where a person goes to code; empty where nobody has to."""
        ...

    def describe(self) -> str:
        """The service in a few words, for logs and tables."""
        ...

    def check(self) -> str:
        """Whether coding could start, without changing anything. Raises AnnotatorError where it could not."""
        ...

    def send(self, round_number: int, tasks: Sequence[Task]) -> pd.DataFrame:
        """Make sure that exactly one task a unit is there, in the order given.

        Returns one row a unit with the columns of ``schema.TASKS``.
        """
        ...

    def missing(self, round_number: int, tasks: pd.DataFrame) -> list[str]:
        """The units of ``send`` whose task is gone, by hand or accident; sending again makes it anew."""
        ...

    def close(self, tasks: pd.DataFrame) -> None:
        """Offer these tasks of ``send`` to nobody any more; what is said all the same can be collected."""
        ...

    def collect(self, tasks: pd.DataFrame, since: pd.Timestamp | None = None) -> pd.DataFrame:
        """Everything coded so far in the tasks of ``send``, in the columns of ``schema.CODES``.

        An ``overlap`` of 0 says that a task waits for nobody any more: it is not offered again. With
        ``since``, units that have not changed from then on may be left out.

        One row an answer; of several by a coder to a unit the latest counts (`latest_answers`). A skipped
        unit has ``skipped`` set and no label. An answer that is not one code of the codebook has no label
        either: it is no code, and the unit still lacks one. Drafts are left out.
        """
        ...


def tasks_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with the columns and types of ``schema.TASKS``."""
    return _frame(rows, schema.TASKS)


def codes_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame with the columns and types of ``schema.CODES``, sorted by unit and coder."""
    ordered = sorted(rows, key=lambda row: (row["unit_id"], row["coder"]))
    return _frame(ordered, schema.CODES)


def _frame(rows: Iterable[Mapping[str, Any]], columns: pa.Schema) -> pd.DataFrame:
    frame: pd.DataFrame = pa.Table.from_pylist(list(rows), schema=columns).to_pandas()
    return frame
