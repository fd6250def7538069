"""What coding took: who coded how many, and how long a code takes."""

import numpy as np
import pandas as pd

COLUMNS = ("coder", "n_coded", "n_skipped", "median_seconds", "n_outliers")
WIDTH = 3.0  # robust standard deviations
_MAD_TO_DEVIATION = 1.4826  # for a normal distribution


def effort(codes: pd.DataFrame) -> pd.DataFrame:
    """One row a coder in `COLUMNS`, from codes in the columns of ``schema.CODES``.

    ``median_seconds`` leaves out the ``n_outliers`` lead times that `usual` does not accept, judged among
    the coder's own. It is missing for a coder without lead times.

    >>> codes = pd.DataFrame({"coder": "ann", "skipped": False,
    ...                       "lead_time": [8.0, 9.0, 10.0, 11.0, 12.0, 7200.0]})
    >>> effort(codes).to_dict("records")[0]["median_seconds"]
    10.0
    """
    rows = [
        (
            coder,
            int((~mine["skipped"].astype(bool)).sum()),
            int(mine["skipped"].sum()),
            median_seconds(mine["lead_time"]),
            int((~usual(mine["lead_time"]) & mine["lead_time"].notna()).sum()),
        )
        for coder, mine in codes.groupby("coder")
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def median_seconds(seconds: pd.Series) -> float:
    """The median of the usual lead times; NaN where there is none."""
    kept = seconds[usual(seconds)]
    return float(kept.median()) if len(kept) else float("nan")


def seconds_a_code(codes: pd.DataFrame) -> float:
    """What a code takes on average, for totals; NaN without lead times. Skipped units are no codes.

    It is the mean, for times are skewed and many codes take as many means, of those that `usual` accepts
    among the coder's own.

    >>> codes = pd.DataFrame({"coder": ["ann"] * 4 + ["ben"] * 3, "skipped": False,
    ...                       "lead_time": [8.0, 10.0, 12.0, 7200.0, 50.0, 60.0, 70.0]})
    >>> seconds_a_code(codes)
    35.0
    """
    given = codes[~codes["skipped"].astype(bool)]
    kept = [mine["lead_time"][usual(mine["lead_time"])] for _, mine in given.groupby("coder")]
    times = pd.concat([pd.Series(dtype=float), *kept])
    return float(times.mean()) if len(times) else float("nan")


def usual(seconds: pd.Series) -> pd.Series:
    """Which lead times are no outliers: a page left open overnight, a click by mistake.

    A lead time is one if its logarithm lies further from the median logarithm than three times 1.4826 times
    the median absolute deviation, the robust rule of Leys et al. (2013, Journal of Experimental Social
    Psychology 49). Where more than half of the times are the same, none is. Times of zero or below, and
    missing ones, are never usual.

    >>> usual(pd.Series([9.0, 10.0, 11.0, 12.0, 900.0, 0.0])).tolist()
    [True, True, True, True, False, False]
    """
    positive = seconds.astype(float) > 0
    logs = pd.Series(np.log(seconds.astype(float).where(positive)))
    distance = (logs - logs.median()).abs()
    spread = _MAD_TO_DEVIATION * distance.median()
    return positive & (distance <= WIDTH * spread) if spread > 0 else positive
