"""Codes that come after their round was closed: kept beside it, and counted in nothing.

The gold of a closed round is final, or estimates would change with whoever looks at a text once more.
"""

from typing import Any

import pandas as pd

from annotator import schema
from annotator.coding.coder_names import under_known_names
from annotator.coding.latest import latest_answers
from annotator.workspace import Workspace, codes, late_codes, tasks

_SAID = ["unit_id", "coder", "label", "skipped", "cannot_code", "note"]


def keep(workspace: Workspace, closed: range, found: pd.DataFrame) -> None:
    """Add to ``late_codes.parquet`` of each closed round what ``found`` has of its units that is new.

    An answer that says what the coder's last one said is none, so that nothing is kept twice.
    """
    for number in closed:
        units = workspace.store.read_frame(tasks(number))["unit_id"]
        rows = found[found["unit_id"].isin(units)]
        if rows.empty:
            continue
        kept = stored_late(workspace, number)
        known = pd.concat([workspace.store.read_frame(codes(number)), kept])
        named = under_known_names(rows, known.drop_duplicates(["unit_id", "annotation_id"], keep="last"))
        rows = latest_answers(named)
        new = rows[_is_new(rows, known)]
        if len(new):
            everything = pd.concat([kept, new], ignore_index=True)
            workspace.write(late_codes(number), everything, schema.CODES, round=number)


def stored_late(workspace: Workspace, number: int) -> pd.DataFrame:
    """What came after the round was closed, in the order in which it was collected."""
    if workspace.store.exists(late_codes(number)):
        return workspace.store.read_frame(late_codes(number))
    nothing: pd.DataFrame = schema.CODES.empty_table().to_pandas()
    return nothing


def n_late(workspace: Workspace, number: int) -> int:
    """How many such answers there are; a skipped text is none."""
    return int((~stored_late(workspace, number)["skipped"].astype(bool)).sum())


def _is_new(rows: pd.DataFrame, known: pd.DataFrame) -> list[bool]:
    last = set(_said(known.drop_duplicates(["unit_id", "coder"], keep="last")))
    return [said not in last for said in _said(rows)]


def _said(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    plain = rows[_SAID].astype(object).where(rows[_SAID].notna(), None)
    return list(plain.itertuples(index=False, name=None))
