"""`annotator advance` and `annotator run`."""

import time
from typing import Annotated

import typer

from annotator import console
from annotator.advance import WAITS_FOR, Outcome
from annotator.advance import advance as advance_once
from annotator.commands.arguments import Json, StudyPath
from annotator.status import status as study_status
from annotator.workspace import Workspace


def advance(
    study: StudyPath,
    force: Annotated[
        bool, typer.Option("--force", help="no longer wait for codes or adjudications that are outstanding")
    ] = False,
    as_json: Json = False,
) -> None:
    """Do the next due thing, in this process, and end."""
    _tell(_advance(Workspace.open(study), force=force), as_json)


def run(
    study: StudyPath,
    wait: Annotated[bool, typer.Option("--wait", help="keep polling while people code")] = False,
    poll: Annotated[float, typer.Option(min=0.1, help="seconds between looks while waiting")] = 30.0,
    as_json: Json = False,
) -> None:
    """Advance until the study is done or waits for people."""
    workspace = Workspace.open(study)
    while True:
        outcome = _advance(workspace)
        _tell(outcome, as_json)
        if outcome.step.stage == "done" or (outcome.waiting and not wait):
            break
        if outcome.waiting:
            time.sleep(poll)
    if not as_json:
        console.show_estimates(study_status(workspace).estimates)


def _advance(workspace: Workspace, *, force: bool = False) -> Outcome:
    with console.progress_bar() as progress:
        return advance_once(workspace, progress, force=force)


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        step = {"stage": outcome.step.stage, "round": outcome.step.round_number}
        console.show_json({**step, "message": outcome.message, "waiting": outcome.waiting}, indent=None)
        return
    console.show_line(str(outcome.step), f": {outcome.message}")
    if outcome.waiting:
        waits_for = WAITS_FOR[outcome.step.stage]
        console.out.print(f"waiting for {waits_for}; run this again then", style="dim")
