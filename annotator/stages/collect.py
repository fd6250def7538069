"""Stage: fetch what the coders have said so far."""

import pandas as pd
import pyarrow as pa

from annotator import schema
from annotator.coding import gold as gold_rules
from annotator.coding.build import build
from annotator.coding.coder_names import under_known_names
from annotator.coding.latest import latest_answers
from annotator.coding.protocol import CodingService
from annotator.stages import late
from annotator.stages.send import send
from annotator.workload import with_warnings
from annotator.workspace import Workspace, code_changes, codes, nonresponse, tasks

OVERLAPPING = pd.Timedelta(minutes=10)
"""How far back each collection looks again: clocks and transactions of others are not in order."""
QUIET = pd.Timedelta(hours=1)
"""Without a new answer for so long, everything is looked at: some may not be marked as changed."""


def collect(workspace: Workspace, round_number: int, *, everything: bool = False) -> str:
    """Write ``codes.parquet`` when there is something new. Raises ServiceError.

    What was collected once stays, even if it has been deleted in the coding service since; a coder's later
    code for the same unit takes the place of the earlier one, which is kept in ``code_changes.parquet``.

    Only what has changed since the last collection is fetched. Everything is, on demand, once more before a
    round is complete, and where nothing has come for an hour: a service that was killed at the wrong moment,
    or whose clock went back, has answers that it does not call new. Where nothing new came, tasks that were
    deleted by hand before their unit was coded are made again: as long as codes come, nobody waits for them.
    """
    service = build(workspace)
    if not collect_changes(workspace, round_number, service):
        _send_what_is_missing(workspace, round_number, service)
        everything = everything or _is_quiet(workspace, round_number)
    sent, waiting = workspace.store.read_frame(tasks(round_number)), outstanding(workspace, round_number)
    if everything or waiting.empty:
        _add(workspace, round_number, service.collect(sent))
        waiting = outstanding(workspace, round_number)
    coded = f"{len(sent) - len(waiting)} of {len(sent)} units coded"
    return with_warnings(workspace, "; ".join([coded, *no_codes(stored_codes(workspace, round_number))]))


def no_codes(codes: pd.DataFrame) -> list[str]:
    """Whose answers are no code, one line a coder: they do not count until they are corrected.

    >>> answer = {"unit_id": "u7", "coder": "ann", "label": None, "cannot_code": None, "skipped": False}
    >>> no_codes(pd.DataFrame([answer]))
    ["1 answer of ann is no code, such as of unit 'u7': to be corrected in Label Studio"]
    """
    is_none = codes["label"].isna() & codes["cannot_code"].isna() & ~codes["skipped"].astype(bool)
    return [
        f"{len(mine)} answer{'s' * (len(mine) > 1)} of {coder} {'are' if len(mine) > 1 else 'is'} no code, "
        f"such as of unit {mine['unit_id'].iloc[0]!r}: to be corrected in Label Studio"
        for coder, mine in codes[is_none].groupby("coder")
    ]


def collect_changes(workspace: Workspace, round_number: int, service: CodingService) -> bool:
    """Fetch what has changed since the last collection; whether the round has any. Raises ServiceError.

    The same look brings what was said meanwhile of closed rounds (`late`). That is written first: until the
    round's own codes are, the next look begins where this one did.
    """
    sent, closed = workspace.store.read_frame(tasks(round_number)), range(1, round_number)
    waiting = sent.assign(overlap=0) if workspace.store.exists(nonresponse(round_number)) else sent
    earlier = [workspace.store.read_frame(tasks(number)).assign(overlap=0) for number in closed]
    found = service.collect(pd.concat([*earlier, waiting]), _since(workspace, round_number))
    is_late = ~found["unit_id"].isin(sent["unit_id"])
    late.keep(workspace, closed, found[is_late])
    return _add(workspace, round_number, found[~is_late])


def _since(workspace: Workspace, round_number: int) -> pd.Timestamp | None:
    """Shortly before the newest answer there is, or before now should that be of the future."""
    newest = _newest(workspace, round_number)
    return None if newest is None else min(newest, pd.Timestamp.now(tz="UTC")) - OVERLAPPING


def _is_quiet(workspace: Workspace, round_number: int) -> bool:
    newest = _newest(workspace, round_number)
    return newest is not None and pd.Timestamp.now(tz="UTC") - newest > QUIET


def _newest(workspace: Workspace, round_number: int) -> pd.Timestamp | None:
    """When the newest answer was given; a round that has none yet was sent after those before it."""
    for number in range(round_number, 0, -1):
        known = stored_codes(workspace, number)
        if not known.empty:
            newest: pd.Timestamp = known["updated_at"].max()
            return newest
    return None


def _add(workspace: Workspace, round_number: int, found: pd.DataFrame) -> bool:
    return add(workspace, round_number, found, codes(round_number), code_changes(round_number))


def add(workspace: Workspace, round_number: int, found: pd.DataFrame, path: str, changes: str) -> bool:
    """Merge what was found into the table at ``path``, and say whether anything was new.

    What it takes the place of is kept at ``changes``.
    """
    known = _stored(workspace, path)
    merged = merge(known, found)
    is_new = not merged.equals(known)
    if is_new or not workspace.store.exists(path):
        _keep_replaced(workspace, round_number, replaced(known, merged), changes)
        workspace.write(path, merged, schema.CODES, round=round_number)
    return is_new


def _keep_replaced(workspace: Workspace, round_number: int, rows: pd.DataFrame, path: str) -> None:
    """Written before the new codes are: after a crash in between the same rows come again, and count once."""
    if rows.empty:
        return
    kept = [workspace.store.read_frame(path)] if workspace.store.exists(path) else []
    history = pd.concat([*kept, rows], ignore_index=True)
    history = history.drop_duplicates(["unit_id", "coder", "annotation_id", "updated_at"])
    workspace.write(path, history, schema.CODES, round=round_number)


def _send_what_is_missing(workspace: Workspace, round_number: int, service: CodingService) -> None:
    sent = workspace.store.read_frame(tasks(round_number))
    if set(service.missing(round_number, sent)) & set(outstanding(workspace, round_number)["unit_id"]):
        send(workspace, round_number)


def stored_codes(workspace: Workspace, round_number: int) -> pd.DataFrame:
    """The codes collected so far."""
    return _stored(workspace, codes(round_number))


def _stored(workspace: Workspace, path: str) -> pd.DataFrame:
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
    """One row a coder and unit, the latest answer as it is now, sorted by unit and coder."""
    both = pd.concat([known, under_known_names(_as_stored(found), known)], ignore_index=True)
    now = both.drop_duplicates(["unit_id", "coder", "annotation_id"], keep="last")
    return _as_stored(latest_answers(now))


def replaced(known: pd.DataFrame, merged: pd.DataFrame) -> pd.DataFrame:
    """The known rows whose coder has since said something else about the unit."""
    said = ["label", "skipped", "cannot_code", "note"]
    now = merged.set_index(["unit_id", "coder"])[said]
    before = known.set_index(["unit_id", "coder"])[said]
    differs = (before.fillna("") != now.reindex(before.index).fillna("")).any(axis=1)
    rows: pd.DataFrame = known[differs.to_numpy()]
    return rows


def _as_stored(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as it would come back from Parquet, so that two of them can be compared."""
    table = pa.Table.from_pandas(
        frame.reindex(columns=schema.CODES.names), schema=schema.CODES, preserve_index=False
    )
    stored: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return stored
