"""`annotator prompts`."""

from pathlib import Path
from typing import Annotated

import typer

from annotator import console
from annotator.commands.arguments import StudyPath
from annotator.labeling.preview import Shown, copy, preview
from annotator.workspace import Workspace


def prompts(
    study: StudyPath,
    *,
    unit: Annotated[str | None, typer.Option(help="the unit's id; the corpus's first one if absent")] = None,
    machine: Annotated[str | None, typer.Option(help="one machine annotator; all if absent")] = None,
    copy_to: Annotated[
        Path | None, typer.Option("--copy", help="copy the built-in templates to this folder, to edit them")
    ] = None,
) -> None:
    """Show what a model is asked about a unit, word for word; nothing is sent."""
    if copy_to is not None:
        for name in copy(copy_to):
            console.out.print(f"{copy_to / name}", soft_wrap=True)
        console.out.print(f"Set `prompts: {copy_to}` in the machine section to use them.", soft_wrap=True)
        return
    for shown in preview(Workspace.open(study), unit, machine):
        _show(shown)


def _show(shown: Shown) -> None:
    console.out.rule(f"{shown.annotator}: {shown.wording} (prompt {shown.digest})")
    for message in shown.messages:
        console.out.print(message["role"], style="bold")
        console.out.print(message["content"], highlight=False, soft_wrap=True)
        console.out.print()
