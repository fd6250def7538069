"""How long coders coded without a pause."""

import pandas as pd

from annotator.coding.effort import median_seconds, usual

COLUMNS = ("coder", "begin", "end", "minutes")
PAUSE = pd.Timedelta(minutes=5)


def stints(answers: pd.DataFrame, pause: pd.Timedelta = PAUSE) -> pd.DataFrame:
    """One row a stretch of work without a pause, in `COLUMNS`, by coder and time.

    ``answers`` has ``coder``, ``updated_at`` and ``lead_time`` (seconds). Work on a text begins its lead time
    before its answer. A stint ends where the next text is begun at least ``pause`` after the last answer.

    A lead time that `usual` does not accept, such as of a page left open over lunch, is no work without a
    pause: the coder's median takes its place. A hard text that really took so long may hide in that way.

    >>> answers = pd.DataFrame({"coder": "ann", "lead_time": [30.0, 40.0, 50.0, 40.0], "updated_at":
    ...     pd.to_datetime(["2026-03-01 09:01", "2026-03-01 09:05", "2026-03-01 09:31", "2026-03-01 09:32"],
    ...                    utc=True)})
    >>> stints(answers)["minutes"].round(1).tolist()
    [4.5, 1.8]
    """
    parts = [_of_one(str(coder), mine, pause) for coder, mine in answers.groupby("coder")]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    return found.astype({"begin": "datetime64[us, UTC]", "end": "datetime64[us, UTC]", "minutes": "float64"})


def _of_one(coder: str, answers: pd.DataFrame, pause: pd.Timedelta) -> pd.DataFrame:
    seconds = answers["lead_time"].astype(float)
    middle = median_seconds(seconds)
    work = seconds.where(usual(seconds), 0.0 if pd.isna(middle) else middle)
    begin = answers["updated_at"] - pd.to_timedelta(work, unit="s")
    times = pd.DataFrame({"begin": begin, "end": answers["updated_at"]}).sort_values(["begin", "end"])
    so_far = times["end"].cummax().shift()
    number = (times["begin"] - so_far >= pause).cumsum()
    found = times.groupby(number).agg(begin=("begin", "min"), end=("end", "max")).reset_index(drop=True)
    found.insert(0, "coder", coder)
    return found.assign(minutes=(found["end"] - found["begin"]).dt.total_seconds() / 60.0)
