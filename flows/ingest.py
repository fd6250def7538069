"""Flow `ingest`: Read the corpus and keep it as corpus.parquet.

Triggered by `advance` when it is due, or by hand from its deployment. Needs the corpus.
"""

from prefect import flow

from annotator.workspace import Workspace
from flows.parameters import StudyFile
from flows.run_names import by_study
from flows.stage import do_step, due_step


@flow(name="ingest", flow_run_name=by_study)
def ingest(study: StudyFile) -> str:
    """Read the corpus and keep it as corpus.parquet.

    Args:
        study: The study file, as the worker sees it.
    """
    workspace = Workspace.open(study)
    with workspace.lock():
        step = due_step(workspace, "ingest")
        if step is None:
            return "not due"
        return do_step(study, step)
