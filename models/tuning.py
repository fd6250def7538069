"""Settings of a classifier by search, and the score that a searched classifier has on new texts."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from models.arrays import FloatArray, IntArray
from models.classifier import Classifier
from models.cross_validation import CrossValidation
from models.encoder import EncoderClassifier
from models.encoder_training import OnEpoch
from models.errors import CannotFitError
from models.examples import Examples
from models.folds import stratified_folds
from models.kinds import make
from models.label_map import LabelMap, Text
from models.metrics import scores
from models.search_space import Space

OnTrial = Callable[[int, int], None]
"""Called with how many trials are done, of how many."""

EPOCHS = 1000  # more than any fit has, so that epochs of different folds are different steps
WARM_TRIALS = 5


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes
    ----------
    kind : str
        Of classifier, as in `models.kinds`.
    label_map : LabelMap
    space : mapping
        Which settings to search, and where.
    fixed : mapping
        Other settings.
    n_trials, n_folds : int
        Settings to try, and folds of the cross-validation that judges each by its log loss.
    seed : int
    """

    kind: str
    label_map: LabelMap
    space: Space
    fixed: Mapping[str, Any]
    n_trials: int = 20
    n_folds: int = 3
    seed: int = 0

    def classifier(self, settings: Mapping[str, Any]) -> Classifier:
        """A new classifier with the fixed and these settings."""
        return make(self.kind, self.label_map, {**self.fixed, **settings})

    def identity(self, given: Examples) -> str:
        """A hash of everything but the number of trials that decides the result."""
        said = [self.kind, self.label_map, dict(self.space), dict(self.fixed), self.n_folds, self.seed]
        digest = hashlib.sha256(repr(said).encode())
        digest.update(given.digest().encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Tuned:
    """The best settings, their log loss in cross-validation, and every trial.

    The loss is that of the best of many: it flatters. `nested_cross_validate` gives one that does not.
    """

    settings: dict[str, Any]
    log_loss: float
    trials: pd.DataFrame


def tune(
    search: Search,
    texts: Sequence[Text],
    labels: IntArray,
    weights: FloatArray | None = None,
    *,
    storage: Path | None = None,
    on_trial: OnTrial | None = None,
) -> Tuned:
    """Try settings, chosen by a tree-structured Parzen estimator, and keep those with the smallest log loss.

    Every trial is judged on the same folds and with the same seed. One that does worse than the median of
    those before, by its epochs (encoder) or its folds, is cut short. With a ``storage``, an SQLite file, a
    search that was interrupted goes on where it was, to the same end; one search at a time may use it.
    ``on_trial`` is told after every trial.

    Raises
    ------
    CannotFitError
        The storage holds another search, or no trial could be fitted.
    """
    labels = search.label_map.checked(labels, len(texts))
    given = Examples(tuple(texts), labels, np.ones(len(texts)) if weights is None else weights)
    with _quiet():
        study = optuna.create_study(
            study_name=search.kind,
            storage=None if storage is None else f"sqlite:///{storage}",
            load_if_exists=True,
            direction="minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM_TRIALS, n_warmup_steps=1),
        )
        _claim(study, search.identity(given), storage)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)  # what a killed process left
        objective = _objective(search, given)
        while (done := len(_finished(study))) < search.n_trials:
            # A sampler of its own for each trial: it remembers nothing that the storage does not hold.
            seed = np.random.SeedSequence([search.seed, done]).generate_state(1)[0]
            study.sampler = optuna.samplers.TPESampler(seed=int(seed), n_startup_trials=WARM_TRIALS)
            study.optimize(objective, n_trials=1)
            if on_trial is not None:
                on_trial(done + 1, search.n_trials)
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            raise CannotFitError(f"none of the settings that were tried can be fitted: {_reasons(study)}")
        table = study.trials_dataframe(attrs=("number", "value", "params", "state"))
        return Tuned(dict(study.best_params), float(study.best_value), table)


@dataclass(frozen=True)
class NestedCrossValidation(CrossValidation):
    """What classifiers, each tuned without the fold it predicts, said of that fold.

    ``settings`` has the best ones of each fold.
    """

    settings: list[dict[str, Any]]


