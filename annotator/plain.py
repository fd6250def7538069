"""Plain data that is JSON: what Python would print as NaN, which no other program reads, is null."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def plain(data: Any) -> Any:
    """Mappings and sequences with everything in them as JSON knows it.

    What is missing (NaN, NaT, NA) and what is infinite becomes None, a number of NumPy one of Python.

    >>> plain({"seconds": float("nan"), "codes": (np.int64(3), None, float("inf"))})
    {'seconds': None, 'codes': [3, None, None]}
    """
    match data:
        case Mapping():
            return {key: plain(value) for key, value in data.items()}
        case list() | tuple():
            return [plain(value) for value in data]
        case np.generic():
            return plain(data.item())
        case float():
            return data if math.isfinite(data) else None
        case _:
            return None if data is pd.NaT or data is pd.NA else data
