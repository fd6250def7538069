"""`annotator train`: a classifier learns from all human codes so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from annotator.classifiers import checkpoints
from annotator.classifiers.coded_texts import coded_texts, label_map
from annotator.classifiers.section import Model
from annotator.classifiers.settings import settings_of
from annotator.classifiers.tune import tuned
from annotator.errors import ServiceUnavailableError, StudyError
from annotator.progress import Progress, silent
from annotator.seeds import generator
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace
from models import plots
from models.checkpoint import CARD, Card, read_card
from models.classifier import Classifier
from models.encoder import EncoderClassifier
from models.encoder_config import EncoderConfig
from models.errors import CannotFitError, CheckpointError, UnreachableError
from models.kinds import make
from models.saving import save
from models.tuning import Tuned


@dataclass(frozen=True)
class Trained:
    """A classifier in a folder of this machine; ``is_new`` is false where it had been trained before.

    ``address`` is where it is kept: that folder, or a copy of it in an output that is not on this machine.
    """

    folder: Path
    address: str
    card: Card
    is_new: bool


def train(
    workspace: Workspace, model: Model | None = None, progress: Progress = silent, *, n_trials: int = 0
) -> Trained:
    """Train on the gold of all closed rounds, weighted for the corpus, and keep it under ``output/models``.

    Done once, a training with the same codes and settings is not done again; an interrupted one of an encoder
    goes on from its last whole epoch. With ``n_trials`` so many settings are tried in cross-validation, and
    the best are used.

    Raises StudyError where there is nothing to learn from, or the examples or settings do not bear a fit;
    ServiceUnavailableError where the base model cannot be had now.
    """
    model = model or workspace.study.model or Model()
    n_rounds, digest = n_closed_rounds(workspace), workspace.study.digest_of_model(model)
    with explained():
        given = coded_texts(workspace, taught=True)
        name = f"{model.kind}-tuned-{n_trials}" if n_trials else model.kind
        place = f"round-{n_rounds:03d}/{name}"
        address = checkpoints.address(workspace, place)
        folder = checkpoints.folder_of(workspace, place, digest)
        if (folder / CARD).exists():
            card = read_card(folder)
            if card.study_hash != digest:
                raise StudyError(
                    f"{address} belongs to another study, or to this one with other settings",
                    hint="Remove that folder to train anew.",
                )
            checkpoints.keep(workspace, place)
            _draw_losses(workspace, place, card)
            return Trained(folder, address, card, is_new=False)
        metrics: dict[str, Any] = {"model": model.model_dump(mode="json")}
        if n_trials:
            found = tuned(workspace, model, given, n_trials, progress)
            _write_trials(workspace, place, found)
            model = model.model_copy(update={"settings": {**model.settings, **found.settings}})
            metrics["searched"] = {"n_trials": n_trials, "settings": found.settings}
        state = workspace.folder / f"training-{n_rounds:03d}-{name}.state"
        state.parent.mkdir(parents=True, exist_ok=True)
        classifier = new_classifier(workspace, model, state, progress)
        rng = generator(workspace.study, n_rounds, f"train {model.kind}")
        classifier.fit(given.texts, given.labels, given.weights, rng)
        card = save(classifier, folder, study_hash=digest, metrics=metrics)
        checkpoints.keep(workspace, place)
        state.unlink(missing_ok=True)
    _draw_losses(workspace, place, card)
    return Trained(folder, address, card, is_new=True)


def _write_trials(workspace: Workspace, place: str, found: Tuned) -> None:
    """Every trial of a search, beside the classifier."""
    trials = pa.Table.from_pandas(found.trials, preserve_index=False).replace_schema_metadata(None)
    workspace.store.write(f"{checkpoints.MODELS}/{place}-trials.parquet", trials, workspace.provenance())


def refuse_other_study(workspace: Workspace, folder: Path) -> Card:
    """The card of a classifier that `train` made in this study. Raises CheckpointError for any other."""
    card = read_card(folder)
    section = card.metrics.get("model")
    try:
        model = (workspace.study.model or Model()) if section is None else Model.model_validate(section)
    except ValueError as error:
        raise CheckpointError(f"{folder} was trained with settings unknown to this version") from error
    return read_card(folder, workspace.study.digest_of_model(model))


def new_classifier(
    workspace: Workspace, model: Model, state: Path | None = None, progress: Progress = silent
) -> Classifier:
    """A classifier of this kind that has learnt nothing. Raises CannotFitError for a setting it has not."""
    codes, settings = label_map(workspace), settings_of(workspace, model)
    if model.kind != "encoder":
        return make(model.kind, codes, settings)
    try:
        config = EncoderConfig(**settings)
    except TypeError as error:
        raise CannotFitError(f"a setting that an encoder does not have: {error}") from error

    def on_epoch(epoch: int, loss: float) -> None:
        progress(epoch, config.epochs, f"training (held-out loss {loss:.3f})")

    return EncoderClassifier(codes, config, state=state, on_epoch=on_epoch)


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the classifiers as errors of the study."""
    try:
        yield
    except (CannotFitError, CheckpointError) as error:
        raise StudyError(f"the classifier: {error}") from error
    except UnreachableError as error:
        raise ServiceUnavailableError(f"the classifier: {error}") from error


def _draw_losses(workspace: Workspace, place: str, card: Card) -> None:
    """The losses of an encoder's training, drawn beside it."""
    picture = f"{checkpoints.MODELS}/{place}-losses.svg"
    if card.metrics.get("losses") and not workspace.store.exists(picture):
        workspace.store.write_bytes(picture, plots.losses(card.metrics).encode())
