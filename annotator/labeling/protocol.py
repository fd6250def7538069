"""What every machine annotator is: units in, one row of the ``machine_labels`` table per unit out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, Protocol

import pyarrow as pa

from annotator.schema import MACHINE_LABELS

Status = Literal[
    "ok",
    "empty",
    "off_codebook",
    "unparsable",
    "refusal",
    "content_filter",
    "truncated",
    "timeout",
    "http_4xx",
    "http_5xx",
    "error",
]
"""What became of a unit. Only ``ok`` comes with a label.

``empty``: nothing was said. ``off_codebook``: what was said names no single code. ``unparsable``: the
endpoint sent something that is not a completion. ``refusal``: the model declined. ``content_filter``: the
endpoint's filter did. ``truncated``: the reply was cut before a code was complete. ``timeout``: no reply in
time. ``http_4xx``: the endpoint did not accept the request, or had no room for it (429). ``http_5xx``: it
failed. ``error``: no reply for another reason, such as a connection that was cut.
"""

Confidence = Literal["verbalized", "logprob", "none"]
"""How confidence is elicited: asked for in words, read from the code's tokens, or not at all."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One text to be coded."""

    unit_id: str
    text: str


@dataclass(frozen=True, slots=True)
class MachineLabel:
    """One row of ``machine_labels``.

    Attributes:
        label: a code of the codebook, exactly as it is spelt there; None unless ``status`` is ``ok``.
        confidence: a probability in [0, 1]; None where none was asked for or none could be read.
        logprob: natural log-probability of the label's tokens, at most 0; None where not offered.
        raw: the model's replies, one a line (the code, then the confidence); for a unit without a reply
            the reason why.
        prompt_hash: digest of everything in the prompt but the text; None where no prompt was used.
        tokens_in: tokens of all prompts of this unit.
        tokens_out: tokens of all its replies.
        cost: what this unit's replies cost, in the currency of the annotator's prices; 0 where another
            unit with the same text paid.
        seconds: time spent waiting for the replies in this call; 0 where they were already known.
        attempts: requests sent in this call; 0 where the replies were already known.
    """

    unit_id: str
    annotator: str
    label: str | None
    confidence: float | None
    logprob: float | None
    status: Status
    raw: str | None
    prompt_hash: str | None
    tokens_in: int
    tokens_out: int
    cost: float
    seconds: float
    attempts: int


class MachineAnnotator(Protocol):
    """Anything that can label texts by itself."""

    name: str

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """Label the units: one row each, in the same order, whatever happens to single units.

        Raises:
            ServiceUnavailableError: nobody answers; nothing is returned, replies already paid for are kept.
            ServiceError: the endpoint or model refuses every request until somebody changes something.
        """
        ...

    def check(self) -> str:
        """Verify cheaply that labels can be had, and say so in one line.

        Raises:
            ServiceUnavailableError: nobody answers.
            ServiceError: the endpoint or model is there but will not serve.
        """
        ...


_FIELDS = tuple(field.name for field in fields(MachineLabel))


def to_table(rows: Iterable[MachineLabel]) -> pa.Table:
    """The rows as an Arrow table of schema ``MACHINE_LABELS``."""
    records = [{name: getattr(row, name) for name in _FIELDS} for row in rows]
    return pa.Table.from_pylist(records, schema=MACHINE_LABELS)
