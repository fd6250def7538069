"""Which of a coder's answers to a unit counts."""

import pandas as pd


def latest_answers(codes: pd.DataFrame) -> pd.DataFrame:
    """One row a coder and unit, the one given last, sorted by unit and coder; rows as in ``schema.CODES``.

    >>> noon = pd.Timestamp("2026-01-02 12:00", tz="UTC")
    >>> rows = [("u1", "ann", 8, noon), ("u1", "ann", 7, noon), ("u1", "ben", 6, noon)]
    >>> codes = pd.DataFrame(rows, columns=["unit_id", "coder", "annotation_id", "updated_at"])
    >>> latest_answers(codes)["annotation_id"].tolist()
    [8, 6]
    """
    ordered = codes.sort_values(["unit_id", "coder", "updated_at", "annotation_id"], kind="stable")
    latest: pd.DataFrame = ordered.drop_duplicates(["unit_id", "coder"], keep="last")
    return latest.reset_index(drop=True)
