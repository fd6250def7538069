"""`annotator evaluate`: rows, figures, files, and what may be left out, searched or asked again."""

from functools import partial

import classified_study
import numpy as np
import pandas as pd
import pytest
import several_coders
from chat_endpoint import ChatEndpoint, completion
from classified_study import WORDS, corpus
from typer.testing import CliRunner

from annotator.classifiers.candidates import candidates
from annotator.classifiers.coded_texts import coded_texts
from annotator.classifiers.evaluate import Options, evaluate
from annotator.classifiers.machine_predictions import as_said
from annotator.cli import app
from annotator.errors import ServiceUnavailableError, StudyError

FAST = {"n_folds": 2, "n_resamples": 20}
TWO = {"kinds": ["majority", "tfidf_logistic"], **FAST}


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    return classified_study.run(tmp_path_factory.mktemp("evaluated"))


def files(workspace, name):
    return {path.name for path in (workspace.study.folder / "out" / "models" / name).iterdir()}


def test_classifiers_and_machines_stand_in_one_table(coded):
    found = evaluate(coded, Options(**FAST))
    assert set(found.table["classifier"]) == {
        *("majority", "count_logistic", "tfidf_logistic", "linear_svm", "random_forest"),
        *("gradient_boosting", "embeddings_logistic", "old"),
    }
    f1 = found.table[found.table["metric"] == "f1_macro"].set_index("classifier")["mean"]
    assert f1["tfidf_logistic"] > 0.9 > f1["old"] > f1["majority"]
    assert "vader" in found.left_out
    row = found.intervals.query("classifier == 'old' and metric == 'accuracy' and texts == 'all'").iloc[0]
    truth = corpus()
    assert row["ci_low"] < (truth["human"] == truth["machine"]).mean() < row["ci_high"]
    tables = {"scores", "intervals", "confusion", "predictions"}
    pictures = {f"old-{what}.svg" for what in ("roc", "precision-recall", "reliability", "confusion")}
    texts = {f"{name}.{ending}" for name in ("scores", "scores-by-code") for ending in ("md", "tex")}
    assert {f"{name}.parquet" for name in tables} | pictures | texts <= files(coded, "evaluation-002")
    folder = coded.study.folder / "out" / "models" / "evaluation-002"
    assert "\\textbf{1.000} (0.000)" in (folder / "scores.tex").read_text()
    assert (folder / "scores-by-code.md").read_text().count("| old |") == 3


@pytest.mark.parametrize("kind", ["categorical", "ordinal"])
def test_a_machine_predicts_its_label_however_unsure_it_is(tmp_path, kind):
    frame = corpus(150).assign(confidence=lambda rows: np.linspace(0, 1, len(rows)).round(2))
    book = {"question": "Which side?", "type": kind, "labels": [{"name": code} for code in WORDS]}
    old = {"name": "vader", "kind": "replay", "label": "machine", "confidence": "confidence"}
    workspace = classified_study.run(
        tmp_path, frame, codebook=book, machine=[old], design={"rounds": 1, "budget": 100}
    )
    given = coded_texts(workspace)
    names = [candidate.name for candidate in candidates(workspace, given)]
    assert {"vader", "machine vader"} <= {*names}
    rng = np.random.default_rng(1)
    machine = as_said(workspace, "vader", given).fit(given.texts, given.labels, None, rng)
    said = machine.label_map.predict(machine.predict_proba(given.texts))
    assert [list(WORDS)[k] for k in said] == frame["machine"].iloc[given.rows].tolist()


