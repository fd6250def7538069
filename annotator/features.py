"""Covariates of the corpus as numbers for the error map."""

import numpy as np
import pandas as pd

from models.arrays import FloatArray

MAX_LEVELS = 20


def features(units: pd.DataFrame, columns: tuple[str, ...]) -> FloatArray:
    """Columns of a corpus as finite numbers, (N, F).

    A numeric column stays as it is, a missing value counting as its mean; any other column gives one
    indicator for each of its commonest values, at most 20. A column with missing values gives an indicator
    of that.

    >>> features(pd.DataFrame({"age": [20.0, None, 40.0], "party": ["a", "b", "a"]}), ("age", "party"))
    array([[20.,  0.,  1.,  0.],
           [30.,  1.,  0.,  1.],
           [40.,  0.,  1.,  0.]])
    """
    blocks = [_numeric(units[name]) if _is_numeric(units[name]) else _levels(units[name]) for name in columns]
    return np.concatenate([np.empty((len(units), 0)), *blocks], axis=1)


def _is_numeric(column: "pd.Series[float]") -> bool:
    return pd.api.types.is_numeric_dtype(column)


def _numeric(column: "pd.Series[float]") -> FloatArray:
    values = column.to_numpy(dtype=float, na_value=np.nan)
    missing = ~np.isfinite(values)
    mean = float(values[~missing].mean()) if not missing.all() else 0.0
    filled = np.where(missing, mean, values)[:, None]
    return np.column_stack([filled, missing]) if missing.any() else filled


def _levels(column: "pd.Series[str]") -> FloatArray:
    common = column.value_counts().index[:MAX_LEVELS].sort_values()
    values = column.to_numpy(dtype=object)
    blocks = [(values == level).astype(float) for level in common]
    if column.isna().any():
        blocks.append(column.isna().to_numpy(dtype=float))
    return np.column_stack(blocks) if blocks else np.empty((len(column), 0))
