"""The classifier in the loop: which probabilities a round knows, who is promoted, what cannot go wrong."""

import json
from pathlib import Path

import model_hub
import multilabel_study
import numpy as np
import pytest
import small_study
import yaml
from full_disk import full_disk
from typer.testing import CliRunner

from annotator import schema
from annotator.advance import advance
from annotator.check import check
from annotator.classifiers import in_the_loop
from annotator.classifiers.coded_texts import coded_texts
from annotator.cli import app
from annotator.errors import EstimateRefusedError, ServiceUnavailableError, StudyError
from annotator.stages.retrain import retrain
from annotator.state import Step, next_step
from annotator.workspace import Workspace, gold, ledger, model_decision, model_probabilities
from models.saving import load

WORDS = {
    "left": "tax the rich unions workers",
    "right": "cut taxes borders tradition",
    "neither": "weather football recipes",
}
MODEL = {"kind": "tfidf_logistic"}
SECTIONS = {"design": {"rounds": 3, "budget": 120, "error_map": ["table", "logistic"]}, "model": MODEL}


def corpus(n_units=400, told=0.9):
    """Texts of which a share tells the code."""
    rng = np.random.default_rng(1)
    frame = small_study.corpus(n_units)
    shown = [code if rng.random() < told else small_study.CODES[rng.integers(3)] for code in frame["human"]]
    frame["text"] = [f"{' '.join(rng.permutation(WORDS[c].split())[:2])} {i}" for i, c in enumerate(shown)]
    return frame


def advanced_to(path, step):
    while next_step(Workspace.open(path)) != step:
        advance(Workspace.open(path))
    return Workspace.open(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return small_study.run_to_the_end(
        small_study.write(tmp_path_factory.mktemp("retrained"), corpus(), **SECTIONS)
    )


def test_it_comes_after_the_estimates_and_before_the_next_draw(tmp_path):
    path = small_study.write(tmp_path, corpus(), **SECTIONS)
    seen = []
    while (outcome := advance(Workspace.open(path))).step.stage != "done":
        seen.append(str(outcome.step))
    after = [seen[seen.index(f"retrain (round {r})") - 1] for r in (1, 2, 3)]
    assert after == [f"publish (round {r})" for r in (1, 2, 3)]
    assert seen[-1] == "retrain (round 3)"


def test_every_unit_is_spoken_of_by_a_classifier_that_had_not_seen_its_code(finished):
    for number in (1, 2, 3):
        table = finished.store.read(model_probabilities(number))
        assert table.schema.remove_metadata().equals(schema.model_probabilities(small_study.CODES))
        rows, given = table.to_pandas(), coded_texts(finished, number)
        assert (rows["unit_id"] == finished.units["unit_id"]).all()
        assert np.flatnonzero(rows["out_of_fold"]).tolist() == given.rows.tolist()
        classifier = load(Path(finished.store.root) / f"models/round-{number:03d}/tfidf_logistic")
        of_all = classifier.predict_proba(finished.units["text"].tolist())
        kept = rows[list(small_study.CODES)].to_numpy()
        unseen = ~rows["out_of_fold"].to_numpy()
        assert np.allclose(kept[unseen], of_all[unseen])
        assert not np.isclose(kept[given.rows], of_all[given.rows]).all(axis=1).any()


def test_a_classifier_that_reads_the_texts_is_promoted_and_the_next_ledger_says_so(finished):
    rows = in_the_loop.decisions(finished)
    assert rows["promoted"].iloc[0]
    assert rows["compared_with"].iloc[0] == "base rate"
    assert (rows["promoted"] == (rows["lower_bound"] > 0)).all()
    assert rows["n_coded"].tolist() == [40, 80, 120]
    assert finished.store.metadata(ledger(2))["model"] == 1
    assert "model" not in finished.store.metadata(ledger(1))
    used = in_the_loop.signals(finished, 2)[0].leanings
    assert used == pytest.approx(in_the_loop.leanings(finished, 1)[0])
    assert in_the_loop.signals(finished, 1)[0].leanings.shape == (400, 0)


def test_it_makes_the_map_better_and_the_interval_narrower(finished, tmp_path):
    without = small_study.run_to_the_end(
        small_study.write(tmp_path, corpus(), **SECTIONS | {"model": MODEL | {"retrain": False}})
    )
    assert not (Path(without.store.root) / "models").exists()
    widths = []
    for workspace in (finished, without):
        rows = workspace.store.read_frame("estimates.parquet").query("method == 'rounds' and round == 3")
        widths.append((rows["ci_high"] - rows["ci_low"]).mean())
    assert widths[0] < 0.85 * widths[1]


def test_texts_that_tell_nothing_promote_no_classifier(tmp_path):
    told = small_study.run_to_the_end(small_study.write(tmp_path / "a", corpus(told=0.0), **SECTIONS))
    rows = in_the_loop.decisions(told)
    assert not rows["promoted"].any()
    off = SECTIONS | {"model": MODEL | {"retrain": False}}
    other = small_study.run_to_the_end(small_study.write(tmp_path / "b", corpus(told=0.0), **off))
    for number in (1, 2, 3):
        assert told.store.read_bytes(ledger(number)) == other.store.read_bytes(ledger(number))
    assert told.store.read_bytes("estimates.parquet") == other.store.read_bytes("estimates.parquet")


def test_the_same_study_and_seed_give_the_same_files(finished, tmp_path):
    again = small_study.run_to_the_end(small_study.write(tmp_path, corpus(), **SECTIONS))
    assert small_study.tables(Path(again.store.root)) == small_study.tables(Path(finished.store.root))


def test_too_few_codes_are_said_and_hold_nothing_up(tmp_path):
    frame = corpus().assign(human="left")
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, frame, **SECTIONS))
    rows = in_the_loop.decisions(workspace)
    assert rows["note"].str.contains("no model: all .* examples are labelled left").all()
    assert not rows["promoted"].any()
    assert workspace.store.read_frame(gold(3)).shape[0] == 40


