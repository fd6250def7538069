"""Flow `publish`: Write labels.parquet and report.html.

Triggered by `advance` when it is due, or by hand from its deployment. Needs nothing but the study's files.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="publish", flow_run_name=by_study)
def publish(study: StudyFile) -> str:
    """Write labels.parquet and report.html.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "publish")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.report_link(workspace)
    return message
