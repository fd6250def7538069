"""`annotator cache`."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import pandas as pd
import typer

from annotator import console
from annotator.commands.arguments import Json, StudyPath
from annotator.labeling.build import REPLIES
from annotator.labeling.cache import Kept, ReplyCache
from annotator.workspace import Workspace

_DAY = 86_400.0


def cache(
    study: StudyPath,
    *,
    prune: Annotated[bool, typer.Option("--prune", help="remove what is shown")] = False,
    model: Annotated[str | None, typer.Option(help="only replies of this model")] = None,
    older_than: Annotated[float | None, typer.Option(min=0, help="only replies older than DAYS")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before removing")] = False,
    as_json: Json = False,
) -> None:
    """The machine's replies that were paid for and are kept, by model."""
    workspace = Workspace.open(study)
    path = workspace.folder / REPLIES
    before = None if older_than is None else time.time() - _DAY * older_than
    replies = ReplyCache(path)
    kept = replies.kept(model, before) if path.exists() else []
    if not as_json:
        _show(kept, str(path))
    if prune and kept:
        if not yes:
            typer.confirm("Remove these? They would have to be paid for again.", abort=True, err=True)
        with workspace.lock():
            n_gone = replies.prune(model, before)
        if not as_json:
            console.out.print(f"{n_gone:,} replies removed. What was spent on them stays counted.")
    replies.close()
    if as_json:
        rows = [_plain(one) for one in kept]
        console.show_json({"path": str(path), "replies": rows, "removed": prune})


def _plain(kept: Kept) -> dict[str, object]:
    times = {name: _time(getattr(kept, name)).isoformat() for name in ("oldest", "newest")}
    return {**asdict(kept), **times}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0)


def _show(kept: Sequence[Kept], path: str) -> None:
    if not kept:
        console.out.print("no such reply is kept")
        return
    rows = pd.DataFrame(
        {
            "model": [one.model for one in kept],
            "replies": [f"{one.replies:,}" for one in kept],
            "size": [f"{one.size / 1e6:,.1f} MB" for one in kept],
            "oldest": [f"{_time(one.oldest):%Y-%m-%d %H:%M} UTC" for one in kept],
            "newest": [f"{_time(one.newest):%Y-%m-%d %H:%M} UTC" for one in kept],
        }
    )
    console.show_frame(rows, path)
