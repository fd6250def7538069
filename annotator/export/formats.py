"""The forms a study can be exported to, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from annotator.errors import StudyError
from annotator.export.huggingface import huggingface
from annotator.export.label_studio import label_studio
from annotator.export.r_dsl import r_dsl
from annotator.export.stata import stata
from annotator.export.tables import csv_tables
from annotator.export.wanted import Wanted
from annotator.workspace import CORPUS, Workspace


@dataclass(frozen=True)
class Format:
    """One form: how it is written, and what stands at its destination, for people."""

    write: Callable[[Workspace, Path, Wanted], list[Path]]
    makes: str


FORMATS: Mapping[str, Format] = {
    "label_studio": Format(label_studio, "a file of tasks to import, with its labelling interface beside it"),
    "csv": Format(csv_tables, "a folder with the tables of results as csv files"),
    "stata": Format(stata, "a folder with the tables of results for Stata"),
    "huggingface": Format(huggingface, "a folder that `datasets.load_dataset` opens"),
    "r-dsl": Format(r_dsl, "a folder with the draws and a script for the R package dsl"),
}


def export(workspace: Workspace, to: str, destination: Path, wanted: Wanted) -> list[Path]:
    """Write what is there to ``destination``; the files that were written.

    Raises StudyError for a form that there is not, or a study that has nothing to export yet.
    """
    if to not in FORMATS:
        raise StudyError(f"--to {to}: there is no such form", hint=f"Choose from: {', '.join(FORMATS)}.")
    if not workspace.store.exists(CORPUS):
        raise StudyError("there is nothing to export yet", hint="Run `annotator advance` first.")
    try:
        return FORMATS[to].write(workspace, destination, wanted)
    except OSError as error:
        raise StudyError(f"{destination} cannot be written: {error.strerror or error}") from error
