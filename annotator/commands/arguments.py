"""Arguments that commands share."""

from pathlib import Path
from typing import Annotated

import typer

from annotator.errors import StudyError

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="the study file")]
Json = Annotated[bool, typer.Option("--json", help="print JSON for a script")]


def whole_numbers(option: str, text: str) -> list[int]:
    """Whole positive numbers with commas between them. Raises StudyError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise StudyError(f"{option} {text!r}: expected whole numbers", hint=f"For example: {option} 200,500")
    return [int(part) for part in parts]
