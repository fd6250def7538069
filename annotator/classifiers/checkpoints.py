"""Where the classifiers of a study are: in folders below the output, or copies of these on this machine.

A checkpoint is a folder. Where the output is not on this machine, it is written into the study's local
folder, then put to the store file by file. Its card comes last: a checkpoint without one is not there yet.
"""

import json
import shutil
from pathlib import Path

from filelock import FileLock

from annotator.errors import StudyError
from annotator.store import Store
from annotator.workspace import Workspace
from models.checkpoint import CARD, read_card
from models.errors import CheckpointError

MODELS = "models"  # the folder of classifiers below the output


def address(workspace: Workspace, place: str) -> str:
    """Where a checkpoint is kept, for people and for `annotator predict`."""
    return workspace.store.address(f"{MODELS}/{place}")


def folder_of(workspace: Workspace, place: str, study_hash: str) -> Path:
    """The folder on this machine where the checkpoint is, if it is kept already, or is to be written.

    What an interruption left unsent is there as well, if it was trained with ``study_hash``. Raises
    ServiceError, and StudyError where what is kept is not whole.
    """
    if workspace.store.folder is not None:
        return workspace.store.folder / MODELS / place
    folder = _copy(workspace, place)
    if workspace.store.exists(_kept(place, CARD)):
        _fetch(workspace, place, folder)
    elif not _is_whole(folder, study_hash):
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def keep(workspace: Workspace, place: str) -> None:
    """Put the checkpoint in its `folder_of` to the store, its card last. Raises ServiceError."""
    if workspace.store.folder is not None or workspace.store.exists(_kept(place, CARD)):
        return
    folder = _copy(workspace, place)
    for name in (*sorted(read_card(folder).files), CARD):
        workspace.store.upload(_kept(place, name), folder / name)


def on_this_machine(workspace: Workspace, model: Path | str) -> Path:
    """The folder of a classifier that is named by its folder, or by its `address` in this study.

    Raises ServiceError, and StudyError for an address of anything else.
    """
    named = str(model).rstrip("/")
    if "://" not in named:
        return Path(model)
    if named.startswith(("file://", "local://")):
        return Path(Store(named).folder or named)
    place = named.removeprefix(address(workspace, ""))
    if place == named or not workspace.store.exists(_kept(place, CARD)):
        raise StudyError(
            f"{model} is no classifier of this study",
            hint="Name one as `annotator train` did, or copy the folder to this machine and name that.",
        )
    folder = _copy(workspace, place)
    _fetch(workspace, place, folder)
    return folder


def _kept(place: str, name: str) -> str:
    return f"{MODELS}/{place}/{name}"


def _copy(workspace: Workspace, place: str) -> Path:
    """A place of this run of the study: another one may have the same name, but other codes."""
    return workspace.folder / MODELS / workspace.study_id[:16] / place


def _fetch(workspace: Workspace, place: str, folder: Path) -> None:
    """Copy a checkpoint from the store, whole or not at all, if it is not there; workers wait for another."""
    card = workspace.store.read_bytes(_kept(place, CARD))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if _is_whole(folder) and (folder / CARD).read_bytes() == card:
            return
        partial = folder.with_name(f".{folder.name}.partial")
        for old in (partial, folder):
            shutil.rmtree(old, ignore_errors=True)
        partial.mkdir()
        (partial / CARD).write_bytes(card)
        for name in _files(card):
            workspace.store.download(_kept(place, name), partial / name)
        if not _is_whole(partial):
            raise StudyError(
                f"{address(workspace, place)} is cut short, or was not written by this version",
                hint="Remove it to train anew.",
            )
        partial.rename(folder)


def _files(card: bytes) -> list[str]:
    """What a card says is there; nothing if it is damaged."""
    try:
        return sorted(json.loads(card)["files"])
    except (ValueError, KeyError, TypeError):
        return []


def _is_whole(folder: Path, study_hash: str | None = None) -> bool:
    try:
        read_card(folder, study_hash)
    except CheckpointError:
        return False
    return True
