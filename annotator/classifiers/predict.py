"""`annotator predict`: a trained classifier on a file of texts, part by part, from Parquet to Parquet."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from annotator import label_sets
from annotator.classifiers.train import explained
from annotator.errors import StudyError
from annotator.progress import Progress, silent
from annotator.store import Store
from annotator.workspace import Workspace
from models.arrays import IntArray
from models.classifier import Classifier
from models.label_map import LabelMap, Text
from models.saving import load

PART = 20_000  # texts in one part: what an interruption can cost to redo
_FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv"}


@dataclass(frozen=True)
class Predicted:
    """How many texts have predictions, in how many parts, and where."""

    n_texts: int
    n_parts: int
    folder: str


def predict(
    workspace: Workspace, model: Path, texts: Path, out: Path, progress: Progress = silent
) -> Predicted:
    """Write the parts under ``out``: the id column if there is one, ``prediction``, ``probability_<code>``.

    ``texts`` is a Parquet or csv file with the text columns of the study. Parts that are there are not made
    again. Raises StudyError where the file or the classifier cannot be read or do not fit the study.
    """
    with explained():
        classifier = load(model)
    if classifier.label_map.codes != workspace.study.codebook.names:
        raise StudyError(
            f"{model} predicts {', '.join(classifier.label_map.codes)}, "
            f"the codebook has {', '.join(workspace.study.codebook.names)}",
            hint="Name a classifier that was trained with this codebook.",
        )
    source = _source(workspace, texts)
    store, total = Store(str(out)), source.count_rows()
    n_parts = -(-total // PART)
    for index, batch in enumerate(_parts(source, _columns(workspace, source.schema.names, texts))):
        place = f"part-{index:05d}.parquet"
        if not store.exists(place):
            about = {"model": model.name, "study": workspace.study.name, "part": index}
            store.write(place, _predicted(workspace, classifier, batch), about)
        progress(index + 1, n_parts, f"predicting {total:,} texts")
    return Predicted(total, n_parts, str(out))


def _source(workspace: Workspace, texts: Path) -> ds.Dataset:
    kind = _FORMATS.get(texts.suffix.lower())
    if kind is None or not texts.is_file():
        raise StudyError(
            f"{texts}: {'there is no such file' if kind else 'a .parquet or .csv file is needed'}",
            hint=f"It holds the columns {', '.join(workspace.study.corpus.text_columns)}.",
        )
    try:
        return ds.dataset(texts, format=kind)
    except (OSError, pa.ArrowInvalid) as error:
        raise StudyError(f"{texts} cannot be read: {error}") from error


def _columns(workspace: Workspace, there: list[str], texts: Path) -> list[str]:
    """The text columns, and the id where the file has it."""
    corpus = workspace.study.corpus
    lacking = [column for column in corpus.text_columns if column not in there]
    if lacking:
        raise StudyError(f"{texts} has no column '{lacking[0]}'", hint=f"It has: {', '.join(there[:20])}")
    return [*([corpus.id] if corpus.id in there else []), *corpus.text_columns]


def _parts(source: ds.Dataset, columns: list[str]) -> Iterator[pd.DataFrame]:
    """Stretches of PART rows, whatever the file's own."""
    waiting: list[pa.Table] = []
    n_waiting = 0
    for batch in source.to_batches(columns=columns):
        waiting.append(pa.Table.from_batches([batch]))
        n_waiting += batch.num_rows
        while n_waiting >= PART:
            whole = pa.concat_tables(waiting)
            yield whole.slice(0, PART).to_pandas()
            waiting, n_waiting = [whole.slice(PART)], n_waiting - PART
    if n_waiting:
        yield pa.concat_tables(waiting).to_pandas()


def _predicted(workspace: Workspace, classifier: Classifier, rows: pd.DataFrame) -> pa.Table:
    columns = workspace.study.corpus.text_columns
    parts = [rows[column].fillna("").astype(str).tolist() for column in columns]
    texts: list[Text] = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))  # type: ignore[assignment]
    with explained():
        probability = classifier.predict_proba(texts)
    found = rows.drop(columns=list(columns))
    found["prediction"] = _labels(classifier.label_map, classifier.label_map.predict(probability))
    for name, values in zip(classifier.label_map.codes, probability.T, strict=True):
        found[f"probability_{name}"] = values
    return pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata(None)


def _labels(codes: LabelMap, predicted: IntArray) -> list[str]:
    if not codes.is_multilabel:
        return [codes.codes[k] for k in predicted]
    return [label_sets.join(np.array(codes.codes)[row == 1].tolist(), codes.codes) for row in predicted]
