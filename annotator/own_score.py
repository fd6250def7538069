"""A user's own estimand, loaded from a Python file beside the study file."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pandas as pd

from annotator.errors import StudyError
from annotator.inference.estimands.custom import Score
from annotator.questions import CustomAsked


def own_score(asked: CustomAsked, units: pd.DataFrame, codes: Sequence[str], folder: Path) -> Score:
    """The class that the question names, called with the units, the codes and the options.

    Raises StudyError if the file is not there or the class cannot be made from it.
    """
    path = folder / asked.path
    if not path.is_file():
        raise StudyError(f"estimand '{asked.name}': there is no file {asked.path} beside the study file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return cast(Score, getattr(module, asked.class_name)(units, codes, **asked.options))
    except Exception as error:
        raise StudyError(
            f"estimand '{asked.name}': {asked.path} cannot give a {asked.class_name}: {error!r}",
            hint="The class is called with the units (a DataFrame), the codes, and the `options`.",
        ) from error