def test_every_figure_is_in_the_tables_by_code_and_with_an_interval(coded):
    evaluate(coded, Options(**TWO))
    folder = "models/evaluation-002-majority+tfidf_logistic"
    scores = coded.store.read_frame(f"{folder}/scores.parquet")
    intervals = coded.store.read_frame(f"{folder}/intervals.parquet")
    overall = {
        *("accuracy", "balanced_accuracy", "f1_micro", "mcc", "log_loss", "ece"),
        *(
            f"{of}_{how}"
            for of in ("f1", "precision", "recall", "roc_auc", "pr_auc")
            for how in ("macro", "weighted")
        ),
    }
    by_code = {(m, code) for m in ("precision", "recall", "f1", "roc_auc", "pr_auc") for code in WORDS}
    for table in (scores, intervals[intervals["texts"] == "all"]):
        mine = table[table["classifier"] == "tfidf_logistic"]
        there = set(zip(mine["metric"], mine["code"], strict=True))
        assert {(metric, "") for metric in overall} | by_code <= there
    defined = intervals.dropna(subset="estimate")
    assert (defined["ci_low"] <= defined["ci_high"]).all()
    assert coded.store.metadata(f"{folder}/scores.parquet")["study"] == "small"


def test_confusion_and_predictions_are_those_of_the_figures(coded):
    evaluate(coded, Options(**TWO))
    folder = "models/evaluation-002-majority+tfidf_logistic"
    confusion = coded.store.read_frame(f"{folder}/confusion.parquet")
    said = coded.store.read_frame(f"{folder}/predictions.parquet")
    assert confusion.groupby("classifier")["n"].sum().to_dict() == {"majority": 160, "tfidf_logistic": 160}
    mine = said[said["classifier"] == "tfidf_logistic"]
    accuracy = np.average(mine["gold"] == mine["prediction"], weights=mine["weight"])
    intervals = coded.store.read_frame(f"{folder}/intervals.parquet")
    row = intervals.query("classifier == 'tfidf_logistic' and metric == 'accuracy'").iloc[0]
    assert row["estimate"] == pytest.approx(accuracy)
    assert set(mine["unit_id"]) == set(coded.units["unit_id"].iloc[coded_texts(coded).rows])


def test_a_learning_curve(coded):
    found = evaluate(coded, Options(kinds=["tfidf_logistic", "old"], learning_curve=True, **FAST))
    assert set(found.curve["classifier"]) == {"tfidf_logistic", "old"}
    found = evaluate(coded, Options(kinds=["tfidf_logistic"], learning_curve=True, **FAST))
    loss = found.curve[found.curve["metric"] == "log_loss"]
    assert loss["n_labels"].tolist() == [25, 50, 80]
    assert loss["mean"].is_monotonic_decreasing
    assert {"learning_curve.parquet", "learning-curve.svg"} <= files(coded, "evaluation-002-tfidf_logistic")


def test_searched_settings_are_judged_on_texts_the_search_never_saw(coded):
    options = Options(kinds=["majority", "tfidf_logistic"], n_trials=3, **FAST)
    told = []
    found = evaluate(coded, options, lambda done, total, what: told.append((done, total, what)))
    assert set(found.table["classifier"]) == {"majority", "tfidf_logistic", "tfidf_logistic tuned"}
    name = "evaluation-002-majority+tfidf_logistic-tuned-3"
    settings = coded.store.read_frame(f"models/{name}/searched_settings.parquet")
    assert settings["fold"].tolist() == [0, 1]
    assert settings["settings"].str.contains('"c"').all()
    assert (6, 6, "searching settings of tfidf_logistic tuned") in told
    again = evaluate(coded, options)
    pd.testing.assert_frame_equal(again.intervals, found.intervals)


def test_a_stratified_part_stands_for_all(coded):
    whole, part = coded_texts(coded), coded_texts(coded).sampled(50, np.random.default_rng(1))
    assert len(part.texts) == 50
    for code in range(3):
        assert part.weights[part.labels == code].mean() / whole.weights[whole.labels == code].mean() == (
            pytest.approx((whole.labels == code).sum() / (part.labels == code).sum(), rel=0.5)
        )
    found = evaluate(coded, Options(kinds=["tfidf_logistic"], sample=50, **FAST))
    assert found.intervals["n"].max() == 50
    assert found.folder.endswith("evaluation-002-tfidf_logistic-sample-50")
    with pytest.raises(StudyError, match="a sample of 500 texts cannot be taken from 160"):
        evaluate(coded, Options(sample=500))


