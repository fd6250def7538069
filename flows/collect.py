"""Flow `collect`: Fetch what the coders have said so far.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the coding service.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="collect", flow_run_name=by_study)
def collect(study: StudyFile) -> str:
    """Fetch what the coders have said so far.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "collect")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.coding_progress(Workspace.open(study), step)
    return message