def nested_cross_validate(
    search: Search,
    texts: Sequence[Text],
    labels: IntArray,
    weights: FloatArray | None = None,
    *,
    rng: np.random.Generator,
    n_folds: int = 5,
    storage: Path | None = None,
    on_trial: OnTrial | None = None,
) -> NestedCrossValidation:
    """Tune on all folds but one, fit with the best settings there, and predict that one, in turn.

    The figures are those of the whole procedure, search included (Varma and Simon 2006). ``storage`` is a
    folder that gets one file a fold.
    """
    labels = search.label_map.checked(labels, len(texts))
    weights = np.ones(len(texts)) if weights is None else weights
    fold = stratified_folds(labels, n_folds, rng, groups=list(texts))
    if storage is not None:
        storage.mkdir(parents=True, exist_ok=True)
    probability = np.empty((len(texts), search.label_map.n_codes))
    chosen, rows = [], []

    def tell(j: int) -> OnTrial | None:
        if on_trial is None:
            return None
        return lambda done, total: on_trial(j * total + done, n_folds * total)

    for j, child in enumerate(rng.spawn(n_folds)):
        fitting, held = np.flatnonzero(fold != j), np.flatnonzero(fold == j)
        part = [texts[i] for i in fitting]
        file = None if storage is None else storage / f"fold-{j}.sqlite"
        tuned = tune(search, part, labels[fitting], weights[fitting], storage=file, on_trial=tell(j))
        best = tuned.settings
        fitted = search.classifier(best).fit(part, labels[fitting], weights[fitting], child)
        probability[held] = fitted.predict_proba([texts[i] for i in held])
        found = scores(search.label_map, labels[held], probability[held], weights[held])
        rows += [{"fold": j, "metric": name, "code": code, "value": v} for (name, code), v in found.items()]
        chosen.append(best)
    return NestedCrossValidation(search.label_map, fold, probability, pd.DataFrame(rows), chosen)


def _objective(search: Search, given: Examples) -> Callable[[optuna.Trial], float]:
    rng = np.random.default_rng(search.seed)
    fold = stratified_folds(given.labels, search.n_folds, rng, groups=given.texts)

    def log_loss(trial: optuna.Trial) -> float:
        settings = {name: where.suggest(trial, name) for name, where in search.space.items()}
        total = 0.0
        for j in range(search.n_folds):
            try:
                total += _loss_of_fold(
                    search, settings, given, np.flatnonzero(fold == j), _pruning(trial, j * EPOCHS)
                )
            except CannotFitError as error:
                trial.set_user_attr("reason", str(error))
                raise optuna.TrialPruned from error
            _report(trial, (j + 1) * EPOCHS - 1, total / (j + 1))
        return total / search.n_folds

    return log_loss


def _loss_of_fold(
    search: Search, settings: Mapping[str, Any], given: Examples, held: IntArray, on_epoch: OnEpoch
) -> float:
    classifier = search.classifier(settings)
    if isinstance(classifier, EncoderClassifier):
        classifier.on_epoch = on_epoch
    fitting, asked = given.take(np.setdiff1d(np.arange(len(given)), held)), given.take(held)
    rng = np.random.default_rng([search.seed, int(held[0])])
    classifier.fit(fitting.texts, fitting.labels, fitting.weights, rng)
    found = scores(search.label_map, asked.labels, classifier.predict_proba(asked.texts), asked.weights)
    return found["log_loss", ""]


def _pruning(trial: optuna.Trial, start: int) -> OnEpoch:
    def on_epoch(epoch: int, loss: float) -> None:
        if np.isfinite(loss):
            _report(trial, start + epoch, loss)

    return on_epoch


def _report(trial: optuna.Trial, step: int, loss: float) -> None:
    """Note a loss, and end the trial if the median trial was better there."""
    trial.report(loss, step)
    if trial.should_prune():
        raise optuna.TrialPruned


def _claim(study: optuna.Study, identity: str, storage: Path | None) -> None:
    """Refuse a storage that holds another search."""
    found = study.user_attrs.get("identity")
    if found is None:
        study.set_user_attr("identity", identity)
    elif found != identity:
        raise CannotFitError(
            f"{storage} holds another search: its texts, labels, weights, space or settings differ. Remove "
            "it, or name another file"
        )


def _reasons(study: optuna.Study) -> str:
    reasons = {trial.user_attrs.get("reason") for trial in study.get_trials(deepcopy=False)}
    return "; ".join(sorted(reason for reason in reasons if reason)) or "all were cut short"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep optuna from printing every trial."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
