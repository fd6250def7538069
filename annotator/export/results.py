"""The tables that exports are made of, read in slices: a corpus need not fit into memory."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from annotator.errors import StudyError
from annotator.export.wanted import Wanted
from annotator.workspace import CORPUS, ESTIMATES, LABELS, RELIABILITY, RESULTS_TOGETHER, Workspace

SLICE = RESULTS_TOGETHER  # units in memory together


def refuse_without_results(workspace: Workspace) -> None:
    """Raise StudyError before the first closed round."""
    if not workspace.store.exists(LABELS):
        raise StudyError("there is no result to export yet", hint="Results come with the first closed round.")


def labels(workspace: Workspace, wanted: Wanted) -> Iterator[pa.Table]:
    """``labels.parquet`` in slices, all with the same columns: what is wanted of it, in corpus order."""
    n_units, store = workspace.n_units, workspace.store
    slices = [(start, min(start + SLICE, n_units)) for start in range(0, n_units, SLICE)]
    columns = store.columns(LABELS)
    texts = store.read_slices(CORPUS, ["text"], slices) if wanted.text else iter(())
    for table in store.read_slices(LABELS, columns, slices):
        rows = table.replace_schema_metadata(None)
        if wanted.text:
            rows = rows.add_column(1, "text", next(texts)["text"])
        yield rows.filter(pc.is_valid(rows["gold"])) if wanted.coded_only else rows


def others(workspace: Workspace) -> dict[str, pa.Table]:
    """Estimates and reliability, by the name of their file without its ending."""
    return {
        Path(path).stem: workspace.store.read(path).replace_schema_metadata(None)
        for path in (ESTIMATES, RELIABILITY)
        if workspace.store.exists(path)
    }
