"""`annotator label --dry-run`: what labelling would send and cost, with nothing sent."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from annotator import corpus
from annotator.labeling.build import openai
from annotator.labeling.pipeline import Part
from annotator.labeling.protocol import Unit
from annotator.machines import Machine, OpenAIMachine
from annotator.progress import Progress, silent
from annotator.stages.label import pending
from annotator.stages.retry import failed_parts, failures, refuse_when_drawn
from annotator.stages.shards import parts, shard_length, units_of
from annotator.workspace import CORPUS, Workspace

_TELL_EVERY = 1000  # units


@dataclass(frozen=True)
class LabellingCost:
    """What is to be labelled by one annotator, and what that takes.

    Attributes
    ----------
    n_units : int
        Units to be labelled, or to be asked about again.
    calls : int
        Requests, where each succeeds at once. A known reply needs none.
    tokens_in, tokens_out : float
        At about four characters a token (`annotator.labeling.tokens`).
    cost : float
        At the annotator's prices.
    spent : float
        What its replies cost so far.
    max_cost : float or None
        The cap on both together.
    """

    annotator: str
    n_units: int
    calls: int = 0
    tokens_in: float = 0.0
    tokens_out: float = 0.0
    cost: float = 0.0
    spent: float = 0.0
    max_cost: float | None = None

    @property
    def is_within_cap(self) -> bool:
        """Whether the estimate leaves the cap in peace."""
        return self.max_cost is None or self.spent + self.cost <= self.max_cost

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {**asdict(self), "is_within_cap": self.is_within_cap}


def labelling_costs(
    workspace: Workspace,
    machines: Sequence[Machine],
    *,
    retry: bool = False,
    progress: Progress = silent,
) -> list[LabellingCost]:
    """Go through the labelling as in earnest, with made-up replies where none is known.

    With ``retry``, through asking again for failed units. Raises StudyError, and CorpusError where the
    corpus has not been read yet and cannot be.
    """
    if retry:
        refuse_when_drawn(workspace)
    return [_labelling_cost(workspace, machine, retry, progress) for machine in machines]


def _labelling_cost(workspace: Workspace, machine: Machine, retry: bool, progress: Progress) -> LabellingCost:
    n_units, units = _todo(workspace, machine, retry)
    if not isinstance(machine, OpenAIMachine):
        return LabellingCost(machine.name, n_units)
    annotator = openai(workspace, machine, ask_again=retry, needs_key=False)
    rehearsal = annotator.rehearse(_telling(units, n_units, f"counting for {machine.name}", progress))
    return LabellingCost(
        annotator=machine.name,
        n_units=n_units,
        calls=rehearsal.calls,
        tokens_in=rehearsal.tokens_in,
        tokens_out=rehearsal.tokens_out,
        cost=(rehearsal.tokens_in * machine.price_in + rehearsal.tokens_out * machine.price_out) / 1e6,
        spent=annotator.spent,
        max_cost=machine.max_cost,
    )


def _todo(workspace: Workspace, machine: Machine, retry: bool) -> tuple[int, Iterable[Unit]]:
    """How many units are to be labelled, and which."""
    if not workspace.store.exists(CORPUS):
        table = pa.Table.from_pandas(corpus.read(workspace.study).units, preserve_index=False)
        return (0, []) if retry else (table.num_rows, units_of(workspace, table))
    if retry:
        failed = failures(workspace, machine.name)
        return sum(failed.values()), _units(failed_parts(workspace, machine.name, list(failed)))
    indices = [part.index for part in pending(workspace, machine.name)]
    n_units = sum(shard_length(workspace, index) for index in indices)
    return n_units, _units(parts(workspace, indices))


def _units(of: Iterable[Part]) -> Iterator[Unit]:
    return (unit for _, units in of for unit in units)


def _telling(units: Iterable[Unit], total: int, what: str, progress: Progress) -> Iterator[Unit]:
    for number, unit in enumerate(units, start=1):
        yield unit
        if number % _TELL_EVERY == 0:
            progress(number, total, what)