def test_settings_that_there_are_not_are_found_before_anything_is_spent(tmp_path):
    model = MODEL | {"settings": {"epohcs": 3}}
    path = small_study.write(tmp_path, corpus(), **SECTIONS | {"model": model})
    found = {each.what: each for each in check(Workspace.open(path))}
    assert "epohcs" in found["classifier tfidf_logistic"].detail


def test_a_base_model_that_is_not_there_is_found_before_anything_is_spent(tmp_path):
    (tmp_path / "base").mkdir()
    model = {"kind": "encoder", "base": "base"}
    path = small_study.write(tmp_path, corpus(), **SECTIONS | {"model": model})
    found = {each.what: each for each in check(Workspace.open(path))}["classifier encoder"]
    assert found.error is not None
    assert f"cannot load the base model '{tmp_path / 'base'}'" in found.detail


def test_a_hub_that_is_away_once_decides_nothing(tmp_path):
    model = {"kind": "encoder", "base": model_hub.BASE}
    path = small_study.write(tmp_path, corpus(), **SECTIONS | {"model": model})
    workspace = advanced_to(path, Step("retrain", 1))
    with model_hub.answering(model_hub.away), pytest.raises(ServiceUnavailableError) as raised:
        advance(workspace)
    assert raised.value.retryable
    assert f"cannot load the model '{model_hub.BASE}' now" in raised.value.message
    assert "`retrain: false`" in raised.value.hint
    assert not workspace.store.exists(model_decision(1))
    assert next_step(workspace) == Step("retrain", 1)
    with model_hub.answering(model_hub.unknown):  # it is back, and has no such base: that is a decision
        assert "no model: cannot load the base model" in advance(workspace).message
    assert next_step(workspace) == Step("open_round", 2)


def test_a_silent_hub_does_not_keep_a_look_waiting(tmp_path):
    model = {"kind": "encoder", "base": model_hub.BASE}
    path = small_study.write(tmp_path, corpus(), **SECTIONS | {"model": model})
    with model_hub.answering(model_hub.away) as asked:
        found = {each.what: each for each in check(Workspace.open(path))}["classifier encoder"]
    assert isinstance(found.error, ServiceUnavailableError)
    assert asked == ["GET"]


def test_a_full_disk_is_named_and_leaves_nothing_half_done(tmp_path):
    path = small_study.write(tmp_path, corpus(), **SECTIONS)
    workspace = advanced_to(path, Step("retrain", 1))
    with full_disk(3_000), pytest.raises(StudyError, match=r"cannot write the checkpoint .*Make room"):
        retrain(workspace, 1)
    assert not workspace.store.exists(model_probabilities(1))
    assert next_step(workspace) == Step("retrain", 1)
    assert "promoted" in retrain(workspace, 1)


