"""Flow `rectify`: Compute the estimates with their intervals from the ledgers and the gold.

Triggered by `advance` when it is due, or by hand from its deployment. Needs nothing but the study's files.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="rectify", flow_run_name=by_study)
def rectify(study: StudyFile) -> str:
    """Compute the estimates with their intervals from the ledgers and the gold.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "rectify")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.estimates(workspace)
    return message
