"""Flow `open_round`: Fit the confidence-to-error map, draw units with known probabilities, write the ledger.

Triggered by `advance` when it is due, or by hand from its deployment. Needs machine labels of every unit.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="open-round", flow_run_name=by_study)
def open_round(study: StudyFile) -> str:
    """Fit the confidence-to-error map, draw units with known probabilities, write the ledger.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "open_round")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.opened_round(workspace, step)
    return message
