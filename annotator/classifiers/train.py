"""`annotator train`: a classifier learns from all human codes so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annotator.classifiers.coded_texts import coded_texts, label_map
from annotator.classifiers.section import Model
from annotator.errors import StudyError
from annotator.progress import Progress, silent
from annotator.seeds import generator
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace
from models import embedded
from models.checkpoint import CARD, Card, read_card
from models.classifier import Classifier
from models.encoder import EncoderClassifier
from models.encoder_config import EncoderConfig
from models.errors import CannotFitError, CheckpointError
from models.kinds import make
from models.saving import save


@dataclass(frozen=True)
class Trained:
    """A classifier in its folder; ``is_new`` is false where it had been trained before."""

    folder: Path
    card: Card
    is_new: bool


def train(workspace: Workspace, model: Model | None = None, progress: Progress = silent) -> Trained:
    """Train on the gold of all closed rounds, weighted for the corpus, and keep it under ``output/models``.

    Done once, a training with the same codes and settings is not done again; an interrupted one of an encoder
    goes on from its last whole epoch.

    Raises StudyError where there is nothing to learn from, or the examples or settings do not bear a fit.
    """
    model = model or workspace.study.model or Model()
    n_rounds = n_closed_rounds(workspace)
    with explained():
        given = coded_texts(workspace, taught=True)
        folder = models_folder(workspace) / f"round-{n_rounds:03d}" / model.kind
        if (folder / CARD).exists():
            card = read_card(folder, workspace.study.digest_of_model(model))
            return Trained(folder, card, is_new=False)
        state = workspace.folder / f"training-{n_rounds:03d}-{model.kind}.state"
        state.parent.mkdir(parents=True, exist_ok=True)
        classifier = new_classifier(workspace, model, state, progress)
        classifier.fit(
            given.texts,
            given.labels,
            given.weights,
            generator(workspace.study, n_rounds, f"train {model.kind}"),
        )
        card = save(classifier, folder, study_hash=workspace.study.digest_of_model(model))
        state.unlink(missing_ok=True)
    return Trained(folder, card, is_new=True)


def new_classifier(
    workspace: Workspace, model: Model, state: Path | None = None, progress: Progress = silent
) -> Classifier:
    """A classifier of this kind that has learnt nothing. Raises CannotFitError for a setting it has not."""
    codes, settings = label_map(workspace), dict(model.settings)
    if model.kind in {"encoder", "embeddings_logistic"} and model.base is not None:
        settings["base"] = _base(workspace, model.base)
    if model.kind != "encoder":
        return make(model.kind, codes, settings)
    if model.method is not None:
        settings["method"] = model.method
    try:
        config = EncoderConfig(**settings)
    except TypeError as error:
        raise CannotFitError(f"a setting that an encoder does not have: {error}") from error

    def on_epoch(epoch: int, loss: float) -> None:
        progress(epoch, config.epochs, f"training (held-out loss {loss:.3f})")

    return EncoderClassifier(codes, config, state=state, on_epoch=on_epoch)


def models_folder(workspace: Workspace) -> Path:
    """Where classifiers are kept. Raises StudyError where the output is not on this machine."""
    if "://" in workspace.store.root:
        raise StudyError(
            f"classifiers are kept in folders, and `output` is {workspace.store.root}",
            hint="Train in a study whose output is a folder of this machine, and copy output/models away.",
        )
    return Path(workspace.store.root) / "models"


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the classifiers as errors of the study."""
    try:
        yield
    except (CannotFitError, CheckpointError) as error:
        raise StudyError(f"the classifier: {error}") from error


def _base(workspace: Workspace, base: str) -> str:
    if base.startswith("embedded:"):
        return str(embedded.path(base.removeprefix("embedded:")))
    beside = workspace.study.folder / base
    return str(beside.resolve()) if beside.exists() else base
