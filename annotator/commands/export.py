"""`annotator export`."""

from pathlib import Path
from typing import Annotated

import typer

from annotator import console
from annotator.commands.arguments import StudyPath
from annotator.export.formats import FORMATS, export
from annotator.export.wanted import Wanted
from annotator.workspace import Workspace

_FORMS = "; ".join(f"{name}: {form.makes}" for name, form in FORMATS.items())


def export_study(
    study: StudyPath,
    destination: Annotated[Path, typer.Argument(help="where it is written")],
    *,
    to: Annotated[str, typer.Option("--to", help=_FORMS)],
    gold: Annotated[bool, typer.Option("--gold", help="with the human labels, as ground truth")] = False,
    machine: Annotated[str, typer.Option(help="with the labels of this machine annotator")] = "",
    coded: Annotated[bool, typer.Option("--coded", help="only units that people coded")] = False,
    text: Annotated[bool, typer.Option("--text", help="with the texts, where tables leave them out")] = False,
) -> None:
    """Write what is known for another tool. Nothing of the study changes."""
    wanted = Wanted(gold=gold, machine=machine or None, coded_only=coded, text=text)
    for place in export(Workspace.open(study), to, destination, wanted):
        console.out.print(str(place), soft_wrap=True)
