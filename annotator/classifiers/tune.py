"""Settings by search, for `annotator train --tune` and `annotator evaluate --tune`."""

from annotator.classifiers.coded_texts import CodedTexts, label_map
from annotator.classifiers.section import Model
from annotator.classifiers.settings import settings_of
from annotator.errors import StudyError
from annotator.progress import Progress
from annotator.seeds import stream_seed
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace
from models.search_space import space_of
from models.tuning import Search, Tuned
from models.tuning import tune as search_settings


def search_for(workspace: Workspace, model: Model, n_trials: int) -> Search | None:
    """How to search what the study file leaves open; None where nothing is."""
    fixed = settings_of(workspace, model)
    space = {name: where for name, where in space_of(model.kind, fixed).items() if name not in fixed}
    if not space:
        return None
    seed = stream_seed(workspace.study, n_closed_rounds(workspace), f"tune {model.kind}")
    return Search(model.kind, label_map(workspace), space, fixed, n_trials=n_trials, seed=seed)


def tuned(workspace: Workspace, model: Model, given: CodedTexts, n_trials: int, progress: Progress) -> Tuned:
    """The best of so many settings by cross-validation on the coded texts; an interrupted search goes on.

    Raises StudyError where there is nothing to search.
    """
    search = search_for(workspace, model, n_trials)
    if search is None:
        raise StudyError(
            f"{model.kind} has no setting to search that the study file leaves open",
            hint="Leave --tune out, or take settings out of `model.settings`.",
        )
    name = f"tuning-{n_closed_rounds(workspace):03d}-{model.kind}-{workspace.study.digest_of_model(model)}"
    workspace.folder.mkdir(parents=True, exist_ok=True)
    return search_settings(
        search,
        given.texts,
        given.labels,
        given.weights,
        storage=workspace.folder / f"{name}.sqlite",
        on_trial=lambda done, total: progress(done, total, f"searching settings of {model.kind}"),
    )
