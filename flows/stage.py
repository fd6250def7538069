"""How every stage flow does its one stage: only when it is due, under the study's lock, as one task."""

from pathlib import Path

from prefect import task
from prefect.logging import get_run_logger

from annotator.advance import perform
from annotator.state import StageName, Step, next_step
from annotator.workspace import Workspace
from flows import artifacts
from flows.keys import secret_blocks
from flows.parameters import RETRIED


@task(task_run_name="{step}", **RETRIED)
def do_step(study: Path, step: Step) -> str:
    """Do one step of the study; an error that says it may pass is tried again."""
    workspace = Workspace.open(study)
    with secret_blocks():
        message = perform(workspace, step, artifacts.step_progress(workspace, step))
    get_run_logger().info(message)
    return message


def due_step(workspace: Workspace, stage: StageName) -> Step | None:
    """The step to do if ``stage`` is what is due next, else None (and the log says what is)."""
    step = next_step(workspace)
    if step.stage == stage:
        return step
    get_run_logger().info(f"{stage} is not due: next is {step}")
    return None
