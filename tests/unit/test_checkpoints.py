"""A study whose output is not on this machine: its classifiers are the same, and whole or not there."""

import json
import shutil
from pathlib import Path

import fsspec
import pandas as pd
import pytest
import small_study
import tiny_encoder
from test_retrain import MODEL, SECTIONS, advanced_to, corpus
from typer.testing import CliRunner

from annotator.advance import advance
from annotator.classifiers import checkpoints
from annotator.classifiers import train as training
from annotator.classifiers.predict import predict
from annotator.classifiers.section import Model
from annotator.classifiers.train import train
from annotator.cli import app
from annotator.errors import StudyError
from annotator.state import Step
from annotator.store import Store
from models.checkpoint import read_card
from models.saving import load

TWO_ROUNDS = SECTIONS | {"design": SECTIONS["design"] | {"rounds": 2, "budget": 80}}
CHECKPOINT = "models/round-001/tfidf_logistic"


class KilledError(BaseException):
    """Nothing that anyone catches."""


def remote(folder, name="out"):
    return small_study.write(folder, corpus(), **TWO_ROUNDS | {"output": f"memory://{folder.name}/{name}"})


def files(workspace):
    """As `small_study.tables`, of any output."""
    filesystem, base = fsspec.core.url_to_fs(workspace.store.root)
    found = {path.removeprefix(f"{base}/"): path for path in filesystem.find(base)}
    return {
        name: filesystem.cat_file(path)
        for name, path in found.items()
        if name not in {"study.json", "corpus.parquet"}
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return small_study.run_to_the_end(
        small_study.write(tmp_path_factory.mktemp("here"), corpus(), **TWO_ROUNDS)
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    return small_study.run_to_the_end(remote(tmp_path_factory.mktemp("elsewhere")))


def test_every_file_elsewhere_is_as_it_would_be_here(here, elsewhere):
    kept = files(elsewhere)
    assert f"{CHECKPOINT}/checkpoint.json" in kept
    assert "models/round-002/decision.parquet" in kept
    assert kept == small_study.tables(Path(here.store.root))


def test_a_url_of_this_machine_is_a_folder(here, tmp_path):
    section = {"output": f"file://{tmp_path}/out"}
    workspace = small_study.run_to_the_end(small_study.write(tmp_path, corpus(), **TWO_ROUNDS | section))
    assert small_study.tables(tmp_path / "out") == small_study.tables(Path(here.store.root))
    assert not (workspace.folder / "models").exists()
    corpus().to_parquet(tmp_path / "new.parquet")
    model = f"file://{tmp_path}/out/{CHECKPOINT}"
    assert predict(workspace, model, tmp_path / "new.parquet", tmp_path / "predicted").n_texts == 400


def test_it_is_fetched_once_to_predict(here, elsewhere, tmp_path, monkeypatch):
    shutil.rmtree(elsewhere.folder / "models")  # another machine, or another day
    corpus().to_parquet(tmp_path / "new.parquet")
    downloads, download = [], Store.download
    monkeypatch.setattr(Store, "download", lambda *given: (downloads.append(given[1]), download(*given)))
    url, places = elsewhere.store.address(CHECKPOINT), [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    told = CliRunner().invoke(
        app,
        ["predict", str(elsewhere.study.path), url, f"{tmp_path}/new.parquet", "--out", str(places[0])],
        catch_exceptions=False,
    )
    assert told.exit_code == 0
    predict(elsewhere, f"{url}/", tmp_path / "new.parquet", places[1])
    predict(here, Path(here.store.root) / CHECKPOINT, tmp_path / "new.parquet", places[2])
    assert len({(place / "part-00000.parquet").read_bytes() for place in places}) == 1
    assert sorted(downloads) == [f"{CHECKPOINT}/{name}" for name in card_of(elsewhere)["files"]]


def card_of(workspace):
    return json.loads(workspace.store.read_bytes(f"{CHECKPOINT}/checkpoint.json"))


@pytest.mark.parametrize("n_sent", [0, 1])
def test_interrupted_before_any_file_is_sent_it_is_not_there_and_not_trained_again(
    here, tmp_path, monkeypatch, n_sent
):
    path = remote(tmp_path, f"out-{n_sent}")
    workspace = advanced_to(path, Step("retrain", 1))
    sent, upload = [], Store.upload

    def killed(store, name, file):
        if len(sent) == n_sent:
            raise KilledError
        sent.append(name)
        upload(store, name, file)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "upload", killed)
        with pytest.raises(KilledError):
            advance(workspace)
    assert len(sent) == n_sent
    assert not workspace.store.exists(f"{CHECKPOINT}/checkpoint.json")
    with pytest.raises(StudyError, match="is no classifier of this study"):
        predict(workspace, workspace.store.address(CHECKPOINT), "new.parquet", tmp_path / "predicted")
    with monkeypatch.context() as patch:
        patch.setattr(training, "save", None)
        advance(workspace)
    small_study.run_to_the_end(path)
    assert files(workspace) == small_study.tables(Path(here.store.root))


def test_trained_by_hand_it_is_named_by_its_url_and_not_trained_twice(tmp_path):
    path = remote(tmp_path)
    workspace = advanced_to(path, Step("retrain", 1))
    for is_new in (True, False):
        told = CliRunner().invoke(app, ["train", str(path), "--json"], catch_exceptions=False)
        found = json.loads(told.stdout)
        assert (found["folder"], found["is_new"]) == (workspace.store.address(CHECKPOINT), is_new)
        shutil.rmtree(workspace.folder / "models")
    shutil.rmtree(workspace.folder, ignore_errors=True)
    assert read_card(train(workspace).folder).codes == small_study.CODES


def test_an_encoder_of_many_files_comes_back_from_there(tmp_path):
    base = tiny_encoder.build(tmp_path / "base", corpus()["text"].tolist())
    workspace = advanced_to(remote(tmp_path), Step("retrain", 1))
    found = train(workspace, Model(kind="encoder", base=str(base), settings={"epochs": 1}))
    before = {path.relative_to(found.folder): path.read_bytes() for path in files_in(found.folder)}
    assert len(before) > 3
    shutil.rmtree(found.folder)
    folder = checkpoints.on_this_machine(workspace, found.address)
    assert {path.relative_to(folder): path.read_bytes() for path in files_in(folder)} == before
    assert load(folder).kind == "encoder"


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_left_of_other_settings_is_not_sent(tmp_path):
    path = remote(tmp_path)
    workspace = advanced_to(path, Step("retrain", 1))
    before = train(workspace)
    model = Model(**MODEL, settings={"c": 2.0})
    with pytest.raises(StudyError, match=r"memory://.* belongs to another study, or .* other settings"):
        train(workspace, model)
    filesystem, base = fsspec.core.url_to_fs(before.address)
    filesystem.rm(base, recursive=True)  # as that error says
    after = train(workspace, model)
    assert after.is_new
    assert card_of(workspace)["study_hash"] == after.card.study_hash != before.card.study_hash


def test_what_is_cut_short_elsewhere_is_said(tmp_path):
    path = remote(tmp_path)
    workspace = advanced_to(path, Step("retrain", 1))
    found = train(workspace)
    shutil.rmtree(found.folder)
    [name] = card_of(workspace)["files"]
    workspace.store.write_bytes(f"{CHECKPOINT}/{name}", b"half")
    with pytest.raises(StudyError, match=rf"{found.address} is cut short"):
        predict(workspace, found.address, "new.parquet", tmp_path / "predicted")
    workspace.store.write_bytes(f"{CHECKPOINT}/checkpoint.json", b"{")
    with pytest.raises(StudyError, match=rf"{found.address} is cut short"):
        train(workspace)


def test_another_url_is_no_classifier_of_the_study(elsewhere, tmp_path):
    pd.DataFrame({"text": ["weather"]}).to_parquet(tmp_path / "new.parquet")
    for url in ("memory://other/out/models/round-001/tfidf_logistic", elsewhere.store.address("models/none")):
        with pytest.raises(StudyError, match="is no classifier of this study"):
            predict(elsewhere, url, tmp_path / "new.parquet", tmp_path / "out")
