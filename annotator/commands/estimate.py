"""`annotator estimate`."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from annotator import console, schema
from annotator.ask import Request, ask
from annotator.commands.arguments import Json, StudyPath
from annotator.inference.methods import DEFAULT_METHODS, METHODS
from annotator.workspace import Workspace


def estimate(
    study: StudyPath,
    *,
    questions: Annotated[Path | None, typer.Option(help="a file with other `estimands`")] = None,
    methods: Annotated[str, typer.Option(help=f"from: {', '.join(METHODS)}")] = ",".join(DEFAULT_METHODS),
    after_round: Annotated[int, typer.Option("--round", min=0, help="0: the last closed one")] = 0,
    out: Annotated[Path | None, typer.Option(help="write the estimates to this Parquet file")] = None,
    as_json: Json = False,
) -> None:
    """Ask other questions of the codes that are there: no new labels, nothing of the study changes."""
    workspace = Workspace.open(study)
    names = [name.strip() for name in methods.split(",") if name.strip()]
    with console.spinner("estimating"):
        found = ask(workspace, Request(questions, names, after_round or None))
    if out is not None:
        table = pa.Table.from_pandas(found, schema=schema.ESTIMATES, preserve_index=False)
        pq.write_table(table, out)
    if as_json:
        console.show_json(found.to_dict("records"))
        return
    console.show_estimates(found)
