"""Flow `adjudicate`: Send what coders disagree on to an adjudicator, and fetch what was decided so far.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the coding service.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows import artifacts
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="adjudicate", flow_run_name=by_study)
def adjudicate(study: StudyFile) -> str:
    """Send what coders disagree on to an adjudicator, and fetch what was decided so far.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "adjudicate")
        if step is None:
            return "not due"
        message = do_step(study, step)
        artifacts.adjudication_link(Workspace.open(study), step)
        artifacts.fairness(Workspace.open(study))
    return message
