"""Rows of ``reliability.parquet``."""

from dataclasses import dataclass
from typing import Literal

from annotator.coding.reliability.bootstrap import Measured

Scope = Literal["round", "so_far"]


@dataclass(frozen=True)
class Row:
    """One statistic. What does not apply is empty; ``note`` says why a number is missing."""

    round: int
    statistic: str
    value: float
    ci_low: float
    ci_high: float
    n: int
    scope: str
    weighting: str = "coded"
    label: str = ""
    coder: str = ""
    other: str = ""
    annotator: str = ""
    note: str = ""


def row(number: int, scope: Scope, statistic: str, measured: Measured, **of: str) -> Row:
    """A statistic that was measured, and of whom."""
    return Row(
        round=number,
        statistic=statistic,
        value=measured.value,
        ci_low=measured.ci_low,
        ci_high=measured.ci_high,
        n=measured.n,
        scope=scope,
        note=measured.note,
        **of,
    )
