"""Flow `retrain`: Train the study's classifier on all human codes so far, for the next round.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the study's files, and the base
model of a classifier that has one.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


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
        message = do_step(study, step)
        artifacts.classifiers(workspace)
    return message
