"""Fitted classifiers into checkpoints and back."""

from pathlib import Path
from typing import Any

from models import checkpoint, kinds
from models.checkpoint import Card
from models.classifier import Classifier, not_fitted
from models.errors import CheckpointError


def save(
    classifier: Classifier, folder: Path, *, study_hash: str = "", metrics: dict[str, Any] | None = None
) -> Card:
    """Write a fitted classifier into a new folder, whole or not at all, and return its card.

    ``metrics`` (plain JSON values) are added to what the fit measured. Raises CheckpointError (see
    `checkpoint.write`) and, before a fit, CannotFitError.
    """
    if not classifier.unit_hashes:
        raise not_fitted(classifier.kind)
    card = Card(
        kind=classifier.kind,
        task=classifier.label_map.task,
        codes=classifier.label_map.codes,
        settings=classifier.settings,
        unit_hashes=classifier.unit_hashes,
        metrics={**classifier.metrics, **(metrics or {})},
        study_hash=study_hash,
    )
    checkpoint.write(folder, card, classifier.write_files)
    return card


def load(folder: Path, *, study_hash: str | None = None) -> Classifier:
    """The classifier of a checkpoint.

    Raises CheckpointError if the folder is no whole checkpoint, or one of a study with another hash.
    """
    card = checkpoint.read_card(folder, study_hash)
    classifier = kinds.make(card.kind, card.label_map, card.settings)
    try:
        classifier.read_files(folder, card)
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"cannot read the checkpoint {folder}: {error}") from error
    classifier.unit_hashes, classifier.metrics = card.unit_hashes, card.metrics
    return classifier
