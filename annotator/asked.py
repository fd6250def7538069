"""From the estimands that a study file asks for to estimands ready to solve."""

import pandas as pd

from annotator.inference.estimands import Estimand
from annotator.inference.estimands.mean import Mean
from annotator.study import MeanEstimand
from annotator.workspace import Workspace

MISSING_GROUP = "(missing)"


def estimands(workspace: Workspace) -> list[Estimand]:
    """The study's estimands on its corpus."""
    return [_estimand(workspace, section) for section in workspace.study.estimands]


def _estimand(workspace: Workspace, section: MeanEstimand) -> Estimand:
    if section.by is None:
        return Mean(section.name)
    values = workspace.units[section.by].map(lambda value: MISSING_GROUP if pd.isna(value) else str(value))
    groups = pd.Categorical(values)
    return Mean(section.name, groups.codes.astype("int64"), [str(name) for name in groups.categories])
