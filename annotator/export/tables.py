"""Tables of results as csv files, for any tool that reads those."""

from pathlib import Path

from annotator.errors import StudyError
from annotator.export.wanted import Wanted
from annotator.workspace import ESTIMATES, LABELS, RELIABILITY, Workspace


def csv_tables(workspace: Workspace, folder: Path, wanted: Wanted) -> list[Path]:
    """Write labels, estimates and reliability. Raises StudyError before the first closed round."""
    tables = [path for path in (LABELS, ESTIMATES, RELIABILITY) if workspace.store.exists(path)]
    if LABELS not in tables:
        raise StudyError("there is no result to export yet", hint="Results come with the first closed round.")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in tables:
        frame = workspace.store.read_frame(path)
        if path == LABELS and wanted.coded_only:
            frame = frame[frame["gold"].notna()]
        place = folder / Path(path).with_suffix(".csv").name
        frame.to_csv(place, index=False)
        written.append(place)
    return written
