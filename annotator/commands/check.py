"""`annotator check`."""

import typer

from annotator import console
from annotator.check import check as check_study
from annotator.commands.arguments import Json, StudyPath
from annotator.workspace import Workspace


def check(study: StudyPath, as_json: Json = False) -> None:
    """Look at everything the study names: columns, models, Label Studio, disk. Writes nothing."""
    findings = []
    for finding in check_study(Workspace.open(study)):
        findings.append(finding)
        if not as_json:
            mark, colour = ("no", "red") if finding.error else ("ok", "green")
            console.out.print(f"{mark:>5}  ", style=colour, end="")
            console.out.print(f"{finding.what:32} ", end="")
            console.out.print(finding.detail, soft_wrap=True)
            if finding.error and finding.error.hint:
                console.out.print(f"{'':40}{finding.error.hint}", style="dim", soft_wrap=True)
    if as_json:
        rows = [{"what": f.what, "ok": f.error is None, "detail": f.detail} for f in findings]
        console.show_json(rows)
    failed = [finding.error.exit_code for finding in findings if finding.error]
    if failed:
        raise typer.Exit(min(failed))
