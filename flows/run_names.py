"""Names of flow runs: the study's own name, which people know, not its path."""

from pathlib import Path

from prefect.runtime import flow_run

from annotator import study_file
from annotator.errors import AnnotatorError


def by_study() -> str:
    """For example ``collect most-important-problem``."""
    study = Path(str(flow_run.parameters.get("study", "")))
    try:
        name = study_file.read(study).name
    except AnnotatorError:
        name = study.name
    return f"{flow_run.flow_name} {name}"
