"""Tables of results as csv files, for any tool that reads those."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc

from annotator.export import results
from annotator.export.wanted import Wanted
from annotator.export.whole import whole
from annotator.workspace import Workspace


def csv_tables(workspace: Workspace, folder: Path, wanted: Wanted) -> list[Path]:
    """Write labels, estimates and reliability. Raises StudyError before the first closed round."""
    results.refuse_without_results(workspace)
    written = [write_csv(folder / "labels.csv", results.labels(workspace, wanted))]
    return written + [
        write_csv(folder / f"{name}.csv", [table]) for name, table in results.others(workspace).items()
    ]


def write_csv(place: Path, slices: Iterable[pa.Table]) -> Path:
    """Write slices of a table, at least one, as a csv file in UTF-8; its place.

    Texts stand in quotes, missing values are empty, and yes and no are 1 and 0.
    """
    rows = _plain(slices)
    first = next(rows)
    with whole(place) as unfinished, pc.CSVWriter(unfinished, first.schema) as writer:
        for table in chain([first], rows):
            writer.write_table(table)
    return place


def _plain(slices: Iterable[pa.Table]) -> Iterator[pa.Table]:
    for table in slices:
        flags = [field.name for field in table.schema if pa.types.is_boolean(field.type)]
        for name in flags:
            at = table.schema.get_field_index(name)
            table = table.set_column(at, name, table[name].cast(pa.int8()))  # noqa: PLW2901
        yield table
