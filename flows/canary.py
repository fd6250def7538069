"""Flow `canary`: Put a few fixed units to the endpoints again, to notice a model that changed.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the endpoints; one that is away
is noted and stops nothing.
"""

from prefect import flow
from prefect.logging import get_run_logger

from annotator.stages.canary import findings
from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="canary", flow_run_name=by_study)
def canary(study: StudyFile) -> str:
    """Put a few fixed units to the endpoints again, to notice a model that changed.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "canary")
        if step is None:
            return "not due"
        message = do_step(study, step)
        for finding in findings(workspace):
            if finding.round_number == step.round_number and finding.warning:
                get_run_logger().warning(finding.warning)
        artifacts.asked_again(workspace)
    return message
