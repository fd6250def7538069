"""A folder that holds a fitted classifier: written whole or not at all, and checked when it is read."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import BoolArray
from models.errors import CheckpointError
from models.label_map import LabelMap, Task, Text

CARD = "checkpoint.json"
FORMAT = 1
LIBRARIES = ("torch", "transformers", "peft", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Card:
    """What a checkpoint says of itself, in ``checkpoint.json``.

    Attributes
    ----------
    kind : str
        Which classifier it is, such as ``encoder`` or ``tfidf_logistic``.
    task, codes :
        The label map.
    settings : dict
        What the classifier was made with, plain JSON values.
    unit_hashes : tuple of str
        Of the texts it was fitted on, in no order.
    metrics : dict
        What the fit measured, such as the loss on held-out examples.
    study_hash : str
        Given by the caller; empty if there was none.
    versions : dict
        Of the libraries that wrote it.
    files : dict
        Size in bytes of every other file of the folder.
    """

    kind: str
    task: Task
    codes: tuple[str, ...]
    settings: dict[str, Any]
    unit_hashes: tuple[str, ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    study_hash: str = ""
    versions: dict[str, str] = field(default_factory=lambda: {name: version(name) for name in LIBRARIES})
    files: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def label_map(self) -> LabelMap:
        """The codes and the task."""
        return LabelMap(self.codes, self.task)

    def has_seen(self, texts: Sequence[Text]) -> BoolArray:
        """Which texts (n,) the classifier was fitted on: scores on those flatter it."""
        seen = set(self.unit_hashes)
        return np.array([unit_hash(text) in seen for text in texts], dtype=np.bool_)


def unit_hash(text: Text) -> str:
    """Sixteen hexadecimal digits that stand for a text or pair.

    >>> unit_hash("a") == unit_hash("a"), unit_hash(("a", "b")) == unit_hash(("a b", ""))
    (True, False)
    """
    parts = [text] if isinstance(text, str) else list(text)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def unit_hashes(texts: Sequence[Text]) -> tuple[str, ...]:
    """The hashes of some texts, sorted, each once."""
    return tuple(sorted({unit_hash(text) for text in texts}))


def write(folder: Path, card: Card, fill: Callable[[Path], None]) -> None:
    """Write a checkpoint: ``fill`` puts the classifier's files into the folder it is given.

    They are written beside the place, flushed to disk and renamed, so ``folder`` is whole whenever it is
    there.

    Raises CheckpointError if ``folder`` exists or cannot be written; nothing is left then.
    """
    if folder.exists():
        raise CheckpointError(f"{folder} exists already. Remove it, or name another folder")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        fill(partial)
        sizes = {
            path.relative_to(partial).as_posix(): path.stat().st_size
            for path in sorted(partial.rglob("*"))
            if path.is_file()
        }
        content = json.dumps({**asdict(card), "files": sizes}, indent=1, sort_keys=True)
        (partial / CARD).write_text(content, encoding="utf-8")
        for path in [*partial.rglob("*"), partial]:
            _flush(path)
        partial.rename(folder)
        _flush(folder.parent)
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise CheckpointError(
                f"cannot write the checkpoint {folder}: {error}. Make room or name another folder; "
                "nothing was left there"
            ) from error
        raise
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def read_card(folder: Path, study_hash: str | None = None) -> Card:
    """The card of a checkpoint whose files are all there.

    Raises CheckpointError if it is none, is incomplete, or belongs to a study with another hash than the
    ``study_hash`` given.
    """
    try:
        content = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is no checkpoint: it has no {CARD}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {folder / CARD}: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{folder / CARD} was not written by this version. Train the classifier anew")
    for name, size in content["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            raise CheckpointError(
                f"{path} is missing or cut short. Copy the whole folder again, or train anew"
            )
    card = Card(**{**content, "codes": tuple(content["codes"]), "unit_hashes": tuple(content["unit_hashes"])})
    if study_hash is not None and card.study_hash != study_hash:
        raise CheckpointError(
            f"the checkpoint {folder} belongs to another study, or to this one before its codebook, corpus "
            f"or models changed (its hash is {card.study_hash or 'empty'}, not {study_hash}). Train anew"
        )
    return card


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
