"""A classifier of all codes so far, and what it says of every unit without having seen its code.

Every fold, the classifier and every part of the predictions is kept as soon as it is there, so that an
interruption costs the one at work; the folder is removed when all is written.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from annotator.classifiers.coded_texts import CodedTexts, coded_texts, texts_of
from annotator.classifiers.section import Model
from annotator.classifiers.train import explained, new_classifier, train
from annotator.errors import StudyError
from annotator.progress import Progress
from annotator.seeds import generator
from annotator.store import Store
from annotator.workspace import Workspace
from models.arrays import FloatArray, IntArray
from models.errors import CannotFitError
from models.out_of_fold import Folded
from models.saving import load

PART = 20_000  # texts predicted in one go: what an interruption can cost to redo
FOLDER = "retraining"


@dataclass(frozen=True)
class Refitted:
    """What came of it.

    Attributes
    ----------
    given : CodedTexts
        The n texts with codes.
    fold : (n,) array of int
    probability : (N, K) array
        Of every unit of the corpus; of the n by the classifiers that did not see their fold.
    """

    given: CodedTexts
    fold: IntArray
    probability: FloatArray


def refit(workspace: Workspace, model: Model, n_rounds: int, progress: Progress) -> Refitted:
    """Train on all codes of the first ``n_rounds`` rounds, weighted for the corpus.

    Raises
    ------
    CannotFitError
        The codes do not bear a fit, or the classifier's settings do not.
    UnreachableError, ServiceUnavailableError
        The base model cannot be had now.
    StudyError, ServiceError
        The checkpoint or the predictions cannot be written.
    """
    given = coded_texts(workspace, n_rounds, taught=True)
    work = _Work.of(workspace, model, given, n_rounds)
    folded = _folds(workspace, given, n_rounds)
    n_units = len(workspace.units)
    others = np.setdiff1d(np.arange(n_units), given.rows)
    n_parts = -(-others.size // PART)
    n_steps, done = folded.n_folds + 1 + n_parts, 0

    def show() -> None:
        nonlocal done
        progress(done, n_steps, f"retraining {model.kind}")
        done += 1

    show()
    by_fold = []
    for j in range(folded.n_folds):
        state = work.folder / f"fold-{j}.state"
        make = partial(new_classifier, workspace, model, state, progress)
        rng = generator(workspace.study, n_rounds, f"retrain fold {j}")
        by_fold.append(work.once(f"fold-{j}.parquet", partial(folded.predict, make, j, rng)))
        state.unlink(missing_ok=True)
        show()
    folder = _trained(workspace, model, progress)
    show()
    with explained():
        classifier = load(folder)
    probability = np.empty((n_units, by_fold[0].shape[1]))
    probability[given.rows] = folded.joined(by_fold)
    for index, rows in enumerate(_parts(others)):
        predict = partial(_predict, workspace, classifier.predict_proba, rows)
        probability[rows] = work.once(f"part-{index:05d}.parquet", predict)
        show()
    if not np.isfinite(probability).all():
        raise CannotFitError(f"{model.kind} gives probabilities that are no numbers")
    return Refitted(given, folded.fold, probability)


def clean(workspace: Workspace) -> None:
    """Remove what was kept for an interruption."""
    shutil.rmtree(workspace.folder / FOLDER, ignore_errors=True)


def _folds(workspace: Workspace, given: CodedTexts, n_rounds: int) -> Folded:
    rng = generator(workspace.study, n_rounds, "retrain folds")
    try:
        return Folded.of(given.texts, given.labels, given.weights, rng)
    except ValueError as error:
        raise CannotFitError(str(error)) from error


def _trained(workspace: Workspace, model: Model, progress: Progress) -> Path:
    """The folder of the classifier of all codes; `annotator train` may have made it before."""
    try:
        return train(workspace, model, progress).folder
    except StudyError as error:
        if isinstance(error.__cause__, CannotFitError):
            raise error.__cause__ from error
        raise


def _predict(workspace: Workspace, predict: Callable[[list[Any]], FloatArray], rows: IntArray) -> FloatArray:
    return predict(texts_of(workspace, rows))


def _parts(rows: IntArray) -> Iterator[IntArray]:
    for start in range(0, rows.size, PART):
        yield rows[start : start + PART]


@dataclass(frozen=True)
class _Work:
    """Probabilities that are made once, in a folder of the codes and settings they come from."""

    folder: Path

    @classmethod
    def of(cls, workspace: Workspace, model: Model, given: CodedTexts, n_rounds: int) -> "_Work":
        """The folder of this fit."""
        identity = hashlib.sha256(workspace.study.digest_of_model(model).encode())
        for values in (given.rows, given.labels, given.weights):
            identity.update(values.tobytes())
        name = f"round-{n_rounds:03d}-{identity.hexdigest()[:16]}"
        return cls(workspace.folder / FOLDER / name)

    def once(self, name: str, make: Callable[[], FloatArray]) -> FloatArray:
        """Probabilities (m, K), as they were kept or made now. Raises ServiceError."""
        store = Store(str(self.folder))
        if not store.exists(name):
            store.write(name, pa.table({str(k): column for k, column in enumerate(make().T)}))
        found: FloatArray = store.read_frame(name).to_numpy(dtype=np.float64)
        return found
