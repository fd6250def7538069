"""Covariates of the corpus as columns of a regression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator.errors import StudyError
from annotator.inference.estimands.coefficients import INTERCEPT
from annotator.inference.stretches import stretches
from models.arrays import BoolArray, FloatArray

MAX_LEVELS = 100
DEPENDENT = 1e-12  # of the correlations' smallest eigenvalue, which is zero but for rounding


@dataclass(frozen=True)
class Columns:
    """Named columns (N, p), the first of ones."""

    terms: tuple[str, ...]
    values: FloatArray

    def and_of_codes(self, terms: Sequence[str], by_code: FloatArray) -> tuple["Columns", FloatArray]:
        """With further columns that only the code decides, (K, q): zeros here, and what each code adds."""
        n_more = len(terms)
        wider = np.column_stack([self.values, np.zeros((len(self.values), n_more))])
        added = np.column_stack([np.zeros((len(by_code), len(self.terms))), by_code])
        return Columns((*self.terms, *terms), wider), added


def complete(units: pd.DataFrame, names: Sequence[str]) -> BoolArray:
    """Which units have a value in every one of these columns, (N,)."""
    there: BoolArray = units[list(names)].notna().all(axis=1).to_numpy(dtype=bool)
    return there


def design_columns(
    asked: str, units: pd.DataFrame, names: Sequence[str], everyone: pd.DataFrame | None = None
) -> Columns:
    """An intercept, numeric columns as they stand, others as one indicator a value but the first.

    The values are those of ``everyone``, so that groups of units get the same columns. Raises StudyError,
    naming the estimand and the column, if one is constant or infinite, has more than 100 values, or follows
    from those before it.

    >>> units = pd.DataFrame({"age": [20, 30, 40], "party": ["b", "a", "b"]})
    >>> columns = design_columns("drivers", units, ["age", "party"])
    >>> columns.terms
    ('intercept', 'age', 'party=b')
    >>> columns.values.tolist()
    [[1.0, 20.0, 1.0], [1.0, 30.0, 0.0], [1.0, 40.0, 1.0]]
    """
    terms = [INTERCEPT]
    blocks: list[FloatArray] = [np.ones(len(units))]
    for name in names:
        for term, values in _columns(asked, units[name], (units if everyone is None else everyone)[name]):
            terms.append(term)
            blocks.append(values)
    columns = Columns(tuple(terms), np.column_stack(blocks))
    if everyone is None:
        _refuse_dependent(asked, columns)
    return columns


def _refuse_dependent(asked: str, columns: Columns) -> None:
    """Raise StudyError for the first column that is a sum of multiples of those before it."""
    correlation = _correlation(columns.values[:, 1:])
    for p, term in enumerate(columns.terms[1:], start=1):
        if np.linalg.eigvalsh(correlation[:p, :p])[0] < DEPENDENT:
            raise StudyError(
                f"estimand '{asked}': the covariate '{term}' follows from those before it",
                hint="Leave it out: its coefficient cannot be told from theirs.",
            )


def _correlation(values: FloatArray) -> FloatArray:
    """(p, p) of columns (N, p) of which none is constant."""
    mean, products = values.mean(axis=0), np.zeros((values.shape[1], values.shape[1]))
    for stretch in stretches(len(values)):
        centred = values[stretch] - mean
        products += centred.T @ centred
    scale = np.sqrt(products.diagonal())
    correlation: FloatArray = products / np.outer(scale, scale)
    return correlation


def numbers(asked: str, column: pd.Series) -> FloatArray:
    """A column as finite numbers. Raises StudyError if it holds anything else."""
    if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        raise StudyError(
            f"estimand '{asked}' needs numbers in the column '{column.name}', which holds words",
            hint="Recode the column, or ask about another one.",
        )
    values: FloatArray = column.to_numpy(dtype=float)
    return values


def indicator(asked: str, units: pd.DataFrame, feature: str) -> tuple[str, BoolArray]:
    """A covariate with two values, or ``covariate=value``, as yes or no, (N,), and the value that is yes.

    Of two values the greater one is yes: 1, true, or the later in the alphabet. Raises StudyError.

    >>> indicator("odds", pd.DataFrame({"party": ["a", "b", "c"]}), "party=b")[1].tolist()
    [False, True, False]
    """
    name, equals, value = feature.partition("=")
    column = units[name]
    levels = sorted(column.dropna().unique())
    if column.isna().any():
        raise _missing(asked, name, int(column.isna().sum()), "Fill them in, or leave these units out.")
    if not equals:
        if len(levels) != 2:
            raise StudyError(
                f"estimand '{asked}': '{name}' has {len(levels)} values where a feature has two",
                hint=f"Name the one that counts, for example feature: {name}={levels[-1]}",
            )
        return f"{name}={levels[1]}", (column == levels[1]).to_numpy(dtype=bool)
    found = [level for level in levels if str(level) == value]
    if not found:
        raise StudyError(
            f"estimand '{asked}': no unit has {feature}",
            hint=f"'{name}' has the values: {', '.join(str(level) for level in levels[:20])}",
        )
    return feature, (column == found[0]).to_numpy(dtype=bool)


def refuse_missing(asked: str, units: pd.DataFrame, names: Sequence[str]) -> None:
    """Raise StudyError for the first column with a missing value."""
    for name in names:
        n_missing = int(units[name].isna().sum())
        if n_missing:
            raise _missing(
                asked, name, n_missing, "Fill them in, or set `missing: drop` to ask about the other units."
            )


def _missing(asked: str, name: str, n_missing: int, hint: str) -> StudyError:
    return StudyError(f"estimand '{asked}': the column '{name}' is missing for {n_missing} units", hint=hint)


def _columns(asked: str, column: pd.Series, of_all: pd.Series) -> list[tuple[str, FloatArray]]:
    name = str(column.name)
    levels = sorted(of_all.unique(), key=lambda level: (str(type(level)), level))
    if len(levels) < 2:
        raise StudyError(
            f"estimand '{asked}': the covariate '{name}' is the same for every unit",
            hint="Leave it out: its coefficient cannot be told from the intercept.",
        )
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=float)
        if not np.isfinite(values).all():
            raise StudyError(
                f"estimand '{asked}': the covariate '{name}' is infinite for a unit",
                hint="Correct the value, or make it missing and set `missing: drop`.",
            )
        return [(name, values)]
    if len(levels) > MAX_LEVELS:
        raise StudyError(
            f"estimand '{asked}': the covariate '{name}' has {len(levels)} different values",
            hint="Group them into fewer, or name a numeric column.",
        )
    return [(f"{name}={level}", (column == level).to_numpy(dtype=float)) for level in levels[1:]]
