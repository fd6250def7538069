"""Reading a corpus: csv, jsonl or parquet, local or by URL, into one table with stable unit ids."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from annotator.errors import CorpusError
from annotator.study import Study

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_HALF = "half of a character (a lone surrogate)"
_WHOLE = "An emoji was cut in two, perhaps. Write the whole character, or U+FFFD in its place."
# Texts can be longer than the 131,072 characters that the reader of csv takes for a forgotten quote.
csv.field_size_limit(2**31 - 1)
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")


@dataclass(frozen=True)
class CorpusTable:
    """The units of a study and how many rows were left out for an empty text."""

    units: pd.DataFrame
    n_dropped: int


def read(study: Study, extra: Sequence[str] = (), needed: Sequence[str] = ()) -> CorpusTable:
    """The corpus in file order.

    Columns: ``unit_id, text, <covariates>, [cluster], [weight], [image], <extra>, content_hash``.
    Where the image is all there is, ``text`` is empty and the place of the image stands for the content.
    ``extra`` names further columns (machine labels or codes to replay), returned as text or numbers as
    they stand; ``needed`` names columns that only have to be there. Unit ids are the id column's values as
    text, or a hash of the content. Raises CorpusError.
    """
    section = study.corpus
    ids, images = [[column] if column else [] for column in (section.id, section.image)]
    text_like = {*section.text_columns, *ids, *images, *extra}
    roles = [column for column in (section.cluster, section.weight, *images) if column]
    carried = list(dict.fromkeys([*section.covariates, *roles, *extra]))
    wanted = list(dict.fromkeys([*ids, *section.text_columns, *carried, *needed]))
    frames = [read_file(place, wanted, text_like, section.encoding) for place in _places(study)]
    rows = pd.concat(frames, ignore_index=True)
    _refuse_nul(section.path, rows, {*section.text_columns, *ids, *images})
    text = _text(rows, section.text_columns)
    content = text if section.text_columns else rows[images[0]]
    is_empty = content.str.strip() == ""
    if is_empty.any() and section.empty_text == "refuse":
        raise CorpusError(
            f"{section.path}: {int(is_empty.sum())} of {len(rows)} "
            f"{'texts' if section.text_columns else 'images'} are empty, "
            f"first in {_row_names(rows, is_empty)}",
            hint="Fill or remove them, or set `empty_text: drop` under `corpus` to leave them out.",
        )
    rows, text = rows[~is_empty].reset_index(drop=True), text[~is_empty].reset_index(drop=True)
    content = content[~is_empty].reset_index(drop=True).map(_hash)
    if rows.empty:
        raise CorpusError(f"{section.path}: there is no unit in this corpus")
    units = pd.DataFrame({"unit_id": _unit_ids(rows, section.id, content, section.path), "text": text})
    for column in carried:
        units[column] = rows[column]
    units["content_hash"] = content
    return CorpusTable(units=units, n_dropped=int(is_empty.sum()))


def _places(study: Study) -> list[str]:
    pattern = study.locate(study.corpus.path)
    try:
        filesystem, path = fsspec.core.url_to_fs(pattern)
        found = sorted(filesystem.glob(path)) if any(c in path for c in "*?[") else [path]
        missing = [place for place in found if not filesystem.isfile(place)]
    except (ImportError, ValueError) as error:
        raise CorpusError(f"corpus.path {study.corpus.path}: {error}") from error
    if not found or missing:
        raise CorpusError(
            f"there is no corpus at {pattern}", hint="corpus.path is seen from the study file's folder."
        )
    return [str(filesystem.unstrip_protocol(place)) for place in found]


def read_file(place: str, wanted: list[str], text_like: set[str], encoding: str) -> pd.DataFrame:
    """The ``wanted`` columns of one file, those that are ``text_like`` as text. Raises CorpusError."""
    ending = PurePosixPath(place).suffix.lower()
    try:
        if ending in {".parquet", ".pq"}:
            frame = _read_parquet(place, wanted)
        elif ending in {".csv", ".tsv", ".jsonl", ".ndjson"}:
            with fsspec.open(place, "rb") as stream:
                text = _decode(place, stream.read(), encoding)
            delimiter = _DELIMITERS.get(ending)
            frame = read_csv(place, text, delimiter) if delimiter else _read_jsonl(place, text)
        else:
            raise CorpusError(f"{place}: a corpus is a .csv, .tsv, .jsonl or .parquet file")
    except OSError as error:
        raise CorpusError(f"{place} cannot be read: {error}") from error
    _refuse_unknown_columns(place, frame.columns, wanted)
    frame = frame[wanted].copy()
    _refuse_half_characters(place, frame)
    for column in wanted:
        frame[column] = _as_text(frame[column]) if column in text_like else _as_values(frame[column])
    return frame


def _decode(place: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CorpusError(
            f"{place}, line {line}: the bytes are not {encoding.removesuffix('-sig')} text",
            hint="Save the file as UTF-8, or name its encoding as `corpus.encoding`, for example latin-1.",
        ) from error
    except LookupError as error:
        raise CorpusError(f"corpus.encoding: there is no encoding called {encoding}") from error


def read_csv(place: str, text: str, delimiter: str) -> pd.DataFrame:
    """Every cell as text; a row with too few or too many cells is refused, quotes must close.

    Raises CorpusError, which calls the table by its ``place``.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        header = next(reader, [])
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise CorpusError(
                    f"{place}, line {reader.line_num}: {len(row)} cells where the header has {len(header)}",
                    hint="Look for a missing quote or a stray separator on or before that line.",
                )
            rows.append(row)
    except csv.Error as error:
        raise CorpusError(
            f"{place}, line {reader.line_num}: broken row ({error})",
            hint="Look for a quote that is opened and never closed, on or before that line.",
        ) from error
    if not header:
        raise CorpusError(f"{place} is empty: there is not even a header")
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise CorpusError(f"{place}: columns named twice in the header: {', '.join(doubled)}")
    return pd.DataFrame(rows, columns=header, dtype="object")


