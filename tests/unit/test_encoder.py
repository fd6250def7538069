"""The encoder classifier: its likelihoods, its loop, what it keeps on disk, and what it refuses."""

import json
import logging
from contextlib import ExitStack

import numpy as np
import pytest
import reviews
import tiny_encoder
import torch
from full_disk import full_disk

from models import embedded
from models.encoder import EncoderClassifier
from models.encoder_config import EMBEDDED, EncoderConfig
from models.encoder_loss import balanced, log_probabilities, losses, probabilities
from models.encoder_tokens import batches_by_tokens, shuffled_batches
from models.errors import CannotFitError, CheckpointError
from models.label_map import LabelMap
from models.pretrained import chosen_device, open_base
from models.saving import load, save

BINARY = LabelMap(("negative", "positive"), "binary")
ORDINAL = LabelMap(("low", "mid", "high"), "ordinal")
TAGS = LabelMap(("a", "b"), "multilabel")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return str(tiny_encoder.build(tmp_path_factory.mktemp("base"), reviews.reviews(200)[0], max_length=40))


def config(base, **settings):
    return EncoderConfig(**{"base": base, "epochs": 4, "learning_rate": 3e-3, "held_out": 0.0, **settings})


def fitted(base, *, texts=None, labels=None, weights=None, seed=1, state=None, on_epoch=None, **settings):
    if texts is None:
        texts, labels = reviews.reviews(120)
    classifier = EncoderClassifier(BINARY, config(base, **settings), state=state, on_epoch=on_epoch)
    return classifier.fit(texts, labels, weights, np.random.default_rng(seed))


def weights_of(classifier):
    return {name: weight.detach().clone() for name, weight in classifier._network.model.state_dict().items()}


def assert_same_weights(one, two):
    for name, weight in weights_of(one).items():
        assert torch.equal(weight, weights_of(two)[name]), name


def test_the_cumulative_likelihood_by_hand():
    logits = torch.tensor([[0.0, np.log(3.0)]], dtype=torch.float64)
    assert log_probabilities(logits, ORDINAL).exp()[0].tolist() == pytest.approx([0.5, 0.125, 0.375])
    loss = losses(logits, torch.tensor([1]), ORDINAL, torch.ones(3))
    assert loss.item() == pytest.approx(-np.log(0.125), rel=1e-6)


def test_extreme_outputs_stay_probabilities():
    logits = torch.tensor([[80.0, -80.0], [-80.0, 80.0], [800.0, 800.0]])
    for label_map, width in ((ORDINAL, 3), (TAGS, 2), (BINARY, 2)):
        found = probabilities(logits, label_map)
        assert found.shape == (3, width)
        assert torch.isfinite(found).all()
    assert torch.isfinite(losses(logits, torch.tensor([0, 1, 2]), ORDINAL, torch.ones(3))).all()


def test_code_weights_multiply_and_balance():
    logits = torch.zeros(2, 2)
    one = losses(logits, torch.tensor([0, 1]), BINARY, torch.tensor([1.0, 3.0]))
    assert one.tolist() == pytest.approx([np.log(2), 3 * np.log(2)])
    many = losses(logits, torch.tensor([[0, 0], [1, 0]]), TAGS, torch.tensor([5.0, 1.0]))
    assert many.tolist() == pytest.approx([np.log(2), 3 * np.log(2)])
    assert balanced(np.array([[1, 0], [0, 0], [0, 0]]), np.ones(3), TAGS).tolist() == [2.0, 1.0]


def test_class_weights_find_the_rare_code(base):
    texts, labels = reviews.reviews(160)
    rare = np.where(np.arange(160) < 20, labels, 0)
    plain, weighted = (
        fitted(base, texts=texts, labels=rare, class_weight=how).predict_proba(texts)[:, 1].mean()
        for how in (None, "balanced")
    )
    assert plain < 0.2
    assert weighted > 0.35


def test_batches_of_bounded_size_hold_every_text_once():
    length = np.random.default_rng(1).integers(1, 60, 500)
    batches = list(batches_by_tokens(length, 256))
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert all(length[rows].max() * rows.size <= 256 for rows in batches)
    shuffled = shuffled_batches(length, 16, np.random.default_rng(1))
    assert sorted(np.concatenate(shuffled)) == list(range(500))
    padded = sum(length[rows].max() * rows.size for rows in shuffled)
    assert padded < 1.15 * length.sum()


def test_batching_does_not_change_what_is_predicted(base):
    classifier = fitted(base, epochs=1)
    texts = [" ".join(["great"] * n) for n in range(1, 38)]
    alone = np.vstack([classifier.predict_proba([text]) for text in texts])
    np.testing.assert_allclose(classifier.predict_proba(texts), alone, atol=1e-6)


