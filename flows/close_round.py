"""Flow `close_round`: Form the gold of a round whose units are all coded.

Triggered by `advance` when it is due, or by hand from its deployment. Needs nothing but the study's files.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="close-round", flow_run_name=by_study)
def close_round(study: StudyFile) -> str:
    """Form the gold of a round whose units are all coded.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "close_round")
        if step is None:
            return "not due"
        return do_step(study, step)
