"""Search for settings: repeatable, resumable, cut short where hopeless, and judged on texts it never saw."""

import numpy as np
import optuna
import pytest
import reviews
import tiny_encoder

from models.errors import CannotFitError
from models.label_map import LabelMap
from models.search_space import SPACES, Between, Choice, space_of
from models.tuning import Search, nested_cross_validate, tune

BINARY = LabelMap(("negative", "positive"), "binary")
SPACE = {"c": Between(1e-3, 1e2, log=True), "ngrams": Between(1, 2)}
TEXTS, LABELS = reviews.reviews(60)


def search(**changes):
    settings = {"kind": "tfidf_logistic", "label_map": BINARY, "space": SPACE, "fixed": {}, "n_trials": 8}
    return Search(**{**settings, "seed": 3, **changes})


def test_it_finds_that_weak_penalties_do_better():
    tuned = tune(search(), TEXTS, LABELS)
    assert tuned.settings["c"] > 1.0
    assert isinstance(tuned.settings["ngrams"], int)
    assert tuned.log_loss == tuned.trials["value"].min() < np.log(2)
    assert len(tuned.trials) == 8


def test_an_interrupted_search_ends_with_the_same_settings(tmp_path, monkeypatch):
    whole = tune(search(), TEXTS, LABELS)
    made = Search.classifier
    calls = []

    def failing(self, settings):
        calls.append(settings)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return made(self, settings)

    monkeypatch.setattr(Search, "classifier", failing)
    storage = tmp_path / "search.sqlite"
    with pytest.raises(KeyboardInterrupt):
        tune(search(), TEXTS, LABELS, storage=storage)
    resumed = tune(search(), TEXTS, LABELS, storage=storage)
    assert resumed.settings == whole.settings
    assert resumed.log_loss == whole.log_loss
    more = tune(search(n_trials=10), TEXTS, LABELS, storage=storage)
    assert (more.trials["state"] != "FAIL").sum() == 10
    with pytest.raises(CannotFitError, match="holds another search"):
        tune(search(), TEXTS, 1 - LABELS, storage=storage)


def test_a_hopeless_trial_is_cut_short():
    space = {"c": Choice((1e-6, 1e2))}
    tuned = tune(search(space=space, n_trials=14), TEXTS, LABELS)
    assert "PRUNED" in set(tuned.trials["state"])
    assert tuned.settings == {"c": 1e2}


def test_an_encoder_is_cut_short_by_its_epochs(tmp_path):
    base = str(tiny_encoder.build(tmp_path / "base", TEXTS))
    texts, labels = reviews.reviews(150)
    fixed = {"base": base, "epochs": 3, "held_out": 0.25}
    space = {"learning_rate": Choice((1e-7, 5e-3))}
    tuned = tune(search(kind="encoder", fixed=fixed, space=space, n_trials=12, n_folds=2), texts, labels)
    assert tuned.settings == {"learning_rate": 5e-3}
    assert "PRUNED" in set(tuned.trials["state"])


def test_settings_that_cannot_be_fitted_say_why():
    space = {"min_count": Choice((1000, 2000))}
    with pytest.raises(CannotFitError, match="none of the settings that were tried can be fitted: no word"):
        tune(search(space=space, n_trials=2), TEXTS, LABELS)


def test_the_nested_score_is_not_the_tuned_one(tmp_path):
    """Labels drawn blindly: the best of many searches looks better than chance, new texts do not."""
    blind = np.random.default_rng(99).integers(0, 2, 60)
    searched = search(n_trials=12, n_folds=2)
    result = nested_cross_validate(
        searched, TEXTS, blind, rng=np.random.default_rng(2), n_folds=3, storage=tmp_path / "folds"
    )
    again = nested_cross_validate(searched, TEXTS, blind, rng=np.random.default_rng(2), n_folds=3)
    np.testing.assert_array_equal(result.probability, again.probability)
    losses = result.by_fold[result.by_fold["metric"] == "log_loss"]["value"]
    assert losses.mean() > tune(searched, TEXTS, blind).log_loss
    assert [sorted(chosen) for chosen in result.settings] == [["c", "ngrams"]] * 3
    names = sorted(path.name for path in (tmp_path / "folds").iterdir())
    assert names == [f"fold-{j}.sqlite" for j in range(3)]


def test_every_space_makes_classifiers():
    verbosity = optuna.logging.get_verbosity()
    for kind in SPACES:
        space = space_of(kind)
        lowest = {n: w.values[0] if isinstance(w, Choice) else w.low for n, w in space.items()}
        assert search(kind=kind).classifier(lowest).kind == kind
    assert "lora_rank" in space_of("encoder", {"method": "lora"})
    assert space_of("majority") == {}
    assert optuna.logging.get_verbosity() == verbosity
