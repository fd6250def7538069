"""Every figure against scikit-learn's own call, or against a number worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics as peer

from models.label_map import LabelMap
from models.metrics import scores

RNG = np.random.default_rng(5)
N = 200
WEIGHTS = RNG.uniform(0.5, 4.0, N)
ONE = {"sample_weight": WEIGHTS}


def made_up(n_codes):
    labels = RNG.integers(0, n_codes, N)
    probability = RNG.dirichlet(np.ones(n_codes), N)
    probability[np.arange(N), labels] += 0.4
    return labels, probability / probability.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_codes", [2, 4])
def test_one_code_a_text(n_codes):
    codes = tuple("abcd"[:n_codes])
    labels, probability = made_up(n_codes)
    found = scores(LabelMap(codes), labels, probability, WEIGHTS)
    said = probability.argmax(axis=1)
    assert found["accuracy", ""] == pytest.approx(peer.accuracy_score(labels, said, **ONE))
    assert found["balanced_accuracy", ""] == pytest.approx(peer.balanced_accuracy_score(labels, said, **ONE))
    assert found["mcc", ""] == pytest.approx(peer.matthews_corrcoef(labels, said, **ONE))
    assert found["log_loss", ""] == pytest.approx(peer.log_loss(labels, probability, **ONE))
    for average in ("macro", "micro", "weighted"):
        expected = peer.f1_score(labels, said, average=average, **ONE)
        assert found[f"f1_{average}", ""] == pytest.approx(expected)
    for name, call in (("precision", peer.precision_score), ("recall", peer.recall_score)):
        assert found[f"{name}_macro", ""] == pytest.approx(call(labels, said, average="macro", **ONE))
        by_code = call(labels, said, average=None, **ONE)
        assert [found[name, code] for code in codes] == pytest.approx(by_code)
    for k, code in enumerate(codes):
        assert found["roc_auc", code] == pytest.approx(
            peer.roc_auc_score(labels == k, probability[:, k], **ONE)
        )
        expected = peer.average_precision_score(labels == k, probability[:, k], **ONE)
        assert found["pr_auc", code] == pytest.approx(expected)
        assert found["share", code] == pytest.approx(np.average(labels == k, weights=WEIGHTS))


def test_roc_auc_of_all_codes_is_the_one_against_the_rest():
    labels, probability = made_up(4)
    found = scores(LabelMap(tuple("abcd")), labels, probability, np.ones(N))
    for average in ("macro", "weighted"):
        expected = peer.roc_auc_score(labels, probability, multi_class="ovr", average=average)
        assert found[f"roc_auc_{average}", ""] == pytest.approx(expected)


def test_any_number_of_codes():
    labels = (RNG.random((N, 3)) < [0.2, 0.5, 0.7]).astype(int)
    probability = np.clip(0.5 * labels + RNG.uniform(0, 0.7, (N, 3)), 0, 1)
    found = scores(LabelMap(tuple("abc"), "multilabel"), labels, probability, WEIGHTS)
    said = (probability >= 0.5).astype(int)
    assert found["accuracy", ""] == pytest.approx(peer.accuracy_score(labels, said, **ONE))
    for average in ("macro", "micro", "weighted"):
        assert found[f"f1_{average}", ""] == pytest.approx(
            peer.f1_score(labels, said, average=average, **ONE)
        )
    each = [peer.matthews_corrcoef(labels[:, k], said[:, k], **ONE) for k in range(3)]
    assert found["mcc", ""] == pytest.approx(np.mean(each))
    inside = np.clip(probability, 1e-6, 1 - 1e-6)
    losses = [peer.log_loss(labels[:, k], inside[:, k], **ONE) for k in range(3)]
    assert found["log_loss", ""] == pytest.approx(np.mean(losses))


def test_by_hand():
    """Three texts weigh 1, 1 and 2; the last is misjudged by two steps."""
    label_map = LabelMap(("low", "mid", "high"), "ordinal")
    probability = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    found = scores(label_map, np.array([0, 1, 2]), probability, np.array([1.0, 1.0, 2.0]))
    assert found["accuracy", ""] == pytest.approx(0.5)
    assert found["balanced_accuracy", ""] == pytest.approx(2 / 3)
    assert found["mean_absolute_error", ""] == pytest.approx(1.0)
    assert found["precision", "low"] == pytest.approx(1 / 3)
    assert found["recall", "high"] == 0.0
    assert found["precision", "high"] == 0.0
    assert found["f1_weighted", ""] == pytest.approx(0.25 * 0.5 + 0.25 * 1.0)
    # Bins of 0.1 and 0.8: predicted 0.1, observed (0 + 0 + 0 + 0 + 0 + 2) / 8; predicted 0.8, observed 2 / 4.
    assert found["ece", ""] == pytest.approx((2 / 3) * abs(0.25 - 0.1) + (1 / 3) * abs(0.5 - 0.8))
    assert found["log_loss", ""] == pytest.approx(-(2 * np.log(0.8) + 2 * np.log(0.1)) / 4)


def test_a_weight_of_two_is_the_text_twice():
    labels, probability = made_up(3)
    count = RNG.integers(1, 4, N)
    weighted = scores(LabelMap(tuple("abc")), labels, probability, count.astype(float))
    repeated = scores(
        LabelMap(tuple("abc")),
        np.repeat(labels, count),
        np.repeat(probability, count, 0),
        np.ones(count.sum()),
    )
    assert list(weighted.values()) == pytest.approx(list(repeated.values()))


def test_what_is_not_defined_counts_in_no_mean():
    probability = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0]])
    found = scores(LabelMap(tuple("abc")), np.array([0, 1, 0]), probability, np.ones(3))
    assert np.isnan(found["f1", "c"])
    assert np.isnan(found["roc_auc", "c"])
    assert found["f1_macro", ""] == found["roc_auc_macro", ""] == 1.0
    alone = scores(LabelMap(tuple("ab")), np.array([0]), np.array([[1.0, 0.0]]), np.ones(1))
    assert np.isnan(alone["roc_auc_macro", ""])
    assert alone["accuracy", ""] == 1.0


def test_a_certain_but_wrong_prediction_has_a_finite_loss():
    found = scores(LabelMap(tuple("ab")), np.array([1]), np.array([[1.0, 0.0]]), np.ones(1))
    assert found["log_loss", ""] == pytest.approx(-np.log(1e-6), rel=1e-3)
