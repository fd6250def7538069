"""Adopted codes as a study has them once they have entered it."""

from typing import Any

import pandas as pd

from annotator.workspace import ADOPTED, Workspace, gold, ledger, taught


def has_adopted(workspace: Workspace) -> bool:
    """Whether human codes from before the study are part of it."""
    return workspace.store.exists(gold(ADOPTED))


def is_sample(workspace: Workspace) -> bool:
    """Whether those that count as gold were drawn with known probabilities."""
    return has_adopted(workspace) and bool(workspace.store.metadata(ledger(ADOPTED))["is_sample"])


def n_counted(workspace: Workspace) -> int:
    """How many units have adopted gold."""
    return workspace.store.n_rows(gold(ADOPTED)) if has_adopted(workspace) else 0


def numbers(workspace: Workspace, n_rounds: int) -> range:
    """The numbers of the closed rounds, with that of adopted codes first where there are any."""
    return range(ADOPTED if has_adopted(workspace) else 1, n_rounds + 1)


def sources(workspace: Workspace) -> list[dict[str, Any]]:
    """What became of each source, as `Gathered.summary` tells it."""
    return list(workspace.store.metadata(gold(ADOPTED))["sources"]) if has_adopted(workspace) else []


def taught_labels(workspace: Workspace) -> pd.Series | None:
    """In corpus order the labels of units whose sampling is unknown, if there are any."""
    if not has_adopted(workspace):
        return None
    labels = workspace.store.read_frame(taught(ADOPTED)).set_index("unit_id")["label"]
    in_order = labels.reindex(workspace.units["unit_id"]).reset_index(drop=True)
    return None if labels.empty else in_order
