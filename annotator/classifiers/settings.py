"""From the `model` section of a study file to the settings of a classifier."""

from typing import Any

from annotator.classifiers.section import Model
from annotator.workspace import Workspace
from models import embedded


def settings_of(workspace: Workspace, model: Model) -> dict[str, Any]:
    """What the section sets, as its kind of classifier takes it."""
    settings = dict(model.settings)
    if model.base is not None:
        settings["base"] = _base(workspace, model.base)
    if model.method is not None:
        settings["method"] = model.method
    return settings


def _base(workspace: Workspace, base: str) -> str:
    if base.startswith("embedded:"):
        return str(embedded.path(base.removeprefix("embedded:")))
    beside = workspace.study.folder / base
    return str(beside.resolve()) if beside.exists() else base
