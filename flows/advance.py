"""Flow `advance`: the tick. Does the due things of a study one after the other, and ends.

Triggered by its schedule. Needs whatever the due stages need. It never waits for a person: when coders
have to code, the run completes and says so, and a later run picks up what they have done.
"""

from collections.abc import Callable
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

from annotator.advance import is_waiting
from annotator.errors import BusyError
from annotator.state import StageName, Step, next_step
from annotator.workspace import Workspace
from flows.adjudicate import adjudicate
from flows.adopt import adopt
from flows.canary import canary
from flows.close_round import close_round
from flows.collect import collect
from flows.ingest import ingest
from flows.label import label
from flows.open_round import open_round
from flows.parameters import MaxSteps, StudyFile
from flows.publish import publish
from flows.rectify import rectify
from flows.retrain import retrain
from flows.run_names import by_study
from flows.send import send

STAGES: dict[StageName, Callable[[Path], str]] = {
    "ingest": ingest,
    "label": label,
    "adopt": adopt,
    "canary": canary,
    "open_round": open_round,
    "send": send,
    "collect": collect,
    "adjudicate": adjudicate,
    "close_round": close_round,
    "rectify": rectify,
    "publish": publish,
    "retrain": retrain,
}


def _waiting(step: Step, message: str) -> str:
    return f"waiting for people: {message}" if step.stage in {"collect", "adjudicate"} else message


@flow(name="advance", flow_run_name=by_study)
def advance(study: StudyFile, max_steps: MaxSteps = 20) -> State[str]:
    """Bring a study forward as far as it goes without people, at most `max_steps` stages.

    Args:
        study: The study file, as the worker sees it.
        max_steps: How many due stages one run does; it ends earlier when people have to code.
    """
    try:
        with Workspace.open(study).lock():
            return _advance(study, max_steps)
    except BusyError as error:
        return Completed(message=error.message)


def _advance(study: Path, max_steps: int) -> State[str]:
    message = "nothing done"
    for _ in range(max_steps):
        workspace = Workspace.open(study)
        step = next_step(workspace)
        if step.stage == "done":
            return Completed(message="the study is done")
        message = STAGES[step.stage](study)
        get_run_logger().info(f"{step}: {message}")
        if is_waiting(workspace, step):
            return Completed(message=_waiting(step, message))
    return Completed(message=message)
