"""Labels somebody's model gave earlier, read from columns of the corpus."""

import math
from collections.abc import Mapping, Sequence

from annotator.codebook import Codebook
from annotator.errors import StudyError
from annotator.labeling.protocol import MachineLabel, Status, Unit


class ReplayAnnotator:
    """Hands out labels that are already there.

    A label is recognised when it is a code of the codebook but for case and surrounding space, or a set of
    codes in whatever order; any other gives a row of status ``off_codebook``, and none at all (missing, NaN,
    blank) one of status ``empty``. A confidence outside [0, 1] says nothing and becomes null.

    Args:
        name: the annotator's name in the table.
        labels: the label of each unit, by unit id.
        confidence: the confidence of each unit in [0, 1], by unit id, where there is one.
        codebook: the codes that count.
    """

    def __init__(
        self,
        name: str,
        labels: Mapping[str, object],
        confidence: Mapping[str, float | None] | None,
        codebook: Codebook,
    ) -> None:
        self.name = name
        self._labels = labels
        self._confidence = confidence or {}
        self._codebook = codebook

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order; costs nothing and cannot fail."""
        return [self._row(unit.unit_id) for unit in units]

    def check(self) -> str:
        """Say how many labels there are.

        Raises:
            StudyError: none of them is in the codebook, or confidences are not probabilities.
        """
        rows = [self._row(unit_id) for unit_id in self._labels]
        n_usable, n_off = (sum(row.status == status for row in rows) for status in ("ok", "off_codebook"))
        if not n_usable:
            raise StudyError(
                f"machine annotator '{self.name}': none of its {len(rows):,} labels is in the codebook"
                + next((f"; the first is '{row.raw}'" for row in rows if row.raw), ""),
                hint=f"The codes are: {', '.join(self._codebook.names)}.",
            )
        stated = [value for value in self._confidence.values() if value is not None and not _is_nan(value)]
        odd = [value for value in stated if _probability(value) is None]
        if odd:
            raise StudyError(
                f"machine annotator '{self.name}': {len(odd):,} of its confidences are not between 0 and 1; "
                f"the first is {odd[0]:g}",
                hint="Divide percentages by 100.",
            )
        return f"{n_usable:,} labels to replay" + (f", {n_off:,} not in the codebook" if n_off else "")

    def _row(self, unit_id: str) -> MachineLabel:
        value = self._labels.get(unit_id)
        raw = None if value is None or _is_nan(value) else str(value)
        label = self._codebook.spell(raw) if raw else None
        status: Status = "ok" if label else "off_codebook" if raw and raw.strip() else "empty"
        return MachineLabel(
            unit_id=unit_id,
            annotator=self.name,
            label=label,
            confidence=_probability(self._confidence.get(unit_id)) if label else None,
            logprob=None,
            status=status,
            raw=raw,
            prompt_hash=None,
            tokens_in=0,
            tokens_out=0,
            cost=0.0,
            seconds=0.0,
            attempts=0,
        )


def _probability(value: float | None) -> float | None:
    if value is None or not math.isfinite(value) or not 0 <= value <= 1:
        return None
    return float(value)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
