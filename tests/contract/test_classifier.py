"""What every classifier must do, whatever it is made of."""

import json
from pathlib import Path

import numpy as np
import pytest
import reviews
import tiny_encoder

from models import checkpoint
from models.errors import CannotFitError, CheckpointError
from models.given import GivenPredictions
from models.kinds import KINDS, make
from models.label_map import LabelMap
from models.saving import load, save

BINARY = LabelMap(("negative", "positive"), "binary")
THREE = LabelMap(("negative", "neutral", "positive"))
ORDINAL = LabelMap(("negative", "neutral", "positive"), "ordinal")
TAGS = LabelMap(("negative", "neutral", "positive"), "multilabel")
FAST = {
    "random_forest": {"trees": 25},
    "gradient_boosting": {"trees": 15},
    "encoder": {"epochs": 6, "batch_size": 16, "learning_rate": 5e-3},
}
ENCODERS = {
    "encoder": {},
    "encoder, lora": {"method": "lora", "learning_rate": 2e-2, "lora_alpha": 32},
    "encoder, prompt": {"method": "prompt", "prompt_tokens": 4, "learning_rate": 5e-2},
}
CASES = [*(kind for kind in KINDS if kind != "encoder"), *ENCODERS, "given"]
JUDGES = ("majority", "vader", "given")  # need no second code


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    texts = [*reviews.reviews(100)[0], *reviews.tagged(50)[0]]
    return str(tiny_encoder.build(tmp_path_factory.mktemp("base"), texts))


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def new(case, base):
    """Makes the classifier of this case for a label map."""

    def made(label_map, texts=(), labels=None):
        if case == "given":
            return GivenPredictions(label_map, texts, labels)
        if case == "vader" and label_map.is_multilabel:
            pytest.skip("VADER gives one sentiment a text")
        kind = case.partition(",")[0]
        settings = {**FAST.get(kind, {}), **ENCODERS.get(case, {})}
        if kind in {"encoder", "embeddings_logistic"}:
            settings["base"] = base
        return make(kind, label_map, settings)

    return made


def rng():
    return np.random.default_rng(3)


def check_probabilities(found, n, label_map):
    assert found.shape == (n, label_map.n_codes)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found <= 1 + 1e-9).all()
    if not label_map.is_multilabel:
        assert found.sum(axis=1) == pytest.approx(np.ones(n), abs=1e-6)


@pytest.mark.parametrize("label_map", [BINARY, THREE, ORDINAL], ids=["binary", "categorical", "ordinal"])
def test_it_learns_what_words_tell(new, case, label_map):
    texts, labels = reviews.reviews(160, label_map.n_codes)
    fresh, truth = reviews.reviews(60, label_map.n_codes, seed=2)
    classifier = new(label_map, [*texts, *fresh], np.concatenate([labels, truth]))
    found = classifier.fit(texts, labels, None, rng()).predict_proba(fresh)
    check_probabilities(found, 60, label_map)
    right = (label_map.predict(found) == truth).mean()
    if case == "majority":
        assert np.unique(found, axis=0).shape[0] == 1
    elif case != "encoder, prompt":
        assert right > 0.8


def test_any_number_of_codes(new, case):
    texts, labels = reviews.tagged(160)
    fresh, truth = reviews.tagged(60, seed=2)
    classifier = new(TAGS, [*texts, *fresh], np.concatenate([labels, truth]))
    found = classifier.fit(texts, labels, None, rng()).predict_proba(fresh)
    check_probabilities(found, 60, TAGS)
    if case not in {"majority", "encoder, prompt", "encoder, lora"}:
        assert ((found >= 0.5) == truth).mean() > 0.75


def test_pairs_of_texts(new):
    texts, labels = reviews.pairs(60)
    classifier = new(BINARY, texts, labels).fit(texts, labels, None, rng())
    check_probabilities(classifier.predict_proba(texts[:7]), 7, BINARY)


def test_the_same_seed_gives_the_same_classifier(new):
    texts, labels = reviews.reviews(60)
    found = [
        new(BINARY, texts, labels).fit(texts, labels, None, rng()).predict_proba(texts) for _ in range(2)
    ]
    np.testing.assert_array_equal(found[0], found[1])


def test_what_was_learnt_before_is_forgotten(new):
    texts, labels = reviews.reviews(60)
    once = new(BINARY, texts, labels).fit(texts, labels, None, rng())
    twice = new(BINARY, texts, labels).fit(texts, 1 - labels, None, rng()).fit(texts, labels, None, rng())
    np.testing.assert_array_equal(once.predict_proba(texts), twice.predict_proba(texts))


def test_a_weight_of_zero_leaves_a_text_out_and_only_ratios_matter(new):
    texts, labels = reviews.reviews(60)
    weights = np.where(np.arange(60) < 45, 3.0, 0.0)
    some = new(BINARY, texts, labels).fit(texts[:45], labels[:45], None, rng())
    weighted = new(BINARY, texts, labels).fit(texts, labels, weights, rng())
    assert weighted.predict_proba(texts) == pytest.approx(some.predict_proba(texts), abs=1e-6)
    assert weighted.unit_hashes == some.unit_hashes


def test_weights_move_what_is_learnt(new, case):
    if case in {"vader", "given"}:
        pytest.skip("learns from no example")
    texts, labels = ["it was the same"] * 40, np.arange(40) % 2
    found = new(BINARY).fit(texts, labels, np.where(labels == 1, 9.0, 1.0), rng()).predict_proba(texts[:1])
    assert found[0, 1] > 0.65


