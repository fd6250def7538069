"""Evaluation, cross-validation, learning curves, the table and the plots."""

import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import reviews

from models import plots
from models.cross_validation import cross_validate, learning_curve
from models.evaluation import evaluate
from models.folds import stratified_folds, stratified_sample
from models.kinds import make
from models.label_map import LabelMap
from models.score_table import score_table, to_latex, to_markdown, write_parquet

THREE = LabelMap(("bad", "plain_one", "good"))
TAGS = LabelMap(("bad", "plain", "good"), "multilabel")


def rng(seed=1):
    return np.random.default_rng(seed)


def value(table, metric, code="", texts="all", column="estimate"):
    row = table[(table["metric"] == metric) & (table["code"] == code) & (table["texts"] == texts)]
    return row[column].item()


def noisy(n, share_right=0.8, seed=1):
    """Labels of two codes and certain predictions that are right so often."""
    chance = rng(seed)
    labels = chance.integers(0, 2, n)
    said = np.where(chance.random(n) < share_right, labels, 1 - labels)
    return labels, np.eye(2)[said] * 0.8 + 0.1


def test_the_interval_of_the_accuracy_is_that_of_a_share():
    labels, probability = noisy(400)
    table = evaluate(LabelMap(("a", "b")), labels, probability, rng=rng(), n_resamples=150)
    p = value(table, "accuracy")
    half = 1.96 * np.sqrt(p * (1 - p) / 400)
    assert value(table, "accuracy", column="ci_low") == pytest.approx(p - half, abs=0.016)
    assert value(table, "accuracy", column="ci_high") == pytest.approx(p + half, abs=0.016)


def test_weights_make_the_figures_those_of_the_corpus():
    """Wrongly coded texts were drawn four times as often."""
    labels, probability = noisy(20_000)
    right = probability.argmax(axis=1) == labels
    inclusion = np.where(right, 0.05, 0.2)
    drawn = rng(2).random(20_000) < inclusion
    one = {"label_map": LabelMap(("a", "b")), "labels": labels[drawn], "probability": probability[drawn]}
    plain = evaluate(**one, rng=rng(), n_resamples=0)
    weighted = evaluate(**one, rng=rng(), weights=1 / inclusion[drawn], n_resamples=60)
    assert value(plain, "accuracy") < 0.6
    assert value(weighted, "accuracy") == pytest.approx(right.mean(), abs=0.03)
    assert (
        value(weighted, "accuracy", column="ci_low")
        < right.mean()
        < value(weighted, "accuracy", column="ci_high")
    )


def test_texts_of_low_agreement_apart():
    labels, probability = noisy(200)
    wrong = probability.argmax(axis=1) != labels
    table = evaluate(
        LabelMap(("a", "b")), labels, probability, rng=rng(), low_agreement=wrong, n_resamples=20
    )
    assert value(table, "accuracy", texts="agreed") == 1.0
    assert value(table, "accuracy", texts="low_agreement") == 0.0
    assert value(table, "accuracy", texts="low_agreement", column="n") == wrong.sum()
    none = evaluate(
        LabelMap(("a", "b")), labels, probability, rng=rng(), low_agreement=wrong & False, n_resamples=0
    )
    assert set(none["texts"]) == {"all", "agreed"}
    assert none["ci_low"].isna().all()


def test_the_same_seed_gives_the_same_intervals():
    labels, probability = noisy(50)
    one, two = (
        evaluate(LabelMap(("a", "b")), labels, probability, rng=rng(), n_resamples=30) for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("labels", "probability", "weights", "match"),
    [
        (np.array([0, 1]), np.ones((2, 3)) / 3, None, "do not describe the same texts"),
        (np.array([0, 1]), np.ones((2, 2)) / 2, np.ones(3), "do not describe the same texts"),
        (np.array([0, 2]), np.ones((2, 2)) / 2, None, "label 1 is 2"),
        (np.array([0, 1]), np.ones((2, 2)) / 2, np.array([0.0, 1.0]), "weight above 0"),
        (np.empty(0, int), np.ones((0, 2)), None, "at least one text"),
    ],
)
def test_bad_input_of_an_evaluation(labels, probability, weights, match):
    with pytest.raises(ValueError, match=match):
        evaluate(LabelMap(("a", "b")), labels, probability, rng=rng(), weights=weights)


def test_folds_hold_every_code_and_keep_copies_together():
    labels = np.repeat([0, 1, 2], [50, 30, 7])
    fold = stratified_folds(labels, 5, rng())
    counts = np.array([np.bincount(labels[fold == j], minlength=3) for j in range(5)])
    assert (np.ptp(counts, axis=0) <= 1).all()
    groups = np.arange(87) // 3
    fold = stratified_folds(labels, 5, rng(), groups.tolist())
    assert all(np.unique(fold[groups == group]).size == 1 for group in range(29))
    with pytest.raises(ValueError, match="29 different texts cannot be divided into 30 folds"):
        stratified_folds(labels, 30, rng(), groups.tolist())


@pytest.mark.parametrize("size", [1, 2, 3, 10, 50, 87])
def test_a_stratified_part_has_the_size_and_the_shares(size):
    labels = np.repeat([0, 1, 2], [50, 30, 7])
    part = stratified_sample(labels, size, rng())
    assert part.size == np.unique(part).size == size
    if size >= 3:
        counts = np.bincount(labels[part], minlength=3)
        assert (np.abs(counts - size * np.array([50, 30, 7]) / 87) <= 1.5).all()
        assert (counts >= 1).all()
    with pytest.raises(ValueError, match="cannot be taken"):
        stratified_sample(labels, 88, rng())


