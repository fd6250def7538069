"""Flow `adopt`: Let human codes from before the study enter it.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the Label Studio or the files
that hold the codes.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="adopt", flow_run_name=by_study)
def adopt(study: StudyFile) -> str:
    """Let human codes from before the study enter it.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "adopt")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.adopted(workspace)
    return message
