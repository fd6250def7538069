"""Flow `retrain`: Train the study's classifier on all human codes so far, for the next round.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the study's files, and the base
model of a classifier that has one.
"""

from pathlib import Path

from prefect import flow, task
from prefect.logging import get_run_logger

from annotator.advance import perform
from annotator.state import Step
from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import RETRIED, StudyFile
from flows.run_names import by_study
from flows.stage import due_step


@task(task_run_name="{step}", **RETRIED)
def retrain_task(study: Path, step: Step) -> str:
    """Train and compare; tried again, it goes on where it was."""
    workspace = Workspace.open(study)
    message = perform(workspace, step, artifacts.retraining_progress(workspace, step))
    get_run_logger().info(message)
    return message


@flow(name="retrain", flow_run_name=by_study)
def retrain(study: StudyFile) -> str:
    """Train the study's classifier on all human codes so far; the next round uses it if it is better.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "retrain")
        if step is None:
            return "not due"
        message = retrain_task(study, step)
        artifacts.classifiers(workspace)
    return message
