"""Files that appear whole or not at all, however large: written beside their place, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Where to write what shall stand at ``place``; its folder is made.

    What was there stays until the new file is complete, and for good if writing it fails.

    >>> import tempfile
    >>> with whole(Path(tempfile.mkdtemp()) / "new" / "a.txt") as unfinished:
    ...     _ = unfinished.write_text("all of it")
    >>> place = unfinished.parent / "a.txt"
    >>> place.read_text(), unfinished.exists()
    ('all of it', False)
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        with unfinished.open("rb") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(place: Path, text: str) -> Path:
    """Write a whole text file; its place."""
    with whole(place) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return place
