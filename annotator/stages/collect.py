"""Stage: fetch what the coders have said so far."""

import pandas as pd
import pyarrow as pa

from annotator import schema
from annotator.coding import gold as gold_rules
from annotator.coding.build import build
from annotator.coding.protocol import CodingService
from annotator.stages.send import send
from annotator.workspace import Workspace, codes, nonresponse, tasks


def collect(workspace: Workspace, round_number: int) -> str:
    """Write ``codes.parquet`` when there is something new. Raises ServiceError.

    What was collected once stays, even if it has been deleted in the coding service since; a coder's
    later code for the same unit takes the place of the earlier one. A task deleted by hand before its unit
    was coded is made again.
    """
    service = build(workspace)
    sent = _sent(workspace, round_number, service)
    known = stored_codes(workspace, round_number)
    merged = merge(known, service.collect(sent))
    if not workspace.store.exists(codes(round_number)) or not merged.equals(known):
        workspace.write(codes(round_number), merged, schema.CODES, round=round_number)
    n_coded = len(sent) - len(outstanding(workspace, round_number))
    return f"{n_coded} of {len(sent)} units coded"


def _sent(workspace: Workspace, round_number: int, service: CodingService) -> pd.DataFrame:
    sent = workspace.store.read_frame(tasks(round_number))
    if set(service.missing(sent)) & set(outstanding(workspace, round_number)["unit_id"]):
        send(workspace, round_number)
        sent = workspace.store.read_frame(tasks(round_number))
    return sent


def stored_codes(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """The codes collected so far."""
    path = codes(round_number)
    if workspace.store.exists(path):
        return workspace.store.read_frame(path)
    nothing: pd.DataFrame = schema.CODES.empty_table().to_pandas()
    return nothing


def outstanding(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """The units of a round that still lack codes, by what has been collected, and why; none once given up."""
    sent = workspace.store.read_frame(tasks(round_number))
    overlap = dict(zip(sent["unit_id"], sent["overlap"], strict=True))
    if workspace.store.exists(nonresponse(round_number)):
        overlap = {}
    return gold_rules.outstanding(stored_codes(workspace, round_number), overlap, workspace.study.codebook)


def merge(known: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """One row a coder and unit, the found one where there are both, sorted by unit and coder."""
    both = pd.concat([known, _as_stored(found)], ignore_index=True)
    latest = both.drop_duplicates(["unit_id", "coder"], keep="last")
    return _as_stored(latest.sort_values(["unit_id", "coder"]))


def _as_stored(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as it would come back from Parquet, so that two of them can be compared."""
    table = pa.Table.from_pandas(
        frame.reindex(columns=schema.CODES.names), schema=schema.CODES, preserve_index=False
    )
    stored: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return stored
