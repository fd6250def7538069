"""`annotator report`."""

from annotator import console
from annotator.commands.arguments import StudyPath
from annotator.errors import StudyError
from annotator.stages.publish import write_report
from annotator.state import n_closed_rounds
from annotator.workspace import REPORT, Workspace


def report(study: StudyPath) -> None:
    """Write report.html from what is there."""
    workspace = Workspace.open(study)
    closed = n_closed_rounds(workspace)
    if not closed:
        raise StudyError(
            "there is nothing to report yet", hint="The report starts with the first closed round."
        )
    write_report(workspace, closed)
    console.out.print(workspace.store.address(REPORT), soft_wrap=True)