def _read_jsonl(place: str, text: str) -> pd.DataFrame:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise CorpusError(f"{place}, line {number}: broken row ({error.msg})") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{place}, line {number}: a row is a JSON object")
        rows.append(row)
    try:
        return pd.DataFrame(rows, dtype="object")
    except UnicodeEncodeError as error:
        raise CorpusError(f"{place}: the name of a column holds {_HALF}", hint=_WHOLE) from error


def _read_parquet(place: str, wanted: list[str]) -> pd.DataFrame:
    try:
        with fsspec.open(place, "rb") as stream:
            file = pq.ParquetFile(stream)
            _refuse_unknown_columns(place, file.schema_arrow.names, wanted)
            frame: pd.DataFrame = file.read(columns=wanted).to_pandas()
    except pa.ArrowInvalid as error:
        raise CorpusError(f"{place} is not a whole Parquet file: {error}") from error
    return frame


def _refuse_unknown_columns(place: str, there: Iterable[str], wanted: list[str]) -> None:
    columns = [str(column) for column in there]
    unknown = [column for column in wanted if column not in columns]
    if unknown:
        hint = f"Its columns are: {', '.join(columns[:30])}{' ...' if len(columns) > 30 else ''}"
        if len(columns) == 1 and ";" in columns[0]:
            hint = "Its cells are separated by semicolons: save it with commas, or with tabs as a .tsv file."
        raise CorpusError(f"{place} has no column {', '.join(repr(c) for c in unknown)}", hint=hint)


def _refuse_half_characters(place: str, rows: pd.DataFrame) -> None:
    for column in rows:
        if not pd.api.types.is_object_dtype(rows[column]):
            continue
        is_broken = ~rows[column].map(_is_whole).astype(bool)
        if is_broken.any():
            raise CorpusError(
                f"{place}: '{column}' holds {_HALF} in {_row_names(rows, is_broken)}", hint=_WHOLE
            )


def _is_whole(value: object) -> bool:
    """Whether a value can be written as UTF-8. JSON can escape half of what is one character."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_nul(path: str, rows: pd.DataFrame, columns: Iterable[str]) -> None:
    """A Label Studio on PostgreSQL takes no NUL, and without it people would not see what machines see."""
    for column in sorted(columns):
        has_nul = rows[column].str.contains("\0", regex=False)
        if has_nul.any():
            raise CorpusError(
                f"{path}: '{column}' holds the character NUL (U+0000) in {_row_names(rows, has_nul)}",
                hint="Label Studio cannot keep such a unit. Take the character out of the corpus, or replace "
                "it by a space.",
            )


def _as_text(column: pd.Series) -> pd.Series:
    """Text as it stands; whole numbers without a decimal point; missing as the empty text."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.map(lambda value: "" if pd.isna(value) else str(value)).astype("object")


def _as_values(column: pd.Series) -> pd.Series:
    """Numbers where every value is one, text otherwise; the usual words for missing become missing."""
    if not pd.api.types.is_object_dtype(column) and not pd.api.types.is_string_dtype(column):
        return column
    kept = column.mask(column.isin(MISSING))
    try:
        return pd.to_numeric(kept)
    except (ValueError, TypeError):
        return kept.map(lambda value: None if pd.isna(value) else str(value)).astype("object")


def _text(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    if not columns:
        return pd.Series("", index=rows.index, dtype="object")
    if len(columns) == 1:
        return rows[columns[0]]
    parts = [column + ": " + rows[column] for column in columns]
    is_whole = (rows[columns[0]].str.strip() != "") & (rows[columns[1]].str.strip() != "")
    return (parts[0] + "\n\n" + parts[1]).where(is_whole, "")


def _unit_ids(rows: pd.DataFrame, id_column: str | None, content: pd.Series, path: str) -> pd.Series:
    if id_column is None:
        occurrence = content.groupby(content).cumcount()
        return content.str[:16].where(occurrence == 0, content.str[:16] + "-" + (occurrence + 1).astype(str))
    ids = rows[id_column].str.strip()
    if (ids == "").any():
        raise CorpusError(
            f"{path}: {int((ids == '').sum())} rows have no '{id_column}'", hint="Every unit needs an id."
        )
    doubled = ids[ids.duplicated(keep=False)]
    if not doubled.empty:
        shown = ", ".join(doubled.unique()[:5])
        raise CorpusError(
            f"{path}: '{id_column}' is not unique: "
            f"{len(doubled)} rows share {doubled.nunique()} of its values ({shown})",
            hint="Give every row an id of its own, or leave `corpus.id` out to identify units by their text.",
        )
    return ids


def _row_names(rows: pd.DataFrame, chosen: pd.Series) -> str:
    positions = [str(position + 1) for position in rows.index[chosen][:5]]
    return f"row{'s' if len(positions) > 1 else ''} {', '.join(positions)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