def test_accumulated_batches_are_one_larger_batch(tmp_path, monkeypatch):
    """Without dropout; each text is a batch of its own against four at a time."""
    own = tiny_encoder.build(tmp_path / "base", reviews.reviews(200)[0], dropout=0.0)
    monkeypatch.setattr("models.encoder_training.shuffled_batches", in_order)
    texts, labels = reviews.reviews(16)
    settings = {"texts": texts, "labels": labels, "weights": np.linspace(1, 3, 16), "epochs": 2}
    together = fitted(str(own), batch_size=4, **settings)
    apart = fitted(str(own), batch_size=1, accumulation=4, **settings)
    np.testing.assert_allclose(apart.predict_proba(texts), together.predict_proba(texts), atol=1e-4)
    assert apart.metrics["losses"] == pytest.approx(together.metrics["losses"], rel=1e-4)


def in_order(length, size, rng):
    return [np.arange(start, min(start + size, length.size)) for start in range(0, length.size, size)]


@pytest.mark.parametrize("method", ["full", "lora", "prompt"])
def test_the_same_seed_gives_the_same_weights_and_leaves_the_generator_alone(base, method):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = fitted(base, method=method, epochs=2)
    assert torch.equal(torch.rand(3), expected)
    torch.rand(100)
    assert_same_weights(one, fitted(base, method=method, epochs=2))
    assert torch.get_num_threads() >= 1
    other = fitted(base, method=method, epochs=2, seed=2)
    assert not np.array_equal(other.predict_proba(["great"]), one.predict_proba(["great"]))


def test_it_stops_when_held_out_examples_no_longer_gain(base):
    texts, _ = reviews.reviews(200)
    blind = np.random.default_rng(3).integers(0, 2, 200)  # nothing can be learnt, only memorised
    seen = []
    settings = {"epochs": 30, "patience": 2, "held_out": 0.25, "learning_rate": 1e-2}
    classifier = fitted(
        base, texts=texts, labels=blind, on_epoch=lambda epoch, loss: seen.append((epoch, loss)), **settings
    )
    held_out = classifier.metrics["held_out_losses"]
    assert len(held_out) < 30
    assert classifier.metrics["best_epoch"] == len(held_out) - 2 == 1 + int(np.argmin(held_out))
    assert seen == list(enumerate(held_out, start=1))
    assert classifier.metrics["n_held_out"] == 50 - (blind.sum() % 4 > 0)
    shorter = fitted(base, texts=texts, labels=blind, **{**settings, "epochs": 30, "patience": 1})
    assert shorter.metrics["held_out_losses"] == pytest.approx(
        held_out[: len(shorter.metrics["held_out_losses"])]
    )


def test_few_examples_are_all_learnt(base):
    texts, labels = reviews.reviews(50)
    classifier = fitted(base, texts=texts, labels=labels, held_out=0.2)
    assert classifier.metrics["n_held_out"] == 0
    assert classifier.metrics["n_training"] == 50
    assert len(classifier.metrics["losses"]) == classifier.metrics["best_epoch"] == 4


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("method", ["full", "lora"])
def test_an_interrupted_training_ends_with_the_same_weights(base, method, tmp_path):
    settings = {"method": method, "held_out": 0.2, "epochs": 5, "precision": "fp32"}
    whole = fitted(base, **settings)
    state = tmp_path / "work" / "training.pt"

    def stop(epoch, loss):
        if epoch in {2, 3}:
            raise StoppedError

    for _ in range(2):
        with pytest.raises(StoppedError):
            fitted(base, state=state, on_epoch=stop, **settings)
    epochs = []
    resumed = fitted(base, state=state, on_epoch=lambda epoch, loss: epochs.append(epoch), **settings)
    assert epochs == [4, 5]
    assert_same_weights(resumed, whole)
    assert resumed.metrics == whole.metrics
    assert [path.name for path in state.parent.iterdir()] == ["training.pt"]
    finished = fitted(base, state=state, on_epoch=lambda *_: pytest.fail("trained again"), **settings)
    assert_same_weights(finished, whole)


def test_the_state_of_another_training_is_refused(base, tmp_path):
    state = tmp_path / "training.pt"
    fitted(base, state=state, epochs=1)
    for changed in (
        {"epochs": 2},
        {"seed": 2, "epochs": 1},
        {"weights": np.linspace(1, 2, 120), "epochs": 1},
    ):
        with pytest.raises(CannotFitError, match="state of another training"):
            fitted(base, state=state, **changed)
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(CannotFitError, match="is no state of a training"):
        fitted(base, state=state, epochs=1)


def test_half_precision_trains(base):
    texts, labels = reviews.reviews(120)
    found = fitted(base, precision="bf16", epochs=6).predict_proba(texts)
    assert (found.argmax(1) == labels).mean() > 0.9


def test_a_loss_that_explodes_says_what_to_do(base):
    with pytest.raises(
        CannotFitError, match=r"loss of epoch \d is no number any more: choose a smaller learning_rate"
    ):
        fitted(base, learning_rate=1e30, warmup=0.0)


def test_long_texts_are_cut_and_counted(base, caplog):
    texts, labels = reviews.reviews(60)
    texts[3] = "great " * 100
    with caplog.at_level(logging.WARNING):
        classifier = fitted(base, texts=texts, labels=labels, epochs=1)
    assert classifier.metrics["n_cut"] == 1
    assert classifier.metrics["max_length"] == 40
    assert "1 of 60 texts are longer than 40 tokens" in caplog.text
    found = classifier.predict_proba(["great " * 100, "great " * 200, "great"])
    assert classifier.n_cut == 2
    np.testing.assert_array_equal(found[0], found[1])
    assert fitted(base, texts=texts, labels=labels, epochs=1, max_length=10).metrics["n_cut"] > 1
    assert fitted(base, epochs=1, method="prompt", prompt_tokens=6).metrics["max_length"] == 34


