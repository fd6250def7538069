"""A data set that ``datasets.load_dataset`` opens: Parquet files and a card, written without the library.

Format: https://huggingface.co/docs/hub/datasets-manual-configuration and the ``huggingface`` key that the
library writes into the schema of its Parquet files.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from annotator.codebook import Codebook
from annotator.export import results
from annotator.export.dataset_card import card, dtype
from annotator.export.wanted import Wanted
from annotator.export.whole import whole, write_text
from annotator.label_sets import NONE, SEPARATOR
from annotator.study import Study
from annotator.workspace import Workspace

CODED, UNCODED = "coded", "uncoded"


def huggingface(workspace: Workspace, folder: Path, wanted: Wanted) -> list[Path]:
    """Write ``data/coded.parquet``, ``data/uncoded.parquet`` and ``README.md``, the card.

    A split without units is left out. Slices of the corpus are in memory, never all of it. Raises StudyError
    before the first closed round.
    """
    results.refuse_without_results(workspace)
    splits = _Splits(folder)
    with ExitStack() as open_files:
        for table in _slices(workspace, wanted):
            is_coded = pc.is_valid(table["gold"])
            splits.add(CODED, table.filter(is_coded), open_files)
            splits.add(UNCODED, table.filter(pc.invert(is_coded)), open_files)
            features = table.schema
    for split in {CODED, UNCODED} - set(splits.n_rows):
        _place(folder, split).unlink(missing_ok=True)
    text = card(workspace.study, features, splits.n_rows, coded_only=wanted.coded_only)
    return [*(_place(folder, split) for split in splits.n_rows), write_text(folder / "README.md", text)]


class _Splits:
    """Files of a data set that is written slice by slice."""

    def __init__(self, folder: Path) -> None:
        self.n_rows: dict[str, int] = {}
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, split: str, rows: pa.Table, open_files: ExitStack) -> None:
        """Append rows, if there are any; the split's file is whole when ``open_files`` are closed."""
        if not len(rows):
            return
        if split not in self._writers:
            unfinished = open_files.enter_context(whole(_place(self._folder, split)))
            writer = pq.ParquetWriter(unfinished, rows.schema, compression="zstd")
            self._writers[split] = open_files.enter_context(writer)
        self._writers[split].write_table(rows)
        self.n_rows[split] = self.n_rows.get(split, 0) + len(rows)


def _place(folder: Path, split: str) -> Path:
    return folder / "data" / f"{split}.parquet"


def _slices(workspace: Workspace, wanted: Wanted) -> Iterator[pa.Table]:
    codebook = workspace.study.codebook
    classes = set(_label_columns(workspace.study))
    for table in results.labels(workspace, wanted):
        columns = {
            name: _as_classes(table[name], codebook) if name in classes else _plain(table[name])
            for name in table.column_names
        }
        rows = pa.table(columns)
        yield rows.replace_schema_metadata({"huggingface": json.dumps(_info(rows.schema, classes, codebook))})


def _label_columns(study: Study) -> list[str]:
    """The columns of ``labels.parquet`` that hold codes of the codebook."""
    return ["gold", "prediction", *(f"machine_label_{machine.name}" for machine in study.machine)]


def _as_classes(labels: pa.ChunkedArray, codebook: Codebook) -> pa.Array:
    """Labels as places in the codebook; as lists where several codes may apply. Missing ones stay missing."""
    encoded = labels.cast(pa.string()).combine_chunks().dictionary_encode()
    if not codebook.is_multilabel:
        return (
            pc.index_in(encoded.dictionary, pa.array(codebook.names)).cast(pa.int64()).take(encoded.indices)
        )
    sets = [
        [] if label == NONE else [codebook.names.index(code) for code in label.split(SEPARATOR)]
        for label in encoded.dictionary.to_pylist()
    ]
    return pa.array(sets, pa.list_(pa.int64())).take(encoded.indices)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in a type that the library knows."""
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    return column


def _info(schema: pa.Schema, classes: set[str], codebook: Codebook) -> Mapping[str, Any]:
    names = {"names": list(codebook.names), "_type": "ClassLabel"}
    of_labels = {"feature": names, "_type": "Sequence"} if codebook.is_multilabel else names
    features = {
        field.name: of_labels if field.name in classes else {"dtype": dtype(field.type), "_type": "Value"}
        for field in schema
    }
    return {"info": {"features": features}}
