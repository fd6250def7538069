"""Flow `send`: Send the drawn units to the coders as tasks, blind.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the coding service.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="send", flow_run_name=by_study)
def send(study: StudyFile) -> str:
    """Send the drawn units to the coders as tasks, blind.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "send")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.coding_link(workspace, step)
    return message