def test_texts_of_low_agreement_are_judged_apart_or_left_out(tmp_path, monkeypatch):
    workspace = several_coders.run(several_coders.write(tmp_path, model={"kind": "majority"}))
    given = coded_texts(workspace)
    n, n_disputed = len(given.texts), int(given.low_agreement.sum())
    assert 0 < n_disputed < n
    apart = evaluate(workspace, Options(kinds=["majority"], **FAST)).intervals
    counts = apart[apart["metric"] == "accuracy"].set_index("texts")["n"].to_dict()
    assert counts == {"all": n, "agreed": n - n_disputed, "low_agreement": n_disputed}
    monkeypatch.setattr("annotator.classifiers.evaluate.Options", partial(Options, n_resamples=20))
    told = CliRunner().invoke(
        app,
        ["evaluate", str(workspace.study.path), *["--classifiers", "majority", "--low-agreement", "drop"]],
    )
    assert told.exit_code == 0, told.output
    dropped = workspace.store.read_frame("models/evaluation-003-majority-agreed/intervals.parquet")
    assert set(dropped["texts"]) == {"all"}
    assert set(dropped["n"]) == {n - n_disputed}


def knows_what_it_was_shown(messages, _):
    """A model that says `left` but for texts with the words of an example in its prompt."""
    prompt, text = messages[0]["content"], messages[1]["content"]
    code, word = next((code, said.split()[-1]) for code, said in WORDS.items() if said.split()[-1] in text)
    return completion(code if word in prompt else "left")


def test_language_models_zero_shot_and_few_shot(tmp_path, no_waiting):
    machine = {
        "name": "gpt",
        "kind": "openai",
        "model": "m",
        "confidence": "none",
        "attempts": 1,
        "canary": 0,
    }
    options = Options(kinds=["majority"], shots=(0, 3), **FAST)
    with ChatEndpoint(knows_what_it_was_shown) as endpoint:
        workspace = classified_study.run(tmp_path, machine=[machine | {"base_url": endpoint.base_url}])
        endpoint.requests.clear()
        found = evaluate(workspace, options)
        asked = [request["messages"] for request in endpoint.requests]
        evaluate(workspace, options)
        assert (
            len(endpoint.requests) == len(asked) == 160
        )  # what it said zero-shot is known; nothing is asked twice
    accuracy = found.intervals.query("metric == 'accuracy' and texts == 'all'").set_index("classifier")
    assert accuracy["estimate"]["gpt 3-shot"] == 1.0
    assert accuracy["estimate"]["gpt zero-shot"] == accuracy["estimate"]["majority"] < 0.9
    texts = coded_texts(workspace).texts
    folds = workspace.store.read_frame("models/evaluation-002-majority-shots-0-3/predictions.parquet")
    fold = dict(zip(texts, folds[folds["classifier"] == "gpt 3-shot"]["fold"], strict=True))
    for messages in asked:
        shown = [text for text in texts if text in messages[0]["content"]]
        own = next(text for text in texts if text in messages[1]["content"])
        assert len(shown) >= 3
        assert fold[own] not in {fold[text] for text in shown}
    with pytest.raises(ServiceUnavailableError, match="gpt"):
        evaluate(workspace, Options(kinds=["majority"], shots=(2,), **FAST))


@pytest.mark.parametrize("shots", ["some", "-1", "1,200"])
def test_wrong_shots_are_named(coded, shots):
    with pytest.raises(StudyError, match="expected numbers from 0 to 100"):
        CliRunner().invoke(app, ["evaluate", str(coded.study.path), "--shots", shots], catch_exceptions=False)
