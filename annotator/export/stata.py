"""The tables of results as Stata files (format 118, Stata 14 and later), and a program that reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from annotator.export import results
from annotator.export.meanings import meanings
from annotator.export.stata_program import program
from annotator.export.stata_table import StataTable, code_numbers, stata_table, variable_label
from annotator.export.tables import write_csv
from annotator.export.wanted import Wanted
from annotator.export.whole import whole, write_text
from annotator.study import Study
from annotator.workspace import Workspace

MOST_COLUMNS = 32_767  # of format 118


def stata(workspace: Workspace, folder: Path, wanted: Wanted) -> list[Path]:
    """Write ``labels.dta``, ``estimates.dta``, ``reliability.dta``, ``variables.csv`` and ``analyse.do``.

    The program needs all units: it is left out where only coded ones are wanted. Labels are held in memory.
    Raises StudyError before the first closed round, and for values that Stata cannot hold.
    """
    results.refuse_without_results(workspace)
    study = workspace.study
    rows = pa.concat_tables(results.labels(workspace, wanted))
    image = [study.corpus.image] if study.corpus.image else []
    labels = stata_table(rows, _codes(study, rows.column_names), ["unit_id", "text", *image])
    others = {name: stata_table(t, keep_text=t.column_names) for name, t in results.others(workspace).items()}
    said = meanings(study, rows.column_names)
    written = [write_dta(folder / "labels.dta", labels, said)]
    written += [write_dta(folder / f"{name}.dta", table, {}) for name, table in others.items()]
    written.append(write_csv(folder / "variables.csv", [_variables({"labels": labels, **others}, said)]))
    if not wanted.coded_only:
        written.append(write_text(folder / "analyse.do", program(study, labels)))
    return written


def _codes(study: Study, columns: list[str]) -> dict[str, dict[int, str]]:
    """Value labels of the columns that hold one code of the codebook each."""
    if study.codebook.is_multilabel:
        return {}
    coded = ["gold", "prediction", *(f"machine_label_{machine.name}" for machine in study.machine)]
    return {column: code_numbers(study.codebook) for column in coded if column in columns}


def write_dta(place: Path, table: StataTable, said: Mapping[str, str]) -> Path:
    """Write a table, with what ``said`` says of its columns as variable labels; its place."""
    options: dict[str, Any] = {
        "version": 118 if table.frame.shape[1] <= MOST_COLUMNS else 119,
        "convert_dates": table.dates,
        "convert_strl": table.long_texts,
        "value_labels": table.value_labels,
        "variable_labels": {
            name: variable_label(said.get(column, ""), column) for column, name in table.names.items()
        },
    }
    with whole(place) as unfinished:
        table.frame.to_stata(unfinished, write_index=False, **options)
    return place


def _variables(tables: Mapping[str, StataTable], said: Mapping[str, str]) -> pa.Table:
    rows = [
        (file, name, column, said.get(column, "") if file == "labels" else "")
        for file, table in tables.items()
        for column, name in table.names.items()
    ]
    frame = pd.DataFrame(rows, columns=["file", "variable", "column", "meaning"])
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
