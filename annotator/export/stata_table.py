"""A table as Stata holds one: valid names, few types, numbers with labels for what is one of a few values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from annotator.codebook import Codebook
from annotator.errors import StudyError
from annotator.export.names import valid_names

MOST_VALUES = 100  # a text column with more different values stays text
LONGEST_LABEL = 80  # characters of what Stata calls a variable label
LONGEST_TEXT = 2045  # bytes of a fixed-width text; longer ones are strL
MOST_LABEL_BYTES = 32_000  # of all value labels of a variable
EXACT = 2**53  # whole numbers beyond are not exact in Stata
LARGEST = 2.0**1023
_YES_NO = {0: "no", 1: "yes"}


@dataclass
class StataTable:
    """What ``DataFrame.to_stata`` takes, column by column under Stata's names.

    Attributes
    ----------
    frame : DataFrame
    names : dict
        Column of the study -> variable.
    value_labels : dict
        Variable -> number -> what it stands for.
    dates : dict
        Variable -> ``tc`` (a moment, UTC) or ``td`` (a day).
    long_texts : list
        Variables that are strL.
    """

    frame: pd.DataFrame
    names: dict[str, str]
    value_labels: dict[str, dict[int, str]] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    long_texts: list[str] = field(default_factory=list)


def stata_table(
    table: pa.Table, codes: Mapping[str, Mapping[int, str]] | None = None, keep_text: Iterable[str] = ()
) -> StataTable:
    """A table in Stata's types.

    ``codes`` are the value labels of columns that hold codes of the codebook. Other text columns get
    numbers in the order of the alphabet, unless they have many values or are among ``keep_text``. Raises
    StudyError for values that Stata cannot hold.
    """
    found = StataTable(pd.DataFrame(index=range(len(table))), valid_names(table.column_names))
    kept, codes = set(keep_text), codes or {}
    columns = {}
    for column, name in found.names.items():
        values = _decoded(table[column])
        labels = None if column in kept else codes.get(column) or _few_values(values)
        if labels and _fit(labels):
            found.value_labels[name] = dict(labels)
            columns[name] = _numbered(values, labels)
        else:
            columns[name] = _converted(column, values)
            _note_type(found, name, columns[name], values)
    found.frame = pd.DataFrame(columns, index=range(len(table)))
    return found


def code_numbers(codebook: Codebook) -> dict[int, str]:
    """The number of each code: its own where the codes are whole numbers, else its place from 1."""
    numbers = codebook.numbers
    if numbers and all(number.is_integer() and abs(number) < 2**31 for number in numbers):
        whole = [int(number) for number in numbers]
        if len(set(whole)) == len(whole):
            return dict(zip(whole, codebook.names, strict=True))
    return dict(enumerate(codebook.names, start=1))


def variable_label(meaning: str, column: str) -> str:
    """What a variable is and which column of the study; cut to what Stata shows.

    >>> variable_label("covariate", "Partei (2021)")
    'covariate [Partei (2021)]'
    """
    whole = f"{meaning} [{column}]".strip()
    return whole if len(whole) <= LONGEST_LABEL else f"{whole[: LONGEST_LABEL - 3]}..."


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.replace_substring(column, "\0", "")
    return column


def _few_values(values: pa.ChunkedArray) -> dict[int, str] | None:
    if pa.types.is_boolean(values.type):
        return _YES_NO
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return None
    there = sorted(value for value in pc.unique(values).to_pylist() if value)
    return dict(enumerate(there, start=1)) if len(there) <= MOST_VALUES else None


def _fit(labels: Mapping[int, str]) -> bool:
    return sum(len(text.encode()) for text in labels.values()) <= MOST_LABEL_BYTES


def _numbered(values: pa.ChunkedArray, labels: Mapping[int, str]) -> pd.Series:
    if pa.types.is_boolean(values.type):
        return pd.Series(values.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)).astype("Int8")
    place = pc.index_in(values, pa.array(list(labels.values()), values.type))
    numbers = pa.array(list(labels), pa.int32()).take(place)
    return pd.Series(numbers.to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get))


def _converted(column: str, values: pa.ChunkedArray) -> pd.Series:
    kind = values.type
    if pa.types.is_integer(kind) and not _is_exact(values):
        kind, values = pa.string(), values.cast(pa.string())
    if pa.types.is_integer(kind):
        return pd.Series(values.cast(pa.int64()).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _finite(column, values.cast(pa.float64()).to_pandas())
    if pa.types.is_null(kind):
        return pd.Series(np.full(len(values), np.nan))
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        moments = pd.Series(values.cast(pa.timestamp("us", tz=getattr(kind, "tz", None))).to_pandas())
        return moments.dt.tz_convert("UTC").dt.tz_localize(None) if moments.dt.tz is not None else moments
    return pd.Series(values.cast(pa.string()).fill_null("").to_pandas()).astype(object)


def _is_exact(values: pa.ChunkedArray) -> bool:
    ends = pc.min_max(values).as_py()
    return ends["min"] is None or (ends["min"] >= -EXACT and ends["max"] <= EXACT)


def _finite(column: str, values: pd.Series) -> pd.Series:
    too_large = values.abs() >= LARGEST
    if too_large.any():
        raise StudyError(
            f"'{column}' holds {int(too_large.sum())} numbers that Stata cannot hold, such as "
            f"{values[too_large].iloc[0]}",
            hint="Recode the column of the corpus, or export with `--to csv`.",
        )
    return pd.Series(values)


def _note_type(found: StataTable, name: str, values: pd.Series, source: pa.ChunkedArray) -> None:
    if pd.api.types.is_datetime64_any_dtype(values):
        found.dates[name] = "td" if pa.types.is_date(source.type) else "tc"
    elif values.dtype == object and values.map(lambda text: len(text.encode())).max() > LONGEST_TEXT:
        found.long_texts.append(name)
