"""One tick: do the next due thing for a study, and end."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from annotator.errors import StudyError
from annotator.progress import Progress, silent
from annotator.stages import batch
from annotator.stages.adjudicate import adjudicate, give_up_adjudication
from annotator.stages.adopt import adopt
from annotator.stages.canary import canary
from annotator.stages.close_round import close_round
from annotator.stages.collect import collect
from annotator.stages.give_up import give_up
from annotator.stages.ingest import ingest
from annotator.stages.label import label
from annotator.stages.open_round import open_round
from annotator.stages.publish import publish
from annotator.stages.rectify import rectify
from annotator.stages.retrain import retrain
from annotator.stages.send import send
from annotator.state import StageName, Step, n_closed_rounds, next_step, reason_to_end
from annotator.workspace import Workspace

WAITS_FOR: dict[StageName, str] = {
    "collect": "people to code",
    "adjudicate": "an adjudicator",
    "label": "a provider's batch",
}
_LAST_LOOK: dict[StageName, Callable[[Workspace, int], str]] = {
    "collect": partial(collect, everything=True),
    "adjudicate": adjudicate,
}
_GIVE_UP: dict[StageName, Callable[[Workspace, int], str]] = {
    "collect": give_up,
    "adjudicate": give_up_adjudication,
}


@dataclass(frozen=True)
class Outcome:
    """What a tick did. ``waiting``: people or a provider's batch have to bring something first."""

    step: Step
    message: str
    waiting: bool = False

    @property
    def is_last(self) -> bool:
        """Nothing more is due, now or (when done) ever."""
        return self.waiting or self.step.stage == "done"


def advance(workspace: Workspace, progress: Progress = silent, *, force: bool = False) -> Outcome:
    """Do the next due thing. Raises BusyError when another process is at it, and what the stage raises.

    With ``force``, codes or adjudications that are still outstanding after another look are given up
    (`give_up`, `give_up_adjudication`). Raises StudyError if the study does not wait for people.
    """
    with workspace.lock():
        step = next_step(workspace)
        if force:
            return Outcome(step, _force(workspace, step))
        message = perform(workspace, step, progress)
        return Outcome(step, message, waiting=is_waiting(workspace, step))


def _force(workspace: Workspace, step: Step) -> str:
    if step.stage not in _GIVE_UP:
        raise StudyError(
            f"the study does not wait for people: next is {step}", hint="Advance without --force."
        )
    found = _LAST_LOOK[step.stage](workspace, step.round_number)
    if next_step(workspace) != step:
        return found
    return _GIVE_UP[step.stage](workspace, step.round_number)


def perform(workspace: Workspace, step: Step, progress: Progress = silent) -> str:
    """Do one step and say what came of it. The study must be locked."""
    if step.stage == "done":
        return f"done: {reason_to_end(workspace, n_closed_rounds(workspace))}"
    return _PERFORM[step.stage](workspace, step.round_number, progress)


def is_waiting(workspace: Workspace, done: Step) -> bool:
    """Whether after ``done`` only people, or a provider's batch, can bring the study forward."""
    if done.stage == "label" and not batch.waiting(workspace):
        return False
    return done.stage in WAITS_FOR and next_step(workspace) == done


_PERFORM: dict[StageName, Callable[[Workspace, int, Progress], str]] = {
    "ingest": lambda workspace, _round, _progress: ingest(workspace),
    "label": lambda workspace, _round, progress: label(workspace, progress),
    "adopt": lambda workspace, _round, _progress: adopt(workspace),
    "canary": lambda workspace, number, _progress: canary(workspace, number),
    "open_round": lambda workspace, number, _progress: open_round(workspace, number),
    "send": send,
    "collect": lambda workspace, number, _progress: collect(workspace, number),
    "adjudicate": lambda workspace, number, _progress: adjudicate(workspace, number),
    "close_round": lambda workspace, number, _progress: close_round(workspace, number),
    "rectify": lambda workspace, number, _progress: rectify(workspace, number),
    "publish": lambda workspace, number, _progress: publish(workspace, number),
    "retrain": retrain,
}