def test_cross_validation_never_predicts_what_was_fitted():
    """Every text has a word of its own and a label drawn blindly: nothing can be known of it."""
    labels = rng().integers(0, 2, 80)
    texts = [f"word{i // 2}" for i in range(80)]
    labels = labels[np.arange(80) // 2]
    result = cross_validate(lambda: make("tfidf_logistic", LabelMap(("a", "b"))), texts, labels, rng=rng())
    assert np.ptp(result.probability[:, 0]) < 0.2
    assert np.isfinite(result.probability).all()


def test_cross_validation_is_the_mean_of_its_folds():
    texts, labels = reviews.reviews(100, 3)
    result = cross_validate(lambda: make("tfidf_logistic", THREE), texts, labels, rng=rng(), n_folds=4)
    right = result.probability.argmax(axis=1) == labels
    by_fold = [right[result.fold == j].mean() for j in range(4)]
    row = result.summary().query("metric == 'accuracy'").iloc[0]
    assert row["mean"] == pytest.approx(np.mean(by_fold))
    assert row["sd"] == pytest.approx(np.std(by_fold, ddof=1))
    again = cross_validate(lambda: make("tfidf_logistic", THREE), texts, labels, rng=rng(), n_folds=4)
    np.testing.assert_array_equal(result.probability, again.probability)


def test_a_code_with_two_examples_can_be_cross_validated():
    texts, labels = reviews.reviews(60)
    labels = 2 * labels
    labels[:2] = 1
    result = cross_validate(lambda: make("linear_svm", THREE), texts, labels, rng=rng())
    assert np.isfinite(result.summary().query("metric == 'f1_macro'")["mean"]).all()


def test_more_labels_do_better():
    texts, labels = reviews.reviews(200, 3)
    table = learning_curve(lambda: make("tfidf_logistic", THREE), texts, labels, [8, 40, 100_000], rng=rng())
    accuracy = table[table["metric"] == "accuracy"]
    assert accuracy["n_labels"].tolist() == [8, 40, 160]
    assert accuracy["mean"].iloc[0] < accuracy["mean"].iloc[-1]
    assert (accuracy["sd"] >= 0).all()


def two_results():
    texts, labels = reviews.reviews(60, 3)
    kinds = ("majority", "tfidf_logistic")
    return {
        kind: cross_validate(lambda kind=kind: make(kind, THREE), texts, labels, rng=rng(), n_folds=3)
        for kind in kinds
    }


def test_the_table_of_papers(tmp_path):
    results = two_results()
    table = score_table(results, ["precision_macro", "f1_macro"])
    assert table["classifier"].tolist() == ["majority"] * 2 + ["tfidf_logistic"] * 2
    summary = results["tfidf_logistic"].summary().query("metric == 'f1_macro'").iloc[0]
    text = to_markdown(table, 2).splitlines()
    assert text[0] == "| classifier | Precision (macro) | F1 (macro) |"
    assert text[3].endswith(f"| **{summary['mean']:.2f}** ({summary['sd']:.2f}) |")
    latex = to_latex(table)
    assert "tfidf\\_logistic & " in latex
    assert latex.count("\\\\") == 3
    by_code = score_table(results, ["f1", "recall"], by_code=True)
    assert by_code["code"].tolist()[:4] == ["bad", "bad", "plain_one", "plain_one"]
    assert "plain\\_one" in to_latex(by_code)
    write_parquet(table, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]
    with pytest.raises(ValueError, match="no metric f2"):
        score_table(results, ["f2"])


def test_smaller_losses_are_the_better_ones():
    rows = [("a", "", "log_loss", 0.2, np.nan), ("b", "", "log_loss", 0.9, np.nan)]
    table = pd.DataFrame(rows, columns=["classifier", "code", "metric", "mean", "sd"])
    assert "**0.200**" in to_markdown(table)


@pytest.mark.parametrize("label_map", [LabelMap(("a", "b"), "binary"), THREE, TAGS], ids=lambda m: m.task)
def test_plots_are_whole_and_repeatable(label_map):
    if label_map.is_multilabel:
        _, labels = reviews.tagged(50)
        probability = np.clip(labels * 0.5 + rng().random(labels.shape) * 0.5, 0, 1)
    else:
        labels = rng().integers(0, label_map.n_codes, 50)
        probability = rng().dirichlet(np.ones(label_map.n_codes), 50)
    drawings = [plots.roc_curves, plots.precision_recall_curves, plots.reliability_diagram]
    if not label_map.is_multilabel:
        drawings.append(plots.confusion_matrix)
    for draw in drawings:
        svg = draw(label_map, labels, probability, np.linspace(1, 2, 50))
        assert ET.fromstring(svg).tag.endswith("svg")
        assert svg == draw(label_map, labels, probability, np.linspace(1, 2, 50))


def test_plots_name_the_area_under_the_curve():
    labels, probability = noisy(100)
    table = evaluate(LabelMap(("no", "yes"), "binary"), labels, probability, rng=rng(), n_resamples=0)
    svg = plots.roc_curves(LabelMap(("no", "yes"), "binary"), labels, probability)
    assert f"yes ({value(table, 'roc_auc', 'yes'):.2f})" in svg


def test_plots_of_losses_and_learning_curves():
    svg = plots.losses({"losses": [0.7, 0.5], "held_out_losses": [0.7, 0.6]})
    assert "held out" in svg
    curve = pd.DataFrame(
        {"n_labels": [10, 20], "metric": "f1_macro", "code": "", "mean": [0.4, 0.6], "sd": [0.1, np.nan]}
    )
    assert "tfidf" in plots.learning_curves({"tfidf": curve})
    with pytest.raises(ValueError, match="no confusion matrix"):
        plots.confusion_matrix(TAGS, np.zeros((2, 3)), np.zeros((2, 3)))