def test_a_checkpoint_gives_the_same_probabilities(new, tmp_path):
    texts, labels = reviews.reviews(60)
    classifier = new(BINARY, texts, labels).fit(texts[:50], labels[:50], None, rng())
    card = save(classifier, tmp_path / "one", study_hash="abc", metrics={"f1": 0.5})
    again = load(tmp_path / "one", study_hash="abc")
    np.testing.assert_array_equal(again.predict_proba(texts), classifier.predict_proba(texts))
    assert again.label_map == BINARY
    assert again.settings == classifier.settings
    assert again.metrics == {**classifier.metrics, "f1": 0.5}
    assert card.has_seen(texts[:50]).all()
    assert checkpoint.read_card(tmp_path / "one").has_seen([*texts[:2], "never"]).tolist() == [
        True,
        True,
        False,
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    save(again, tmp_path / "two", study_hash="abc")
    np.testing.assert_array_equal(
        load(tmp_path / "two").predict_proba(texts), classifier.predict_proba(texts)
    )


def test_a_checkpoint_of_another_study_is_refused(new, tmp_path):
    texts, labels = reviews.reviews(40)
    save(new(BINARY, texts, labels).fit(texts, labels, None, rng()), tmp_path / "one", study_hash="abc")
    with pytest.raises(CheckpointError, match="another study"):
        load(tmp_path / "one", study_hash="xyz")


def test_a_cut_checkpoint_is_refused(new, tmp_path):
    texts, labels = reviews.reviews(40)
    card = save(new(BINARY, texts, labels).fit(texts, labels, None, rng()), tmp_path / "one")
    name = max(
        json.loads((tmp_path / "one" / checkpoint.CARD).read_text())["files"].items(), key=lambda f: f[1]
    )[0]
    assert card.kind
    whole = (tmp_path / "one" / name).read_bytes()
    (tmp_path / "one" / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        load(tmp_path / "one")


def test_one_code_only(new, case):
    texts, _ = reviews.reviews(20)
    zeros = np.zeros(20, dtype=np.int64)
    if case in JUDGES:
        check_probabilities(
            new(BINARY, texts, zeros).fit(texts, zeros, None, rng()).predict_proba(texts), 20, BINARY
        )
    else:
        with pytest.raises(CannotFitError, match=r"all 20 examples are labelled negative.*two codes"):
            new(BINARY).fit(texts, zeros, None, rng())


@pytest.mark.parametrize("count", [1, 2])
def test_a_code_with_hardly_any_examples(new, count):
    texts, labels = reviews.reviews(80, 3)
    rare = np.flatnonzero(labels == 1)
    kept = np.setdiff1d(np.arange(80), rare[count:])
    texts, labels = [texts[row] for row in kept], labels[kept]
    found = new(THREE, texts, labels).fit(texts, labels, None, rng()).predict_proba(texts)
    check_probabilities(found, len(texts), THREE)


def test_a_code_without_examples(new):
    texts, labels = reviews.reviews(40)
    found = new(THREE, texts, 2 * labels).fit(texts, 2 * labels, None, rng()).predict_proba(texts)
    check_probabilities(found, 40, THREE)


def test_a_tag_that_all_or_none_carry(new):
    texts, labels = reviews.tagged(40)
    labels[:, 0], labels[:, 1] = 0, 1
    found = new(TAGS, texts, labels).fit(texts, labels, None, rng()).predict_proba(texts)
    check_probabilities(found, 40, TAGS)
    assert (found[:, 1] > found[:, 0]).mean() > 0.8


def test_empty_long_and_strange_texts(new):
    texts, labels = reviews.reviews(40)
    texts[:3] = ["", "great " * 500, "\ud83d \x00 \N{GRINNING FACE}"]
    classifier = new(BINARY, texts, labels).fit(texts, labels, None, rng())
    check_probabilities(classifier.predict_proba(texts), 40, BINARY)
    check_probabilities(classifier.predict_proba([]), 0, BINARY)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.array([0, 1, 2]), "label 2 is 2; labels of the codes negative, positive lie in 0..1"),
        (np.array([0, 1, -1]), "label 2 is -1"),
        (np.array([0, 1]), r"must have the shape \(3,\)"),
        (np.array([[0, 1], [1, 0], [1, 0]]), r"must have the shape \(3,\)"),
    ],
)
def test_labels_that_are_not_in_the_map(new, labels, match):
    texts = ["great", "terrible", "awful"]
    with pytest.raises(ValueError, match=match):
        new(BINARY, texts, np.array([1, 0, 0])).fit(texts, labels, None, rng())


@pytest.mark.parametrize("weights", [[1.0, 2.0, np.nan], [1.0, -1.0, 1.0], [1.0, 1.0]])
def test_weights_that_are_none(new, weights):
    texts, labels = ["great", "terrible", "awful"], np.array([1, 0, 0])
    with pytest.raises(ValueError, match="weight"):
        new(BINARY, texts, labels).fit(texts, labels, np.array(weights), rng())


def test_no_example_at_all(new):
    with pytest.raises(CannotFitError, match="no example"):
        new(BINARY).fit([], np.empty(0, dtype=np.int64), None, rng())


def test_it_says_so_when_it_has_learnt_nothing(new, tmp_path: Path):
    with pytest.raises(CannotFitError, match="learnt nothing yet"):
        new(BINARY).predict_proba(["great"])
    with pytest.raises(CannotFitError, match="learnt nothing yet"):
        save(new(BINARY), tmp_path / "one")
    assert not list(tmp_path.iterdir())
