"""`annotator init`."""

from pathlib import Path
from typing import Annotated

import typer

from annotator import console, templates


def init(
    path: Annotated[Path, typer.Argument(help="the study file to write")] = Path("study.yaml"),
    template: Annotated[str, typer.Option(help=f"one of: {', '.join(templates.NAMES)}")] = "survey",
) -> None:
    """Write a commented study file to start from."""
    templates.write(template, path)
    console.out.print(f"{path} is written. Edit it, then run: annotator check {path}")