def test_an_adapter_is_small_and_needs_its_base(base, tmp_path):
    own = tiny_encoder.build(tmp_path / "base", reviews.reviews(200)[0], width=128, layers=2, vocabulary=3000)
    save(fitted(str(own), epochs=1), tmp_path / "full")
    save(fitted(str(own), epochs=1, method="lora"), tmp_path / "lora")
    small, large = (sum(f.stat().st_size for f in (tmp_path / name).iterdir()) for name in ("lora", "full"))
    assert small < 0.05 * large
    tiny_encoder.build(own, reviews.reviews(200)[0], width=128, layers=2, vocabulary=3000, seed=1)
    with pytest.raises(CheckpointError, match="its weights differ"):
        load(tmp_path / "lora")
    (own / "config.json").rename(own / "elsewhere.json")
    with pytest.raises(CheckpointError, match="cannot load the base model"):
        load(tmp_path / "lora")
    assert load(tmp_path / "full").predict_proba(["great"]).shape == (1, 2)


def test_a_checkpoint_can_be_the_base_of_another(base, tmp_path):
    save(fitted(base), tmp_path / "one")
    three = LabelMap(("negative", "neutral", "positive"))
    texts, labels = reviews.reviews(60, 3)
    settings = config(str(tmp_path / "one"), epochs=1)
    found = EncoderClassifier(three, settings).fit(texts, labels, None, np.random.default_rng(1))
    assert found.predict_proba(texts).shape == (60, 3)


def test_without_room_nothing_is_left_and_the_fit_is_not_lost(base, tmp_path):
    classifier = fitted(base, epochs=1)
    with full_disk(20_000), pytest.raises(CheckpointError, match=r"cannot write the checkpoint .*Make room"):
        save(classifier, tmp_path / "one")
    assert not list(tmp_path.iterdir())
    save(classifier, tmp_path / "one")
    np.testing.assert_array_equal(
        load(tmp_path / "one").predict_proba(["great"]), classifier.predict_proba(["great"])
    )


def test_without_room_for_the_state_the_last_one_stays(base, tmp_path):
    state = tmp_path / "training.pt"

    disk = ExitStack()

    def fill_up(epoch, loss):
        disk.enter_context(full_disk(20_000))

    with disk, pytest.raises(CheckpointError, match="goes on from the last epoch"):
        fitted(base, state=state, on_epoch=fill_up, epochs=3)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]
    assert_same_weights(fitted(base, state=state, epochs=3), fitted(base, epochs=3))


def test_a_checkpoint_is_never_overwritten(base, tmp_path):
    classifier = fitted(base, epochs=1)
    save(classifier, tmp_path / "one")
    with pytest.raises(CheckpointError, match="exists already"):
        save(classifier, tmp_path / "one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        load(tmp_path / "empty")
    card = json.loads((tmp_path / "one" / "checkpoint.json").read_text())
    (tmp_path / "one" / "checkpoint.json").write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(CheckpointError, match="not written by this version"):
        load(tmp_path / "one")


def test_a_base_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CannotFitError, match=r"cannot load the base model '.*nothing'.*embedded:encoder"):
        fitted(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"held_out": 1.0},
        {"method": "magic"},
        {"clip": 0.0},
        {"max_length": 3},
        {"precision": "int8"},
    ],
)
def test_settings_out_of_range_are_named(settings):
    with pytest.raises(CannotFitError, match=next(iter(settings))):
        EncoderConfig(**settings)
    assert EncoderConfig(**EncoderConfig().to_dict()) == EncoderConfig()


def test_single_texts_and_pairs_do_not_mix(base):
    classifier = fitted(base, epochs=1)
    with pytest.raises(ValueError, match="all single or all pairs"):
        classifier.predict_proba(["great", ("great", "awful")])


def test_the_embedded_encoder_is_small_and_better_than_chance():
    assert (embedded.path("encoder") / "model.safetensors").stat().st_size < 4e6
    texts, labels = reviews.reviews(100)
    fresh, truth = reviews.reviews(60, seed=2)
    settings = EncoderConfig(epochs=4)
    assert settings.base == EMBEDDED
    classifier = EncoderClassifier(BINARY, settings).fit(texts, labels, None, np.random.default_rng(1))
    assert (classifier.predict_proba(fresh).argmax(1) == truth).mean() > 0.9


def test_the_embedded_encoder_loads_as_any_other():
    def loaded(where):
        from transformers import AutoModel  # noqa: PLC0415

        return AutoModel.from_pretrained(where)

    model, tokenizer = open_base(EMBEDDED, loaded)
    assert model.config.model_type == "bert"
    assert tokenizer("one", "two")["token_type_ids"][-1] == 1
    assert chosen_device("cpu") == torch.device("cpu")
