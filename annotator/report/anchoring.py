"""What the report says about the pull of suggestions, where chance decided who saw the machine's label."""

import math
from typing import Any

import pandas as pd


def pull(so_far: pd.DataFrame) -> str:
    """How seeing the machine's label shifted agreement with it, and each code's share; empty without arms.

    ``so_far`` are the rows of ``reliability.parquet`` that are about all rounds.
    """
    mine = so_far[so_far["weighting"] == "corpus"]
    found = mine[mine["statistic"] == "anchoring_agreement_shift"].to_dict("records")
    if not found:
        return ""
    agreement = found[0]
    if math.isnan(agreement["value"]):
        return f"What seeing the machine's label does to the codes cannot be said: {agreement['note']}."
    shares = mine[mine["statistic"] == "anchoring_share_shift"].to_dict("records")
    shifts = ", ".join(f"{row['label']} by {_points(row)}" for row in shares)
    return (
        f"Seeing the machine's label (by lot: {agreement['note']}) shifted people's agreement with "
        f"{agreement['annotator']} by {_points(agreement)} percentage points, and the shares of the codes "
        f"they gave, in points: {shifts}; weighted to stand for the corpus, each with its interval."
    )


def _points(row: dict[Any, Any]) -> str:
    value, low, high = (100.0 * row[name] for name in ("value", "ci_low", "ci_high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"
