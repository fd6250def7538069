"""Machine annotators as classifiers: by what they said, or asked again with examples of the other texts."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from annotator import label_sets
from annotator.classifiers.coded_texts import CodedTexts, decoded, encoded, label_map
from annotator.labeling.build import build
from annotator.labeling.protocol import Unit
from annotator.machines import Elicited, FewShot, Machine, OpenAIMachine, TransformersMachine
from annotator.store import Store
from annotator.workspace import Workspace
from models.arrays import FloatArray, IntArray
from models.checkpoint import Card, unit_hash
from models.classifier import not_fitted
from models.errors import CannotFitError
from models.given import GivenPredictions
from models.label_map import Text

LEAST = 1e-9  # by how much a label's probability exceeds what would tie


def as_said(workspace: Workspace, name: str, given: CodedTexts) -> GivenPredictions:
    """What an annotator said of the coded texts when it labelled the corpus."""
    said = workspace.machine_labels(name).iloc[given.rows]
    labels = [None if pd.isna(label) else str(label) for label in said["label"]]
    return _predictions(workspace, given.texts, labels, said["confidence"].to_numpy(dtype=float))


def can_be_prompted(machine: Machine) -> bool:
    """Whether it is a language model, so that a prompt can show it examples."""
    return isinstance(machine, OpenAIMachine) or (
        isinstance(machine, TransformersMachine) and machine.is_causal
    )


def is_zero_shot(machine: Machine) -> bool:
    """Whether it labelled the corpus without examples."""
    return isinstance(machine, Elicited) and machine.few_shot is None


class Prompted:
    """A language model that is asked about texts, shown k of those it was fitted on with their codes.

    Its section of the study file holds for all else. Replies are kept and paid for once; a provider's
    batches are not used, since the next fold waits for the answers.

    Parameters
    ----------
    workspace : Workspace
    machine : Machine
        Such that `can_be_prompted`.
    n_shots : int
        How many examples, drawn by the study's seed from every code in turn; 0 for none.
    given : CodedTexts
        All texts that it may be fitted on or asked about.

    Raises
    ------
    ServiceError
        Of a prediction, where the annotator as a whole cannot answer.
    """

    kind = "prompted"

    def __init__(self, workspace: Workspace, machine: Machine, n_shots: int, given: CodedTexts) -> None:
        self.label_map = label_map(workspace)
        self.unit_hashes: tuple[str, ...] = ()
        self.metrics: dict[str, Any] = {}
        self._workspace, self._machine, self._n_shots = workspace, machine, n_shots
        self._row = {unit_hash(text): int(row) for text, row in zip(given.texts, given.rows, strict=True)}
        self._examples: FewShot | None = None
        self._shares: tuple[Sequence[Text], IntArray, FloatArray | None] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """How many examples it is shown."""
        return {"n_shots": self._n_shots}

    def fit(
        self, texts: Sequence[Text], labels: IntArray, weights: FloatArray | None, rng: np.random.Generator
    ) -> Self:
        """Choose the examples, and learn the shares of the codes, which stand in where it fails."""
        if self._n_shots and isinstance(self._machine, Elicited) and self._machine.translate:
            raise CannotFitError("with `translate` the examples would be in another language than the texts")
        known = GivenPredictions(self.label_map).fit(texts, labels, weights, rng)
        self.unit_hashes, self.metrics = known.unit_hashes, known.metrics
        self._shares = (texts, labels, weights)
        self._examples = self._written(texts, labels) if self._n_shots else None
        return self

    def predict_proba(self, texts: Sequence[Text]) -> FloatArray:
        """Ask about n texts: probabilities (n, K), the confidence for the code it names.

        Raises CannotFitError before a fit, ServiceError where it cannot answer.
        """
        if self._shares is None:
            raise not_fitted(self.kind)
        changes: dict[str, Any] = {"few_shot": self._examples}
        if isinstance(self._machine, OpenAIMachine):
            changes["batch"] = None
        rows = build(self._workspace, self._machine.model_copy(update=changes)).label(self._units(texts))
        confidence = np.array([np.nan if row.confidence is None else row.confidence for row in rows])
        said = _predictions(self._workspace, texts, [row.label for row in rows], confidence)
        return said.fit(*self._shares, np.random.default_rng(0)).predict_proba(texts)

    def write_files(self, folder: Path) -> None:
        """Not to be kept: the study file says all there is to say. Raises CannotFitError."""
        raise CannotFitError("a machine annotator that is asked cannot be kept as a checkpoint")

    def read_files(self, folder: Path, card: Card) -> None:
        """Raises CannotFitError; see `write_files`."""
        self.write_files(folder)

    def _units(self, texts: Sequence[Text]) -> list[Unit]:
        rows = self._workspace.units.iloc[[self._row[unit_hash(text)] for text in texts]]
        image = self._workspace.study.corpus.image
        images = rows[image].tolist() if image else [None] * len(rows)
        return [
            Unit(str(unit_id), str(text), place or None)
            for unit_id, text, place in zip(rows["unit_id"], rows["text"], images, strict=True)
        ]

    def _written(self, texts: Sequence[Text], labels: IntArray) -> FewShot:
        """The fitted texts as the table that examples are drawn from."""
        units = self._units(texts)
        table = pd.DataFrame(
            {
                "unit_id": [unit.unit_id for unit in units],
                "text": [unit.text for unit in units],
                "label": decoded(self.label_map, labels),
            }
        )
        name = f"examples-{hashlib.sha256(table.to_json().encode()).hexdigest()[:16]}.parquet"
        store = Store(str(self._workspace.folder / "few_shot"))
        store.write(name, pa.Table.from_pandas(table, preserve_index=False))
        return FewShot(source="gold", k=self._n_shots, path=store.address(name))


def _predictions(
    workspace: Workspace, texts: Sequence[Text], labels: Sequence[str | None], confidence: FloatArray
) -> GivenPredictions:
    """Labels, None where there is none, as a classifier; a set of codes says nothing of confidence.

    What it predicts is the label, however unsure: a confidence that would speak for another code counts as
    the least that speaks for this one.
    """
    codes = label_map(workspace)
    instead = label_sets.NONE if codes.is_multilabel else codes.codes[0]
    numbers = encoded(workspace, [label or instead for label in labels])
    numbers[[label is None for label in labels]] = -1
    if codes.is_multilabel:
        return GivenPredictions(codes, texts, numbers)
    least = LEAST + (0.5 if codes.task == "ordinal" else 1.0 / codes.n_codes)
    return GivenPredictions(codes, texts, numbers, np.clip(confidence, least, 1.0))
