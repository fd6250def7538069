"""Files of codes: a JSON export of Label Studio, or a table with a row a coder and unit."""

import io
import json
from pathlib import PurePosixPath
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa

from annotator import corpus, label_sets
from annotator.adoption.fields import NEVER, as_id
from annotator.adoption.item import Answer, Item
from annotator.adoption.section import AdoptedCodes
from annotator.codebook import Codebook
from annotator.errors import CorpusError, StudyError


def read_file(place: str, section: AdoptedCodes) -> list[dict[str, Any]] | pd.DataFrame:
    """The tasks of a JSON export, or the rows of a table: csv, tsv, jsonl, parquet, or a list of objects.

    Raises StudyError naming the file and what is wrong with it.
    """
    ending = PurePosixPath(place).suffix.lower()
    try:
        with fsspec.open(place, "rb") as stream:
            data = stream.read()
        if ending in {".parquet", ".pq"}:
            return pd.read_parquet(io.BytesIO(data))
        text = data.decode("utf-8-sig")
        if ending == ".json":
            return _objects(json.loads(text), section)
        if ending in {".jsonl", ".ndjson"}:
            # Other ends of a line may stand inside a text.
            return _objects([json.loads(line) for line in text.split("\n") if line.strip()], section)
        if ending in {".csv", ".tsv"}:
            return corpus.read_csv(f"adopted {section.source}", text, "\t" if ending == ".tsv" else ",")
    except CorpusError as error:
        raise StudyError(error.message, hint=error.hint) from error
    except (OSError, ValueError, ImportError, pa.ArrowInvalid) as error:
        raise StudyError(f"adopted {section.source}: the file cannot be read: {error}") from error
    raise StudyError(
        f"adopted {section.source}: codes are read from .json, .jsonl, .csv, .tsv and .parquet files"
    )


def _objects(found: Any, section: AdoptedCodes) -> list[dict[str, Any]] | pd.DataFrame:
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise StudyError(
            f"adopted {section.source}: expected a list of tasks",
            hint="Export the project from Label Studio as JSON.",
        )
    is_export = any("annotations" in each for each in found)
    return found if is_export else pd.DataFrame(found, dtype="object")


def items_of_table(
    rows: pd.DataFrame, section: AdoptedCodes, codebook: Codebook, text_column: str | None
) -> list[Item]:
    """Each row with its one answer; none where it holds no code.

    The columns are ``unit_id``, ``coder``, ``label`` and ``text`` unless the section names others. Without
    a column of coders all rows are those of one coder, who is nobody of another source. Raises StudyError if
    a column is missing.
    """
    columns = [str(name) for name in rows.columns]
    label = _column(section.field, "label", columns, section)
    coder = _column(section.coder, "coder", columns, section)
    unit = _column(section.id, "unit_id", columns, section)
    text = _column(section.text, text_column or "text", columns, section)
    if label is None or (unit is None and text is None):
        what = "codes" if label is None else "unit ids or texts"
        raise StudyError(
            f"adopted {section.source}: no column is known to hold the {what}",
            hint=f"Name it as `{'field' if label is None else 'id'}`. There are: {', '.join(columns)}.",
        )
    records = rows.rename(columns=str).to_dict("records")
    return [
        Item(
            place=f"row {number}",
            unit=None if unit is None else as_id(row[unit]),
            texts=(row[text],) if text is not None and isinstance(row[text], str) else (),
            is_text=text is not None,
            answers=_answers(row[label], (coder and as_id(row[coder])) or section.nameless, number, codebook),
        )
        for number, row in enumerate(records, start=1)
    ]


def _answers(cell: Any, coder: str, number: int, codebook: Codebook) -> tuple[Answer, ...]:
    given = list(cell) if isinstance(cell, list | tuple | np.ndarray) else [cell]
    words = [as_id(word) for word in given]
    if codebook.is_multilabel:
        words = [part.strip() for word in words for part in word.split(label_sets.SEPARATOR)]
    words = [word for word in words if word]
    return (Answer(coder, tuple(words), number, NEVER),) if words else ()


def _column(named: str | None, usual: str, columns: list[str], section: AdoptedCodes) -> str | None:
    if named is not None and named not in columns:
        raise StudyError(
            f"adopted {section.source} has no column '{named}'", hint=f"It has: {', '.join(columns)}."
        )
    return named or (usual if usual in columns else None)
