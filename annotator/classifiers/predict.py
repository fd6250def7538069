"""`annotator predict`: a trained classifier on texts, part by part, from Parquet to Parquet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from annotator.classifiers import checkpoints
from annotator.classifiers.coded_texts import decoded
from annotator.classifiers.prediction_job import Part, job_for, job_in, part, read_parts
from annotator.classifiers.train import explained, refuse_other_study
from annotator.errors import StudyError
from annotator.progress import Progress, silent
from annotator.store import Store
from annotator.workspace import Workspace
from models.classifier import Classifier
from models.label_map import Text
from models.saving import load


@dataclass(frozen=True)
class Predicted:
    """How many texts have predictions, in how many parts, and where."""

    n_texts: int
    n_parts: int
    folder: str


def predict(
    workspace: Workspace, model: Path | str, texts: Path | str, out: Path | str, progress: Progress = silent
) -> Predicted:
    """Write the parts under ``out``, all in this process; those that are there are not made again.

    A part has the id column, or ``row`` (from 0) where the texts have none, ``prediction`` and
    ``probability_<code>``. ``model`` is the folder or address of a classifier that `train` made. What
    ``texts`` may be says `prediction_job.job_for`; ``out`` is a folder or any fsspec URL. Raises
    StudyError where texts or classifier cannot be read or do not fit the study.
    """
    pending = begin(workspace, model, texts, out)
    predict_parts(workspace, model, out, pending, progress)
    return predicted(out)


def begin(workspace: Workspace, model: Path | str, texts: Path | str, out: Path | str) -> list[int]:
    """Write down what is to be done, and say which parts are still to be made.

    Raises StudyError as `predict` does.
    """
    with explained():
        folder = checkpoints.on_this_machine(workspace, model)
        card = refuse_other_study(workspace, folder)
    if card.codes != workspace.study.codebook.names:
        raise StudyError(
            f"{model} predicts {', '.join(card.codes)}, "
            f"the codebook has {', '.join(workspace.study.codebook.names)}",
            hint="Name a classifier that was trained with this codebook.",
        )
    store = Store(str(out))
    return job_for(workspace, folder, str(texts), store).pending(store)


def predict_parts(
    workspace: Workspace,
    model: Path | str,
    out: Path | str,
    indices: Sequence[int],
    progress: Progress = silent,
) -> int:
    """Make some parts of a job that was begun, but for those that are there, and say how many that were."""
    store = Store(str(out))
    job = job_in(store)
    todo = [index for index in sorted(indices) if not store.exists(part(index))]
    what = f"predicting {job.n_texts:,} texts"
    n_there = len(indices) - len(todo)
    if indices:
        progress(n_there, len(indices), what)
    if todo:
        with explained():
            folder = checkpoints.on_this_machine(workspace, model)
            classifier = load(folder)
        about = workspace.provenance(model=folder.name, kind=classifier.kind, classifier=job.classifier)
        for done, (index, where, rows) in enumerate(read_parts(job, todo), start=1):
            table = _predictions(workspace, classifier, rows, where)
            store.write(part(index), table, about | {"part": index})
            progress(n_there + done, len(indices), what)
    return len(todo)


def predicted(out: Path | str) -> Predicted:
    """What a finished job has made."""
    job = job_in(Store(str(out)))
    return Predicted(job.n_texts, len(job.parts), str(out))


def _predictions(workspace: Workspace, classifier: Classifier, rows: pd.DataFrame, where: Part) -> pa.Table:
    columns = workspace.study.corpus.text_columns
    parts = [rows[column].fillna("").astype(str).tolist() for column in columns]
    texts: list[Text] = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))  # type: ignore[assignment]
    with explained():
        probability = classifier.predict_proba(texts)
    found = rows.drop(columns=list(columns))
    if found.columns.empty:
        found["row"] = np.arange(where.first, where.first + len(rows))
    found["prediction"] = decoded(classifier.label_map, classifier.label_map.predict(probability))
    for name, values in zip(classifier.label_map.codes, probability.T, strict=True):
        found[f"probability_{name}"] = values
    return pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata(None)
