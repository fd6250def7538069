"""How many texts a coder coded in a day, wherever the coder lives."""

import numpy as np
import pandas as pd

from models.arrays import FloatArray

COLUMNS = ("coder", "begin", "n_coded")
DAY = 86_400.0  # seconds


def days(answers: pd.DataFrame) -> pd.DataFrame:
    """One row a coder and day with an answer, in `COLUMNS`, in order of time; ``begin`` is a moment in UTC.

    ``answers`` has ``coder``, ``text`` (what tells one piece of work from another), ``updated_at`` and
    ``skipped``. A text counts once, on the day of its first answer that is known; a skipped one does not.

    Nobody says in which time zone a coder lives, so a coder's day begins in the coder's own night
    (`begin_of_day`).

    >>> evening = pd.date_range("2026-03-01 20:00", periods=9, freq="h", tz="UTC")  # in Chicago the afternoon
    >>> answers = pd.DataFrame({"coder": "ann", "text": range(9), "updated_at": evening, "skipped": False})
    >>> days(answers)["n_coded"].tolist()
    [9]
    """
    coded = answers[~answers["skipped"].astype(bool)].sort_values("updated_at", kind="stable")
    first = coded.drop_duplicates(["coder", "text"])
    rows = []
    for coder, mine in first.groupby("coder"):
        seconds = _seconds(mine["updated_at"])
        offset = begin_of_day(seconds)
        numbers, counts = np.unique(np.floor((seconds - offset) / DAY), return_counts=True)
        begins = pd.to_datetime(numbers * DAY + offset, unit="s", utc=True).round("min")
        rows += list(zip([coder] * len(numbers), begins, counts.tolist(), strict=True))
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.astype({"begin": "datetime64[us, UTC]", "n_coded": "int64"})


def begin_of_day(seconds: FloatArray) -> float:
    """When a person's day begins, in seconds after midnight UTC, from moments (n,) in seconds since 1970.

    It is the middle of the longest part of the clock, round midnight, in which none of the moments lies:
    the person's night, as far as can be seen. Of someone who codes only early and late an evening counts with
    the next morning.

    >>> begin_of_day(3600.0 * np.array([9, 12, 17, 24 + 10])) / 3600
    1.0
    """
    clock: FloatArray = np.unique(seconds % DAY)
    gaps = np.diff(clock, append=clock[0] + DAY)
    widest = int(gaps.argmax())
    return float((clock[widest] + gaps[widest] / 2) % DAY)


def _seconds(moments: pd.Series) -> FloatArray:
    since = moments - pd.Timestamp(0, tz="UTC")
    return np.asarray(since.dt.total_seconds(), dtype=np.float64)
