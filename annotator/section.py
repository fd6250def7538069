"""What every part of a study file has in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

Column = Annotated[str, StringConstraints(min_length=1)]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Section(BaseModel):
    """A part of the study file: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@contextmanager
def about(*place: str | int) -> Iterator[None]:
    """Around checks of one part of the study against others: what they raise names the part at ``place``."""
    try:
        yield
    except ValueError as error:
        raise PydanticCustomError("misfit", "{message}", {"message": str(error), "place": place}) from error


def refuse_doubles(what: str, names: list[str]) -> None:
    """Raise ValueError if a name is given twice."""
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"{what} need names of their own; given twice: {', '.join(doubled)}")