def test_a_classifier_that_has_seen_a_code_is_refused(finished, tmp_path):
    path = small_study.write(tmp_path, corpus(), **SECTIONS)
    workspace = advanced_to(path, Step("close_round", 2))
    at = model_probabilities(1)
    rows = workspace.store.read_frame(at)
    rows.loc[np.flatnonzero(rows["out_of_fold"])[0], "out_of_fold"] = False
    workspace.write(at, rows, schema.model_probabilities(small_study.CODES), n_coded=40)
    with pytest.raises(EstimateRefusedError, match="had seen the codes"):
        advance(Workspace.open(path))
    metadata = workspace.store.metadata(ledger(2)) | {"model": 2}
    workspace.store.write(ledger(2), workspace.store.read(ledger(2)).replace_schema_metadata(None), metadata)
    with pytest.raises(EstimateRefusedError, match="knows the round's own codes"):
        advance(Workspace.open(path))


def test_a_round_that_is_open_is_not_given_another_classifier(tmp_path):
    off = SECTIONS | {"model": MODEL | {"retrain": False}}
    path = small_study.write(tmp_path, corpus(), **off)
    advanced_to(path, Step("close_round", 2))
    small_study.write(tmp_path, corpus(), **SECTIONS)
    workspace = small_study.run_to_the_end(path)
    assert [r for r in (1, 2, 3) if workspace.store.exists(model_decision(r))] == [2, 3]
    assert "model" not in workspace.store.metadata(ledger(2))


def test_what_was_trained_by_hand_is_used(tmp_path):
    path = small_study.write(tmp_path, corpus(), **SECTIONS)
    workspace = advanced_to(path, Step("retrain", 1))
    told = CliRunner().invoke(app, ["train", str(path), "--json"], catch_exceptions=False)
    folder = Path(json.loads(told.stdout)["folder"])
    before = (folder / "checkpoint.json").stat().st_mtime_ns
    retrain(workspace, 1)
    assert (folder / "checkpoint.json").stat().st_mtime_ns == before


def test_codes_that_go_together_are_each_leant_to(tmp_path):
    frame = multilabel_study.corpus(300)
    frame["text"] = frame["human"].str.replace(";", " ") + " " + frame["id"]
    sections = multilabel_study.sections() | SECTIONS
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, frame, **sections))
    rows = in_the_loop.decisions(workspace)
    assert rows["promoted"].iloc[0]
    said = in_the_loop.signals(workspace, 2)
    assert [of.leanings.shape for of in said] == [(300, 1)] * 3
    jobs = frame["human"].str.contains("jobs").to_numpy()
    assert said[0].leanings[jobs].mean() > said[0].leanings[~jobs].mean() + 1.0


@pytest.mark.parametrize("pick", ["margin", "diversity"])
def test_picks_for_training_have_a_budget_of_their_own(tmp_path, pick):
    design = SECTIONS["design"] | {"rounds": 2, "budget": 80, "training": {"share": 0.25, "pick": pick}}
    workspace = small_study.run_to_the_end(
        small_study.write(tmp_path, corpus(told=0.7), **SECTIONS | {"design": design})
    )
    rows = workspace.store.read_frame(ledger(2)).set_index("unit_id")
    picked = rows["purpose"] == "training"
    assert picked.sum() == 10
    assert rows["drawn"].sum() == 40
    assert (rows.loc[picked, "inclusion_probability"] == 1.0).all()
    assert "classifier is least sure" in workspace.store.metadata(ledger(2))["reason"]
    said = workspace.store.read_frame(model_probabilities(1)).set_index("unit_id").loc[rows.index]
    ranked = np.sort(said[list(small_study.CODES)].to_numpy(), axis=1)
    lead = ranked[:, -1] - ranked[:, -2]
    if pick == "margin":
        assert lead[picked].max() <= lead[~picked].min() + 1e-12
    else:
        assert lead[picked].mean() < lead[~picked].mean()


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (
            {"share": 0.2, "pick": "magic"},
            "design.training.pick: expected 'entropy', 'margin' or 'diversity'",
        ),
        (2, "design.training: expected"),
        ({"shares": 0.2}, "did you mean 'share'"),
    ],
)
def test_a_wrong_section_is_named(tmp_path, training, expected):
    path = small_study.write(tmp_path)
    data = yaml.safe_load(path.read_text())
    data["design"]["training"] = training
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(StudyError, match=expected):
        Workspace.open(path)


def test_people_see_what_was_decided(finished):
    told = CliRunner().invoke(app, ["status", str(finished.study.path)], catch_exceptions=False)
    assert "Classifiers, trained after each round" in told.stdout
    told = CliRunner().invoke(app, ["status", str(finished.study.path), "--json"], catch_exceptions=False)
    assert [row["round"] for row in json.loads(told.stdout)["models"]] == [1, 2, 3]
    page = finished.store.read_bytes("report.html").decode()
    assert "What did a classifier add?" in page
    assert page.count("<td>tfidf_logistic</td>") == 2
