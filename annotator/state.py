"""Where a study stands and what is due next: read off the files alone."""

from dataclasses import dataclass
from typing import Literal

from annotator.adoption import stored
from annotator.budget import coded
from annotator.classifiers import in_the_loop
from annotator.stages import adopt, canary, label, publish, rectify
from annotator.stages.collect import outstanding
from annotator.stages.disagreement import undecided
from annotator.stopping import is_narrow_enough
from annotator.workspace import CORPUS, Workspace, codes, gold, ledger, tasks

StageName = Literal[
    "ingest",
    "label",
    "adopt",
    "canary",
    "open_round",
    "send",
    "collect",
    "adjudicate",
    "close_round",
    "rectify",
    "publish",
    "retrain",
    "done",
]


@dataclass(frozen=True)
class Step:
    """The next due thing. ``round_number`` is 0 outside rounds."""

    stage: StageName
    round_number: int = 0

    def __str__(self) -> str:
        words = self.stage.replace("_", " ")
        return f"{words} (round {self.round_number})" if self.round_number else words


def next_step(workspace: Workspace) -> Step:
    """The first stage whose files are not there yet; `collect` as long as coders are at work.

    `adjudicate` comes when all of them have answered, as long as a disagreement is open.
    """
    if before := _due_before_rounds(workspace):
        return Step(before)
    closed = n_closed_rounds(workspace)
    if due := _due_after_round(workspace, closed):
        return due
    if reason_to_end(workspace, closed):
        return Step("done")
    return _due_in_open_round(workspace, closed + 1)


def _due_after_round(workspace: Workspace, closed: int) -> Step | None:
    """What the last closed round is still to bring: its estimates first."""
    if closed and not rectify.is_current(workspace, closed):
        return Step("rectify", closed)
    if closed and not publish.is_current(workspace, closed):
        return Step("publish", closed)
    if in_the_loop.is_due(workspace, closed):
        return Step("retrain", closed)
    return None


def _due_before_rounds(workspace: Workspace) -> StageName | None:
    if not workspace.store.exists(CORPUS):
        return "ingest"
    if label.pending(workspace):
        return "label"
    return "adopt" if adopt.due(workspace) else None


def n_closed_rounds(workspace: Workspace) -> int:
    """How many rounds have their gold."""
    number = 0
    while workspace.store.exists(gold(number + 1)):
        number += 1
    return number


def reason_to_end(workspace: Workspace, n_closed: int) -> str | None:
    """Why no further round is opened, or None when one is."""
    design = workspace.study.design
    if n_closed >= design.rounds:
        return f"all {design.rounds} rounds are closed"
    if n_closed and is_narrow_enough(workspace, n_closed):
        return f"the interval of '{design.stop.estimand}' is narrow enough" if design.stop else None
    n_coded = sum(coded(workspace, n_closed))
    if n_coded + stored.n_counted(workspace) >= len(workspace.units):
        return "every unit of the corpus is coded"
    if n_coded >= design.budget:
        return f"the budget of {design.budget:,} codes is spent"
    return None


def _due_in_open_round(workspace: Workspace, number: int) -> Step:
    if not workspace.store.exists(ledger(number)):
        return Step("canary" if canary.due(workspace, number) else "open_round", number)
    if not workspace.store.exists(tasks(number)):
        return Step("send", number)
    if workspace.store.exists(codes(number)) and outstanding(workspace, number).empty:
        return Step("adjudicate" if undecided(workspace, number) else "close_round", number)
    return Step("collect", number)
