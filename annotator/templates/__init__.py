"""Commented study files to start from."""

from importlib.resources import files
from pathlib import Path

from annotator.errors import StudyError

NAMES = ("survey", "politeness", "stance")


def text(name: str) -> str:
    """The study file of a template. Raises StudyError for a name there is none of."""
    if name not in NAMES:
        raise StudyError(f"there is no template '{name}'", hint=f"There are: {', '.join(NAMES)}")
    return files("annotator.templates").joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def write(name: str, path: Path) -> None:
    """Write a template to ``path``. Raises StudyError rather than overwrite a file."""
    content = text(name)
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except FileExistsError as error:
        raise StudyError(f"{path} exists already", hint="Name another file.") from error
    except OSError as error:
        raise StudyError(f"cannot write {path}: {error.strerror}") from error
