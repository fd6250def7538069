"""What every machine annotator is: units in, one row of the ``machine_labels`` table per unit out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
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

Confidence = Literal["verbalized", "structured", "logprob", "self_consistency", "prompt_agreement", "none"]
"""What the column ``confidence`` holds.

``verbalized``: asked for in words, in a second turn. ``structured``: stated with the label in one JSON
reply. ``logprob``: the probability of the code's tokens. ``self_consistency``: the share of sampled replies
that give the label. ``prompt_agreement``: the share of paraphrased and shuffled questions that get it.
``none``: nothing.
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """One text to be coded, and the place of the image that belongs to it, if any."""

    unit_id: str
    text: str
    image: str | None = None


@dataclass(frozen=True, slots=True)
class MachineLabel:
    """One row of ``machine_labels``.

    Attributes:
        label: a code of the codebook, exactly as it is spelt there, or a set of codes as ``label_sets``
            writes it; None unless ``status`` is ``ok``.
        confidence: a probability in [0, 1]; None where none was asked for or none could be read.
        logprob: natural log-probability of the label's tokens, at most 0; None where not offered.
        raw: the model's replies, one a line, in the order of the questions (the code, then the confidence);
            for a unit without a reply the reason why.
        prompt_hash: digest of everything in the prompt but the text; None where no prompt was used.
        tokens_in: tokens of all prompts of this unit.
        tokens_out: tokens of all its replies.
        cost: what this unit's replies cost, in the currency of the annotator's prices; 0 where another
            unit with the same text paid.
        seconds: time spent waiting for the replies in this call; 0 where they were already known.
        attempts: requests sent in this call; 0 where the replies were already known.
        signals: everything else that may tell how sure the label is, by name (``docs/labelling.md``). A
            name with a colon is a detail (``code:<name>``, ``shuffle:<order>:<name>``), any other a signal.
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
    signals: Mapping[str, float] = field(default_factory=dict)


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
    records = [
        {name: getattr(row, name) for name in _FIELDS} | {"signals": list(row.signals.items())}
        for row in rows
    ]
    return pa.Table.from_pylist(records, schema=MACHINE_LABELS)
