"""Human codes that stand in the corpus already: for simulation, and for studies of the past."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from annotator.codebook import Codebook
from annotator.coding.protocol import Task, codes_frame, tasks_frame
from annotator.errors import CorpusError

CODER = "replay"
SECOND = "replay second"
ADJUDICATOR = "replay adjudicator"
_WHEN = pd.Timestamp(0, tz="UTC")


class ReplayCoding:
    """Answers at once with the code on record: of ``coder``, and of a second one if ``second`` has codes.

    ``overlap`` is never more than there are coders.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="Polite?", type="binary", labels=[Code(name="yes"), Code(name="no")])
    >>> service = ReplayCoding({"a": "no"}, book)
    >>> codes = service.collect(service.send(1, [Task("a", "Go away.")]))
    >>> codes[["unit_id", "coder", "label"]].values.tolist()
    [['a', 'replay', 'no']]
    """

    def __init__(
        self,
        codes: Mapping[str, Any],
        codebook: Codebook,
        *,
        second: Mapping[str, Any] | None = None,
        coder: str = CODER,
    ) -> None:
        self._coders = {coder: codes} if second is None else {coder: codes, SECOND: second}
        self._codes = codes
        self._codebook = codebook

    @property
    def address(self) -> str:
        """Nobody has to go anywhere."""
        return ""

    def missing(self, round_number: int, tasks: pd.DataFrame) -> list[str]:
        """Nothing can get lost."""
        del round_number, tasks
        return []

    def close(self, tasks: pd.DataFrame) -> None:
        """Nobody is offered anything."""
        del tasks

    def describe(self) -> str:
        """The service in a few words."""
        return f"codes on record for {len(self._codes)} units"

    def check(self) -> str:
        """Every unit needs a code of the codebook, since any may be drawn. Raises CorpusError."""
        for coder in self._coders:
            for unit_id in self._codes:
                self._code(unit_id, coder)
        return self.describe()

    def send(self, round_number: int, tasks: Sequence[Task]) -> pd.DataFrame:
        """One row a unit, numbered in the order given. Raises CorpusError where a unit has no valid code."""
        for task in tasks:
            for coder in [*self._coders][: task.overlap]:
                self._code(task.unit_id, coder)
        return tasks_frame(
            {
                "unit_id": task.unit_id,
                "task_id": position + 1,
                "overlap": min(task.overlap, len(self._coders)),
                "position": position,
            }
            for position, task in enumerate(tasks)
        )

    def collect(self, tasks: pd.DataFrame, since: pd.Timestamp | None = None) -> pd.DataFrame:
        """The codes on record of these units. Raises CorpusError where a unit has no valid code."""
        del since
        return codes_frame(
            {
                "unit_id": unit_id,
                "coder": coder,
                "label": self._code(unit_id, coder),
                "lead_time": None,
                "annotation_id": len(self._coders) * task_id + place,
                "updated_at": _WHEN,
                "skipped": False,
                "preannotated": False,
                "cannot_code": None,
                "note": None,
            }
            for unit_id, task_id, overlap in tasks[["unit_id", "task_id", "overlap"]].itertuples(index=False)
            for place, coder in enumerate(self._coders)
            if place < max(overlap, 1)
        )

    def _code(self, unit_id: str, coder: str) -> str:
        code = self._coders[coder].get(unit_id)
        text = "" if pd.isna(code) else str(code)
        label = self._codebook.spell(text) if text else None
        if label is None:
            found = f"{text!r}, which is not in the codebook" if text else "nothing"
            raise CorpusError(
                f"unit {unit_id!r} has no usable human code: on record is {found}",
                hint=f"Every unit needs {self._codebook.choices}.",
            )
        return label
